"""``dashtam export``: all data of a user."""

import os
import sys
from datetime import datetime
from pathlib import Path

import click

from dashtam.presentation.cli.context import (
    Command,
    CommandContext,
    notify,
    printable_json,
    with_context,
)
from dashtam.presentation.cli.parameters import KNOWN_AT
from dashtam.presentation.cli.resolve import resolve_user
from dashtam.presentation.routers.api.v1.exports import export_pieces


@click.command(cls=Command)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Into this file.")
@KNOWN_AT
@with_context
def export(context: CommandContext, output: Path | None, known_at: datetime | None) -> None:
    """Write all data of a user as one JSON document.

    The same as `GET /export`.
    """
    with context.database.read() as work:
        pieces = export_pieces(work, resolve_user(context, work).id, known_at)
        if output is None:
            sys.stdout.buffer.writelines(
                printable_json(piece.decode()).encode() for piece in pieces
            )
            sys.stdout.buffer.flush()
            return
        # A file that is there is replaced by a whole one only.
        unfinished = output.with_name(f".{output.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
    unfinished.replace(output)
    notify(f"Written to {output}.")
