"""``dashtam syncs`` and ``dashtam retract``: the runs that recorded balances."""

from uuid import UUID

import click

from dashtam.application.syncs import syncs as runs
from dashtam.database.pagination import PageRequest
from dashtam.domain.sync import Sync, SyncId
from dashtam.presentation.cli.context import (
    Command,
    CommandContext,
    Group,
    notify,
    pass_command_context,
)
from dashtam.presentation.cli.resolve import resolve_user
from dashtam.presentation.cli.tables import answer, count_text, instant_text, table
from dashtam.presentation.http.parameters import write_cursor
from dashtam.presentation.routers.api.v1.syncs import SyncList, sync_shape


@click.group(cls=Group)
def syncs() -> None:
    """List the runs that recorded balances."""


@syncs.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@pass_command_context
def list_syncs(context: CommandContext, limit: int) -> None:
    """List syncs, imports and typed balances, newest first."""
    with context.services.database.read() as work:
        user = resolve_user(context, work)
        found = runs.of_user(work, user.id, PageRequest(limit))
    shape = SyncList(
        syncs=[sync_shape(sync) for sync in found.items],
        total_count=found.total,
        next_cursor=write_cursor(found.last),
    )
    headings = ("STARTED", "KIND", "STATE", "RECORDED", "SKIPPED", "ID")
    answer(
        context,
        shape,
        lambda: table(headings, [_row(sync) for sync in found.items], numbers="RECORDED SKIPPED"),
    )


def _row(sync: Sync) -> tuple[str, ...]:
    return (
        instant_text(sync.started_at),
        sync.kind,
        "retracted" if sync.retracted_at else sync.state,
        str(sync.recorded),
        str(sync.skipped),
        str(sync.id),
    )


@click.command(cls=Command)
@click.argument("sync_id", type=click.UUID)
@pass_command_context
def retract(context: CommandContext, sync_id: UUID) -> None:
    """Take back what an import or a typed balance recorded.

    `dashtam syncs list` names the runs. No reading shows it any more; what was recorded stays in
    the database, and the same file can be imported again.
    """
    database = context.services.database
    with database.read() as work:
        user = resolve_user(context, work)
        sync = runs.of(work, user.id, SyncId(sync_id))
    taken = count_text(sync.recorded, "snapshot")
    if not sync.retracted_at:
        context.confirm(f"Take back {taken}, recorded {instant_text(sync.started_at)}?")
        with database.write() as work:
            runs.retract(work, user.id, sync.id)
    notify(f"{taken} of sync {sync.id} taken back.")
