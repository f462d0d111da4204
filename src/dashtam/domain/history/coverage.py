"""The observations of an account: since when, how often, and whether the newest is overdue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

RECENT_INTERVALS: Final = 10

_DAY: Final = timedelta(days=1)
_WEEK: Final = 7
_SATURDAY: Final = 5
_LATE_INTERVALS: Final = 3
_LEAST_AGE: Final = timedelta(days=3)
# Of balances that their owner types, and where there is no interval yet.
_AGE_WITHOUT_RHYTHM: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The instants of an account's first and newest snapshots, and the days between snapshots.

    ``usual_interval_days`` is the median of the newest intervals in whole days, None without any;
    ``longest_gap_days`` is None without any, or where it was not asked for.
    """

    since: datetime
    until: datetime
    usual_interval_days: int | None
    longest_gap_days: int | None = None


@dataclass(frozen=True, slots=True)
class RecentObservations:
    """The instant of an account's first snapshot, and those of its newest, oldest first.

    ``is_manual`` where the owner types the balances.
    """

    first_at: datetime
    newest: Sequence[datetime]
    is_manual: bool

    @property
    def usual_interval(self) -> timedelta | None:
        """The median of the newest ten intervals, None without any."""
        # Snapshots of one instant have no interval between them.
        instants = sorted(set(self.newest))[-RECENT_INTERVALS - 1 :]
        spans_s = [(later - earlier).total_seconds() for earlier, later in pairwise(instants)]
        return timedelta(seconds=median(spans_s)) if spans_s else None

    def is_stale(self, now: datetime) -> bool:
        """Tell whether the newest snapshot is older than the account's rhythm leads to expect.

        The days of a weekend do not count where no snapshot of a daily rhythm lies on one.
        """
        usual, most = self.usual_interval, _AGE_WITHOUT_RHYTHM
        age = now - self.newest[-1]
        if usual is not None and not self.is_manual:
            most = max(_LATE_INTERVALS * usual, _LEAST_AGE)
            if age > most and self._rests_at_weekends(usual):
                dates = (self.newest[-1].date() + _DAY * number for number in range(1, _WEEK + 1))
                age -= _DAY * sum(day.weekday() >= _SATURDAY and day <= now.date() for day in dates)
        return age > most

    def _rests_at_weekends(self, usual: timedelta) -> bool:
        is_daily = usual < 2 * _DAY and self.newest[-1] - self.newest[0] >= _WEEK * _DAY
        return is_daily and all(at.weekday() < _SATURDAY for at in self.newest)

    def coverage(self) -> Coverage:
        """Return the account's coverage, without its longest gap."""
        usual = self.usual_interval
        return Coverage(
            since=self.first_at,
            until=self.newest[-1],
            usual_interval_days=None if usual is None else round(usual / _DAY),
        )
