"""Balance snapshots on the wire: the latest, a history, the most recent."""

from dashtam.application.history import balance_snapshots
from dashtam.application.history.balance_snapshots import Detail
from dashtam.database.history_cache.drivers import NotReadyError
from dashtam.database.history_cache.history_cache import Reader, ReadyPages
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
from dashtam.presentation.http.request_context import Answer, Call, ReadyCall
from dashtam.presentation.schemas.snapshot_chunks import (
    belongs,
    history_json,
    latest_json,
    recent_json,
)
from dashtam.presentation.schemas.snapshots import history_shape, latest_shape

LIMIT = limit(default=30)


def get_latest_snapshots(call: Call) -> Answer:
    """Get latest snapshots.

    The most recent balance snapshot of each of the user's accounts, by account name, and the
    exact totals by currency. The changes compare to the previous snapshot of the same account.
    Accounts that are hidden or closed are left out unless `include` names them.
    """
    latest = balance_snapshots.latest(call.work, call.user_id, call.value(INCLUDE))
    return Answer(latest_shape(latest))


def get_balance_history(call: Call) -> Answer:
    """Get balance history.

    An account's snapshots captured within a range, both ends included, oldest first. Each change
    compares to the snapshot before it in the answer, so that the changes add up to
    `total_change_amount`; the first has none.

    `interval` and `max_points` leave snapshots out, and never make up or average any: the changes
    are those between the snapshots that are shown.
    """
    period = Period(call.value(START_DATE), call.value(END_DATE))
    account_id = AccountId(call.value(ACCOUNT_ID))
    interval = call.optional(INTERVAL)
    calendar = None if interval is None else Calendar(interval, call.value(TZ))
    detail = Detail(calendar, call.optional(MAX_POINTS))
    history = balance_snapshots.history(
        call.work, call.user_id, account_id, period, call.optional(SOURCE), detail
    )
    return Answer(history_shape(history))


def list_balance_snapshots(call: Call) -> Answer:
    """List recent snapshots.

    An account's most recent snapshots, newest first. Each change compares to the snapshot before
    it in the account's whole series, also where that one lies beyond `limit`.
    """
    history = balance_snapshots.recent(
        call.work,
        call.user_id,
        AccountId(call.value(ACCOUNT_ID)),
        call.value(LIMIT),
        call.optional(SOURCE),
    )
    return Answer(history_shape(history))


async def ready_latest(call: ReadyCall) -> tuple[Reader, bytes]:
    """Return the latest snapshots as they lie ready."""
    reader, balances = await call.reads.latest(call.proof)
    include = call.value(INCLUDE)
    shown = [
        balance
        for balance in balances
        if balance_snapshots.is_shown(balance.is_hidden, balance.is_closed, include)
    ]
    return reader, latest_json(shown)


async def ready_history(call: ReadyCall) -> tuple[Reader, bytes]:
    """Return a history as it lies ready: every snapshot of every source."""
    if call.has_any(SOURCE, INTERVAL, MAX_POINTS):
        raise NotReadyError
    period = Period(call.value(START_DATE), call.value(END_DATE))
    account_id = AccountId(call.value(ACCOUNT_ID))
    pages = await call.reads.within(call.proof, account_id, period)
    if sum(pages.snapshots) > balance_snapshots.MOST_ROWS:
        raise NotReadyError
    return pages.reader, history_json(_checked(call, account_id, pages), period)


async def ready_recent(call: ReadyCall) -> tuple[Reader, bytes]:
    """Return the most recent snapshots as they lie ready, of every source."""
    if call.has_any(SOURCE):
        raise NotReadyError
    account_id = AccountId(call.value(ACCOUNT_ID))
    pages = await call.reads.newest(call.proof, account_id, call.value(LIMIT))
    return pages.reader, recent_json(_checked(call, account_id, pages), call.value(LIMIT))


def _checked(call: ReadyCall, account_id: AccountId, pages: ReadyPages) -> ReadyPages:
    if not all(belongs(page, account_id) for page in pages.pages):
        call.reads.mend(account_id)
        raise NotReadyError
    return pages
