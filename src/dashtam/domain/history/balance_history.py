"""The arithmetic of history: changes, summaries, totals by currency."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.money import EXACT, Currency, Money, percent_change

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Change:
    """What a balance gained or lost; ``percent`` is None where it cannot be told."""

    amount: Money
    percent: float | None

    @classmethod
    def between(cls, earlier: Money, later: Money) -> "Change | None":
        """Return the change from one balance to another, None across a change of currency."""
        if earlier.currency != later.currency:
            return None
        return cls(later - earlier, percent_change(earlier.amount, later.amount))


@dataclass(frozen=True, slots=True)
class ChangedSnapshot:
    """A snapshot beside its change since the one before it; None where there is none."""

    snapshot: BalanceSnapshot
    change: Change | None


def with_change(previous: BalanceSnapshot | None, snapshot: BalanceSnapshot) -> ChangedSnapshot:
    """Return the snapshot with its change since the one before, None where there is none."""
    change = None if previous is None else Change.between(previous.balance, snapshot.balance)
    return ChangedSnapshot(snapshot, change)


@dataclass(frozen=True, slots=True)
class BalanceHistory:
    """Snapshots of one account in the order of the answer, and what they add up to.

    ``start`` and ``end`` are the earliest and the latest balance of the answer, None when it is
    empty; ``currency`` is then the account's.
    """

    snapshots: Sequence[ChangedSnapshot]
    currency: Currency
    start: Money | None
    end: Money | None
    change: Change | None


def build_history(snapshots: Sequence[BalanceSnapshot], currency: Currency) -> BalanceHistory:
    """Return the history of snapshots given oldest first, each changed since the one before.

    The first has no change, so that the changes add up to the whole.
    """
    changed = [ChangedSnapshot(snapshot, None) for snapshot in snapshots[:1]]
    changed += [
        ChangedSnapshot(later, Change.between(earlier.balance, later.balance))
        for earlier, later in pairwise(snapshots)
    ]
    return _summarised(changed, snapshots, currency)


def build_recent_history(
    snapshots: Sequence[BalanceSnapshot], limit: int, currency: Currency
) -> BalanceHistory:
    """Return the history of at most ``limit`` snapshots, newest first.

    Args:
        snapshots: oldest first; one more than ``limit`` where the account has it, so that the
            oldest of the answer has something to change from.
        limit: how many the answer holds.
        currency: the account's.
    """
    shown = snapshots[-limit:]
    changed = build_history(snapshots, currency).snapshots[-limit:]
    return _summarised(changed[::-1], shown, currency)


def _summarised(
    changed: Sequence[ChangedSnapshot], ascending: Sequence[BalanceSnapshot], currency: Currency
) -> BalanceHistory:
    if not ascending:
        return BalanceHistory((), currency, None, None, None)
    first, last = ascending[0], ascending[-1]
    return BalanceHistory(
        snapshots=changed,
        currency=last.balance.currency,
        start=first.balance,
        end=last.balance,
        change=Change.between(first.balance, last.balance),
    )


def totals_by_currency(balances: Iterable[Money]) -> dict[str, Money]:
    """Return the exact sum of the balances in each currency, by code in alphabetical order."""
    totals: dict[Currency, Decimal] = {}
    for balance in balances:
        currency = balance.currency
        totals[currency] = EXACT.add(totals.get(currency, _ZERO), balance.amount)
    in_order = sorted(totals.items(), key=_code)
    return {currency.code: Money(total, currency) for currency, total in in_order}


def _code(total: tuple[Currency, Decimal]) -> str:
    return total[0].code
