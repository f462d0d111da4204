"""``dashtam sync`` and ``dashtam worker``: asking providers, now and by the schedule."""

import time
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Final

import click

from dashtam.application.connections import connections
from dashtam.application.ports import Services
from dashtam.application.syncs import sync_run
from dashtam.application.syncs.sync_result import SyncClaim
from dashtam.application.syncs.sync_run import SyncRequest
from dashtam.application.syncs.syncs import Following, of
from dashtam.database.pagination import iterate_all
from dashtam.domain.connection import Connection, ConnectionState, ProviderKind
from dashtam.domain.errors import DashtamError
from dashtam.domain.sync import SnapshotSource, Sync, SyncState
from dashtam.presentation.cli.context import Invocation, Verb, pass_invocation, say
from dashtam.presentation.cli.resolve import chosen_connection, chosen_user
from dashtam.presentation.cli.tables import answer, count_text
from dashtam.presentation.routers.api.v1.syncs import SyncList, sync_shape

_EXIT_REFUSED: Final = 1
_EXIT_PARTLY: Final = 3
_PAUSE_S: Final = 0.2


@click.command(cls=Verb)
@click.argument("connection", required=False)
@click.option("--all", "is_all", is_flag=True, help="Every connection to a provider.")
@click.option("--force", is_flag=True, help="Although it was synced a moment ago.")
@click.option("--watch", is_flag=True, help="Tell how it goes on.")
@click.pass_context
@pass_invocation
def sync(
    invocation: Invocation,
    context: click.Context,
    connection: str | None,
    *,
    is_all: bool,
    force: bool,
    watch: bool,
) -> None:
    """Ask a provider what the accounts hold now.

    Exit status 3 when a part of it failed, 1 when all of it did.
    """
    if (connection is None) != is_all:
        detail = "Name a connection, or say --all."
        raise click.UsageError(detail)
    services = invocation.services
    done, refused = [], 0
    for mine in _chosen(invocation, connection):
        try:
            done.append(_synced(services, mine, is_forced=force, watch=watch))
        except DashtamError as refusal:
            say(f"{mine.name}: {refusal}")
            refused += 1
    shape = SyncList(
        syncs=[sync_shape(one) for one in done], total_count=len(done), next_cursor=None
    )
    answer(invocation, shape, lambda: "\n".join(map(_text, done)))
    failed = refused + sum(one.state is SyncState.FAILED for one in done)
    if failed:
        is_all_of_it = failed == len(done) + refused
        context.exit(_EXIT_REFUSED if is_all_of_it else _EXIT_PARTLY)
    if any(one.state is SyncState.PARTIAL for one in done):
        context.exit(_EXIT_PARTLY)


@click.command(cls=Verb)
@pass_invocation
def worker(invocation: Invocation) -> None:
    """Sync every connection when it is due.

    It goes on until it is interrupted. `dashtam serve` does the same beside serving, unless the
    setting `worker` is off. Any number of workers may run: each slot is served once.
    """
    invocation.installation.work(lambda: say("Syncing what is due. Ctrl-C stops it."))


def _chosen(invocation: Invocation, text: str | None) -> Sequence[Connection]:
    with invocation.services.database.read() as work:
        user = chosen_user(invocation, work)
        if text is not None:
            return [chosen_connection(work, user, text)]
        return [
            one
            for one in iterate_all(lambda page: connections.of_user(work, user.id, page))
            if one.kind is ProviderKind.API and one.state is not ConnectionState.DISCONNECTED
        ]


def _synced(services: Services, connection: Connection, *, is_forced: bool, watch: bool) -> Sync:
    with services.database.write() as work:
        wanted = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=is_forced)
        claim = sync_run.begin(work, services, connection, wanted)
    if not watch:
        return sync_run.complete(services, claim)
    return _watched(services, claim, lambda sync: say(f"{connection.name}: {_news(sync)}"))


def _watched(services: Services, claim: SyncClaim, tell: Callable[[Sync], None]) -> Sync:
    thread = Thread(target=sync_run.complete, args=(services, claim))
    thread.start()
    following = Following(services, claim.sync.user_id, claim.sync.id)
    while thread.is_alive():
        if news := following.news():
            tell(news)
        time.sleep(_PAUSE_S)
    thread.join()
    with services.database.read() as work:
        return of(work, claim.sync.user_id, claim.sync.id)


def _news(sync: Sync) -> str:
    return f"{sync.state}. {sync.detail}" if sync.detail else sync.state


def _text(done: Sync) -> str:
    recorded = count_text(done.recorded, "snapshot")
    said = f" {done.detail}" if done.detail else ""
    return f"{done.state}: {recorded} of {count_text(len(done.accounts), 'account')}.{said}"
