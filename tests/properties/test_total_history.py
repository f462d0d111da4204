"""Totals over time, held against looking at every account anew at every point."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from dashtam.domain.history.balance_history import totals_by_currency
from dashtam.domain.history.total_history import (
    BalanceSeries,
    TimeGrid,
    sample_balances,
    sum_balances,
)
from dashtam.domain.money import Currency, Money
from dashtam.domain.period import Calendar, Interval

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
        return BalanceSeries(iter(self.balances), self.closed_at)

    def held(self, at: datetime) -> tuple[datetime, Decimal] | None:
        """The balance that stood at an instant, and when it was captured."""
        if self.closed_at is not None and self.closed_at <= at:
            return None
        return max((one for one in self.balances if one[0] <= at), default=None, key=captured)


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
            points.append((at, total, len(held), len(held) - len(fresh)))
    return points


@given(st.lists(accounts, max_size=5), grids())
def test_a_total_is_the_sum_of_the_last_balance_of_each_account(
    found: list[Account], drawn: tuple[TimeGrid, Calendar]
) -> None:
    grid, calendar = drawn
    # No balance after the end is given.
    given = [Account([one for one in account.balances if one[0] <= grid.ends[-1]],
                     account.closed_at) for account in found]  # fmt: skip
    points = sum_balances((account.series() for account in given), grid, USD)
    told = [
        (point.at, Fraction(point.balance.amount), point.accounts, point.carried)
        for point in points
    ]
    assert told == brute(given, grid, calendar)


@given(accounts, grids())
def test_an_account_alone_is_the_total_of_itself(
    account: Account, drawn: tuple[TimeGrid, Calendar]
) -> None:
    grid, _ = drawn
    alone = sample_balances(account.series(), grid, USD)
    together = sum_balances([account.series()], grid, USD)
    assert [(point.at, point.balance.amount) for point in alone] == [
        (point.at, point.balance.amount) for point in together
    ]


@given(st.lists(accounts, min_size=1, max_size=6), grids())
def test_the_last_total_is_the_headline_to_its_last_digit(
    found: list[Account], drawn: tuple[TimeGrid, Calendar]
) -> None:
    grid, _ = drawn
    open_ones = [Account(account.balances, None) for account in found]
    points = sum_balances((account.series() for account in open_ones), grid, USD)
    newest = [Money(one.balances[-1][1], USD) for one in open_ones if one.balances]
    headline = [str(total) for total in totals_by_currency(newest).values()]
    assert [str(point.balance) for point in points[-1:]] == headline
