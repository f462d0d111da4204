"""Balances over time: at the end of each interval, of each account and of all together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, repeat
from operator import itemgetter
from typing import TypeVar

from dashtam.domain.account import AccountId
from dashtam.domain.history.thinning import Measure, thin
from dashtam.domain.money import EXACT, Currency, Money

Numbered = TypeVar("Numbered", tuple[int, Decimal], tuple[int, "_Total"])

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class TotalPoint:
    """What accounts held together at an instant.

    It rests on ``accounts`` of them, of which ``carried`` have no snapshot of that very interval:
    theirs is the last balance before it.
    """

    at: datetime
    balance: Money
    accounts: int
    carried: int


@dataclass(frozen=True, slots=True)
class TotalSeries:
    """The totals of one currency, oldest first."""

    currency: Currency
    points: Sequence[TotalPoint]


@dataclass(frozen=True, slots=True)
class BalancePoint:
    """What one account held at an instant."""

    at: datetime
    balance: Money


@dataclass(frozen=True, slots=True)
class AccountSeries:
    """The balances of one account, oldest first."""

    account_id: AccountId
    currency: Currency
    points: Sequence[BalancePoint]


@dataclass(frozen=True, slots=True)
class BalanceSeries:
    """How one account's balance went, in its own currency.

    ``balances`` are instants and amounts, oldest first, from the one on that is carried into the
    range. From ``closed_at`` on the account counts no more; None while it is open.
    """

    balances: Iterable[tuple[datetime, Decimal]]
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """The instants at which balances are told: ``ends``, the last of each interval, in order.

    What was captured before ``start`` is carried, though it may be of the first interval. To the
    last interval belongs all that is given.
    """

    start: datetime
    ends: Sequence[datetime]

    def measure(self, amount: Callable[[Numbered], Decimal]) -> Measure[Numbered]:
        """Return how values that begin with the number of their interval are looked at."""
        return Measure(lambda numbered: self.ends[numbered[0]], amount)


class _Total:
    """A sum that is being added up."""

    __slots__ = ("accounts", "amount", "carried")

    def __init__(self) -> None:
        self.amount = _ZERO
        self.accounts = 0
        self.carried = 0


def sample_balances(
    course: BalanceSeries, frame: TimeGrid, currency: Currency, most: int | None = None
) -> list[BalancePoint]:
    """Return what the account held at the end of each interval.

    Of more than ``most`` points, those stay that a chart would show (see ``thinning``).
    """
    held = [(index, amount) for index, amount, _ in _held(course, frame)]
    if most is not None and held:
        held = thin(held, most, frame.ends[held[-1][0]], frame.measure(itemgetter(1)))
    return [BalancePoint(frame.ends[index], Money(amount, currency)) for index, amount in held]


def sum_balances(
    courses: Iterable[BalanceSeries], frame: TimeGrid, currency: Currency, most: int | None = None
) -> list[TotalPoint]:
    """Return what accounts of one currency held together at the end of each interval.

    Each account's last balance is carried forward; before its first there is nothing, and nothing
    from its closing on. Where no account counts there is no point. The courses are read one after
    the other, so that only the sums are held. Of more than ``most`` points, those stay that a
    chart would show (see ``thinning``).
    """
    totals: dict[int, _Total] = {}
    for course in courses:
        for index, amount, is_carried in _held(course, frame):
            total = totals.get(index)
            if total is None:
                total = totals[index] = _Total()
            total.amount = EXACT.add(total.amount, amount)
            total.accounts += 1
            total.carried += is_carried
    found = sorted(totals.items(), key=itemgetter(0))
    if most is not None and found:
        found = thin(found, most, frame.ends[found[-1][0]], frame.measure(_amount))
    return [
        TotalPoint(frame.ends[index], Money(total.amount, currency), total.accounts, total.carried)
        for index, total in found
    ]


def _amount(numbered: tuple[int, _Total]) -> Decimal:
    return numbered[1].amount


def _held(course: BalanceSeries, frame: TimeGrid) -> Iterator[tuple[int, Decimal, bool]]:
    """Yield each interval at whose end the account counts, what it held then, if it is carried."""
    balances = chain(course.balances, repeat((_END_OF_TIME, None)))
    captured_at, following = next(balances)
    amount: Decimal | None = None
    last = len(frame.ends) - 1
    for index, end in enumerate(frame.ends):
        if course.closed_at is not None and end >= course.closed_at:
            return
        is_carried = True
        while following is not None and (captured_at <= end or index == last):
            amount, is_carried = following, captured_at < frame.start
            captured_at, following = next(balances)
        if amount is not None:
            yield index, amount, is_carried
