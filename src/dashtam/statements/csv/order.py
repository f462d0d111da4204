"""The order of rows: which of several balances of one instant is the last.

A bank's export with a running balance has several rows a day, and only the day's closing balance
is one of that instant. Which row that is shows in the order of the account's dates alone: where
they rise throughout the file it is the last row of the day, where they fall the first. In any other
order it cannot be told, and balances that differ are refused together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dashtam.domain.errors import UnreadableFile
from dashtam.domain.parsing import Unusable
from dashtam.domain.statement import Reading

MAX_UNORDERED = 100_000


class Rows(Protocol):
    """One account's rows, told in the order of the file, and what counts of them."""

    def told(self, instant: datetime, reading: Reading | None) -> Reading | None:
        """Take the next row, and return a reading that counts, None where none has turned out to.

        ``reading`` None is a row whose balance cannot be read; if it is the last of its instant,
        nothing counts there.

        Raises:
            Unusable: ``conflicting_balance``.
        """

    def rest(self) -> Iterator[Reading]:
        """Yield what counts of the rows that are left."""


@dataclass(slots=True)
class OrderEvidence:
    """What an account's instants, seen one after the other, prove of their order."""

    _count: int = 0
    _last: datetime | None = None
    _rises: bool = False
    _falls: bool = False

    def see(self, instant: datetime) -> None:
        """Take the next row's instant into account."""
        self._count += 1
        last, self._last = self._last, instant
        if last is None or instant == last:
            return
        if instant > last:
            self._rises = True
        else:
            self._falls = True

    def rows(self) -> Rows:
        """Return what takes the rows; unordered ones must have been seen before they are told."""
        if self._rises == self._falls and self._count > 1:
            return UnorderedRows()
        return OrderedRows(is_rising=not self._falls)


@dataclass(slots=True)
class OrderedRows:
    """Rows of equal instants follow each other: the last one in time counts."""

    is_rising: bool
    _instant: datetime | None = None
    _reading: Reading | None = None

    def told(self, instant: datetime, reading: Reading | None) -> Reading | None:
        """Take the next row; once an instant is over, return the reading that counts there."""
        if instant == self._instant:
            if self.is_rising:
                self._reading = reading
            return None
        over, self._instant, self._reading = self._reading, instant, reading
        return over

    def rest(self) -> Iterator[Reading]:
        """Yield the reading of the last instant."""
        if self._reading is not None:
            yield self._reading
        self._instant = self._reading = None


@dataclass(slots=True)
class UnorderedRows:
    """Only where all the rows of an instant say the same does their reading count."""

    # None where rows of the instant differ; nothing once its reading has been handed on.
    _by_instant: dict[datetime, Reading | None] = field(default_factory=dict)
    _handed_on: set[datetime] = field(default_factory=set)

    def see(self, instant: datetime, reading: Reading | None) -> None:
        """Take a row into account before any is told.

        Raises:
            UnreadableFile: there are more instants than can be compared with each other.
        """
        known = self._by_instant.setdefault(instant, reading)
        if known != reading:
            self._by_instant[instant] = None
        if len(self._by_instant) > MAX_UNORDERED:
            raise UnreadableFile(
                detail="The rows of this file are in no order of dates: sort them by date first."
            )

    def told(self, instant: datetime, reading: Reading | None) -> Reading | None:
        """Take the next row, and return its reading where no other row is at odds with it."""
        if self._by_instant[instant] is None:
            if reading is None:
                return None
            raise Unusable(
                code="conflicting_balance",
                detail="Several balances of this date differ, and the order of the rows does not"
                " tell which is the last: none of them is recorded.",
            )
        if instant in self._handed_on:
            return None
        self._handed_on.add(instant)
        return reading

    def rest(self) -> Iterator[Reading]:
        """Yield nothing: every reading has been handed on."""
        yield from ()
