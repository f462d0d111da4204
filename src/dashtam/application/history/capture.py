"""The only writer of snapshots."""

from collections.abc import Iterable, Sequence
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

_BATCH: Final = 1_000
_AHEAD_AT_MOST: Final = timedelta(minutes=5)
_AMOUNTS: Final = attrgetter("balance", "available_balance", "holdings_value", "cash_value")


class ClockBehind(DashtamError):
    """The clock shows a time well before that of a live snapshot."""

    detail = "The clock is behind the recorded history: nothing is recorded until it is right."


@dataclass(slots=True)
class CaptureResult:
    """Readings by their result: recorded, known already, or in conflict with this very run."""

    recorded: int = 0
    skipped: int = 0
    conflicts: list[Reading] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Capture:
    """One run's right to record one account's readings, all from one source."""

    work: UnitOfWork
    account: Account
    sync_id: SyncId
    source: SnapshotSource

    def record_typed(self, reading: Reading) -> None:
        """Record a reading that the owner typed; it is never skipped."""
        self._record([reading])

    def record_live(self, reading: Reading, at: datetime) -> None:
        """Record a provider's present reading, as of the whole second of the request (``at``).

        At least a second after the account's last live snapshot, even if the clock went back.

        Raises:
            ClockBehind: that one is more than five minutes ahead of the clock.
        """
        captured_at = at.replace(microsecond=0)
        last = self.work.accounts.last_live_at(self.account.id)
        if last is not None:
            if last - self.work.now > _AHEAD_AT_MOST:
                raise ClockBehind
            captured_at = max(captured_at, last + timedelta(seconds=1))
        # The provider's own instant is kept beside it, in ``as_of``.
        self._record([replace(reading, captured_at=captured_at)])
        self.work.accounts.set_last_live_at(self.account.id, captured_at)

    def record_reported(self, readings: Iterable[Reading]) -> CaptureResult:
        """Record the readings of a file or a backfill: at most one snapshot for each instant.

        A reading that equals the newest one at its instant is skipped. One that differs is
        recorded after it and is the newest from then on; one that differs from another reading of
        the same run is a conflict, and the first of them stays.
        """
        result = CaptureResult()
        readings = iter(readings)
        while batch := list(islice(readings, _BATCH)):
            instants = [reading.captured_at for reading in batch]
            recorded = dict(self.work.balance_snapshots.readings_at(self.account.id, instants))
            new: list[Reading] = []
            for reading in batch:
                known = recorded.get(reading.captured_at)
                if known and _AMOUNTS(known.reading) == _AMOUNTS(reading):
                    result.skipped += 1
                elif known and known.sync_id == self.sync_id:
                    result.conflicts.append(reading)
                else:
                    recorded[reading.captured_at] = RecordedReading(reading, self.sync_id)
                    new.append(reading)
            self._record(new)
            result.recorded += len(new)
        return result

    def _record(self, readings: Sequence[Reading]) -> None:
        if not readings:
            return
        work = self.work
        chain = work.accounts.lock_chain(self.account.id)
        records = (
            Record(
                id=SnapshotId(work.new_id()),
                account_id=self.account.id,
                sequence=sequence,
                sync_id=self.sync_id,
                source=self.source,
                currency=self.account.currency,
                reading=reading,
                created_at=work.now,
            )
            for sequence, reading in enumerate(readings, chain.length + 1)
        )
        links = list(link_records(chain, records))
        work.balance_snapshots.add(links)
        end = Chain(chain.length + len(links), links[-1].digest)
        work.accounts.update_chain(self.account.id, end)
        first_at = min(reading.captured_at for reading in readings)
        work.history_chunks.mark_changed(self.account.id, first_at)
