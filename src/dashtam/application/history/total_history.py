"""Reading the balances of all a user's accounts at the end of each day, week or month."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import attrgetter
from typing import Final, TypeVar

from dashtam.database.history.balance_snapshots import RecordedSpan
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import InvalidDateRange
from dashtam.domain.history.total_history import (
    AccountSeries,
    BalanceSeries,
    TimeGrid,
    TotalSeries,
    sample_balances,
    sum_balances,
)
from dashtam.domain.period import Calendar, Period, Precision
from dashtam.domain.user import UserId

MOST_POINTS: Final = 50_000

_TOO_MANY_INTERVALS: Final = (
    f"This range holds more than {MOST_POINTS} intervals: ask for a longer interval or for a"
    " shorter range."
)
_TOO_MANY_POINTS: Final = (
    f"This would be more than {MOST_POINTS} points: ask for a longer interval, for fewer"
    " max_points, or for a shorter range."
)

# The most hours by which a day's balance is captured after the end of its day: in UTC+14, and in
# zones of the nineteenth century a little more.
_LATEST_NOON: Final = timedelta(hours=4)

S = TypeVar("S", TotalSeries, AccountSeries)


@dataclass(frozen=True, slots=True)
class Range:
    """A period, and the calendar by which it is cut into intervals.

    ``most`` is the largest number of points of a series, None for no limit.
    """

    period: Period
    calendar: Calendar
    most: int | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """The accounts that count, the last instant to read (None: no end), and the grid of points."""

    work: UnitOfWork
    spans: Sequence[RecordedSpan]
    until: datetime | None
    calendar: Calendar
    grid: TimeGrid

    def series_of(self, span: RecordedSpan) -> BalanceSeries:
        calendar, until = self.calendar, self.until
        recorded = self.work.balance_snapshots.balances(
            span.account, self.grid.start, None if until is None else until + _LATEST_NOON
        )
        placed = ((calendar.place(at, precision), amount) for at, precision, amount in recorded)
        balances = (one for one in placed if until is None or one[0] <= until)
        closed_at = span.account.closed_at
        # A range up to the present shows a closed account as closed, even if the clock went back.
        if closed_at is not None and self.until is None:
            closed_at = min(closed_at, self.work.now)
        return BalanceSeries(balances, closed_at)


def load_totals(work: UnitOfWork, user_id: UserId, asked: Range) -> Sequence[TotalSeries]:
    """Return the totals of each currency at the end of each interval, by currency code.

    Hidden accounts never count, closed ones until they were closed. Where the period reaches the
    present, the last total is that of the latest balances, whenever they were captured.

    Raises:
        InvalidDateRange: these would be more than 50,000 intervals or points.
    """
    plan = _plan(work, user_id, asked)
    spans = sorted(plan.spans, key=attrgetter("account.currency.code"))
    return _refuse_too_many(
        TotalSeries(
            currency, sum_balances(map(plan.series_of, held), plan.grid, currency, asked.most)
        )
        for currency, held in groupby(spans, attrgetter("account.currency"))
    )


def load_accounts(work: UnitOfWork, user_id: UserId, asked: Range) -> Sequence[AccountSeries]:
    """Return each account's balances at the end of each interval, by account name, then id.

    The accounts that count are those of ``load_totals``.

    Raises:
        InvalidDateRange: these would be more than 50,000 intervals or points.
    """
    plan = _plan(work, user_id, asked)
    return _refuse_too_many(
        AccountSeries(
            span.account.id,
            span.account.currency,
            sample_balances(plan.series_of(span), plan.grid, span.account.currency, asked.most),
        )
        for span in sorted(plan.spans, key=attrgetter("account.name", "account.id.hex"))
    )


def _plan(work: UnitOfWork, user_id: UserId, asked: Range) -> _Plan:
    spans = [span for span in work.balance_snapshots.spans(user_id) if not span.account.is_hidden]
    period, calendar = asked.period, asked.calendar
    reaches_present = period.end >= work.now
    # A day's balance counts before its noon (UTC) where that is the next day.
    first = (calendar.place(span.first_at, Precision.DAY) for span in spans)
    start = max(period.start, min(first, default=period.start))
    end = period.end
    if reaches_present:
        # Intervals of the future have no balance.
        known = max([work.now, *(span.last_at for span in spans)])
        end = min(end, calendar.last_instant(known))
    ends = list(islice(calendar.ends(start, end), MOST_POINTS + 1)) if start <= end else []
    if len(ends) > MOST_POINTS:
        raise InvalidDateRange(_TOO_MANY_INTERVALS)
    until = None if reaches_present else end
    return _Plan(work, spans, until, calendar, TimeGrid(start, ends))


def _refuse_too_many(found: Iterable[S]) -> Sequence[S]:
    shown: list[S] = []
    count = 0
    for series in found:
        count += len(series.points)
        if count > MOST_POINTS:
            raise InvalidDateRange(_TOO_MANY_POINTS)
        if series.points:
            shown.append(series)
    return shown
