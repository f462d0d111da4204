"""``dashtam serve`` and ``dashtam worker``."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

from dashtam.domain.errors import DashtamError
from dashtam.log import log
from dashtam.presentation.cli.context import (
    EXIT_REFUSED,
    Command,
    CommandContext,
    notify,
    with_context,
)
from dashtam.presentation.cli.installation import InstallationPort
from dashtam.presentation.http.server import listen


@click.command(cls=Command)
@click.option("--host", help="The address to listen on; 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 8000 by default.")
@click.option(
    "--workers",
    "processes",
    type=click.IntRange(1, 64),
    help="Processes that answer on this port; 1 by default.",
)
@with_context
def serve(context: CommandContext, /, **settings: object) -> None:
    """Serve the API and the dashboard, until interrupted."""
    context.settings |= settings

    def report_start(facts: Mapping[str, str]) -> None:
        warnings = context.installation.warnings()
        if not _is_terminal():
            for warning in warnings:
                log.warning("installation_at_risk", detail=warning)
            log.info("server_started", url=facts["url"])
            if code := facts.get("setup_code"):
                log.warning("first_user_expected", setup_code=code)
            return
        for warning in warnings:
            notify(f"Note: {warning}")
        notify(f"Dashtam answers at {facts['url']}")
        if code := facts.get("setup_code"):
            notify(f"The first user registers there, from another machine with the code {code}")

    with _failure_as_json(context):
        require_free_port(context.installation)
        context.installation.serve(report_start)


@contextmanager
def _failure_as_json(context: CommandContext) -> Iterator[None]:
    """Write the error that ends a server as a line of its log, where no people read that.

    The log itself may not be configured yet: the settings may be what is wrong.
    """
    try:
        yield
    except Exception as error:
        if _is_terminal() or context.shows_traceback:
            raise
        # The messages of other errors may quote a row.
        is_ours = isinstance(error, (DashtamError, OSError))
        line = {
            "event": "start_failed",
            "level": "error",
            "detail": str(error) if is_ours else "A fault of Dashtam; --traceback shows its place.",
            "error": type(error).__name__,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        notify(json.dumps(line))
        raise click.exceptions.Exit(EXIT_REFUSED) from None


def _is_terminal() -> bool:
    """Tell whether people read standard error; where programs do, every line of it is JSON."""
    return sys.stderr is not None and sys.stderr.isatty()


def require_free_port(installation: InstallationPort) -> None:
    """Refuse a taken port before anything is written; the server itself opens it at the end.

    Raises:
        DashtamError: the address or the port is not available.
    """
    options = {option.variable: option.value for option in installation.options()}
    host, port = options["DASHTAM_HOST"], options["DASHTAM_PORT"]
    try:
        for listener in listen(host, int(port)):
            listener.close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        detail = f"Port {port} of {host} cannot be had ({reason}). Choose another one with --port."
        raise DashtamError(detail) from None


@click.command(cls=Command)
@with_context
def worker(context: CommandContext) -> None:
    """Sync every connection when it is due.

    Until interrupted. `dashtam serve` syncs too, unless the setting `worker` is off. Any number of
    workers may run: each slot is synced once.
    """

    def report_start() -> None:
        if _is_terminal():
            notify("Syncing due connections. Ctrl-C stops the worker.")

    with _failure_as_json(context):
        context.installation.work(report_start)
