"""``dashtam serve`` and ``dashtam worker``."""

from collections.abc import Mapping

import click

from dashtam.presentation.cli.context import Command, CommandContext, notify, with_context


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
        notify(f"Dashtam answers at {facts['url']}")
        if code := facts.get("setup_code"):
            notify(f"The first user registers there, from another machine with the code {code}")

    for warning in context.installation.warnings():
        notify(f"Note: {warning}")
    context.installation.serve(report_start)


@click.command(cls=Command)
@with_context
def worker(context: CommandContext) -> None:
    """Sync every connection when it is due.

    Until interrupted. `dashtam serve` syncs too, unless the setting `worker` is off. Any number of
    workers may run: each slot is synced once.
    """
    context.installation.work(lambda: notify("Syncing due connections. Ctrl-C stops the worker."))
