"""The statements on connections."""

from dataclasses import asdict

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import insert, select

from dashtam.application.records import Listed, Page
from dashtam.domain.connection import Connection, ConnectionId, ConnectionState, ProviderKind
from dashtam.domain.user import UserId
from dashtam.infrastructure.database.rows import AnyRow, one_of, page_of
from dashtam.infrastructure.database.tables import connections


class Connections:
    """Every statement on ``connections``."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection

    def get(self, connection_id: ConnectionId) -> Connection | None:
        """Return the connection, whoever owns it."""
        statement = select(connections).where(connections.c.id == connection_id)
        return one_of(self._connection, statement, _connection_of)

    def of_user(self, user_id: UserId, page: Page) -> Listed[Connection]:
        """Return the user's connections by name (code points), then id."""
        statement = select(connections).where(connections.c.user_id == user_id)
        by = (connections.c.name, connections.c.id)
        return page_of(self._connection, statement, page, _connection_of, by=by)

    def find(self, user_id: UserId, kind: ProviderKind, institution: str) -> Connection | None:
        """Return the user's connection of this kind with this institution key."""
        statement = select(connections).where(
            connections.c.user_id == user_id,
            connections.c.kind == kind,
            connections.c.institution == institution,
        )
        return one_of(self._connection, statement, _connection_of)

    def add(self, connection: Connection) -> None:
        """Keep a new connection."""
        self._connection.execute(insert(connections), asdict(connection))


def _connection_of(row: AnyRow) -> Connection:
    return Connection(
        id=row.id,
        user_id=row.user_id,
        provider=row.provider,
        kind=ProviderKind(row.kind),
        institution=row.institution,
        name=row.name,
        state=ConnectionState(row.state),
        detail=row.detail,
        last_synced_at=row.last_synced_at,
        next_sync_at=row.next_sync_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
