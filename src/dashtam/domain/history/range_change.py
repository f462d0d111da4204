"""The change of balances over a range, apart from accounts that begin or end within it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from operator import attrgetter

from dashtam.domain.account import AccountId
from dashtam.domain.money import EXACT, Currency, Money, percent_change

# An opening below this part of the largest balances has a percent that says little.
_TINY = Decimal("0.01")


class PercentReason(StrEnum):
    """Why a change has no percent."""

    NO_OPENING = "no_opening"
    ZERO_OPENING = "zero_opening"
    TINY_OPENING = "tiny_opening"
    CROSSES_ZERO = "crosses_zero"
    MOSTLY_ADDED = "mostly_added"


class CoverageKind(StrEnum):
    """Whether an account begins to count, or ends."""

    BEGINS = "begins"
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class CoverageEvent:
    """An account that begins with its first balance or ends with its last, within a range."""

    at: datetime
    account_id: AccountId
    kind: CoverageKind
    balance: Money


@dataclass(frozen=True, slots=True)
class AccountRange:
    """The balances of one account at the ends of a range.

    ``opening`` is the balance that is carried into the range; without one, ``first`` is the first
    balance within it, with its instant. ``last`` is the balance at the end, or before the closing.
    ``closed_at`` is None unless the account was closed within the range.
    """

    account_id: AccountId
    opening: Decimal | None
    first: tuple[datetime, Decimal]
    last: Decimal
    closed_at: datetime | None

    @property
    def base(self) -> Decimal:
        """The balance from which the account's change counts."""
        return self.first[1] if self.opening is None else self.opening

    def events(self, currency: Currency) -> list[CoverageEvent]:
        """Return the account's beginning and its end, where they are within the range."""
        found = []
        if self.opening is None:
            at, amount = self.first
            found.append((at, CoverageKind.BEGINS, amount))
        if self.closed_at is not None:
            found.append((self.closed_at, CoverageKind.ENDS, self.last))
        return [
            CoverageEvent(at, self.account_id, kind, Money(amount, currency))
            for at, kind, amount in found
        ]


@dataclass(frozen=True, slots=True)
class RangeChange:
    """The parts of the difference between the balances at the two ends of a range.

    opening + change + added + closed = closing, exactly, where None counts as zero.

    ``opening`` is None where no account was there when the range began, ``closing`` where none is
    at its end. ``change`` is the sum of the accounts' own changes: each from its opening, or from
    its first balance within the range, to its last. ``added`` is the sum of those first balances,
    ``closed`` that of the last balances of accounts that were closed, negated.
    ``percent_reason`` says why ``percent`` is None.
    """

    opening: Money | None
    closing: Money | None
    change: Money
    percent: float | None
    percent_reason: PercentReason | None
    added: Money
    added_accounts: int
    closed: Money
    closed_accounts: int


def change_over_range(ranges: Sequence[AccountRange], currency: Currency) -> RangeChange:
    """Return the change of the accounts together, each of which has a balance in the range."""
    opened = [one for one in ranges if one.opening is not None]
    added = [one for one in ranges if one.opening is None]
    closed = [one for one in ranges if one.closed_at is not None]
    present = [one for one in ranges if one.closed_at is None]
    change = EXACT.subtract(_sum(map(_LAST, ranges)), _sum(map(_BASE, ranges)))
    percent, reason = _percent(opened, added)
    return RangeChange(
        opening=Money(_sum(map(_BASE, opened)), currency) if opened else None,
        closing=Money(_sum(map(_LAST, present)), currency) if present else None,
        change=Money(change, currency),
        percent=percent,
        percent_reason=reason,
        added=Money(_sum(map(_BASE, added)), currency),
        added_accounts=len(added),
        closed=-Money(_sum(map(_LAST, closed)), currency),
        closed_accounts=len(closed),
    )


def coverage_events(ranges: Iterable[AccountRange], currency: Currency) -> list[CoverageEvent]:
    """Return the beginnings and ends of accounts within the range, by instant, then account."""
    events = chain.from_iterable(one.events(currency) for one in ranges)
    return sorted(events, key=attrgetter("at", "account_id.hex", "kind"))


_BASE = attrgetter("base")
_LAST = attrgetter("last")


def _percent(
    opened: Sequence[AccountRange], added: Sequence[AccountRange]
) -> tuple[float | None, PercentReason | None]:
    """Return the percent of the accounts that were there when the range began.

    One account alone that begins within the range has that of its first balance.
    """
    if not opened and len(added) == 1:
        opened, added = added, opened
    if not opened:
        return None, PercentReason.NO_OPENING
    opening, last = _sum(map(_BASE, opened)), _sum(map(_LAST, opened))
    change = EXACT.subtract(last, opening)
    added_change = EXACT.subtract(_sum(map(_LAST, added)), _sum(map(_BASE, added)))
    largest = _sum(max(abs(one.base), abs(one.last)) for one in opened)
    if not opening:
        return None, PercentReason.ZERO_OPENING
    if abs(added_change) > abs(change):
        return None, PercentReason.MOSTLY_ADDED
    if last and (opening < 0) != (last < 0):
        return None, PercentReason.CROSSES_ZERO
    if abs(opening) < EXACT.multiply(largest, _TINY):
        return None, PercentReason.TINY_OPENING
    return percent_change(opening, last), None


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
