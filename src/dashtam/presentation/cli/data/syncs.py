"""``dashtam sync``, ``dashtam syncs`` and ``dashtam retract``: the runs that record balances."""

import time
from threading import Thread
from typing import Final
from uuid import UUID

import click

from dashtam.application.connections import connections
from dashtam.application.ports import Services
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs import syncs as owned
from dashtam.application.syncs.claims import SyncRequest
from dashtam.application.syncs.syncs import SyncFollower
from dashtam.database.pagination import PageRequest
from dashtam.domain.connection import Connection, ConnectionState, ProviderKind
from dashtam.domain.errors import DashtamError, RateLimited
from dashtam.domain.sync import SnapshotSource, Sync, SyncId, SyncState
from dashtam.presentation.cli.context import (
    EXIT_PARTLY,
    EXIT_REFUSED,
    Command,
    CommandContext,
    Group,
    notify,
    with_context,
)
from dashtam.presentation.cli.resolve import list_all, resolve_connection, resolve_user
from dashtam.presentation.cli.tables import answer, answer_table, count_text, instant_text
from dashtam.presentation.http.parameters import write_cursor
from dashtam.presentation.routers.api.v1.syncs import SyncList, SyncShape

_POLL_S: Final = 0.2


@click.command(cls=Command)
@click.argument("connection", required=False)
@click.option("--all", "is_all", is_flag=True, help="Every connection to a provider.")
@click.option("--force", "is_forced", is_flag=True, help="Even if it was synced a moment ago.")
@click.option("--watch", is_flag=True, help="Show the progress.")
@with_context
def sync(
    context: CommandContext, connection: str | None, *, is_all: bool, is_forced: bool, watch: bool
) -> None:
    """Record the balances that a provider reports now.

    Exit status 3 when a part of it failed, 1 when all of it did.
    """
    if (connection is None) != is_all:
        detail = "Name a connection, or give --all."
        raise click.UsageError(detail)
    services = context.services
    with services.database.read() as work:
        if connection is None:
            chosen = [
                one
                for one in list_all(work, resolve_user(context, work), connections.list_for_user)
                if one.kind is ProviderKind.API and one.state is not ConnectionState.DISCONNECTED
            ]
        else:
            chosen = [resolve_connection(context, work, connection)]
    shapes = []
    for one in chosen:
        try:
            shapes.append(SyncShape.of(_sync(services, one, is_forced=is_forced, watch=watch)))
        except DashtamError as error:
            notify(f"{one.name}: {error}")
            if isinstance(error, RateLimited) and not is_forced:
                notify("--force does not wait, unless the provider asked for a pause.")
    answer(
        context,
        SyncList(syncs=shapes, total_count=len(shapes), next_cursor=None),
        lambda: "\n".join(
            f"{one.state}: {count_text(one.recorded, 'snapshot')} of"
            f" {count_text(len(one.accounts), 'account')}.{f' {one.detail}' if one.detail else ''}"
            for one in shapes
        ),
    )
    succeeded = [one for one in shapes if one.state is not SyncState.FAILED]
    if chosen and not succeeded:
        raise click.exceptions.Exit(EXIT_REFUSED)
    if len(succeeded) < len(chosen) or any(one.state is SyncState.PARTIAL for one in succeeded):
        raise click.exceptions.Exit(EXIT_PARTLY)


@click.group(cls=Group)
def syncs() -> None:
    """List the runs that recorded balances."""


@syncs.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@with_context
def list_syncs(context: CommandContext, limit: int) -> None:
    """List syncs, imports and typed balances, newest first."""
    with context.database.read() as work:
        found = owned.list_for_user(work, resolve_user(context, work).id, PageRequest(limit))
    shape = SyncList(
        syncs=[SyncShape.of(one) for one in found.items],
        total_count=found.total,
        next_cursor=write_cursor(found.last),
    )
    rows = [
        (
            one.started_at,
            one.kind,
            "retracted" if one.retracted_at else one.state,
            one.recorded,
            one.skipped,
            one.file_name,
            one.file_format,
            one.first_on,
            one.last_on,
            " ".join(dict.fromkeys(remark for each in one.accounts for remark in each.remarks)),
            one.id,
        )
        for one in found.items
    ]
    headings = (
        *("STARTED", "KIND", "STATE", "RECORDED", "SKIPPED"),
        *("FILE", "FORMAT", "FIRST", "LAST", "REMARKS", "ID"),
    )
    answer_table(context, shape, headings, rows, numbers="RECORDED SKIPPED")


@click.command(cls=Command)
@click.argument("sync_id", type=click.UUID)
@with_context
def retract(context: CommandContext, sync_id: UUID) -> None:
    """Take back the snapshots of a sync, an import or a typed balance.

    `dashtam syncs list` names the runs. The snapshots stay in the database, and no history shows
    them; the same file can be imported again.
    """
    database = context.database
    with database.read() as work:
        user = resolve_user(context, work)
        found = owned.load(work, user.id, SyncId(sync_id))
    count = count_text(found.recorded, "snapshot")
    if not found.retracted_at:
        context.confirm(f"Take back {count}, recorded {instant_text(found.started_at)}?")
        with database.write() as work:
            owned.retract(work, user.id, found.id)
    notify(f"{count} of sync {found.id} taken back.")


def _sync(services: Services, connection: Connection, *, is_forced: bool, watch: bool) -> Sync:
    with services.database.write() as work:
        request = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=is_forced)
        claim = claims.claim_connection(work, services, connection, request)
    if not watch:
        return sync_run.complete(services, claim)
    thread = Thread(target=sync_run.complete, args=(services, claim))
    thread.start()
    following = SyncFollower(services, claim.sync.user_id, claim.sync.id)
    while thread.is_alive():
        if news := following.poll():
            detail = f". {news.detail}" if news.detail else ""
            notify(f"{connection.name}: {news.state}{detail}")
        time.sleep(_POLL_S)
    with services.database.read() as work:
        return owned.load(work, claim.sync.user_id, claim.sync.id)
