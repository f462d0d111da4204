"""``dashtam syncs`` and ``dashtam retract``: the runs that recorded balances."""

from uuid import UUID

import click

from dashtam.application.syncs import syncs as runs
from dashtam.database.pagination import PageRequest
from dashtam.domain.sync import Sync, SyncId
from dashtam.presentation.cli.context import Invocation, Noun, Verb, pass_invocation, say
from dashtam.presentation.cli.resolve import chosen_user
from dashtam.presentation.cli.tables import answer, count_text, instant_text, table
from dashtam.presentation.http.parameters import write_cursor
from dashtam.presentation.routers.api.v1.syncs import SyncList, sync_shape


@click.group(cls=Noun)
def syncs() -> None:
    """List the runs that recorded balances."""


@syncs.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@pass_invocation
def list_syncs(invocation: Invocation, limit: int) -> None:
    """List syncs, imports and typed balances, newest first."""
    with invocation.services.database.read() as work:
        user = chosen_user(invocation, work)
        found = runs.list_for_user(work, user.id, PageRequest(limit))
    shape = SyncList(
        syncs=[sync_shape(sync) for sync in found.items],
        total_count=found.total,
        next_cursor=write_cursor(found.last),
    )
    headings = ("STARTED", "KIND", "STATE", "RECORDED", "SKIPPED", "ID")
    answer(
        invocation,
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


@click.command(cls=Verb)
@click.argument("sync_id", type=click.UUID)
@pass_invocation
def retract(invocation: Invocation, sync_id: UUID) -> None:
    """Take back what an import or a typed balance recorded.

    `dashtam syncs list` names the runs. No reading shows it any more; what was recorded stays in
    the database, and the same file can be imported again.
    """
    database = invocation.services.database
    with database.read() as work:
        user = chosen_user(invocation, work)
        sync = runs.load(work, user.id, SyncId(sync_id))
    taken = count_text(sync.recorded, "snapshot")
    if not sync.retracted_at:
        invocation.make_sure(f"Take back {taken}, recorded {instant_text(sync.started_at)}?")
        with database.write() as work:
            runs.retract(work, user.id, sync.id)
    say(f"{taken} of sync {sync.id} taken back.")
