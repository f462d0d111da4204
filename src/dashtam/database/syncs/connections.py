"""The statements on connections."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, case, delete, exists, insert, or_, select, update

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository, from_row, to_row
from dashtam.database.tables import connections, syncs
from dashtam.domain.connection import Connection, ConnectionId, ConnectionState, ProviderKind
from dashtam.domain.user import UserId

_CHANGING = (
    "name",
    "state",
    "detail",
    "last_synced_at",
    "next_sync_at",
    "expires_at",
    "updated_at",
)
_CHANGING_LIVE = ("credentials", "fence", "failures", "paused_until")

_IS_IT = connections.c.id == bindparam("of_id")
_BY_ID = select(connections).where(_IS_IT)
_LOCK_BY_ID = _BY_ID.with_for_update()
_UPDATE = update(connections).where(_IS_IT)
_INSERT = insert(connections)


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """A connection to a provider, with the fields that only syncs need.

    ``credentials`` are sealed, None once they are destroyed. ``fence`` counts the syncs that
    claimed the connection. ``failures`` counts the failed syncs since the last success. No request
    is sent before ``paused_until``. ``requests`` is the number of requests on the day (UTC) that
    began at ``requests_on``.
    """

    connection: Connection
    credentials: bytes | None = None
    fence: int = 0
    failures: int = 0
    paused_until: datetime | None = None
    requests_on: datetime | None = None
    requests: int = 0


@dataclass(frozen=True, slots=True)
class AtLimit:
    """The providers and the users at the limit of their syncs, and if all are at that of all."""

    everyone: bool = False
    providers: Collection[str] = ()
    users: Collection[UserId] = ()


NOBODY: Final = AtLimit()


class Connections(Repository):
    """The statements on ``connections``."""

    def get(self, connection_id: ConnectionId) -> Connection | None:
        """Return the connection of any user."""
        return self._fetch_one(_BY_ID, connection_from_row, {"of_id": connection_id})

    def of_user(self, user_id: UserId, page: PageRequest) -> ListPage[Connection]:
        """Return the user's connections by name (code points), then id."""
        statement = select(connections).where(connections.c.user_id == user_id)
        order = (connections.c.name, connections.c.id)
        return self._fetch_page(statement, page, connection_from_row, order=order)

    def find(self, user_id: UserId, kind: ProviderKind, institution: str) -> Connection | None:
        """Return the user's connection of this kind with this institution key."""
        is_of_kind = connections.c.user_id == user_id, connections.c.kind == kind
        statement = select(connections).where(*is_of_kind, connections.c.institution == institution)
        return self._fetch_one(statement, connection_from_row)

    def add(self, connection: Connection) -> None:
        """Insert a connection."""
        self._connection.execute(_INSERT, to_row(connection))

    def lock(self, connection_id: ConnectionId) -> LiveConnection | None:
        """Return the connection, and lock it until the commit."""
        return self._fetch_one(_LOCK_BY_ID, _live_from_row, {"of_id": connection_id})

    def has_due(self, now: datetime, at_limit: AtLimit) -> bool:
        """Tell whether a connection is due for a sync that need not wait."""
        found = self._connection.execute(_select_due(now, at_limit).limit(1))
        return found.one_or_none() is not None

    def lock_next_due(self, now: datetime, at_limit: AtLimit) -> LiveConnection | None:
        """Return and lock the connection that has been due for longest, and need not wait.

        This is the whole queue. A library of jobs would store the due time a second time beside
        the connection, and none serves both databases. PostgreSQL skips rows that another process
        locked; SQLite's BEGIN IMMEDIATE admits one process at a time.
        """
        return next(iter(self.lock_overdue(now, 1, at_limit)), None)

    def lock_overdue(
        self, before: datetime, limit: int, at_limit: AtLimit = NOBODY
    ) -> Sequence[LiveConnection]:
        """Return and lock the connections due since an instant or longer, longest first."""
        rows = self._connection.execute(
            _select_due(before, at_limit)
            .order_by(connections.c.next_sync_at, connections.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [_live_from_row(row) for row in rows]

    def update(self, live: LiveConnection) -> None:
        """Store every field that changes, except the count of requests."""
        values = {name: getattr(live.connection, name) for name in _CHANGING}
        values |= {name: getattr(live, name) for name in _CHANGING_LIVE}
        self._connection.execute(_UPDATE, values | {"of_id": live.connection.id})

    def mark_synced(self, connection_ids: Collection[ConnectionId], at: datetime) -> None:
        """Store the time of the last sync of some connections."""
        statement = update(connections).where(connections.c.id.in_(connection_ids))
        self._connection.execute(statement.values(last_synced_at=at, updated_at=at))

    def count_request(
        self, connection_id: ConnectionId, fence: int, day: datetime, budget: int
    ) -> bool:
        """Count a request of a day; False if the budget is spent or another sync has the claim."""
        is_today = connections.c.requests_on == day
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
            .values(requests=case((is_today, connections.c.requests + 1), else_=1), requests_on=day)
        )
        return counted.rowcount == 1

    def set_request_count(self, connection_id: ConnectionId, day: datetime, requests: int) -> None:
        """Store the number of requests of a day."""
        statement = update(connections).where(connections.c.id == connection_id)
        self._connection.execute(statement.values(requests_on=day, requests=requests))

    def sealed_credentials(
        self, after: ConnectionId | None, limit: int
    ) -> Sequence[tuple[Connection, bytes]]:
        """Return connections that have sealed credentials, by id, from behind ``after`` on."""
        statement = select(connections).where(connections.c.credentials.is_not(None))
        if after is not None:
            statement = statement.where(connections.c.id > after)
        rows = self._connection.execute(statement.order_by(connections.c.id).limit(limit))
        return [(connection_from_row(row), row.credentials) for row in rows]

    def replace_credentials(self, connection_id: ConnectionId, old: bytes, new: bytes) -> bool:
        """Replace the sealed credentials; False if others are stored."""
        is_old = connections.c.id == connection_id, connections.c.credentials == old
        replaced = self._connection.execute(
            update(connections).where(*is_old).values(credentials=new)
        )
        return replaced.rowcount == 1

    def remove(self, connection_id: ConnectionId) -> None:
        """Delete a connection without accounts, and its syncs."""
        self._connection.execute(delete(syncs).where(syncs.c.connection_id == connection_id))
        self._connection.execute(delete(connections).where(connections.c.id == connection_id))


def _select_due(now: datetime, at_limit: AtLimit) -> Select[Any]:
    is_syncing = exists().where(
        syncs.c.connection_id == connections.c.id,
        syncs.c.state == "running",
        syncs.c.kind == "live",
        syncs.c.lease_until > now,
    )
    statement = select(connections).where(
        connections.c.next_sync_at <= now,
        connections.c.kind == ProviderKind.API,
        connections.c.state != ConnectionState.DISCONNECTED,
        ~is_syncing,
    )
    if at_limit.providers:
        statement = statement.where(connections.c.provider.not_in(at_limit.providers))
    if at_limit.users:
        statement = statement.where(connections.c.user_id.not_in(at_limit.users))
    return statement


def connection_from_row(row: AnyRow) -> Connection:
    """Return the connection of a row of ``connections``."""
    kind, state = ProviderKind(row.kind), ConnectionState(row.state)
    return from_row(Connection, row, kind=kind, state=state)


def _live_from_row(row: AnyRow) -> LiveConnection:
    return from_row(LiveConnection, row, connection=connection_from_row(row))
