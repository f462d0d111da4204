"""The only writer of snapshots."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import Final

from dashtam.database.history.balance_snapshots import RecordedReading
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account
from dashtam.domain.errors import DashtamError
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.history.hash_chain import Chain, Record, link_records
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SnapshotSource, SyncId

_BATCH = 1_000
_AHEAD_AT_MOST: Final = timedelta(minutes=5)
_A_SECOND: Final = timedelta(seconds=1)
_CAPTURED_AT: Final = attrgetter("captured_at")


class ClockBehind(DashtamError):
    """The clock shows a time well before that of a live snapshot."""

    detail = "The clock is behind what was recorded already: nothing is recorded until it is right."


@dataclass(slots=True)
class CaptureResult:
    """What came of readings: recorded, skipped as already known, or at odds with this very run."""

    recorded: int = 0
    skipped: int = 0
    conflicts: list[Reading] = field(default_factory=list)
    last: Record | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """One run's right to record one account's readings, all from one source."""

    work: UnitOfWork
    account: Account
    sync_id: SyncId
    source: SnapshotSource

    def typed(self, reading: Reading) -> CaptureResult:
        """Record what the owner typed; it is never skipped."""
        captured = CaptureResult()
        self._record([reading], captured)
        return captured

    def live(self, reading: Reading, at: datetime) -> CaptureResult:
        """Record what a provider says now, as of the whole second in which it was asked (``at``).

        At least a second after the account's last live snapshot, even if the clock went back.

        Raises:
            ClockBehind: that one is more than five minutes ahead of the clock.
        """
        captured_at = at.replace(microsecond=0)
        last = self.work.accounts.last_live_at(self.account.id)
        if last is not None:
            if last - self.work.now > _AHEAD_AT_MOST:
                raise ClockBehind
            captured_at = max(captured_at, last + _A_SECOND)
        # What the provider calls now is kept beside, where it says so.
        captured = CaptureResult()
        self._record([replace(reading, captured_at=captured_at)], captured)
        self.work.accounts.set_last_live_at(self.account.id, captured_at)
        return captured

    def reported(self, readings: Iterable[Reading]) -> CaptureResult:
        """Record what a file or a backfill reports: at most one snapshot for each instant.

        A reading that says what stands at its instant already is skipped. One that differs from
        what stands is recorded, and being later stands last; one that differs from another reading
        of the same run is a conflict, and the first of them stands.
        """
        captured = CaptureResult()
        readings = iter(readings)
        while batch := list(islice(readings, _BATCH)):
            self._record(self._news(batch, captured), captured)
        return captured

    def _news(self, batch: Sequence[Reading], captured: CaptureResult) -> list[Reading]:
        instants = [reading.captured_at for reading in batch]
        standing = dict(self.work.balance_snapshots.readings_at(self.account.id, instants))
        news: list[Reading] = []
        for reading in batch:
            known = standing.get(reading.captured_at)
            if known and _amounts(known.reading) == _amounts(reading):
                captured.skipped += 1
            elif known and known.sync_id == self.sync_id:
                captured.conflicts.append(reading)
            else:
                standing[reading.captured_at] = RecordedReading(reading, self.sync_id)
                news.append(reading)
        return news

    def _record(self, readings: Sequence[Reading], captured: CaptureResult) -> None:
        if not readings:
            return
        work = self.work
        chain = work.accounts.lock_chain(self.account.id)
        links = list(link_records(chain, self._records(chain.length, readings)))
        work.balance_snapshots.add(links)
        end = Chain(chain.length + len(links), links[-1].digest)
        work.accounts.update_chain(self.account.id, end)
        captured.recorded += len(links)
        captured.last = links[-1].record
        work.history_chunks.mark_changed(self.account.id, min(map(_CAPTURED_AT, readings)))

    def _records(self, length: int, readings: Iterable[Reading]) -> Iterator[Record]:
        for sequence, reading in enumerate(readings, length + 1):
            yield Record(
                id=SnapshotId(self.work.new_id()),
                account_id=self.account.id,
                sequence=sequence,
                sync_id=self.sync_id,
                source=self.source,
                currency=self.account.currency,
                reading=reading,
                created_at=self.work.now,
            )


def _amounts(reading: Reading) -> tuple[object, ...]:
    return (
        reading.balance,
        reading.available_balance,
        reading.holdings_value,
        reading.cash_value,
    )
