"""The statements on syncs, and on the retractions that take them back."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, func, insert, select, update

from dashtam.database.pagination import AnyRow, ListPage, PageRequest, fetch_one, fetch_page
from dashtam.database.tables import balance_snapshots, retractions, syncs
from dashtam.domain.account import AccountId
from dashtam.domain.connection import ConnectionId
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import UserId

_BY_AGE = (syncs.c.id,)


class Syncs:
    """Every statement on ``syncs`` and ``retractions``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, sync_id: SyncId) -> Sync | None:
        """Return the run, whoever set it going."""
        return fetch_one(self._connection, _runs().where(syncs.c.id == sync_id), _sync_of)

    def of_connection(self, connection_id: ConnectionId, page: PageRequest) -> ListPage[Sync]:
        """Return the connection's runs, newest first."""
        return self._newest_first(_runs().where(syncs.c.connection_id == connection_id), page)

    def of_user(self, user_id: UserId, page: PageRequest) -> ListPage[Sync]:
        """Return the user's runs, newest first."""
        return self._newest_first(_runs().where(syncs.c.user_id == user_id), page)

    def _newest_first(self, statement: Select[Any], page: PageRequest) -> ListPage[Sync]:
        return fetch_page(
            self._connection, statement, page, _sync_of, by=_BY_AGE, newest_first=True
        )

    def add(self, sync: Sync) -> None:
        """Keep a new run."""
        self._connection.execute(insert(syncs), _row_of(sync))

    def finish(self, sync: Sync) -> None:
        """Keep how the run ended."""
        self._connection.execute(update(syncs).where(syncs.c.id == sync.id).values(_row_of(sync)))

    def find_running(self, connection_id: ConnectionId) -> Sync | None:
        """Return the connection's live run that has not ended, its lease run out or not."""
        statement = _runs().where(syncs.c.connection_id == connection_id, _IS_RUNNING)
        return fetch_one(self._connection, statement, _sync_of)

    def expired(self, now: datetime, limit: int) -> Sequence[Sync]:
        """Return live runs that have not ended, and whose lease ran out."""
        statement = _runs().where(_IS_RUNNING, syncs.c.lease_until <= now)
        rows = self._connection.execute(statement.order_by(syncs.c.connection_id).limit(limit))
        return [_sync_of(row) for row in rows]

    def renew_lease(
        self, sync_id: SyncId, until: datetime, now: datetime, detail: str | None = None
    ) -> bool:
        """Prolong the lease of a running run; False where it ran out or the run has ended.

        ``detail`` says how far the run has come, None where that is as it was.
        """
        news = {} if detail is None else {"detail": detail}
        renewed = self._connection.execute(
            update(syncs)
            .where(syncs.c.id == sync_id, _IS_RUNNING, syncs.c.lease_until > now)
            .values(lease_until=until, **news)
        )
        return renewed.rowcount == 1

    def has_succeeded(self, connection_id: ConnectionId) -> bool:
        """Tell whether a live run of the connection ever recorded what was told."""
        statement = select(syncs.c.id).where(syncs.c.connection_id == connection_id, _WENT_WELL)
        return self._connection.execute(statement.limit(1)).one_or_none() is not None

    def last_success_at(
        self, connection_id: ConnectionId, source: SnapshotSource, account_id: AccountId | None
    ) -> datetime | None:
        """Return when a live run of this source, and for this account, last ended well."""
        statement = (
            select(syncs.c.finished_at)
            .where(
                syncs.c.connection_id == connection_id,
                syncs.c.source == source,
                syncs.c.account_id == account_id,
                _WENT_WELL,
            )
            .order_by(syncs.c.id.desc())
        )
        finished_at: datetime | None = self._connection.scalar(statement.limit(1))
        return finished_at

    def retract(self, sync: Sync, at: datetime) -> None:
        """Append a retraction of the run."""
        self._connection.execute(insert(retractions), {"sync_id": sync.id, "retracted_at": at})

    def recorded_counts(self) -> Iterator[tuple[SyncId, int, int]]:
        """Yield every run of everyone: how much it says it recorded, and how much there is."""
        stored = (
            select(balance_snapshots.c.sync_id, func.count().label("stored"))
            .group_by(balance_snapshots.c.sync_id)
            .subquery()
        )
        statement = (
            select(syncs.c.id, syncs.c.recorded, func.coalesce(stored.c.stored, 0).label("stored"))
            .outerjoin(stored, stored.c.sync_id == syncs.c.id)
            .order_by(syncs.c.id)
        )
        for row in self._connection.execute(statement):
            yield SyncId(row.id), row.recorded, row.stored

    def unknown_ids(self) -> Iterator[tuple[SyncId, int]]:
        """Yield every run that snapshots name and that there is not, with how many name it."""
        named = balance_snapshots.c.sync_id
        statement = (
            select(named, func.count().label("stored"))
            .outerjoin(syncs, syncs.c.id == named)
            .where(syncs.c.id.is_(None))
            .group_by(named)
            .order_by(named)
        )
        for row in self._connection.execute(statement):
            yield SyncId(row.sync_id), row.stored

    def retracted_ids(self) -> Sequence[SyncId]:
        """Return every run that was retracted."""
        statement = select(retractions.c.sync_id).order_by(retractions.c.sync_id)
        return [SyncId(sync_id) for sync_id in self._connection.scalars(statement)]


_IS_RUNNING = and_(syncs.c.state == SyncState.RUNNING, syncs.c.kind == SyncKind.LIVE)
_WENT_WELL = and_(
    syncs.c.kind == SyncKind.LIVE,
    syncs.c.state.in_([SyncState.SUCCEEDED, SyncState.PARTIAL]),
)


def _runs() -> Select[Any]:
    return select(syncs, retractions.c.retracted_at).outerjoin(
        retractions, retractions.c.sync_id == syncs.c.id
    )


def _sync_of(row: AnyRow) -> Sync:
    return Sync(
        id=row.id,
        user_id=row.user_id,
        connection_id=row.connection_id,
        kind=SyncKind(row.kind),
        source=row.source,
        state=SyncState(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
        recorded=row.recorded,
        skipped=row.skipped,
        accounts=msgspec.json.decode(row.accounts, type=tuple[AccountOutcome, ...]),
        code=row.code,
        detail=row.detail,
        retracted_at=row.retracted_at,
        lease_until=row.lease_until,
        fence=row.fence,
        account_id=row.account_id,
        due_at=row.due_at,
    )


def _row_of(sync: Sync) -> dict[str, object]:
    return {
        "id": sync.id,
        "user_id": sync.user_id,
        "connection_id": sync.connection_id,
        "kind": sync.kind,
        "source": sync.source,
        "state": sync.state,
        "started_at": sync.started_at,
        "finished_at": sync.finished_at,
        "recorded": sync.recorded,
        "skipped": sync.skipped,
        "accounts": msgspec.json.encode(sync.accounts).decode(),
        "code": sync.code,
        "detail": sync.detail,
        "lease_until": sync.lease_until,
        "fence": sync.fence,
        "account_id": sync.account_id,
        "due_at": sync.due_at,
    }
