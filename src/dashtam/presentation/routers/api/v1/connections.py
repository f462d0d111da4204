"""Connections on the wire."""

from datetime import datetime
from uuid import UUID

from dashtam.application import connections
from dashtam.domain.connection import Connection, ConnectionId, ConnectionState
from dashtam.presentation.call import Answer, Call
from dashtam.presentation.parameters import CONNECTION_ID, write_cursor
from dashtam.presentation.wire import Shape


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


def list_connections(call: Call) -> Answer:
    """List connections.

    Where the user's accounts come from: one connection for each institution whose files were
    imported, and one for the accounts that are kept by hand.
    """
    found = connections.of_user(call.work, call.user_id, call.page())
    return Answer(
        ConnectionList(
            connections=[connection_shape(connection) for connection in found.items],
            total_count=found.total,
            next_cursor=write_cursor(found.last),
        )
    )


def get_connection(call: Call) -> Answer:
    """Get a connection."""
    connection_id = ConnectionId(call.value(CONNECTION_ID))
    return Answer(connection_shape(connections.of(call.work, call.user_id, connection_id)))


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
