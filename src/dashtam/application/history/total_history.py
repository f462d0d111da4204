"""Reading the balances of all a user's accounts at the end of each day, week or month."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from typing import Final

from dashtam.database.history.balance_snapshots import RecordedSpan
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.errors import AccountNotFound, InvalidDateRange
from dashtam.domain.history.total_history import (
    AccountSeries,
    BalanceSeries,
    TimeGrid,
    TotalSeries,
    sample_balances,
    sum_balances,
)
from dashtam.domain.money import Currency
from dashtam.domain.period import MAX_INSTANT, MIN_INSTANT, Calendar, Period, Precision
from dashtam.domain.user import UserId

MOST_POINTS: Final = 50_000
_MOST_BALANCES: Final = 300_000

# An account with so many balances for each interval has each interval's last one looked up.
_DENSE_FROM: Final = 4

_TOO_MANY_INTERVALS: Final = (
    f"This range holds more than {MOST_POINTS} intervals: ask for a longer interval or for a"
    " shorter range."
)
_TOO_MANY_BALANCES: Final = (
    f"This range holds more than {_MOST_BALANCES} balances: ask for a longer interval or for a"
    " shorter range."
)
_TOO_MANY_POINTS: Final = (
    f"This would be more than {MOST_POINTS} points: ask for a longer interval, for fewer"
    " max_points, or for a shorter range."
)

# The most hours by which a day's balance is captured after the end of its day: in UTC+14, and in
# zones of the nineteenth century a little more.
_LATEST_NOON: Final = timedelta(hours=4)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Range:
    """A period, and the calendar by which it is cut into intervals.

    ``most`` is the largest number of points of a series, None for no limit. ``account_id`` is the
    only account that counts, even if it is hidden; None where all count that are not hidden.
    """

    period: Period
    calendar: Calendar
    most: int | None = None
    account_id: AccountId | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """The accounts that count, the last instant to read (None: no end), and the grid of points.

    ``moves_days`` where a day's balance may count at another instant than that of its capture.
    """

    work: UnitOfWork
    spans: Sequence[RecordedSpan]
    until: datetime | None
    calendar: Calendar
    moves_days: bool
    grid: TimeGrid

    def series_of(self, span: RecordedSpan) -> BalanceSeries:
        if self._is_dense(span):
            balances = self.work.balance_snapshots.balances_at(span.account, self._instants(span))
        else:
            balances = self._placed(span)
        return BalanceSeries(span.account.id, balances, self.closed_at(span))

    def _instants(self, span: RecordedSpan) -> list[datetime]:
        """Return the ends of the intervals, and the instants at which the range's change begins.

        Before the range, of the first balance, and before the closing.
        """
        closed_at = self.closed_at(span)
        # The last interval takes every later balance.
        found = {*self.grid.ends[:-1], self.until or MAX_INSTANT, span.first_at}
        for at in (self.grid.start, closed_at):
            if at is not None and at > MIN_INSTANT:
                found.add(at - _MICROSECOND)
        return sorted(at for at in found if at <= (self.until or MAX_INSTANT))

    def _placed(self, span: RecordedSpan) -> Iterator[tuple[datetime, Decimal]]:
        """Yield the balances by the instants at which they count, up to the last one to read."""
        until, place = self.until, self.calendar.place
        read_until = until if until is None or not self.moves_days else until + _LATEST_NOON
        for at, precision, amount in self.work.balance_snapshots.balances(
            span.account, self.grid.start, read_until
        ):
            counts_at = at
            if self.moves_days and precision is Precision.DAY:
                counts_at = place(at, precision)
            if until is None or counts_at <= until:
                yield counts_at, amount

    def _is_dense(self, span: RecordedSpan) -> bool:
        """Tell whether the account has so many balances that each interval's last is looked up."""
        return not self.moves_days and span.recorded > _DENSE_FROM * len(self.grid.ends) > 0

    def closed_at(self, span: RecordedSpan) -> datetime | None:
        closed_at = span.account.closed_at
        # A range up to the present shows a closed account as closed, even if the clock went back.
        if closed_at is not None and self.until is None:
            closed_at = min(closed_at, self.work.now)
        return closed_at

    def refuse_more_balances(self) -> None:
        """Refuse to read too many balances.

        Raises:
            InvalidDateRange: there are more than 300,000.
        """
        dense = [span for span in self.spans if self._is_dense(span)]
        count = _DENSE_FROM * len(self.grid.ends) * len(dense)
        others = [span for span in self.spans if not self._is_dense(span)]
        if count + sum(span.recorded for span in others) <= _MOST_BALANCES:
            return
        # The accounts may have most of their balances outside the range.
        start, end = self.grid.start, self.until or MAX_INSTANT
        period = Period(min(start, end - timedelta(microseconds=1)), end)
        for span in others:
            count += self.work.balance_snapshots.count_within(span.account.id, period, None)
            if count > _MOST_BALANCES:
                raise InvalidDateRange(_TOO_MANY_BALANCES)
        if count > _MOST_BALANCES:
            raise InvalidDateRange(_TOO_MANY_BALANCES)

    def refuse_more_points(
        self, most: int | None, groups: Iterable[Iterable[RecordedSpan]]
    ) -> None:
        """Refuse series of these accounts together that have too many points.

        Raises:
            InvalidDateRange: they have more than 50,000.
        """
        ends, count = self.grid.ends, 0
        for group in groups:
            spans = list(group)
            first = bisect_left(ends, min(span.first_at for span in spans))
            closings = [self.closed_at(span) for span in spans]
            stop = max(
                len(ends) if closed_at is None else bisect_left(ends, closed_at)
                for closed_at in closings
            )
            points = max(0, stop - first)
            count += points if most is None else min(points, most)
        if count > MOST_POINTS:
            raise InvalidDateRange(_TOO_MANY_POINTS)


def load_totals(work: UnitOfWork, user_id: UserId, asked: Range) -> Sequence[TotalSeries]:
    """Return the totals of each currency at the end of each interval, by currency code.

    Hidden accounts never count, closed ones until they were closed. Where the period reaches the
    present, the last total is that of the latest balances, whenever they were captured.

    Raises:
        AccountNotFound: the user has no account with the given id.
        InvalidDateRange: these would be more than 50,000 intervals or points.
    """
    plan = _plan(work, user_id, asked)
    by_currency: dict[Currency, list[RecordedSpan]] = {}
    for span in sorted(plan.spans, key=attrgetter("account.currency.code")):
        by_currency.setdefault(span.account.currency, []).append(span)
    plan.refuse_more_points(asked.most, by_currency.values())
    found = [
        sum_balances(map(plan.series_of, spans), plan.grid, currency, asked.most)
        for currency, spans in by_currency.items()
    ]
    return [series for series in found if series.points or series.coverage_events]


def load_accounts(work: UnitOfWork, user_id: UserId, asked: Range) -> Sequence[AccountSeries]:
    """Return each account's balances at the end of each interval, by account name, then id.

    The accounts that count are those of ``load_totals``.

    Raises:
        AccountNotFound: the user has no account with the given id.
        InvalidDateRange: these would be more than 50,000 intervals or points.
    """
    plan = _plan(work, user_id, asked)
    plan.refuse_more_points(asked.most, ([span] for span in plan.spans))
    found = [
        sample_balances(plan.series_of(span), plan.grid, span.account.currency, asked.most)
        for span in sorted(plan.spans, key=attrgetter("account.name", "account.id.hex"))
    ]
    return [series for series in found if series.points or series.coverage_events]


def _plan(work: UnitOfWork, user_id: UserId, asked: Range) -> _Plan:
    spans = work.balance_snapshots.spans(user_id)
    if asked.account_id is None:
        spans = [
            span
            for span in spans
            if not span.account.is_hidden and span.account.join_proposed_to is None
        ]
    else:
        account = work.accounts.get(asked.account_id)
        if account is None or account.user_id != user_id:
            raise AccountNotFound
        root_id = work.account_joins.of_user(user_id).root_of(account.id)
        spans = [span for span in spans if span.account.id == root_id]
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
    moves_days = calendar.moves_days(start, end)
    plan = _Plan(work, spans, until, calendar, moves_days, TimeGrid(start, ends))
    plan.refuse_more_balances()
    return plan
