"""The statements on the runs that recorded snapshots of one account."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, case, exists, func, or_, select

from dashtam.database.repository import AnyRow, Repository, from_row
from dashtam.database.tables import account_events, balance_snapshots, retractions, syncs
from dashtam.domain.account import AccountId
from dashtam.domain.history.revision import RecordedRun
from dashtam.domain.sync import SyncId, SyncKind

_s, _e = balance_snapshots.c, account_events.c
_RUNS_AT_ONCE = 100


class RecordedRuns(Repository):
    """The snapshots of one account, by the run that recorded them."""

    def of_account(self, account_id: AccountId) -> Sequence[RecordedRun]:
        """Return the runs that have ended, in order of recording.

        This reads all of the account's snapshots.
        """
        is_amended = exists().where(_e.account_id == _s.account_id, _e.sequence == _s.sequence)
        own = (
            select(
                _s.sync_id,
                func.min(_s.sequence).label("first_sequence"),
                func.min(_s.created_at).label("recorded_at"),
                func.count().label("points"),
                func.min(_s.captured_at).label("first_captured_at"),
                func.max(_s.captured_at).label("last_captured_at"),
                func.max(case((~is_amended, _s.captured_at))).label("unamended_until"),
            )
            .where(_s.account_id == account_id)
            .group_by(_s.sync_id)
            .subquery()
        )
        statement = (
            select(own, syncs.c.kind, syncs.c.finished_at, retractions.c.retracted_at)
            .join(syncs, syncs.c.id == own.c.sync_id)
            .outerjoin(retractions, retractions.c.sync_id == own.c.sync_id)
            .where(syncs.c.finished_at.is_not(None))
            .order_by(own.c.first_sequence)
        )
        return [_run_from_row(row) for row in self._connection.execute(statement)]

    def count_before(
        self, account_ids: Collection[AccountId], bounds: Mapping[SyncId, datetime]
    ) -> dict[SyncId, tuple[int, datetime]]:
        """Return the number and the last instant of each run's snapshots before its bound."""
        found = {}
        ids = list(bounds)
        for first in range(0, len(ids), _RUNS_AT_ONCE):
            batch = ids[first : first + _RUNS_AT_ONCE]
            is_before = (and_(_s.sync_id == one, _s.captured_at < bounds[one]) for one in batch)
            statement = (
                select(_s.sync_id, func.count(), func.max(_s.captured_at))
                .where(_s.account_id.in_(account_ids), or_(*is_before))
                .group_by(_s.sync_id)
            )
            for sync_id, count, last_at in self._connection.execute(statement):
                found[SyncId(sync_id)] = count, last_at
        return found


def _run_from_row(row: AnyRow) -> RecordedRun:
    return from_row(RecordedRun, row, kind=SyncKind(row.kind))
