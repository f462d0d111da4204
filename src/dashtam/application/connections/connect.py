"""Connecting to a provider, and connecting again: what it hands out is kept before all else."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from uuid import UUID

from dashtam.application import credentials
from dashtam.application.audit_log import note
from dashtam.application.connections import connections
from dashtam.application.ports import Services
from dashtam.application.provider import CredentialsRefused, Provider, ProviderError
from dashtam.application.syncs import schedule, sync_run
from dashtam.application.syncs.provider_quota import FirstBudget
from dashtam.application.syncs.sync_result import SyncClaim
from dashtam.application.syncs.sync_run import SyncRequest
from dashtam.application.syncs.syncs import interrupt
from dashtam.database.syncs.connections import LiveConnection
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import Connection, ConnectionId, ConnectionState, ProviderKind
from dashtam.domain.errors import Conflict, DashtamError, FieldError, Unavailable, Unprocessable
from dashtam.domain.sync import SnapshotSource, Sync
from dashtam.domain.user import UserId

T = TypeVar("T")

_REFUSED: Final = "credentials_refused"
_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0)


class CredentialsRejected(Unprocessable):
    """The provider does not take these credentials; nothing was kept."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, (FieldError("/credentials", "refused", reason),))


class ConnectingFailed(DashtamError):
    """The provider did not answer to the credentials, and nothing was kept."""


@dataclass(frozen=True, slots=True)
class NewConnection:
    """A connection as a user asks for it; without a name it has the provider's."""

    provider: str
    credentials: credentials.Kept
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection, and the sync that was made with it."""

    connection: Connection
    sync: Sync


Keep = Callable[[UnitOfWork, Connected], None]
"""Does something more in the transaction in which the sync ends."""


def _nothing(_work: UnitOfWork, _connected: Connected) -> None: ...


def connect(
    services: Services, user_id: UserId, new: NewConnection, keep: Keep = _nothing
) -> Connected:
    """Connect to a provider and run the first sync, which may fail and be tried again later.

    What the provider hands out is sealed and committed before that.

    Raises:
        Unprocessable: there is no such provider, or it asks for other credentials.
        CredentialsRejected: the provider does not take them; nothing is kept.
        ConnectingFailed: no credentials that could be kept were to be had.
    """
    provider = _provider(services, new.provider)
    budget = FirstBudget(services, provider)
    kept = _exchanged(services, user_id, provider, new.credentials, budget)
    connection_id = ConnectionId(UUID(bytes=services.secrets.random()[:16], version=4))

    def commit() -> SyncClaim:
        with services.database.write() as work:
            found = work.connections.lock(connection_id)
            running = work.syncs.find_running(connection_id)
            if found is not None and running is not None:
                # It was committed, and only the word of it was lost.
                return SyncClaim(running, found, provider)
            work.users.block_erasure(user_id)
            live = LiveConnection(_made(work, user_id, provider, connection_id, new.name))
            sealed = credentials.seal(services.cipher, live.connection, kept)
            work.connections.add(live.connection)
            day = schedule.day_of(work.now)
            work.connections.set_request_count(connection_id, day, budget.requests)
            note(work, "connection_created", user_id, connection_id)
            wanted = SyncRequest(SnapshotSource.INITIAL_CONNECTION, is_forced=True)
            return sync_run.claim(work, services, replace(live, credentials=sealed), wanted)

    claim = _patiently(commit)
    sync = sync_run.complete(services, claim, _keeping(keep))
    if sync.code == _REFUSED:
        _forget(services, claim)
        raise CredentialsRejected(_reason(sync))
    return Connected(_now(services, claim.live.connection), sync)


def reconnect(
    services: Services, connection: Connection, given: credentials.Kept, keep: Keep = _nothing
) -> Connected:
    """Give the user's own connection other credentials, and sync it by them.

    Its accounts and their history go on. Credentials that the provider does not take leave those
    that were there.

    Raises:
        Conflict: it is not a provider's.
        Unprocessable: the provider asks for other credentials.
        CredentialsRejected: the provider does not take them.
        ConnectingFailed: no credentials that could be kept were to be had.
        RateLimited: they are those that were there, and must not be used for now.
    """
    if connection.kind is not ProviderKind.API:
        detail = "No provider feeds this connection: it has no credentials."
        raise Conflict(detail)
    provider = _provider(services, connection.provider)
    budget = FirstBudget(services, provider)
    kept = _exchanged(services, connection.user_id, provider, given, budget)
    before, claim = _patiently(lambda: _renewed(services, connection, kept, budget.requests))
    sync = sync_run.complete(services, claim, _keeping(keep))
    if sync.code == _REFUSED:
        _put_back(services, before, claim)
        raise CredentialsRejected(_reason(sync))
    return Connected(_now(services, connection), sync)


def _renewed(
    services: Services, connection: Connection, kept: credentials.Kept, requests: int
) -> tuple[LiveConnection, SyncClaim]:
    """Keep other credentials and claim a run by them; return what was there before, and the claim.

    ``requests`` were made to have them.
    """
    with services.database.write() as work:
        before = work.connections.lock(connection.id)
        if before is None:
            raise connections.ConnectionNotFound
        running = work.syncs.find_running(connection.id)
        if running is not None:
            # What was handed out once must be kept: the run by the old credentials gives way.
            interrupt(work, running)
        renewed = replace(
            before,
            connection=replace(
                before.connection,
                state=ConnectionState.ACTIVE,
                detail=None,
                next_sync_at=work.now,
                updated_at=work.now,
            ),
            credentials=credentials.seal(services.cipher, connection, kept),
        )
        if not credentials.are_sealed(services.cipher, connection, before.credentials, kept):
            # Other credentials have a budget of their own.
            renewed = replace(renewed, paused_until=None, requests_on=None, requests=0)
        note(work, "connection_reconnected", connection.user_id, connection.id)
        wanted = SyncRequest(SnapshotSource.MANUAL_SYNC, is_due=True)
        claim = sync_run.claim(work, services, renewed, wanted)
        day = schedule.day_of(work.now)
        made = renewed.requests if renewed.requests_on == day else 0
        work.connections.set_request_count(connection.id, day, made + requests)
        return before, claim


def _patiently(commit: Callable[[], T]) -> T:
    """Commit what is to be had only once, also where the database is away for a moment."""
    for pause_s in _PAUSES_S:
        try:
            return commit()
        except Unavailable:
            time.sleep(pause_s)
    return commit()


def _provider(services: Services, slug: str) -> Provider:
    try:
        return services.providers[slug]
    except KeyError:
        known = ", ".join(sorted(services.providers)) or "none"
        detail = f"There is no such provider to connect to; these are known: {known}."
        raise Unprocessable(detail, (FieldError("/provider", "unknown", detail),)) from None


def _exchanged(
    services: Services,
    user_id: UserId,
    provider: Provider,
    given: credentials.Kept,
    budget: FirstBudget,
) -> credentials.Kept:
    credentials.check(provider, given)
    try:
        return provider.connect(given, services.http_for(budget.spend))
    except ProviderError as error:
        reason = credentials.harmless(str(error), given)
        refusal: DashtamError = ConnectingFailed(reason)
        if isinstance(error, CredentialsRefused):
            refusal = CredentialsRejected(reason)
    except DashtamError:
        raise
    except Exception as error:  # noqa: BLE001 - a provider may be other people's code
        refusal = ConnectingFailed(f"{provider.name} failed ({type(error).__name__}).")
    with services.database.write() as work:
        note(work, "connection_refused", user_id, None)
    raise refusal


def _made(
    work: UnitOfWork,
    user_id: UserId,
    provider: Provider,
    connection_id: ConnectionId,
    name: str | None,
) -> Connection:
    return Connection(
        id=connection_id,
        user_id=user_id,
        provider=provider.slug,
        kind=ProviderKind.API,
        # A user may have several connections to one provider.
        institution=f"{provider.slug}:{connection_id}",
        name=name or provider.name,
        state=ConnectionState.ACTIVE,
        detail=None,
        last_synced_at=None,
        # Should this process die now, a worker makes the first sync.
        next_sync_at=work.now,
        created_at=work.now,
        updated_at=work.now,
    )


def _keeping(keep: Keep) -> sync_run.Keep:
    def keep_unless_refused(work: UnitOfWork, sync: Sync) -> None:
        connection = work.connections.get(sync.connection_id)
        if sync.code != _REFUSED and connection is not None:
            keep(work, Connected(connection, sync))

    return keep_unless_refused


def _forget(services: Services, claim: SyncClaim) -> None:
    with services.database.write() as work:
        work.connections.lock(claim.sync.connection_id)
        work.connections.remove(claim.sync.connection_id)
        note(work, "connection_refused", claim.sync.user_id, None)


def _put_back(services: Services, before: LiveConnection, claim: SyncClaim) -> None:
    with services.database.write() as work:
        live = work.connections.lock(before.connection.id)
        if live is not None and live.fence == claim.live.fence:
            # It may have been renamed meanwhile.
            again = replace(before.connection, name=live.connection.name)
            work.connections.update(replace(before, connection=again, fence=live.fence))
            counted_on = before.requests_on or schedule.day_of(work.now)
            work.connections.set_request_count(again.id, counted_on, before.requests)
            note(work, "connection_refused", claim.sync.user_id, live.connection.id)


def _reason(sync: Sync) -> str:
    return sync.detail or "The provider does not take these credentials."


def _now(services: Services, connection: Connection) -> Connection:
    with services.database.read() as work:
        return work.connections.get(connection.id) or connection
