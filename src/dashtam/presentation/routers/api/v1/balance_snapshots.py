"""Balance snapshots on the wire: the latest, a history, the most recent."""

from dashtam.application.history import balance_snapshots
from dashtam.application.history.balance_snapshots import Thinning
from dashtam.database.history_cache.drivers import CacheMissError
from dashtam.database.history_cache.history_cache import CachedHistory, Viewer
from dashtam.domain.account import AccountId
from dashtam.domain.period import Calendar, Period
from dashtam.presentation.http.parameters import (
    ACCOUNT_ID,
    END_DATE,
    INCLUDE,
    INTERVAL,
    MAX_POINTS,
    SOURCE,
    START_DATE,
    TZ,
    limit,
)
from dashtam.presentation.http.request_context import FastRequest, RequestContext, Response
from dashtam.presentation.schemas.snapshot_chunks import (
    belongs,
    history_json,
    latest_json,
    recent_json,
)
from dashtam.presentation.schemas.snapshots import history_shape, latest_shape

LIMIT = limit(default=30)


def get_latest_snapshots(context: RequestContext) -> Response:
    """Get latest snapshots.

    The most recent balance snapshot of each of the user's accounts, by account name, and the
    exact totals by currency. The changes compare to the previous snapshot of the same account.
    Accounts that are hidden or closed are left out unless `include` names them.
    """
    latest = balance_snapshots.latest(context.work, context.user_id, context.value(INCLUDE))
    return Response(latest_shape(latest))


def get_balance_history(context: RequestContext) -> Response:
    """Get balance history.

    An account's snapshots captured within a range, both ends included, oldest first. Each change
    compares to the snapshot before it in the answer, so that the changes add up to
    `total_change_amount`; the first has none.

    `interval` and `max_points` leave snapshots out, and never make up or average any: the changes
    are those between the snapshots that are shown.
    """
    period = Period(context.value(START_DATE), context.value(END_DATE))
    account_id = AccountId(context.value(ACCOUNT_ID))
    interval = context.optional(INTERVAL)
    calendar = None if interval is None else Calendar(interval, context.value(TZ))
    detail = Thinning(calendar, context.optional(MAX_POINTS))
    history = balance_snapshots.history(
        context.work, context.user_id, account_id, period, context.optional(SOURCE), detail
    )
    return Response(history_shape(history))


def list_balance_snapshots(context: RequestContext) -> Response:
    """List recent snapshots.

    An account's most recent snapshots, newest first. Each change compares to the snapshot before
    it in the account's whole series, also where that one lies beyond `limit`.
    """
    history = balance_snapshots.recent(
        context.work,
        context.user_id,
        AccountId(context.value(ACCOUNT_ID)),
        context.value(LIMIT),
        context.optional(SOURCE),
    )
    return Response(history_shape(history))


async def fast_latest(context: FastRequest) -> tuple[Viewer, bytes]:
    """Return the latest snapshots as they lie ready."""
    reader, balances = await context.cache.latest(context.credential)
    include = context.value(INCLUDE)
    shown = [
        balance
        for balance in balances
        if balance_snapshots.is_shown(balance.is_hidden, balance.is_closed, include)
    ]
    return reader, latest_json(shown)


async def fast_history(context: FastRequest) -> tuple[Viewer, bytes]:
    """Return a history as it lies ready: every snapshot of every source."""
    if context.has_any(SOURCE, INTERVAL, MAX_POINTS):
        raise CacheMissError
    period = Period(context.value(START_DATE), context.value(END_DATE))
    account_id = AccountId(context.value(ACCOUNT_ID))
    pages = await context.cache.within(context.credential, account_id, period)
    if sum(pages.snapshot_counts) > balance_snapshots.MOST_ROWS:
        raise CacheMissError
    return pages.viewer, history_json(_checked(context, account_id, pages), period)


async def fast_recent(context: FastRequest) -> tuple[Viewer, bytes]:
    """Return the most recent snapshots as they lie ready, of every source."""
    if context.has_any(SOURCE):
        raise CacheMissError
    account_id = AccountId(context.value(ACCOUNT_ID))
    pages = await context.cache.newest(context.credential, account_id, context.value(LIMIT))
    return pages.viewer, recent_json(_checked(context, account_id, pages), context.value(LIMIT))


def _checked(context: FastRequest, account_id: AccountId, pages: CachedHistory) -> CachedHistory:
    if not all(belongs(page, account_id) for page in pages.chunks):
        context.cache.rebuild(account_id)
        raise CacheMissError
    return pages
