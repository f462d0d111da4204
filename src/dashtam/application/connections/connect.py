"""Connecting and reconnecting: issued credentials are stored before all else."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar
from uuid import UUID

from dashtam.application import credentials
from dashtam.application.connections.connections import ConnectionNotFound
from dashtam.application.ports import Services
from dashtam.application.provider import (
    Credentials,
    CredentialsRefused,
    Provider,
    ProviderError,
    Redirect,
    ReturnTo,
)
from dashtam.application.provider_permits import REQUEST_WAIT
from dashtam.application.syncs import sync_run
from dashtam.application.syncs.claims import SyncClaim, SyncRequest, claim_locked
from dashtam.application.syncs.provider_quota import FirstQuota
from dashtam.application.syncs.schedule import start_of_day
from dashtam.application.syncs.syncs import interrupt
from dashtam.database.syncs.connections import LiveConnection
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import (
    Connection,
    ConnectionId,
    ConnectionState,
    Institution,
    ProviderKind,
)
from dashtam.domain.errors import Conflict, DashtamError, FieldError, Unprocessable, pointer_to
from dashtam.domain.sync import SnapshotSource, Sync, SyncFailureCode
from dashtam.domain.user import UserId

T = TypeVar("T")


class CredentialsRejected(Unprocessable):
    """The provider refuses these credentials; nothing was stored."""

    def __init__(
        self, provider: Provider, reason: str | None, field_name: str | None = None
    ) -> None:
        reason = reason or "The provider does not take these credentials."
        needed = [field.name for field in provider.credentials if not field.is_optional]
        if field_name is None and len(needed) == 1:
            # It cannot be another one.
            field_name = needed[0]
        at = "/credentials" if field_name is None else pointer_to("credentials", field_name)
        super().__init__(reason, (FieldError(at, "refused", reason),))


class ConnectingFailed(DashtamError):
    """The provider issued no credentials, and nothing was stored."""


@dataclass(frozen=True, slots=True)
class NewConnection:
    """A connection as a user requests it; without a name it has the provider's."""

    provider: str
    credentials: Credentials
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection, and the sync that was made with it."""

    connection: Connection
    sync: Sync


OnCommit = Callable[[UnitOfWork, Connected], None]
"""Called in the transaction in which the sync ends, unless the credentials were refused.

Where the sync continues after the response it is the transaction in which the sync begins.
"""


def connect(
    services: Services,
    user_id: UserId,
    new: NewConnection,
    on_commit: OnCommit = lambda _work, _connected: None,
) -> Connected:
    """Connect to a provider and run the first sync, which may fail and be tried again later.

    The credentials that the provider issues are sealed and committed before that.

    Raises:
        Unprocessable: there is no such provider, or it needs other credentials.
        CredentialsRejected: the provider refuses them; nothing is stored.
        ConnectingFailed: the provider issued no credentials.
    """
    provider = find_provider(services, new.provider)
    quota = FirstQuota(services, provider)
    issued = _exchange(services, user_id, provider, new.credentials, quota)
    return connect_issued(services, user_id, replace(new, credentials=issued), quota, on_commit)


def begin_connecting(
    services: Services, user_id: UserId, new: NewConnection, on_claim: OnCommit
) -> Connected:
    """Connect to a provider, and run the first sync in the background.

    If the provider refuses the credentials there, the connection is kept, and asks for others.
    ``on_claim`` is called in the transaction that stores the connection and its run.

    Raises:
        Unprocessable: there is no such provider, or it needs other credentials.
        CredentialsRejected: the provider refuses them at once; nothing is stored.
        ConnectingFailed: the provider issued no credentials.
    """
    provider = find_provider(services, new.provider)
    quota = FirstQuota(services, provider)
    issued = _exchange(services, user_id, provider, new.credentials, quota)
    claim = _store_and_claim(services, user_id, replace(new, credentials=issued), quota, on_claim)
    services.background.start(partial(sync_run.complete, services, claim))
    return Connected(claim.live.connection, claim.sync)


def connect_issued(
    services: Services,
    user_id: UserId,
    new: NewConnection,
    quota: FirstQuota,
    on_commit: OnCommit = lambda _work, _connected: None,
) -> Connected:
    """Connect with credentials that the provider issued, and run the first sync.

    Raises:
        CredentialsRejected: the provider refuses them; nothing is stored.
    """
    claim = _store_and_claim(services, user_id, new, quota)
    connection = claim.live.connection
    sync = sync_run.complete(services, claim, _unless_refused(on_commit), within=REQUEST_WAIT)
    if sync.code != SyncFailureCode.CREDENTIALS_REFUSED:
        return _reload(services, connection, sync)
    with services.database.write() as work:
        work.connections.lock(connection.id)
        work.connections.remove(connection.id)
        work.record_event("connection_refused", user_id, None)
    raise CredentialsRejected(quota.provider, sync.detail)


def _store_and_claim(
    services: Services,
    user_id: UserId,
    new: NewConnection,
    quota: FirstQuota,
    on_claim: OnCommit = lambda _work, _connected: None,
) -> SyncClaim:
    """Store a connection with issued credentials, and claim its first sync."""
    provider, issued = quota.provider, new.credentials
    connection_id = ConnectionId(UUID(bytes=services.secrets.random()[:16], version=4))

    def store_and_claim() -> SyncClaim:
        with services.database.write() as work:
            stored = work.connections.lock(connection_id)
            running = work.syncs.find_running(connection_id)
            if stored is not None and running is not None:
                # An earlier attempt was committed, and only the confirmation was lost.
                return SyncClaim(running, stored, provider)
            work.users.block_erasure(user_id)
            institution = Institution(
                # A user may have several connections to one provider.
                key=f"{provider.slug}:{connection_id}",
                name=new.name or provider.name,
                provider=provider.slug,
                kind=ProviderKind.API,
            )
            connection = replace(
                Connection.new(connection_id, user_id, institution, work.now),
                # Should this process die now, a worker makes the first sync.
                next_sync_at=work.now,
            )
            work.connections.add(connection)
            work.connections.set_request_count(
                connection_id, start_of_day(work.now), quota.requests
            )
            work.record_event("connection_created", user_id, connection_id)
            sealed = credentials.seal(services.cipher, connection, issued)
            request = SyncRequest(SnapshotSource.INITIAL_CONNECTION, is_forced=True)
            claim = claim_locked(work, services, LiveConnection(connection, sealed), request)
            on_claim(work, Connected(connection, claim.sync))
            return claim

    return credentials.retry_while_unavailable(store_and_claim)


def reconnect(services: Services, connection: Connection, entered: Credentials) -> Connected:
    """Give the user's own connection other credentials, and sync it with them.

    Its accounts and their history stay. If the provider refuses the credentials, the earlier ones
    stay too.

    Raises:
        Conflict: no provider feeds it.
        Unprocessable: the provider needs other credentials.
        CredentialsRejected: the provider refuses them.
        ConnectingFailed: the provider issued no credentials.
        RateLimited: they are the same as before, and the provider must not be asked now.
    """
    if connection.kind is not ProviderKind.API:
        raise Conflict(detail="No provider feeds this connection: it has no credentials.")
    provider = find_provider(services, connection.provider)
    quota = FirstQuota(services, provider)
    issued = _exchange(services, connection.user_id, provider, entered, quota)
    return reconnect_issued(services, connection, issued, quota)


def reconnect_issued(
    services: Services,
    connection: Connection,
    issued: Credentials,
    quota: FirstQuota,
    on_commit: OnCommit = lambda _work, _connected: None,
) -> Connected:
    """Give the connection credentials that the provider issued, and sync it with them.

    Raises:
        CredentialsRejected: the provider refuses them.
        RateLimited: they are the same as before, and the provider must not be asked now.
    """
    before, claim = credentials.retry_while_unavailable(
        lambda: _replace_and_claim(services, connection, issued, quota.requests)
    )
    sync = sync_run.complete(services, claim, _unless_refused(on_commit), within=REQUEST_WAIT)
    if sync.code != SyncFailureCode.CREDENTIALS_REFUSED:
        return _reload(services, connection, sync)
    with services.database.write() as work:
        live = work.connections.lock(connection.id)
        if live is not None and live.fence == claim.live.fence:
            # It may have been renamed meanwhile.
            restored = replace(before.connection, name=live.connection.name)
            work.connections.update(replace(before, connection=restored, fence=live.fence))
            day = before.requests_on or start_of_day(work.now)
            work.connections.set_request_count(connection.id, day, before.requests)
            work.record_event("connection_refused", connection.user_id, connection.id)
    raise CredentialsRejected(quota.provider, sync.detail)


def _replace_and_claim(
    services: Services, connection: Connection, issued: Credentials, requests: int
) -> tuple[LiveConnection, SyncClaim]:
    """Store other credentials and claim a sync with them; return the connection before that too.

    ``requests`` were made to get the credentials.
    """
    with services.database.write() as work:
        before = work.connections.lock(connection.id)
        if before is None:
            raise ConnectionNotFound
        running = work.syncs.find_running(connection.id)
        if running is not None:
            # Credentials that are issued once must be stored: the sync with the old ones ends.
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
            credentials=credentials.seal(services.cipher, connection, issued),
        )
        if not credentials.is_sealed_from(services.cipher, connection, before.credentials, issued):
            # Other credentials have a quota of their own.
            renewed = replace(renewed, paused_until=None, requests_on=None, requests=0)
        work.record_event("connection_reconnected", connection.user_id, connection.id)
        request = SyncRequest(SnapshotSource.MANUAL_SYNC, is_due=True)
        claim = claim_locked(work, services, renewed, request)
        day = start_of_day(work.now)
        made_today = renewed.requests if renewed.requests_on == day else 0
        work.connections.set_request_count(connection.id, day, made_today + requests)
        return before, claim


def _unless_refused(on_commit: OnCommit) -> Callable[[UnitOfWork, Sync], None]:
    """Return the same for a run; it is not called where the credentials were refused."""

    def commit(work: UnitOfWork, sync: Sync) -> None:
        connection = work.connections.get(sync.connection_id)
        if sync.code != SyncFailureCode.CREDENTIALS_REFUSED and connection is not None:
            on_commit(work, Connected(connection, sync))

    return commit


def find_provider(services: Services, slug: str) -> Provider:
    """Return the live provider.

    Raises:
        Unprocessable: there is none with this slug.
    """
    try:
        return services.providers[slug]
    except KeyError:
        known = ", ".join(sorted(services.providers)) or "none"
        detail = f"There is no such provider to connect to; these are known: {known}."
        raise Unprocessable(detail, (FieldError("/provider", "unknown", detail),)) from None


def _exchange(
    services: Services, user_id: UserId, provider: Provider, entered: Credentials, quota: FirstQuota
) -> Credentials:
    """Return the credentials that the provider issues for those that the user entered."""
    if provider.uses_browser:
        detail = f"{provider.name} is connected by a sign-in in a browser: POST /authorizations."
        raise Unprocessable(detail, (FieldError("/provider", "needs_browser", detail),))
    checked = credentials.check(provider, entered, services.options.outbound_hosts)
    http, now = services.http_for(quota.count_request), services.clock()
    nowhere = ReturnTo("", "", "")
    issued = ask(
        services,
        user_id,
        provider,
        checked,
        lambda: provider.begin(checked, nowhere, http, now=now),
    )
    if isinstance(issued, Redirect):
        raise ConnectingFailed(
            detail=f"{provider.name} asks for a sign-in that it does not announce."
        )
    return {**issued, **addresses_of(provider, checked)}


def addresses_of(provider: Provider, given: Credentials) -> Credentials:
    """Return the base addresses among the given credentials; they stay with the connection."""
    names = {field.name for field in provider.credentials if field.official_address}
    return {name: value for name, value in given.items() if name in names}


def ask(
    services: Services,
    user_id: UserId,
    provider: Provider,
    given: Credentials,
    call: Callable[[], T],
) -> T:
    """Return the result of a call of the provider, with these credentials.

    Raises:
        CredentialsRejected: the provider refuses them.
        ConnectingFailed: it failed.
        ProvidersBusy: it was not asked.
    """
    try:
        with services.provider_permits.request(provider.slug, user_id) as permit:
            permit.wait_or_raise(REQUEST_WAIT)
            return call()
    except ProviderError as error:
        reason = credentials.redact(str(error), credentials.secrets_of(provider, given))
        refusal: DashtamError = ConnectingFailed(reason)
        if isinstance(error, CredentialsRefused):
            refusal = CredentialsRejected(provider, reason, error.field)
    except DashtamError:
        raise
    except Exception as error:  # noqa: BLE001 - a provider may be other people's code
        refusal = ConnectingFailed(f"{provider.name} failed ({type(error).__name__}).")
    with services.database.write() as work:
        work.record_event("connection_refused", user_id, None)
    raise refusal


def _reload(services: Services, connection: Connection, sync: Sync) -> Connected:
    with services.database.read() as work:
        return Connected(work.connections.get(connection.id) or connection, sync)
