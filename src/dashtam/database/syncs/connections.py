"""The statements on connections."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, delete, exists, insert, or_, select, update
from sqlalchemy import Connection as SqlConnection

from dashtam.database.pagination import AnyRow, ListPage, PageRequest, fetch_one, fetch_page
from dashtam.database.tables import connections, syncs
from dashtam.domain.connection import Connection, ConnectionId, ConnectionState, ProviderKind
from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """A connection to a provider, with what syncing it needs.

    ``credentials`` are sealed, None once they are destroyed. ``fence`` counts the claims on it.
    ``failures`` counts those since the last success. Before ``paused_until`` the provider does not
    want to be asked. ``requests`` were made on the day (UTC) that began at ``requests_on``.
    """

    connection: Connection
    credentials: bytes | None = None
    fence: int = 0
    failures: int = 0
    paused_until: datetime | None = None
    requests_on: datetime | None = None
    requests: int = 0


class Connections:
    """Every statement on ``connections``."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection

    def get(self, connection_id: ConnectionId) -> Connection | None:
        """Return the connection, whoever owns it."""
        statement = select(connections).where(connections.c.id == connection_id)
        return fetch_one(self._connection, statement, connection_from_row)

    def of_user(self, user_id: UserId, page: PageRequest) -> ListPage[Connection]:
        """Return the user's connections by name (code points), then id."""
        statement = select(connections).where(connections.c.user_id == user_id)
        by = (connections.c.name, connections.c.id)
        return fetch_page(self._connection, statement, page, connection_from_row, by=by)

    def find(self, user_id: UserId, kind: ProviderKind, institution: str) -> Connection | None:
        """Return the user's connection of this kind with this institution key."""
        statement = select(connections).where(
            connections.c.user_id == user_id,
            connections.c.kind == kind,
            connections.c.institution == institution,
        )
        return fetch_one(self._connection, statement, connection_from_row)

    def add(self, connection: Connection) -> None:
        """Keep a new connection."""
        self._connection.execute(insert(connections), asdict(connection))

    def lock(self, connection_id: ConnectionId) -> LiveConnection | None:
        """Return the connection, and lock it until the work is done."""
        statement = select(connections).where(connections.c.id == connection_id).with_for_update()
        return fetch_one(self._connection, statement, _live_of)

    def lock_next_due(self, now: datetime) -> LiveConnection | None:
        """Return the one that is due for longest and not being synced, and lock it.

        No library of jobs does this: a job beside the connection would be a second truth about
        when it is due, and none of them serves both databases. One statement does. PostgreSQL
        passes over rows that others have locked; SQLite's BEGIN IMMEDIATE lets one in at a time.
        """
        found = self._connection.execute(
            _due(now)
            .order_by(connections.c.next_sync_at, connections.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        return None if found is None else _live_of(found)

    def has_due(self, now: datetime) -> bool:
        """Tell whether a connection is due."""
        return self._connection.execute(_due(now).limit(1)).one_or_none() is not None

    def lock_overdue(self, before: datetime, limit: int) -> Sequence[LiveConnection]:
        """Return those that have been due since before this instant, and lock them."""
        rows = self._connection.execute(
            _due(before)
            .order_by(connections.c.next_sync_at, connections.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [_live_of(row) for row in rows]

    def update(self, live: LiveConnection) -> None:
        """Keep everything that changes of a connection, but the count of its requests."""
        connection = live.connection
        self._connection.execute(
            update(connections)
            .where(connections.c.id == connection.id)
            .values(
                name=connection.name,
                state=connection.state,
                detail=connection.detail,
                credentials=live.credentials,
                last_synced_at=connection.last_synced_at,
                next_sync_at=connection.next_sync_at,
                updated_at=connection.updated_at,
                fence=live.fence,
                failures=live.failures,
                paused_until=live.paused_until,
            )
        )

    def count_request(
        self, connection_id: ConnectionId, fence: int, day: datetime, budget: int
    ) -> bool:
        """Count one request on this day; False where the budget is spent or the claim is lost."""
        today = connections.c.requests_on == day
        counted = self._connection.execute(
            update(connections)
            .where(
                connections.c.id == connection_id,
                connections.c.fence == fence,
                or_(
                    connections.c.requests_on.is_(None),
                    connections.c.requests_on != day,
                    connections.c.requests < budget,
                ),
            )
            .values(requests=case((today, connections.c.requests + 1), else_=1), requests_on=day)
        )
        return counted.rowcount == 1

    def set_request_count(self, connection_id: ConnectionId, day: datetime, requests: int) -> None:
        """Begin the count of a day anew, with so many requests made already."""
        self._connection.execute(
            update(connections)
            .where(connections.c.id == connection_id)
            .values(requests_on=day, requests=requests)
        )

    def sealed_credentials(
        self, after: ConnectionId | None, limit: int
    ) -> Sequence[tuple[Connection, bytes]]:
        """Return connections with their sealed credentials, by id, those behind ``after``."""
        statement = select(connections).where(connections.c.credentials.is_not(None))
        if after is not None:
            statement = statement.where(connections.c.id > after)
        rows = self._connection.execute(statement.order_by(connections.c.id).limit(limit))
        return [(connection_from_row(row), row.credentials) for row in rows]

    def replace_credentials(self, connection_id: ConnectionId, before: bytes, anew: bytes) -> bool:
        """Put sealed credentials in the place of others; False where those stand there no more."""
        replaced = self._connection.execute(
            update(connections)
            .where(connections.c.id == connection_id, connections.c.credentials == before)
            .values(credentials=anew)
        )
        return replaced.rowcount == 1

    def remove(self, connection_id: ConnectionId) -> None:
        """Remove a connection that has no accounts, with its runs."""
        self._connection.execute(delete(syncs).where(syncs.c.connection_id == connection_id))
        self._connection.execute(delete(connections).where(connections.c.id == connection_id))


def _due(now: datetime) -> Select[Any]:
    return select(connections).where(
        connections.c.next_sync_at <= now,
        connections.c.kind == ProviderKind.API,
        connections.c.state != ConnectionState.DISCONNECTED,
        ~_is_syncing(now),
    )


def _is_syncing(now: datetime) -> ColumnElement[bool]:
    return exists().where(
        syncs.c.connection_id == connections.c.id,
        syncs.c.state == "running",
        syncs.c.kind == "live",
        syncs.c.lease_until > now,
    )


def connection_from_row(row: AnyRow) -> Connection:
    """Return the connection of a row of ``connections``."""
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


def _live_of(row: AnyRow) -> LiveConnection:
    return LiveConnection(
        connection=connection_from_row(row),
        credentials=row.credentials,
        fence=row.fence,
        failures=row.failures,
        paused_until=row.paused_until,
        requests_on=row.requests_on,
        requests=row.requests,
    )
