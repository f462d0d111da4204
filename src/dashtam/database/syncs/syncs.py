"""The statements on syncs and their retractions."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, and_, bindparam, delete, func, insert, select, update

from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository, from_row
from dashtam.database.tables import balance_snapshots, retractions, syncs, unfinished_imports
from dashtam.domain.account import AccountId
from dashtam.domain.connection import ConnectionId
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import UserId

_SYNC = select(syncs, retractions.c.retracted_at).outerjoin(
    retractions, retractions.c.sync_id == syncs.c.id
)

_IS_RUNNING = syncs.c.state == SyncState.RUNNING
_IS_SUCCESS = and_(
    syncs.c.kind == SyncKind.LIVE, syncs.c.state.in_([SyncState.SUCCEEDED, SyncState.PARTIAL])
)

_BY_ID = _SYNC.where(syncs.c.id == bindparam("of_id"))
_RUNNING = _SYNC.where(
    syncs.c.connection_id == bindparam("of_connection"),
    _IS_RUNNING,
    syncs.c.kind == SyncKind.LIVE,
)
_INSERT = insert(syncs)
_UPDATE = update(syncs).where(syncs.c.id == bindparam("of_id"))


class Syncs(Repository):
    """The statements on ``syncs``, ``unfinished_imports`` and ``retractions``."""

    def get(self, sync_id: SyncId) -> Sync | None:
        """Return the sync of any user."""
        return self._fetch_one(_BY_ID, _sync_from_row, {"of_id": sync_id})

    def of_connection(self, connection_id: ConnectionId, page: PageRequest) -> ListPage[Sync]:
        """Return the connection's syncs, newest first."""
        return self._newest_first(_SYNC.where(syncs.c.connection_id == connection_id), page)

    def of_user(self, user_id: UserId, page: PageRequest) -> ListPage[Sync]:
        """Return the user's syncs, newest first."""
        return self._newest_first(_SYNC.where(syncs.c.user_id == user_id), page)

    def _newest_first(self, statement: Select[Any], page: PageRequest) -> ListPage[Sync]:
        order = [syncs.c.id]
        return self._fetch_page(statement, page, _sync_from_row, order=order, descending=True)

    def add(self, sync: Sync) -> None:
        """Insert a sync."""
        self._connection.execute(_INSERT, _row_of(sync))

    def finish(self, sync: Sync) -> None:
        """Store the sync's result."""
        self._connection.execute(_UPDATE, _row_of(sync) | {"of_id": sync.id})

    def find_running(self, connection_id: ConnectionId) -> Sync | None:
        """Return the connection's live sync that has not ended, also one with an expired lease."""
        return self._fetch_one(_RUNNING, _sync_from_row, {"of_connection": connection_id})

    def expired(self, now: datetime, limit: int) -> Sequence[Sync]:
        """Return running syncs with an expired lease."""
        statement = _SYNC.where(_IS_RUNNING, syncs.c.lease_until <= now)
        rows = self._connection.execute(statement.order_by(syncs.c.connection_id).limit(limit))
        return [_sync_from_row(row) for row in rows]

    def renew_lease(
        self,
        sync_id: SyncId,
        until: datetime,
        now: datetime,
        detail: str | None = None,
        started_at: datetime | None = None,
    ) -> bool:
        """Extend the lease of a running sync; False if it expired or the sync has ended.

        ``detail`` reports the sync's progress; None keeps the stored one, as it keeps the start.
        """
        changed = {"detail": detail, "started_at": started_at}
        values = {name: value for name, value in changed.items() if value is not None}
        renewed = self._connection.execute(
            update(syncs)
            .where(syncs.c.id == sync_id, _IS_RUNNING, syncs.c.lease_until > now)
            .values(lease_until=until, **values)
        )
        return renewed.rowcount == 1

    def keep_running(self, sync: Sync, now: datetime) -> bool:
        """Store a running import's lease and counts; False if it expired or has ended."""
        stored = self._connection.execute(
            update(syncs)
            .where(syncs.c.id == sync.id, _IS_RUNNING, syncs.c.lease_until > now)
            .values(lease_until=sync.lease_until, recorded=sync.recorded, skipped=sync.skipped)
        )
        return stored.rowcount == 1

    def count_live(self, connection_id: ConnectionId, since: datetime) -> int:
        """Return the number of live runs of the connection that began at an instant or later."""
        is_live = syncs.c.kind == SyncKind.LIVE, syncs.c.started_at >= since
        statement = select(func.count()).select_from(syncs)
        where = statement.where(syncs.c.connection_id == connection_id, *is_live)
        return self._connection.scalar(where) or 0

    def last_success_at(
        self, connection_id: ConnectionId, source: SnapshotSource, account_id: AccountId | None
    ) -> datetime | None:
        """Return the end of the last successful live sync of this source and for this account."""
        statement = (
            select(syncs.c.finished_at)
            .where(
                syncs.c.connection_id == connection_id,
                syncs.c.source == source,
                syncs.c.account_id == account_id,
                _IS_SUCCESS,
            )
            .order_by(syncs.c.id.desc())
        )
        finished_at: datetime | None = self._connection.scalar(statement.limit(1))
        return finished_at

    def hide(self, sync: Sync) -> None:
        """Let none of the import's snapshots count until it is complete."""
        row = {"sync_id": sync.id, "user_id": sync.user_id}
        self._connection.execute(insert(unfinished_imports), row)

    def reveal(self, sync_id: SyncId) -> None:
        """Let the import's snapshots count."""
        is_it = unfinished_imports.c.sync_id == sync_id
        self._connection.execute(delete(unfinished_imports).where(is_it))

    def find_unfinished(self, user_id: UserId) -> Sync | None:
        """Return the user's import that is not complete."""
        is_it = unfinished_imports.c.sync_id == syncs.c.id
        statement = _SYNC.join(unfinished_imports, is_it)
        return self._fetch_one(
            statement.where(unfinished_imports.c.user_id == user_id), _sync_from_row
        )

    def retract(self, sync: Sync, at: datetime) -> None:
        """Append a retraction of the sync."""
        self._connection.execute(insert(retractions), {"sync_id": sync.id, "retracted_at": at})

    def recorded_counts(self) -> Iterator[tuple[SyncId, int, int]]:
        """Yield every sync with its own count of snapshots and the number that is stored."""
        stored = (
            select(balance_snapshots.c.sync_id, func.count().label("stored"))
            .group_by(balance_snapshots.c.sync_id)
            .subquery()
        )
        statement = (
            select(syncs.c.id, syncs.c.recorded, func.coalesce(stored.c.stored, 0))
            .outerjoin(stored, stored.c.sync_id == syncs.c.id)
            .order_by(syncs.c.id)
        )
        for sync_id, recorded, count in self._connection.execute(statement):
            yield SyncId(sync_id), recorded, count

    def unknown_ids(self) -> Iterator[tuple[SyncId, int]]:
        """Yield every sync that snapshots refer to and that is missing, with their number."""
        sync_id = balance_snapshots.c.sync_id
        statement = (
            select(sync_id, func.count())
            .outerjoin(syncs, syncs.c.id == sync_id)
            .where(syncs.c.id.is_(None))
            .group_by(sync_id)
            .order_by(sync_id)
        )
        for missing_id, count in self._connection.execute(statement):
            yield SyncId(missing_id), count

    def retracted_ids(self) -> Sequence[SyncId]:
        """Return every retracted sync."""
        statement = select(retractions.c.sync_id).order_by(retractions.c.sync_id)
        return [SyncId(sync_id) for sync_id in self._connection.scalars(statement)]


def _sync_from_row(row: AnyRow) -> Sync:
    return from_row(
        Sync,
        row,
        kind=SyncKind(row.kind),
        state=SyncState(row.state),
        accounts=msgspec.json.decode(row.accounts, type=tuple[AccountOutcome, ...]),
        mapping=None if row.mapping is None else msgspec.json.decode(row.mapping),
    )


def _row_of(sync: Sync) -> dict[str, object]:
    values = {column.name: getattr(sync, column.name) for column in syncs.c}
    mapping = None if sync.mapping is None else msgspec.json.encode(sync.mapping).decode()
    accounts = msgspec.json.encode(sync.accounts).decode()
    return values | {"accounts": accounts, "mapping": mapping}
