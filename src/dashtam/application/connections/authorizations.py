"""Sign-ins in a browser: begun in a session, and completed there once, within ten minutes."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from dashtam.application import credentials
from dashtam.application.connections import connect, connections
from dashtam.application.connections.connect import (
    Connected,
    ConnectingFailed,
    NewConnection,
    OnCommit,
)
from dashtam.application.ports import Services
from dashtam.application.provider import Credentials, Redirect, ReturnTo, Unsealable
from dashtam.application.syncs.provider_quota import FirstQuota
from dashtam.database.syncs.authorizations import Authorization
from dashtam.domain.connection import Connection, ConnectionId, ProviderKind
from dashtam.domain.errors import Conflict, FieldError, Unprocessable
from dashtam.domain.user import Principal

RETURN_PATH: Final = "/connections/return"
"""The path of our page to which a browser returns."""

_LIFETIME: Final = timedelta(minutes=10)
_NOT_FOUND: Final = (
    "This sign-in is unknown, expired or used: sign-ins are good once, for ten minutes, in the"
    " session that began them. Begin again."
)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A sign-in as a user requests it.

    With ``connection_id`` it renews that connection: ``provider`` is its own, and credentials that
    are left out stay as they are. ``return_to`` is an address of our own pages, None for the usual
    one.
    """

    provider: str = ""
    credentials: Credentials | None = None
    name: str | None = None
    connection_id: ConnectionId | None = None
    return_to: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The address at which the user signs in, and the instant after which it is too late."""

    url: str
    expires_at: datetime


def begin(services: Services, principal: Principal, request: AuthorizationRequest) -> Begun:
    """Begin a sign-in at a provider for a new connection, or for one that the user has.

    Raises:
        ConnectionNotFound: the user has no connection with this id.
        Conflict: no provider feeds the connection.
        Unprocessable: there is no such provider, it needs other credentials, it has no sign-in in
            a browser, or ``return_to`` is not an address of ours.
        CredentialsRejected: the provider refuses the credentials.
        ConnectingFailed: the provider failed.
    """
    user_id = principal.user_id
    connection = None
    if request.connection_id is not None:
        with services.database.write() as work:
            connection = connections.load(work, user_id, request.connection_id)
            live = work.connections.lock(connection.id)
        if connection.kind is not ProviderKind.API:
            raise Conflict(detail="No provider feeds this connection: it has no credentials.")
        sealed = None if live is None else live.credentials
        request = _with_stored(services, connection, sealed, request)
    provider = connect.find_provider(services, request.provider)
    if not provider.uses_browser:
        detail = f"{provider.name} has no sign-in in a browser: POST /connections."
        raise Unprocessable(detail, (FieldError("/provider", "no_browser", detail),))
    return_url = _find_return_url(services, request.return_to)
    given = credentials.check(provider, request.credentials or {}, services.options.outbound_hosts)
    token, verifier = (_make_text(services.secrets.random()) for _ in range(2))
    return_to = ReturnTo(return_url, token, verifier)
    quota = FirstQuota(services, provider)
    http, now = services.http_for(quota.count_request), services.clock()
    begun = connect.ask(
        services, user_id, provider, given, lambda: provider.begin(given, return_to, http, now=now)
    )
    if not isinstance(begun, Redirect) or not begun.url.startswith("https://"):
        raise ConnectingFailed(detail=f"{provider.name} returned no address for the sign-in.")
    state = {**begun.state, **connect.addresses_of(provider, given)}
    expires_at = _store(services, principal, request, token, state, quota)
    return Begun(begun.url, expires_at)


def _store(
    services: Services,
    principal: Principal,
    request: AuthorizationRequest,
    token: str,
    state: Credentials,
    quota: FirstQuota,
) -> datetime:
    """Store a sign-in that was begun, and return the instant of its end."""
    user_id = principal.user_id
    authorization_id = UUID(bytes=services.secrets.random()[:16], version=4)
    with services.database.write() as work:
        expires_at = work.now + _LIFETIME
        authorization = Authorization(
            id=authorization_id,
            user_id=user_id,
            session_id=principal.session_id,
            token_hash=sha256(token.encode()).digest(),
            provider=quota.provider.slug,
            connection_id=request.connection_id,
            name=request.name,
            state=services.cipher.seal(
                credentials.to_bytes(state), _place_of(authorization_id, principal)
            ),
            requests=quota.requests,
            expires_at=expires_at,
        )
        work.users.block_erasure(user_id)
        work.authorizations.add(authorization, work.now)
        work.record_event("authorization_begun", user_id, request.connection_id)
    return expires_at


def complete(
    services: Services,
    principal: Principal,
    parameters: Mapping[str, str],
    on_commit: OnCommit = lambda _work, _connected: None,
) -> Connected:
    """Complete a sign-in by the parameters with which the browser returned, and sync.

    Raises:
        Unprocessable: the parameter ``state`` names no sign-in of this session, or a late one.
        CredentialsRejected: the provider refuses the sign-in.
        ConnectingFailed: the provider failed.
    """
    token_hash = sha256(parameters.get("state", "").encode()).digest()
    with services.database.write() as work:
        found = work.authorizations.take(principal.user_id, principal.session_id, token_hash)
        is_late = found is not None and found.expires_at <= work.now
        connection = None
        if found is not None and found.connection_id is not None:
            connection = connections.load(work, principal.user_id, found.connection_id)
    if found is None or is_late:
        raise _unknown()
    provider = connect.find_provider(services, found.provider)
    try:
        state = credentials.from_bytes(
            services.cipher.open(found.state, _place_of(found.id, principal))
        )
    except Unsealable:
        # The keys were rotated meanwhile.
        raise _unknown() from None
    quota = FirstQuota(services, provider, found.requests)
    http, now = services.http_for(quota.count_request), services.clock()
    secrets = {**state, **{f"parameter {name}": text for name, text in parameters.items()}}
    issued = connect.ask(
        services,
        principal.user_id,
        provider,
        secrets,
        lambda: provider.complete(state, parameters, http, now=now),
    )
    issued = {**issued, **connect.addresses_of(provider, state)}
    if connection is not None:
        return connect.reconnect_issued(services, connection, issued, quota, on_commit)
    new = NewConnection(provider.slug, issued, found.name)
    return connect.connect_issued(services, principal.user_id, new, quota, on_commit)


def _unknown() -> Unprocessable:
    return Unprocessable(_NOT_FOUND, (FieldError("/parameters/state", "unknown", _NOT_FOUND),))


def _with_stored(
    services: Services,
    connection: Connection,
    sealed: bytes | None,
    request: AuthorizationRequest,
) -> AuthorizationRequest:
    """Return the request with the connection's provider, and its stored credentials for others."""
    provider = connect.find_provider(services, connection.provider)
    stored: Credentials = {}
    if sealed is not None:
        with suppress(Unsealable):
            stored = credentials.unseal(services.cipher, connection, sealed)
    fields = {field.name for field in provider.credentials}
    kept = {name: value for name, value in stored.items() if name in fields}
    entered = kept | dict(request.credentials or {})
    return replace(request, provider=provider.slug, credentials=entered)


def _find_return_url(services: Services, requested: str | None) -> str:
    """Return the address for the browser's return.

    Raises:
        Unprocessable: it is not one of our own pages, so that a token could be led elsewhere.
    """
    options = services.options
    if requested is None:
        return f"{options.origins[0]}{options.base_path}{RETURN_PATH}"
    is_ours = any(requested.startswith(f"{origin}/") for origin in options.origins)
    if not is_ours or not requested.isascii() or {*requested} & {*"?#"}:
        detail = "An address of this installation, without a query: DASHTAM_PUBLIC_URL is its own."
        raise Unprocessable(detail, (FieldError("/return_to", "not_ours", detail),))
    return requested


def _make_text(random: bytes) -> str:
    return urlsafe_b64encode(random).rstrip(b"=").decode()


def _place_of(authorization_id: UUID, principal: Principal) -> tuple[str, str, str, str]:
    return ("authorizations", str(authorization_id), str(principal.user_id), "state")
