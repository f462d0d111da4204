"""Totals over time, held against looking at every account anew at every point."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from dashtam.domain.account import AccountId
from dashtam.domain.history.balance_history import totals_by_currency
from dashtam.domain.history.range_change import CoverageKind, PercentReason, RangeChange
from dashtam.domain.history.total_history import (
    BalanceSeries,
    TimeGrid,
    sample_balances,
    sum_balances,
)
from dashtam.domain.money import Currency, Money
from dashtam.domain.period import Calendar, Interval

ID = AccountId(UUID(int=1))
USD = Currency.of("USD")
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
LAST = FIRST + timedelta(days=70)

instants = st.datetimes(
    FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)
).map(lambda at: at.replace(microsecond=0, second=0))
amounts = st.decimals(-(10**20) + 1, 10**20 - 1, places=3) | st.decimals(-9, 9, places=0)


@dataclass(frozen=True)
class Account:
    balances: list[tuple[datetime, Decimal]]
    closed_at: datetime | None

    def series(self) -> BalanceSeries:
        return BalanceSeries(ID, iter(self.balances), self.closed_at)

    def held(self, at: datetime) -> tuple[datetime, Decimal] | None:
        """The balance that stood at an instant, and when it was captured."""
        if self.closed_at is not None and self.closed_at <= at:
            return None
        return max((one for one in self.balances if one[0] <= at), default=None, key=captured)

    def first_at(self) -> datetime | None:
        """The instant of its first balance, None where it never counts."""
        first_at = min((at for at, _ in self.balances), default=None)
        if first_at is None or (self.closed_at is not None and self.closed_at <= first_at):
            return None
        return first_at

    def until(self, end: datetime) -> "Account":
        return Account([one for one in self.balances if one[0] <= end], self.closed_at)


def captured(balance: tuple[datetime, Decimal]) -> datetime:
    return balance[0]


accounts = st.builds(
    Account,
    st.dictionaries(instants, amounts, max_size=12).map(lambda found: sorted(found.items())),
    st.none() | instants,
)


@st.composite
def grids(draw: st.DrawFn) -> tuple[TimeGrid, Calendar]:
    zone = draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
    calendar = Calendar(draw(st.sampled_from(Interval)), ZoneInfo(zone))
    start, end = sorted([draw(instants), draw(instants)])
    return TimeGrid(start, list(calendar.ends(start, end))), calendar


def brute(found: Sequence[Account], grid: TimeGrid, calendar: Calendar) -> list[tuple[object, ...]]:
    points: list[tuple[object, ...]] = []
    for at in grid.ends:
        held = [one for account in found if (one := account.held(at)) is not None]
        fresh = [
            one for one in held if one[0] >= grid.start and calendar.last_instant(one[0]) >= at
        ]
        if held:
            total = sum(Fraction(amount) for _, amount in held)
            later = [account for account in found if (account.first_at() or at) > at]
            points.append((at, total, len(held), len(held) - len(fresh), len(later)))
    return points


@given(st.lists(accounts, max_size=5), grids())
def test_a_total_is_the_sum_of_the_last_balance_of_each_account(
    found: list[Account], drawn: tuple[TimeGrid, Calendar]
) -> None:
    grid, calendar = drawn
    # Only accounts that have a balance before their closing are given.
    found = [account for account in found if account.first_at()]
    # No balance after the end is given.
    given = [account.until(grid.ends[-1]) for account in found]
    points = sum_balances((account.series() for account in given), grid, USD).points
    told = [
        (point.at, Fraction(point.balance.amount), point.accounts, point.carried, point.missing)
        for point in points
    ]
    assert told == brute(found, grid, calendar)


def parts(change: RangeChange) -> list[Fraction]:
    found = (change.opening, change.change, change.added, change.closed)
    return [Fraction(one.amount) if one else Fraction(0) for one in found]


@given(st.lists(accounts, max_size=5), grids())
def test_the_parts_of_a_change_add_up_from_the_opening_to_the_last_point(
    found: list[Account], drawn: tuple[TimeGrid, Calendar]
) -> None:
    grid, _ = drawn
    given = [account.until(grid.ends[-1]) for account in found]
    series = sum_balances((account.series() for account in given), grid, USD)
    change = series.change
    assert sum(parts(change)) == (Fraction(change.closing.amount) if change.closing else 0)
    if series.points and series.points[-1].at == grid.ends[-1]:
        assert str(change.closing) == str(series.points[-1].balance)
    else:
        assert change.closing is None
    assert (change.percent is None) == (change.percent_reason is not None)

    before = grid.start - timedelta(microseconds=1)
    held = [
        one[1]
        for account in given
        if (one := account.held(before)) and account.closed_at != grid.start
    ]
    assert parts(change)[0] == sum(map(Fraction, held))
    assert (change.opening is None) == (not held)

    kinds = [event.kind for event in series.coverage_events]
    added = [one for one in series.coverage_events if one.kind is CoverageKind.BEGINS]
    assert (kinds.count(CoverageKind.BEGINS), kinds.count(CoverageKind.ENDS)) == (
        change.added_accounts,
        change.closed_accounts,
    )
    assert sum(Fraction(one.balance.amount) for one in added) == Fraction(change.added.amount)
    assert all(grid.start <= one.at <= grid.ends[-1] for one in series.coverage_events)


@given(st.lists(accounts, max_size=5), grids())
def test_the_change_of_a_total_is_the_sum_of_the_changes_of_its_accounts(
    found: list[Account], drawn: tuple[TimeGrid, Calendar]
) -> None:
    grid, _ = drawn
    given = [account.until(grid.ends[-1]) for account in found]
    alone = [sample_balances(account.series(), grid, USD).change for account in given]
    together = sum_balances((account.series() for account in given), grid, USD).change
    for own, whole in zip(zip(*map(parts, alone), strict=True), parts(together), strict=False):
        assert sum(own) == whole


@given(st.lists(accounts, min_size=1, max_size=4), grids(), amounts)
def test_an_account_that_is_added_changes_neither_the_change_nor_its_percent(
    found: list[Account], drawn: tuple[TimeGrid, Calendar], balance: Decimal
) -> None:
    grid, _ = drawn
    given = [account.until(grid.ends[-1]) for account in found]
    linked = Account([(grid.ends[-1], balance)], None)
    before = sum_balances((account.series() for account in given), grid, USD).change
    after = sum_balances((account.series() for account in [*given, linked]), grid, USD).change
    assert after.change.amount == before.change.amount
    assert after.added.amount == before.added.amount + balance
    if before.opening is not None:
        assert (after.percent, after.percent_reason) == (before.percent, before.percent_reason)
    elif before.added_accounts:
        assert after.percent_reason is PercentReason.NO_OPENING


@given(accounts, grids())
def test_an_account_alone_is_the_total_of_itself(
    account: Account, drawn: tuple[TimeGrid, Calendar]
) -> None:
    grid, _ = drawn
    alone = sample_balances(account.series(), grid, USD).points
    together = sum_balances([account.series()], grid, USD).points
    assert [(point.at, point.balance.amount) for point in alone] == [
        (point.at, point.balance.amount) for point in together
    ]


@given(st.lists(accounts, min_size=1, max_size=6), grids())
def test_the_last_total_is_the_headline_to_its_last_digit(
    found: list[Account], drawn: tuple[TimeGrid, Calendar]
) -> None:
    grid, _ = drawn
    open_ones = [Account(account.balances, None) for account in found]
    points = sum_balances((account.series() for account in open_ones), grid, USD).points
    newest = [Money(one.balances[-1][1], USD) for one in open_ones if one.balances]
    headline = [str(total) for total in totals_by_currency(newest).values()]
    assert [str(point.balance) for point in points[-1:]] == headline
