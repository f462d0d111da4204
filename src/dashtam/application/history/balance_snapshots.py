"""Reading snapshots: the latest balances, those of a period, the most recent."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import islice
from operator import attrgetter
from typing import Final

from dashtam.database.history.balance_snapshots import OwnedSnapshots
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.errors import AccountForbidden, AccountNotFound, InvalidDateRange
from dashtam.domain.history import balance_history
from dashtam.domain.history.balance_history import BalanceHistory, ChangedSnapshot, with_change
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.history.evidence import (
    UNAMENDED,
    Amendments,
    Exclusion,
    collect_amendments,
)
from dashtam.domain.history.thinning import last_per_interval, thin
from dashtam.domain.money import Money
from dashtam.domain.period import MAX_INSTANT, Calendar, Period
from dashtam.domain.sync import SnapshotSource
from dashtam.domain.user import UserId

MOST_ROWS: Final = 50_000

_TOO_MANY_EXCLUDED: Final = (
    f"With those that do not count these would be more than {MOST_ROWS} snapshots: ask for a"
    " shorter range."
)
_INSTANT: Final = attrgetter("captured_at")
_PRECISION: Final = attrgetter("precision")
_AMOUNT: Final = attrgetter("balance.amount")


@dataclass(frozen=True, slots=True)
class LatestBalances:
    """The newest snapshot of each account, and the exact totals by currency code."""

    snapshots: Sequence[ChangedSnapshot]
    totals: dict[str, Money]


@dataclass(frozen=True, slots=True)
class Thinning:
    """The part of a history that is shown: the last snapshot of each interval, at most so many.

    None means all. Of more than ``most``, those stay that a chart would show (see ``thinning``).
    """

    calendar: Calendar | None = None
    most: int | None = None


ALL: Final = Thinning()


def load_latest(
    work: UnitOfWork, user_id: UserId, include: AbstractSet[str] = frozenset()
) -> LatestBalances:
    """Return the newest snapshot of each of the user's accounts that has any, by account name.

    Hidden and closed accounts are left out, of the totals too, unless ``include`` names them
    (``hidden``, ``closed``). An account that waits for its owner's decision on a join is left out.
    """
    shown = [
        with_change(latest.previous, latest.newest)
        for latest in sorted(
            work.balance_snapshots.latest(user_id), key=attrgetter("account.name", "account.id.hex")
        )
        if latest.newest is not None
        and latest.account.join_proposed_to is None
        and is_shown(latest.account.is_hidden, latest.account.closed_at is not None, include)
    ]
    balances = [changed.snapshot.balance for changed in shown]
    return LatestBalances(shown, balance_history.totals_by_currency(balances))


def is_shown(is_hidden: bool, is_closed: bool, include: AbstractSet[str]) -> bool:  # noqa: FBT001 - two of one kind
    """Tell whether an account counts among the latest balances."""
    return (not is_hidden or "hidden" in include) and (not is_closed or "closed" in include)


def load_history(
    work: UnitOfWork,
    user_id: UserId,
    account_id: AccountId,
    period: Period,
    source: SnapshotSource | None = None,
    thinning: Thinning = ALL,
) -> BalanceHistory:
    """Return an account's snapshots captured in the period, oldest first.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
        InvalidDateRange: these would be more than 50,000 snapshots.
    """
    snapshots = work.balance_snapshots
    if thinning == ALL:
        found = _check_owner(snapshots.within(account_id, period, source, MOST_ROWS + 1), user_id)
        if len(found.snapshots) > MOST_ROWS:
            raise _too_many(snapshots.count_within(account_id, period, source))
        return balance_history.build_history(found.snapshots, found.currency)
    newest = _check_owner(snapshots.newest(account_id, source, 1, period.end), user_id)
    values = snapshots.stream(account_id, period, source)
    if thinning.calendar is not None:
        values = iter(last_per_interval(values, thinning.calendar, _INSTANT, _PRECISION))
    if thinning.most is not None and newest.snapshots:
        shown = thin(
            values, thinning.most, newest.snapshots[0].captured_at, instant=_INSTANT, amount=_AMOUNT
        )
    else:
        shown = list(islice(values, MOST_ROWS))
        more = sum(1 for _ in values)
        if more:
            raise _too_many(MOST_ROWS + more)
    return balance_history.build_history(shown, newest.currency)


def load_recent(
    work: UnitOfWork,
    user_id: UserId,
    account_id: AccountId,
    limit: int,
    source: SnapshotSource | None = None,
) -> BalanceHistory:
    """Return an account's most recent snapshots, newest first, at most ``limit``.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
    """
    # One more than requested, so that the oldest shown has something to change from.
    found = _check_owner(work.balance_snapshots.newest(account_id, source, limit + 1), user_id)
    return balance_history.build_recent_history(found.snapshots, limit, found.currency)


def load_amendments(
    work: UnitOfWork, shown: Sequence[ChangedSnapshot]
) -> Mapping[SnapshotId, Amendments]:
    """Return the amendments of snapshots that count; most have none."""
    joined = work.account_joins.around({one.snapshot.account_id for one in shown})
    account_ids = joined.expand(one.snapshot.account_id for one in shown)
    return collect_amendments(work.account_events.about_snapshots(account_ids))


def add_excluded(
    work: UnitOfWork,
    account_id: AccountId,
    history: BalanceHistory,
    excluded: Collection[Exclusion],
    source: SnapshotSource | None = None,
    *,
    view: Period | int,
) -> tuple[BalanceHistory, Mapping[SnapshotId, Amendments]]:
    """Return the history of an account with the snapshots that do not count for these reasons.

    They come with the amendments of all its snapshots. ``view`` is the period of a history that is
    oldest first, or the limit of one that is newest first; the caller loaded it for its owner.

    Raises:
        InvalidDateRange: these would be more than 50,000 snapshots.
    """
    limit, period = (view, None) if isinstance(view, int) else (MOST_ROWS + 1, view)
    placed = work.balance_snapshots.with_excluded(account_id, excluded, source, limit, period)
    if len(placed) > MOST_ROWS:
        raise InvalidDateRange(_TOO_MANY_EXCLUDED)
    members = work.account_joins.around([account_id]).members_of(account_id)
    amendments = collect_amendments(work.account_events.about_snapshots(members))
    for one in placed:
        if one.sync_retracted_at is not None:
            known = amendments.get(one.snapshot.id, UNAMENDED)
            retracted_at = min(known.retracted_at or MAX_INSTANT, one.sync_retracted_at)
            amendments[one.snapshot.id] = replace(known, retracted_at=retracted_at)
    return balance_history.add_excluded(history, placed, newest_first=period is None), amendments


def _check_owner(found: OwnedSnapshots | None, user_id: UserId) -> OwnedSnapshots:
    if found is None:
        raise AccountNotFound
    if found.owner != user_id:
        raise AccountForbidden
    return found


def _too_many(count: int) -> InvalidDateRange:
    return InvalidDateRange(
        f"This would be {count} snapshots, and an answer holds at most {MOST_ROWS}:"
        " ask for an interval (day, week, month), for max_points, or for a shorter range."
    )
