"""Connections on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, structs

from dashtam.application.connections import connect, connections
from dashtam.application.connections.connect import Connected, NewConnection
from dashtam.application.connections.provider_list import KnownProvider, known_providers
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import Connection, ConnectionId, ConnectionState, ProviderKind
from dashtam.presentation.http.parameters import CONNECTION_ID, write_cursor
from dashtam.presentation.http.request_context import NO_CONTENT, RequestContext, Response
from dashtam.presentation.schemas.base import Input, Name, Shape

Credentials = Annotated[
    dict[str, Annotated[str, Meta(max_length=8192)]],
    Meta(
        max_length=20,
        description="What the provider asks for, by the names in `GET /providers`.",
    ),
]


class CredentialShape(Shape):
    """One thing that a provider asks for; what is `secret` is never shown again."""

    name: str
    title: str
    secret: bool


class ProviderShape(Shape):
    """Where balances can come from: an interface, a format of files, or typing."""

    slug: str
    name: str
    kind: ProviderKind
    credentials: list[CredentialShape]


class ProviderList(Shape):
    """Everything that balances can come from."""

    providers: list[ProviderShape]
    total_count: int


class ConnectionShape(Shape):
    """A tie to one institution; `detail` says in a sentence what is wrong, null when nothing is."""

    id: UUID
    provider: str
    name: str
    state: ConnectionState
    detail: str | None
    last_synced_at: datetime | None
    next_sync_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ConnectionList(Shape):
    """A page of connections, by name."""

    connections: list[ConnectionShape]
    total_count: int
    next_cursor: str | None


class ConnectRequest(Input):
    """A provider to connect to; without a name the connection has the provider's."""

    provider: Annotated[str, Meta(max_length=100)]
    credentials: Credentials
    name: Name | None = None


class ConnectionPatch(Input):
    """What to change of a connection (a merge patch); `credentials` connects it again."""

    name: Name | UnsetType = UNSET
    credentials: Credentials | UnsetType = UNSET


class ConnectedShape(ConnectionShape):
    """A new connection, with its first run and how many accounts that found."""

    sync_id: UUID
    accounts_found: int


def list_providers(context: RequestContext) -> Response:
    """List providers.

    What balances can come from: live providers with the credentials that they ask for, formats of
    statement files, and typing.
    """
    known = [provider_shape(provider) for provider in known_providers(context.services)]
    return Response(ProviderList(providers=known, total_count=len(known)))


def create_connection(context: RequestContext) -> Response:
    """Connect to a provider.

    Runs the first sync (`initial_connection`), with older balances where the provider has them.
    Credentials that it does not take are 422, and nothing is kept. If the first sync fails for any
    other reason, the connection is there with the state `failing` and is tried again by itself.
    """
    body = context.body(ConnectRequest)
    new = NewConnection(body.provider, body.credentials, body.name)

    def keep(work: UnitOfWork, connected: Connected) -> None:
        context.keep(work, _connected(connected))

    return _connected(connect.connect(context.services, context.user_id, new, keep))


def change_connection(context: RequestContext) -> Response:
    """Change a connection.

    Rename it, or give it other credentials, also after it was disconnected: it is synced by them,
    and its accounts and their history go on. Credentials that the provider does not take are 422,
    and those before them stay.
    """
    patch = context.body(ConnectionPatch)
    with context.services.database.write() as work:
        connection = connections.load(
            work, context.user_id, ConnectionId(context.value(CONNECTION_ID))
        )
        if not isinstance(patch.name, UnsetType):
            connection = connections.rename(work, connection, patch.name)
    if not isinstance(patch.credentials, UnsetType):
        connection = connect.reconnect(context.services, connection, patch.credentials).connection
    return Response(connection_shape(connection))


def disconnect(context: RequestContext) -> Response:
    """Disconnect.

    Destroys the connection's credentials. Its accounts and their history stay, and go on if it is
    connected again.
    """
    connection_id = ConnectionId(context.value(CONNECTION_ID))
    connection = connections.load(context.work, context.user_id, connection_id)
    connections.disconnect(context.work, connection)
    return NO_CONTENT


def _connected(connected: Connected) -> Response:
    shape = ConnectedShape(
        **structs.asdict(connection_shape(connected.connection)),
        sync_id=connected.sync.id,
        accounts_found=len(connected.sync.accounts),
    )
    return Response(shape, headers={"Location": f"/api/v1/connections/{connected.connection.id}"})


def provider_shape(provider: KnownProvider) -> ProviderShape:
    """Return a provider as it is sent."""
    return ProviderShape(
        slug=provider.slug,
        name=provider.name,
        kind=provider.kind,
        credentials=[
            CredentialShape(name=field.name, title=field.title, secret=field.is_secret)
            for field in provider.credentials
        ],
    )


def list_connections(context: RequestContext) -> Response:
    """List connections.

    Where the user's accounts come from: one for each provider that was connected to, one for each
    institution whose files were imported, and one for the accounts that are kept by hand.
    """
    found = connections.list_for_user(context.work, context.user_id, context.page())
    return Response(
        ConnectionList(
            connections=[connection_shape(connection) for connection in found.items],
            total_count=found.total,
            next_cursor=write_cursor(found.last),
        )
    )


def get_connection(context: RequestContext) -> Response:
    """Get a connection."""
    connection_id = ConnectionId(context.value(CONNECTION_ID))
    return Response(
        connection_shape(connections.load(context.work, context.user_id, connection_id))
    )


def connection_shape(connection: Connection) -> ConnectionShape:
    """Return a connection as it is sent."""
    return ConnectionShape(
        id=connection.id,
        provider=connection.provider,
        name=connection.name,
        state=connection.state,
        detail=connection.detail,
        last_synced_at=connection.last_synced_at,
        next_sync_at=connection.next_sync_at,
        created_at=connection.created_at,
        updated_at=connection.updated_at,
    )
