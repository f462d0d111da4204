"""The order of rows: which of several balances of one instant is the last.

A bank's export with a running balance has several rows a day, and only the day's closing balance
is one of that instant. The order of the account's dates alone shows which row that is: where they
rise throughout the file it is the last row of the day, where they fall the first. In any other
order nothing shows it, and balances that differ are refused together.
"""

from dataclasses import dataclass, field
from datetime import datetime

from dashtam.domain.errors import UnreadableFile
from dashtam.domain.statement import Reading, RowError

MAX_UNORDERED = 100_000


@dataclass(slots=True)
class RowOrder:
    """One account's rows: first ``see`` takes every instant, then ``add`` every row."""

    _count: int = 0
    _last_seen: datetime | None = None
    _rises: bool = False
    _falls: bool = False
    _instant: datetime | None = None
    _reading: Reading | None = None
    # Without an order: the reading is None where rows of the instant differ; the lines are those
    # with a reading.
    _by_instant: dict[datetime, tuple[Reading | None, list[int]]] = field(default_factory=dict)

    def see(self, instant: datetime) -> None:
        """Compare the next row's instant with the one before."""
        self._count += 1
        last, self._last_seen = self._last_seen, instant
        if last is not None:
            self._rises = self._rises or instant > last
            self._falls = self._falls or instant < last

    def add(self, line: int, instant: datetime, reading: Reading | None) -> Reading | None:
        """Add the next row; once an instant is over, return the reading that counts there.

        ``reading`` None is a row with an unusable balance: where it is the last of its instant,
        nothing counts there.

        Raises:
            UnreadableFile: rows without an order have too many instants to compare.
        """
        if self._rises != self._falls or self._count <= 1:
            if instant == self._instant:
                self._reading = self._reading if self._falls else reading
                return None
            over, self._instant, self._reading = self._reading, instant, reading
            return over
        known, lines = self._by_instant.get(instant, (reading, []))
        if reading is not None:
            lines.append(line)
        self._by_instant[instant] = (known if known == reading else None), lines
        if len(self._by_instant) > MAX_UNORDERED:
            raise UnreadableFile(
                detail="The rows of this file are in no order of dates: sort them by date first."
            )
        return None

    def finish(self) -> tuple[list[Reading], list[RowError]]:
        """Return the readings left, and ``conflicting_balance`` for each line that is in doubt."""
        detail = (
            "Several balances of this date differ, and the order of the rows does not show which"
            " is the last: none of them is recorded."
        )
        readings = [] if self._reading is None else [self._reading]
        conflicts: list[RowError] = []
        for reading, lines in self._by_instant.values():
            if reading is not None:
                readings.append(reading)
            else:
                conflicts += [RowError(line, "conflicting_balance", detail) for line in lines]
        return readings, conflicts
