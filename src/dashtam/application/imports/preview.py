"""Previews: the balances of an account in a file, before they are recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from dashtam.domain.account import BalanceSign
from dashtam.domain.mapping_proposal import SourceRow
from dashtam.domain.statement import Reading

_MOST_POINTS: Final = 200
_LAST: Final = 5
_CAPTURED_AT: Final = attrgetter("captured_at")
_BALANCE: Final = attrgetter("balance")


@dataclass(slots=True)
class AccountPreview:
    """The balances of one account as it would show them, in bounded memory.

    ``points`` are some of the readings, at most 200, and ``latest`` the last five, both in order
    of time once ``finish`` was called. ``rows`` are those of the file behind the latest ones.
    """

    first: Reading | None = None
    last: Reading | None = None
    lowest: Reading | None = None
    highest: Reading | None = None
    count: int = 0
    points: list[Reading] = field(default_factory=list)
    latest: list[Reading] = field(default_factory=list)
    rows: list[SourceRow] = field(default_factory=list)
    _step: int = 1

    def add(self, readings: Sequence[Reading], sign: BalanceSign) -> None:
        """Add readings of the file, in any order; ``sign`` is the account's."""
        shown = [one if sign > 0 else one.with_opposite_sign() for one in readings]
        if not shown:
            return
        by_time = sorted(shown, key=_CAPTURED_AT)
        self.first = min(filter(None, (self.first, by_time[0])), key=_CAPTURED_AT)
        self.last = max(filter(None, (by_time[-1], self.last)), key=_CAPTURED_AT)
        lowest, highest = min(by_time, key=_BALANCE), max(reversed(by_time), key=_BALANCE)
        self.lowest = min(filter(None, (self.lowest, lowest)), key=_BALANCE)
        self.highest = max(filter(None, (self.highest, highest)), key=_BALANCE)
        self.latest = sorted([*self.latest, *by_time[-_LAST:]], key=_CAPTURED_AT)[-_LAST:]
        for reading in shown:
            if self.count % self._step == 0:
                self.points.append(reading)
            self.count += 1
            if len(self.points) > _MOST_POINTS:
                self.points, self._step = self.points[::2], 2 * self._step

    def finish(self) -> None:
        """Put the points in order, with the extremes among them."""
        marked = [self.first, self.last, self.lowest, self.highest]
        by_instant = {one.captured_at: one for one in [*self.points, *filter(None, marked)]}
        self.points = [by_instant[at] for at in sorted(by_instant)]
