"""Balance snapshots on the wire: the latest, a history, the most recent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dashtam.application.history import balance_snapshots
from dashtam.application.history.balance_snapshots import Thinning
from dashtam.database.history_cache.drivers import CacheMissError
from dashtam.domain.history.balance_history import BalanceHistory, ChangedSnapshot
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.history.evidence import Amendments
from dashtam.domain.period import Calendar, Period
from dashtam.presentation.http.parameters import (
    ACCOUNT_ID,
    DETAIL,
    END_DATE,
    EXCLUDED,
    INCLUDE,
    INTERVAL,
    KNOWN_AT,
    MAX_POINTS,
    SOURCE,
    START_DATE,
    Detail,
    Parameter,
    limit,
)
from dashtam.presentation.http.request_context import (
    FastAnswer,
    FastRequest,
    RequestContext,
    Response,
)
from dashtam.presentation.schemas.snapshots import (
    LatestSnapshots,
    SnapshotHistory,
    history_parts,
    history_shape,
    latest_json,
    latest_shape,
    recent_parts,
)

LIMIT = limit(default=30)

RECENT_EXAMPLE: Final = SnapshotHistory.example | {
    "snapshots": SnapshotHistory.example["snapshots"][::-1]
}


def get_latest_snapshots(context: RequestContext) -> Response[LatestSnapshots]:
    """Get latest snapshots.

    The most recent balance snapshot of each of the user's accounts, by account name, and the
    exact totals by currency. The changes compare to the previous snapshot of the same account.
    Accounts that are hidden or closed are left out unless `include` names them.
    """
    latest = balance_snapshots.load_latest(
        context.known_work, context.user_id, context.value(INCLUDE)
    )
    return Response(latest_shape(latest, _load_amendments(context, latest.snapshots)))


def get_balance_history(context: RequestContext) -> Response[SnapshotHistory]:
    """Get balance history.

    An account's snapshots captured within a range, both ends included, oldest first. Each change
    compares to the snapshot before it in the answer, so that the changes add up to
    `total_change_amount`; the first has none.

    `interval` and `max_points` leave snapshots out, and never make up or average any: the changes
    are those between the snapshots that are shown. They leave none out that `include` adds.
    """
    interval = context.optional(INTERVAL)
    calendar = None if interval is None else Calendar(interval, context.zone)
    period = Period(context.value(START_DATE), context.value(END_DATE))
    history = balance_snapshots.load_history(
        context.known_work,
        context.user_id,
        context.value(ACCOUNT_ID),
        period,
        context.optional(SOURCE),
        Thinning(calendar, context.optional(MAX_POINTS)),
    )
    return _answer_history(context, history, period)


def list_balance_snapshots(context: RequestContext) -> Response[SnapshotHistory]:
    """List recent snapshots.

    An account's most recent snapshots, newest first. Each change compares to the snapshot before
    it in the account's whole series, even where that one is beyond `limit`. Snapshots that
    `include` adds count towards `limit`.
    """
    account_id, limit = context.value(ACCOUNT_ID), context.value(LIMIT)
    history = balance_snapshots.load_recent(
        context.known_work, context.user_id, account_id, limit, context.optional(SOURCE)
    )
    return _answer_history(context, history, limit)


async def fast_latest(context: FastRequest) -> FastAnswer:
    """Return the latest snapshots from the cache, which has no evidence and no past."""
    if context.optional(DETAIL) or context.optional(KNOWN_AT):
        raise CacheMissError
    viewer, balances = await context.cache.latest(context.credential)
    include = context.value(INCLUDE)
    shown = [
        balance
        for balance in balances
        if balance_snapshots.is_shown(balance.is_hidden, balance.is_closed, include)
    ]
    return viewer, [latest_json(shown)]


async def fast_history(context: FastRequest) -> FastAnswer:
    """Return a history from the cache, which has every snapshot of every source."""
    chosen: Sequence[Parameter[Any]] = (SOURCE, INTERVAL, MAX_POINTS, DETAIL, EXCLUDED, KNOWN_AT)
    if any(context.optional(parameter) is not None for parameter in chosen):
        raise CacheMissError
    period = Period(context.value(START_DATE), context.value(END_DATE))
    account_id = context.value(ACCOUNT_ID)
    cached = await context.cache.within(context.credential, account_id, period)
    if sum(cached.snapshot_counts) > balance_snapshots.MOST_ROWS:
        raise CacheMissError
    return cached.viewer, history_parts(cached, period)


async def fast_recent(context: FastRequest) -> FastAnswer:
    """Return the most recent snapshots of every source from the cache."""
    chosen: Sequence[Parameter[Any]] = (SOURCE, DETAIL, EXCLUDED, KNOWN_AT)
    if any(context.optional(parameter) is not None for parameter in chosen):
        raise CacheMissError
    account_id, limit = context.value(ACCOUNT_ID), context.value(LIMIT)
    cached = await context.cache.newest(context.credential, account_id, limit)
    return cached.viewer, recent_parts(cached, limit)


def _answer_history(
    context: RequestContext, history: BalanceHistory, view: Period | int
) -> Response[SnapshotHistory]:
    """Answer an account's history, with the snapshots that do not count if they are requested."""
    excluded = context.optional(EXCLUDED)
    if excluded is None:
        return Response(history_shape(history, _load_amendments(context, history.snapshots)))
    history, amendments = balance_snapshots.add_excluded(
        context.known_work,
        context.value(ACCOUNT_ID),
        history,
        excluded,
        context.optional(SOURCE),
        view=view,
    )
    return Response(history_shape(history, amendments))


def _load_amendments(
    context: RequestContext, shown: Sequence[ChangedSnapshot]
) -> Mapping[SnapshotId, Amendments] | None:
    """Return the amendments of the snapshots, None where no evidence is requested."""
    if context.optional(DETAIL) is not Detail.EVIDENCE:
        return None
    return balance_snapshots.load_amendments(context.known_work, shown)
