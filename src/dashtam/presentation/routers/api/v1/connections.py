"""Connections on the wire."""

from dataclasses import replace
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from dashtam.application.connections import authorizations, connect, connections
from dashtam.application.connections.authorizations import AuthorizationRequest
from dashtam.application.connections.connect import Connected, NewConnection, OnCommit
from dashtam.application.connections.provider_list import KnownProvider, known_providers
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import (
    Connection,
    ConnectionId,
    ConnectionState,
    ProviderKind,
)
from dashtam.presentation.http.parameters import CONNECTION_ID
from dashtam.presentation.http.request_context import NO_CONTENT, RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import Input, Instant, Name, PageShape, Shape

Credentials = Annotated[
    dict[str, Annotated[str, Meta(max_length=8192)]],
    Meta(
        max_length=20, description="The provider's credentials, by the names in `GET /providers`."
    ),
]


class CredentialShape(Shape):
    """A credential that a provider needs; a `secret` one is never shown again."""

    name: str
    title: str
    secret: bool
    optional: bool
    multiline: bool


class ProviderShape(Shape):
    """A source of balances: an interface, a format of files, or typing.

    With `uses_browser` it is connected by `POST /authorizations`. `help_url` is the page of a
    provider that tells where its credentials come from, null without one.
    """

    slug: str
    name: str
    kind: ProviderKind
    credentials: list[CredentialShape]
    uses_browser: bool
    help_url: str | None


class ProviderList(Shape):
    """Every source of balances."""

    providers: list[ProviderShape]
    total_count: int

    example: ClassVar = {
        "providers": [
            {
                "slug": "alpaca",
                "name": "Alpaca",
                "kind": "api",
                "credentials": [
                    {
                        "name": "key_id",
                        "title": "API key id",
                        "secret": False,
                        "optional": False,
                        "multiline": False,
                    },
                ],
                "uses_browser": False,
                "help_url": "https://docs.alpaca.markets/docs/getting-started",
            },
            {
                "slug": "ofx",
                "name": "OFX / QFX",
                "kind": "file",
                "credentials": [],
                "uses_browser": False,
                "help_url": None,
            },
        ],
        "total_count": 2,
    }


class ConnectionShape(Shape):
    """A tie to one institution; `detail` describes its problem in a sentence, null without one.

    `expires_at` is the end of the consent, null where it has none or the provider tells none.
    """

    id: UUID
    provider: str
    name: str
    state: ConnectionState
    detail: str | None
    last_synced_at: Instant | None
    next_sync_at: Instant | None
    expires_at: Instant | None
    created_at: Instant
    updated_at: Instant

    example: ClassVar = {
        "id": examples.CONNECTION_ID,
        "provider": "ofx",
        "name": "Example Securities",
        "state": "active",
        "detail": None,
        "last_synced_at": examples.CAPTURED_AT,
        "next_sync_at": None,
        "expires_at": None,
        "created_at": examples.CREATED_AT,
        "updated_at": examples.CAPTURED_AT,
    }


class ConnectionList(PageShape):
    """A page of connections, by name."""

    connections: list[ConnectionShape]


class ConnectRequest(Input):
    """A provider to connect to; without a name the connection has the provider's."""

    provider: Annotated[str, Meta(max_length=100)]
    credentials: Credentials
    name: Name | None = None

    example: ClassVar = {
        "provider": "alpaca",
        "credentials": {"key_id": "AK…", "secret_key": "…"},
        "name": "Brokerage",
    }


class ConnectionPatch(Input):
    """Changes of a connection (a merge patch); `credentials` connects it again."""

    name: Name | UnsetType = UNSET
    credentials: Credentials | UnsetType = UNSET
    example: ClassVar = {"name": "Brokerage"}


class ConnectedShape(ConnectionShape):
    """A new connection, with its first run and the number of accounts that were found.

    While the run continues none is found yet.
    """

    sync_id: UUID
    accounts_found: int

    example: ClassVar = ConnectionShape.example | {
        "provider": "alpaca",
        "next_sync_at": "2025-12-27T09:41:00Z",
        "sync_id": examples.SYNC_ID,
        "accounts_found": 1,
    }


class AuthorizationOrder(Input):
    """A sign-in to begin: at a provider, or to renew a connection.

    `return_to` is an address of this installation's pages, the dashboard's by default.
    """

    provider: Annotated[str, Meta(max_length=100)] | None = None
    credentials: Credentials | None = None
    name: Name | None = None
    connection_id: UUID | None = None
    return_to: Annotated[str, Meta(max_length=2048)] | None = None

    example: ClassVar = {
        "provider": "enable_banking",
        "credentials": {"application_id": "…", "private_key": "…", "country": "FI", "bank": "…"},
    }


class AuthorizationShape(Shape):
    """The address at which the user signs in, and the end of its ten minutes."""

    url: str
    expires_at: Instant

    example: ClassVar = {
        "url": "https://bank.example/authorize?state=…",
        "expires_at": "2025-12-26T10:10:00Z",
    }


class AuthorizationReturn(Input):
    """The parameters of the address to which the browser returned."""

    parameters: Annotated[
        dict[
            Annotated[str, Meta(max_length=200)],
            Annotated[str, Meta(max_length=8192)],
        ],
        Meta(max_length=30),
    ]

    example: ClassVar = {"parameters": {"state": "…", "code": "…"}}


def list_providers(context: RequestContext) -> Response[ProviderList]:
    """List providers.

    Every source of balances: live providers with the credentials that they need, formats of
    statement files, and typing.
    """
    known = [provider_shape(provider) for provider in known_providers(context.services)]
    return Response(ProviderList(known, len(known)))


def create_connection(context: RequestContext) -> Response[ConnectedShape]:
    """Connect to a provider.

    Runs the first sync (`initial_connection`), with older balances where the provider has them.
    Credentials that it does not take are 422, and nothing is kept. If the first sync fails for any
    other reason, the connection is there with the state `failing` and is tried again by itself.

    With `Prefer: respond-async` the answer is 202 while the first sync continues, its `Location`
    that of the run. If the provider refuses the credentials then, the run says so, and the
    connection is kept as `needs_reauthentication`.
    """
    body = context.body(ConnectRequest)
    new = NewConnection(body.provider, body.credentials, body.name)
    services, user_id = context.services, context.user_id
    if not context.responds_async:
        return _respond(connect.connect(services, user_id, new, _storing(context)))

    def store(work: UnitOfWork, connected: Connected) -> None:
        context.store_response(work, _accept(connected))

    return _accept(connect.begin_connecting(services, user_id, new, store))


def begin_authorization(context: RequestContext) -> Response[AuthorizationShape]:
    """Begin a sign-in in a browser.

    For providers with `uses_browser`. The user opens `url`, signs in there, and comes back to
    `return_to` with parameters for `POST /authorizations/completions`. With `connection_id` the
    sign-in renews that connection, and credentials that are left out stay as they are.
    """
    body = context.body(AuthorizationOrder)
    request = AuthorizationRequest(
        provider=body.provider or "",
        credentials=body.credentials,
        name=body.name,
        connection_id=None if body.connection_id is None else ConnectionId(body.connection_id),
        return_to=body.return_to,
    )
    begun = authorizations.begin(context.services, context.principal, request)
    return Response(AuthorizationShape(begun.url, begun.expires_at))


def complete_authorization(context: RequestContext) -> Response[ConnectedShape]:
    """Complete a sign-in in a browser.

    Takes every parameter of the address to which the browser returned. It is valid once, for ten
    minutes, in the session that began the sign-in. The first sync follows, as in
    `POST /connections`.
    """
    parameters = context.body(AuthorizationReturn).parameters
    completed = authorizations.complete(
        context.services, context.principal, parameters, _storing(context)
    )
    return _respond(completed)


def _storing(context: RequestContext) -> OnCommit:
    """Return the callback that stores the response under the request's idempotency key."""
    return lambda work, connected: context.store_response(work, _respond(connected))


def _accept(connected: Connected) -> Response[ConnectedShape]:
    """Return the response of a connection while its first sync continues."""
    place = f"/syncs/{connected.sync.id}"
    return replace(_respond(connected), status=202, location=place)


def _respond(connected: Connected) -> Response[ConnectedShape]:
    connection, sync = connected.connection, connected.sync
    found = len(sync.accounts)
    shape = ConnectedShape.of(connection, sync_id=sync.id, accounts_found=found)
    return Response(shape, location=f"/connections/{connection.id}")


def change_connection(context: RequestContext) -> Response[ConnectionShape]:
    """Change a connection.

    Rename it, or give it other credentials, also after it was disconnected: it is synced by them,
    and its accounts and their history continue. Credentials that the provider does not take are
    422, and those before them stay.
    """
    patch = context.body(ConnectionPatch)
    with context.services.database.write() as work:
        connection = _owned(context, work)
        if not isinstance(patch.name, UnsetType):
            connection = connections.rename(work, connection, patch.name)
    if not isinstance(patch.credentials, UnsetType):
        connection = connect.reconnect(context.services, connection, patch.credentials).connection
    return Response(ConnectionShape.of(connection))


def disconnect(context: RequestContext) -> Response[None]:
    """Disconnect.

    Destroys the connection's credentials. Its accounts and their history stay, and continue if it
    is connected again.
    """
    connections.disconnect(context.work, _owned(context, context.work))
    return NO_CONTENT


def list_connections(context: RequestContext) -> Response[ConnectionList]:
    """List connections.

    The sources of the user's accounts: one for each connected provider, one for each institution
    of imported files, and one for the accounts that are kept by hand.
    """
    found = connections.list_for_user(context.work, context.user_id, context.page())
    return Response.of_page(ConnectionList, found, ConnectionShape.of)


def get_connection(context: RequestContext) -> Response[ConnectionShape]:
    """Get a connection."""
    return Response(ConnectionShape.of(_owned(context, context.work)))


def _owned(context: RequestContext, work: UnitOfWork) -> Connection:
    return connections.load(work, context.user_id, context.value(CONNECTION_ID))


def provider_shape(provider: KnownProvider) -> ProviderShape:
    """Return a provider as it is sent."""
    credentials = [
        CredentialShape(
            field.name, field.title, field.is_secret, field.is_optional, field.is_multiline
        )
        for field in provider.credentials
    ]
    return ProviderShape.of(provider, credentials=credentials)
