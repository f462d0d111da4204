"""Connecting to a provider, and connecting again: what it hands out is kept before all else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dashtam.application import connections, credentials, live_syncs, schedule
from dashtam.application.audit_log import HERE, note
from dashtam.application.budgets import FirstBudget
from dashtam.application.live_results import Claim
from dashtam.application.live_syncs import Wanted
from dashtam.application.ports import World
from dashtam.application.providers import (
    CredentialField,
    CredentialsRefused,
    Provider,
    ProviderError,
)
from dashtam.application.records import LiveConnection, Work
from dashtam.application.syncs import interrupt
from dashtam.domain.balance_snapshot import SnapshotSource
from dashtam.domain.connection import (
    Connection,
    ConnectionId,
    ConnectionState,
    ProviderKind,
)
from dashtam.domain.errors import Conflict, Fault, Refusal, Unprocessable
from dashtam.domain.sync import Sync
from dashtam.domain.user import UserId

_REFUSED: Final = "credentials_refused"


class CredentialsRejected(Unprocessable):
    """The provider does not take these credentials; nothing was kept."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, (Fault("/credentials", "refused", reason),))


class ConnectingFailed(Refusal):
    """The provider did not answer to the credentials, and nothing was kept."""


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """Where balances can come from; only live ones ask for credentials."""

    slug: str
    name: str
    kind: ProviderKind
    credentials: Sequence[CredentialField] = ()


@dataclass(frozen=True, slots=True)
class NewConnection:
    """A connection as a user asks for it; without a name it has the provider's."""

    provider: str
    credentials: credentials.Kept
    name: str | None = None
    address: str = HERE


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection, and the sync that was made with it."""

    connection: Connection
    sync: Sync


Keep = Callable[[Work, Connected], None]
"""Does something more in the transaction in which the sync ends."""


def _nothing(_work: Work, _connected: Connected) -> None: ...


def known_providers(world: World) -> Sequence[KnownProvider]:
    """Return everything that balances can come from: live, in files, typed; each by name."""
    live = [
        KnownProvider(one.slug, one.name, ProviderKind.API, one.credentials)
        for one in sorted(world.providers.values(), key=lambda one: one.name)
    ]
    files = [
        KnownProvider(one.slug, one.name, ProviderKind.FILE)
        for one in sorted(world.statement_files.formats(), key=lambda one: one.name)
    ]
    typed = KnownProvider(connections.MANUAL.key, connections.MANUAL.name, ProviderKind.MANUAL)
    return [*live, *files, typed]


def connect(world: World, user_id: UserId, new: NewConnection, keep: Keep = _nothing) -> Connected:
    """Connect to a provider and run the first sync, which may fail and be tried again later.

    What the provider hands out is sealed and committed before that.

    Raises:
        Unprocessable: there is no such provider, or it asks for other credentials.
        CredentialsRejected: the provider does not take them; nothing is kept.
        ConnectingFailed: no credentials that could be kept were to be had.
    """
    provider = _provider(world, new.provider)
    budget = FirstBudget(world, provider)
    kept = _exchanged(world, user_id, provider, new, budget)
    with world.database.write(new.address) as work:
        live = _made(work, user_id, provider, new)
        sealed = credentials.seal(world.cipher, live.connection, kept)
        live = replace(live, credentials=sealed)
        work.connections.add(live.connection)
        work.connections.keep(live)
        day = schedule.day_of(work.now)
        work.connections.count_requests(live.connection.id, day, budget.requests)
        note(work, "connection_created", user_id, live.connection.id)
        wanted = Wanted(SnapshotSource.INITIAL_CONNECTION, is_forced=True, address=new.address)
        claim = live_syncs.claim(work, world, live, wanted)
    sync = live_syncs.complete(world, claim, _keeping(keep))
    if sync.code == _REFUSED:
        _forget(world, claim, new.address)
        raise CredentialsRejected(_reason(sync))
    return Connected(_now(world, live.connection), sync)


def reconnect(
    world: World,
    connection: Connection,
    given: credentials.Kept,
    keep: Keep = _nothing,
    address: str = HERE,
) -> Connected:
    """Give the user's own connection other credentials, and sync it by them.

    Its accounts and their history go on. Credentials that the provider does not take leave those
    that were there.

    Raises:
        Conflict: it is not a provider's.
        Unprocessable: the provider asks for other credentials.
        CredentialsRejected: the provider does not take them.
        ConnectingFailed: no credentials that could be kept were to be had.
    """
    if connection.kind is not ProviderKind.API:
        detail = "No provider feeds this connection: it has no credentials."
        raise Conflict(detail)
    provider = _provider(world, connection.provider)
    budget = FirstBudget(world, provider)
    new = NewConnection(connection.provider, given, address=address)
    kept = _exchanged(world, connection.user_id, provider, new, budget)
    sealed = credentials.seal(world.cipher, connection, kept)
    with world.database.write(address) as work:
        before = work.connections.locked(connection.id)
        if before is None:
            raise connections.ConnectionNotFound
        active = replace(
            before.connection,
            state=ConnectionState.ACTIVE,
            detail=None,
            next_sync_at=work.now,
            updated_at=work.now,
        )
        running = work.syncs.running(connection.id)
        if running is not None:
            # What was handed out once must be kept: the run by the old credentials gives way.
            interrupt(work, running)
        # Other credentials have a budget of their own.
        renewed = replace(
            before,
            connection=active,
            credentials=sealed,
            paused_until=None,
            requests_on=None,
            requests=0,
        )
        note(work, "connection_reconnected", connection.user_id, connection.id)
        wanted = Wanted(SnapshotSource.MANUAL_SYNC, is_due=True, address=address)
        claim = live_syncs.claim(work, world, renewed, wanted)
        work.connections.count_requests(connection.id, schedule.day_of(work.now), budget.requests)
    sync = live_syncs.complete(world, claim, _keeping(keep))
    if sync.code == _REFUSED:
        _put_back(world, before, claim)
        raise CredentialsRejected(_reason(sync))
    return Connected(_now(world, connection), sync)


def _provider(world: World, slug: str) -> Provider:
    try:
        return world.providers[slug]
    except KeyError:
        known = ", ".join(sorted(world.providers)) or "none"
        detail = f"There is no such provider to connect to; these are known: {known}."
        raise Unprocessable(detail, (Fault("/provider", "unknown", detail),)) from None


def _exchanged(
    world: World, user_id: UserId, provider: Provider, new: NewConnection, budget: FirstBudget
) -> credentials.Kept:
    credentials.check(provider, new.credentials)
    try:
        return provider.connect(new.credentials, world.http_for(budget.spend))
    except ProviderError as error:
        reason = credentials.harmless(str(error), new.credentials)
        refusal: Refusal = ConnectingFailed(reason)
        if isinstance(error, CredentialsRefused):
            refusal = CredentialsRejected(reason)
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001 - a provider may be other people's code
        refusal = ConnectingFailed(f"{provider.name} failed ({type(error).__name__}).")
    with world.database.write(new.address) as work:
        note(work, "connection_refused", user_id, None)
    raise refusal


def _made(work: Work, user_id: UserId, provider: Provider, new: NewConnection) -> LiveConnection:
    connection_id = ConnectionId(work.random_id())
    connection = Connection(
        id=connection_id,
        user_id=user_id,
        provider=provider.slug,
        kind=ProviderKind.API,
        # A user may have several connections to one provider.
        institution=f"{provider.slug}:{connection_id}",
        name=new.name or provider.name,
        state=ConnectionState.ACTIVE,
        detail=None,
        last_synced_at=None,
        # Should this process die now, a worker makes the first sync.
        next_sync_at=work.now,
        created_at=work.now,
        updated_at=work.now,
    )
    return LiveConnection(connection)


def _keeping(keep: Keep) -> live_syncs.Keep:
    def keep_unless_refused(work: Work, sync: Sync) -> None:
        connection = work.connections.get(sync.connection_id)
        if sync.code != _REFUSED and connection is not None:
            keep(work, Connected(connection, sync))

    return keep_unless_refused


def _forget(world: World, claim: Claim, address: str) -> None:
    with world.database.write(address) as work:
        work.connections.locked(claim.sync.connection_id)
        work.connections.remove(claim.sync.connection_id)
        note(work, "connection_refused", claim.sync.user_id, None)


def _put_back(world: World, before: LiveConnection, claim: Claim) -> None:
    with world.database.write() as work:
        live = work.connections.locked(before.connection.id)
        if live is not None and live.fence == claim.live.fence:
            work.connections.keep(replace(before, fence=live.fence))
            note(work, "connection_refused", claim.sync.user_id, live.connection.id)


def _reason(sync: Sync) -> str:
    return sync.detail or "The provider does not take these credentials."


def _now(world: World, connection: Connection) -> Connection:
    with world.database.read() as work:
        return work.connections.get(connection.id) or connection
