"""Histories: snapshots with their changes, summaries and totals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.history.evidence import PlacedSnapshot
from dashtam.domain.money import Change, Currency, Money


@dataclass(frozen=True, slots=True)
class ChangedSnapshot:
    """A snapshot and its change since the snapshot before it, None for the first."""

    snapshot: BalanceSnapshot
    change: Change | None


def with_change(previous: BalanceSnapshot | None, snapshot: BalanceSnapshot) -> ChangedSnapshot:
    """Return the snapshot with its change since the previous one."""
    change = None if previous is None else Change.between(previous.balance, snapshot.balance)
    return ChangedSnapshot(snapshot, change)


@dataclass(frozen=True, slots=True)
class BalanceHistory:
    """Snapshots of one account in the order of the response, and their summary.

    ``start`` and ``end`` are the earliest and the latest balance, None without snapshots;
    ``currency`` is then the account's.
    """

    snapshots: Sequence[ChangedSnapshot]
    currency: Currency
    start: Money | None
    end: Money | None
    change: Change | None


def build_history(snapshots: Sequence[BalanceSnapshot], currency: Currency) -> BalanceHistory:
    """Return the history of snapshots that are in order, oldest first.

    The first snapshot has no change, so that the changes add up to the change of the whole.
    """
    changed = list(map(with_change, [None, *snapshots], snapshots))
    return _summarize(changed, snapshots, currency)


def build_recent_history(
    snapshots: Sequence[BalanceSnapshot], limit: int, currency: Currency
) -> BalanceHistory:
    """Return the history of at most ``limit`` snapshots, newest first.

    They are given oldest first, one more than ``limit`` if the account has it, so that the oldest
    in the response has a change.
    """
    changed = build_history(snapshots, currency).snapshots[-limit:]
    return _summarize(changed[::-1], snapshots[-limit:], currency)


def add_excluded(
    history: BalanceHistory, placed: Sequence[PlacedSnapshot], *, newest_first: bool
) -> BalanceHistory:
    """Return the history with the placed snapshots that do not count, in their order.

    Those have no change, and are left out of the summary. A snapshot that counts keeps its change;
    one that is not in the history stays out.
    """
    changed = {one.snapshot.id: one for one in history.snapshots}
    shown = [
        changed.get(one.snapshot.id, ChangedSnapshot(one.snapshot, None))
        for one in placed
        if not one.counts or one.snapshot.id in changed
    ]
    counted = [one.snapshot for one in shown if one.snapshot.id in changed]
    summary = _summarize((), counted[::-1] if newest_first else counted, history.currency)
    return replace(summary, snapshots=shown)


def _summarize(
    changed: Sequence[ChangedSnapshot], ascending: Sequence[BalanceSnapshot], currency: Currency
) -> BalanceHistory:
    if not ascending:
        return BalanceHistory((), currency, None, None, None)
    start, end = ascending[0].balance, ascending[-1].balance
    return BalanceHistory(changed, end.currency, start, end, Change.between(start, end))


def totals_by_currency(balances: Iterable[Money]) -> dict[str, Money]:
    """Return the exact sum of the balances in each currency, by code in alphabetical order."""
    totals: dict[str, Money] = {}
    for balance in balances:
        code = balance.currency.code
        totals[code] = totals.get(code, Money(Decimal(0), balance.currency)) + balance
    return dict(sorted(totals.items()))
