"""The order of rows: which of several balances of one instant is the last.

A bank's export with a running balance has several rows a day, and only the day's closing balance
is one of that instant. Where amounts stand beside the balances they prove it: each row's balance
less its amount is the balance before it, so the closing balance is the one that no row begins with.
Where a day ends as it began, the order that the amounts of other days prove counts. Else a column
of times shows it, then the order of the account's dates: where they rise throughout the file it is
the last row of the day, where they fall the first. In any other order nothing shows it, and
balances that differ are refused together.
"""

from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal

from dashtam.domain.errors import UnreadableFile
from dashtam.domain.statement import Reading, RowError

MAX_UNORDERED = 100_000

# More balances of one instant than this that no row of it begins with prove nothing.
_MAX_ENDS = 1_000


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its line, its instant and time of day, its balances and the one before it.

    ``reading`` None is a row with an unusable balance; ``opening`` None is a row without proof.
    """

    line: int
    instant: datetime
    clock: time | None = None
    reading: Reading | None = None
    opening: Decimal | None = None


@dataclass(slots=True)
class _Rows:
    """The rows of one instant, as far as they decide which is the last."""

    count: int = 0
    do_differ: bool = False
    first: Reading | None = None
    last: Reading | None = None
    newest: time | None = None
    newest_first: Reading | None = None
    newest_last: Reading | None = None
    has_clocks: bool = True
    is_chain: bool = True
    # The balances by how often they close rows, less how often they open rows; never 0.
    ends: dict[Decimal, int] = field(default_factory=dict)
    closings: dict[Decimal, Reading] = field(default_factory=dict)

    def add(self, row: TableRow) -> None:
        """Add the next row of the instant."""
        reading, clock = row.reading, row.clock
        if not self.count:
            self.first = reading
        self.do_differ = self.do_differ or (self.count > 0 and reading != self.last)
        self.last = reading
        self.count += 1
        if clock is None:
            self.has_clocks = False
        elif self.newest is None or clock > self.newest:
            self.newest, self.newest_first, self.newest_last = clock, reading, reading
        elif clock == self.newest:
            self.newest_last = reading
        if reading is None or row.opening is None or len(self.ends) > _MAX_ENDS:
            self.is_chain = False
        if reading is not None and row.opening is not None and self.is_chain:
            self.closings[reading.balance] = reading
            self._count_end(reading.balance, 1)
            self._count_end(row.opening, -1)

    def _count_end(self, balance: Decimal, count: int) -> None:
        self.ends[balance] = self.ends.get(balance, 0) + count
        if not self.ends[balance]:
            del self.ends[balance]

    def find_proved(self) -> Reading | None:
        """Return the closing reading that the amounts prove, None where they prove none."""
        closing = [balance for balance, count in self.ends.items() if count > 0]
        if self.is_chain and len(closing) == 1 and self.ends[closing[0]] == 1:
            return self.closings[closing[0]]
        return None

    def close(self, *, is_falling: bool) -> Reading | None:
        """Return the reading of the last row, by the proofs and then by the order of the file."""
        proved = self.find_proved() if self.do_differ else None
        if proved is not None:
            return proved
        if self.has_clocks:
            return self.newest_first if is_falling else self.newest_last
        return self.first if is_falling else self.last

    def find_certain(self, *, falls_within: bool | None) -> Reading | None:
        """Return the reading of the last row where the order of the dates shows nothing."""
        if not self.do_differ:
            return self.first
        if self.has_clocks and self.newest_first == self.newest_last:
            return self.newest_first
        proved = self.find_proved()
        if proved is None and falls_within is not None:
            return self.close(is_falling=falls_within)
        return proved


@dataclass(slots=True)
class RowOrder:
    """One account's rows: first ``see`` takes every instant, then ``add`` every row.

    ``falls_within`` tells whether the rows of one instant fall, None where nothing proves it: then
    they go like the dates.
    """

    falls_within: bool | None = None
    _count: int = 0
    _last_seen: tuple[datetime, time | None] | None = None
    _rises: bool = False
    _falls: bool = False
    _instant: datetime | None = None
    _rows: _Rows = field(default_factory=_Rows)
    # Without an order: each instant's rows, and the lines of those with a reading.
    _by_instant: dict[datetime, tuple[_Rows, list[int]]] = field(default_factory=dict)

    @property
    def _is_falling(self) -> bool:
        return self._falls if self.falls_within is None else self.falls_within

    def see(self, instant: datetime, clock: time | None = None) -> None:
        """Compare the next row's instant with the one before."""
        self._count += 1
        last, self._last_seen = self._last_seen, (instant, clock)
        if last is not None:
            self._rises = self._rises or instant > last[0]
            self._falls = self._falls or instant < last[0]
            if clock is not None and last[1] is not None and instant == last[0]:
                self._rises = self._rises or clock > last[1]
                self._falls = self._falls or clock < last[1]

    def add(self, row: TableRow) -> Reading | None:
        """Add the next row; once an instant is over, return the reading that counts there.

        A row with an unusable balance has no reading: where it is the last of its instant, nothing
        counts there.

        Raises:
            UnreadableFile: rows without an order have too many instants to compare.
        """
        if self._rises != self._falls or self._count <= 1:
            over: Reading | None = None
            if row.instant != self._instant:
                over = self._rows.close(is_falling=self._is_falling)
                self._instant, self._rows = row.instant, _Rows()
            self._rows.add(row)
            return over
        rows, lines = self._by_instant.setdefault(row.instant, (_Rows(), []))
        rows.add(row)
        if row.reading is not None:
            lines.append(row.line)
        if len(self._by_instant) > MAX_UNORDERED:
            raise UnreadableFile(
                detail="The rows of this file are in no order of dates: sort them by date first."
            )
        return None

    def finish(self) -> tuple[list[Reading], list[RowError]]:
        """Return the readings left, and ``conflicting_balance`` for each line that is in doubt."""
        detail = (
            "Several balances of this date differ, and nothing in the rows shows which is the last:"
            " none of them is recorded."
        )
        left = self._rows.close(is_falling=self._is_falling)
        readings = [] if left is None else [left]
        conflicts: list[RowError] = []
        for rows, lines in self._by_instant.values():
            reading = rows.find_certain(falls_within=self.falls_within)
            if reading is not None:
                readings.append(reading)
            elif rows.do_differ:
                conflicts += [RowError(line, "conflicting_balance", detail) for line in lines]
        return readings, conflicts
