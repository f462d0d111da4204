"""Holds: live balances that are likely wrong, and count only once that is decided."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final

from dashtam.domain.account import AccountType
from dashtam.domain.history.account_event import EventKind
from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.money import EXACT

_MOST_DIFFERENCE: Final = Decimal("0.05")
_OPPOSITE: Final = Decimal(-1)
_FACTORS: Final = tuple(map(Decimal, ("10", "0.1", "100", "0.01")))
_FACTOR_TOLERANCE: Final = Decimal("0.03")
_SIGN_TOLERANCE: Final = Decimal("0.02")
_MOST_TOLERANCE: Final = Decimal("0.15")
_FEWEST_READINGS: Final = 30

CAN_BE_EMPTIED: Final = frozenset(
    {AccountType.CREDIT_CARD, AccountType.LINE_OF_CREDIT, AccountType.CASH}
)
"""Types of account of which a 0 alone says nothing."""

# A sync so long after a held one releases it by saying the same.
_CONFIRMED_AFTER: Final = timedelta(hours=6)


class HoldRule(StrEnum):
    """Why a balance is held."""

    SUDDEN_ZERO = "sudden_zero"
    FACTOR = "factor"
    SIGN_FLIP = "sign_flip"
    CURRENCY_CHANGE = "currency_change"
    POSITIONS_DISAGREE = "positions_disagree"


HOLD_REASONS: Final[Mapping[HoldRule, str]] = {
    HoldRule.SUDDEN_ZERO: "The balance is suddenly 0.",
    HoldRule.FACTOR: "The balance is 10 or 100 times the one before, or that part of it.",
    HoldRule.SIGN_FLIP: "The balance is the one before with the opposite sign.",
    HoldRule.CURRENCY_CHANGE: "The provider reports this account in another currency than before.",
    HoldRule.POSITIONS_DISAGREE: "The balance is far from the sum of the positions and the cash.",
}
"""A sentence for each rule."""


class HoldDecision(StrEnum):
    """The end of a hold: the balance counts, or it never does."""

    RELEASE = "release"
    REJECT = "reject"


DECISIONS: Final[Mapping[EventKind, HoldDecision]] = {
    EventKind.RELEASE: HoldDecision.RELEASE,
    EventKind.REJECTION: HoldDecision.REJECT,
}
"""The decisions, by the event that records each."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A held snapshot, and the decision about it; ``previous`` is the last one that counted then.

    Without a decision the snapshot is held still.
    """

    snapshot: BalanceSnapshot
    sequence: int
    rule: HoldRule
    held_at: datetime
    previous: str | None
    decision: HoldDecision | None = None
    decided_at: datetime | None = None

    @property
    def is_accepted_difference(self) -> bool:
        """Whether positions that disagree with the total were accepted."""
        is_difference = self.rule is HoldRule.POSITIONS_DISAGREE
        return is_difference and self.decision is HoldDecision.RELEASE


@dataclass(frozen=True, slots=True)
class LiveBalance:
    """A live balance and its evidence; all amounts with the account's sign, in its currency.

    ``previous`` is the newest balance that counts, and ``is_warned`` whether the provider warns of
    the account. ``positions_value`` is None where the value of the positions is unknown.
    """

    account_type: AccountType
    balance: Decimal
    previous: Decimal | None
    cash_value: Decimal | None = None
    positions_value: Decimal | None = None
    is_warned: bool = False
    is_in_new_currency: bool = False
    have_positions_vanished: bool = False

    @property
    def needs_earlier_balances(self) -> bool:
        """Whether a rule may depend on the account's earlier balances: few balances do."""
        if not self.previous:
            return False
        factors = (*_FACTORS, _OPPOSITE)
        return not self.balance or any(
            is_close(self.balance, EXACT.multiply(self.previous, factor), _MOST_TOLERANCE)
            for factor in factors
        )


def find_rule(live: LiveBalance, earlier_balances: Sequence[Decimal]) -> HoldRule | None:
    """Return the rule by which the balance is held, None where it counts at once.

    ``earlier_balances`` are all balances of the account that count, oldest first; none are given
    where ``needs_earlier_balances`` is false.
    """
    rules: Mapping[HoldRule, Callable[[], bool]] = {
        HoldRule.CURRENCY_CHANGE: lambda: live.is_in_new_currency,
        HoldRule.POSITIONS_DISAGREE: lambda: _positions_disagree(live),
        HoldRule.SUDDEN_ZERO: lambda: _is_sudden_zero(live, earlier_balances),
        HoldRule.FACTOR: lambda: any(
            _follows(live, factor, _FACTOR_TOLERANCE, earlier_balances) for factor in _FACTORS
        ),
        HoldRule.SIGN_FLIP: lambda: _follows(live, _OPPOSITE, _SIGN_TOLERANCE, earlier_balances),
    }
    return next((rule for rule, applies in rules.items() if applies()), None)


def _positions_disagree(live: LiveBalance) -> bool:
    if live.positions_value is None or live.cash_value is None:
        return False
    return not is_close(EXACT.add(live.positions_value, live.cash_value), live.balance)


def _is_sudden_zero(live: LiveBalance, earlier_balances: Sequence[Decimal]) -> bool:
    if live.balance or not live.previous:
        return False
    if live.is_warned or live.have_positions_vanished:
        return True
    can_be_emptied = live.account_type in CAN_BE_EMPTIED
    return not can_be_emptied and _was_never_small(earlier_balances, live.previous)


def _follows(
    live: LiveBalance,
    factor: Decimal,
    tolerance: Decimal,
    earlier_balances: Sequence[Decimal],
) -> bool:
    """Tell whether the balance is about this multiple of the one before.

    Where the account's balance often changes by more than the tolerance, so may this one.
    """
    if not live.balance or not live.previous:
        return False
    expected = EXACT.multiply(live.previous, factor)
    if is_close(live.balance, expected, tolerance):
        return True
    if not is_close(live.balance, expected, _MOST_TOLERANCE):
        return False
    usual = _largest_step(earlier_balances[-_FEWEST_READINGS - 1 :])
    return is_close(live.balance, expected, min(usual, _MOST_TOLERANCE))


def _largest_step(balances: Iterable[Decimal]) -> Decimal:
    """Return the largest change between two balances, as a part of the earlier one."""
    steps = (
        abs(later - earlier) / abs(earlier) for earlier, later in pairwise(balances) if earlier
    )
    return max(steps, default=Decimal(0))


def held_since(holds: Iterable[Hold], newest: BalanceSnapshot | None) -> list[Hold]:
    """Return the holds that are not released, from after the newest snapshot that counts."""
    return [
        hold
        for hold in holds
        if hold.decision is not HoldDecision.RELEASE
        if newest is None or hold.snapshot.captured_at > newest.captured_at
    ]


def is_confirmed(same: Collection[Hold], at: datetime) -> bool:
    """Tell whether held balances that say the same are old enough, and none of them is rejected."""
    is_rejected = any(hold.decision is HoldDecision.REJECT for hold in same)
    first_at = min(hold.snapshot.captured_at for hold in same)
    return not is_rejected and at - first_at >= _CONFIRMED_AFTER


def is_close(balance: Decimal, expected: Decimal, tolerance: Decimal = _MOST_DIFFERENCE) -> bool:
    """Tell whether a balance differs from the expected one by at most this part of it."""
    difference = abs(EXACT.subtract(balance, expected))
    return difference <= EXACT.multiply(abs(expected), tolerance)


def _was_never_small(earlier: Iterable[Decimal], previous: Decimal) -> bool:
    """Tell whether many earlier balances all were above a small part of the last one."""
    least = EXACT.multiply(abs(previous), _MOST_DIFFERENCE)
    count = 0
    for count, balance in enumerate(earlier, 1):  # noqa: B007 - the number of all of them
        if abs(balance) <= least:
            return False
    return count >= _FEWEST_READINGS
