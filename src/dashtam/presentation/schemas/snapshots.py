"""Balance snapshots as they are sent, and the answers that hold several.

The history cache keeps chunks: the JSON of an account's snapshots, with commas between them. Its
answers are cut out of them. No field of a snapshot is free text, so the braces and names that are
searched for occur nowhere else.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Final, cast
from uuid import UUID

import msgspec
from msgspec import Meta

from dashtam.application.history.balance_snapshots import LatestBalances
from dashtam.database.history_cache.drivers import CacheMissError
from dashtam.database.history_cache.history_cache import CachedBalance, CachedHistory
from dashtam.domain.history.balance_history import (
    BalanceHistory,
    ChangedSnapshot,
    totals_by_currency,
)
from dashtam.domain.money import Change, Currency, Money, amount_text
from dashtam.domain.period import Period
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import AmountText, CurrencyCode, Instant, Shape, SumText

Percent = Annotated[
    float, Meta(description="Rounded half away from zero to two decimals.", examples=[2.04])
]

# The document's own three snapshots; the first has nothing to change from.
_JANUARY = {
    "id": "550e8400-e29b-41d4-a716-446655440001",
    "account_id": examples.ACCOUNT_ID,
    "balance": "20000.00",
    "available_balance": "19500.00",
    "holdings_value": "17000.00",
    "cash_value": "3000.00",
    "currency": "USD",
    "source": "account_sync",
    "captured_at": "2025-01-15T10:00:00Z",
    "created_at": "2025-01-15T10:00:00Z",
    "change_amount": None,
    "change_percent": None,
}
_JUNE = _JANUARY | {
    "id": "550e8400-e29b-41d4-a716-446655440002",
    "balance": "22500.00",
    "available_balance": "22000.00",
    "holdings_value": "19500.00",
    "source": "holdings_sync",
    "captured_at": "2025-06-15T10:00:00Z",
    "created_at": "2025-06-15T10:00:00Z",
    "change_amount": "2500.00",
    "change_percent": 12.5,
}
_DECEMBER = _JUNE | {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "balance": "25000.00",
    "available_balance": "24500.00",
    "holdings_value": "22000.00",
    "captured_at": examples.CAPTURED_AT,
    "created_at": examples.CAPTURED_AT,
    "change_amount": "500.00",
    "change_percent": 2.04,
}


class Snapshot(Shape):
    """One recorded balance: the document's twelve fields, in its order."""

    id: UUID
    account_id: UUID
    balance: AmountText
    available_balance: AmountText | None
    holdings_value: AmountText | None
    cash_value: AmountText | None
    currency: CurrencyCode
    source: SnapshotSource
    captured_at: Instant
    created_at: Instant
    change_amount: SumText | None
    change_percent: Percent | None

    example: ClassVar = _DECEMBER | {"source": "manual_sync"}


class LatestSnapshots(Shape):
    """The most recent snapshot of each account."""

    snapshots: list[Snapshot]
    total_count: int
    total_balance_by_currency: dict[str, SumText]

    example: ClassVar = {
        "snapshots": [_DECEMBER],
        "total_count": 1,
        "total_balance_by_currency": {"USD": "25000.00"},
    }


class SnapshotHistory(Shape):
    """Snapshots of one account, and their summary."""

    snapshots: list[Snapshot]
    total_count: int
    start_balance: AmountText | None
    end_balance: AmountText | None
    total_change_amount: SumText | None
    total_change_percent: Percent | None
    currency: CurrencyCode

    example: ClassVar = {
        "snapshots": [_JANUARY, _JUNE],
        "total_count": 2,
        "start_balance": "20000.00",
        "end_balance": "22500.00",
        "total_change_amount": "2500.00",
        "total_change_percent": 12.5,
        "currency": "USD",
    }


def snapshot_shape(changed: ChangedSnapshot) -> Snapshot:
    """Return a snapshot as it is sent."""
    snapshot, change = changed.snapshot, changed.change
    # Field by field: this is called 50,000 times for one long history.
    return Snapshot(
        id=snapshot.id,
        account_id=snapshot.account_id,
        balance=str(snapshot.balance),
        available_balance=amount_text(snapshot.available_balance),
        holdings_value=amount_text(snapshot.holdings_value),
        cash_value=amount_text(snapshot.cash_value),
        currency=snapshot.balance.currency.code,
        source=snapshot.source,
        captured_at=snapshot.captured_at,
        created_at=snapshot.created_at,
        change_amount=None if change is None else str(change.amount),
        change_percent=None if change is None else change.percent,
    )


def latest_shape(latest: LatestBalances) -> LatestSnapshots:
    """Return the latest balances as they are sent."""
    shapes = [snapshot_shape(changed) for changed in latest.snapshots]
    return build_latest(shapes, len(shapes), latest.totals)


def build_latest(
    snapshots: list[Snapshot], count: int, totals: Mapping[str, Money]
) -> LatestSnapshots:
    """Return each account's latest snapshot, their count, and their totals by currency code."""
    sums = {code: str(total) for code, total in totals.items()}
    return LatestSnapshots(snapshots, count, sums)


def history_shape(history: BalanceHistory) -> SnapshotHistory:
    """Return a history as it is sent."""
    shapes = [snapshot_shape(changed) for changed in history.snapshots]
    return build_history(shapes, len(shapes), history)


def build_history(
    snapshots: list[Snapshot], count: int, history: BalanceHistory
) -> SnapshotHistory:
    """Return snapshots, their count, and the history's summary of them."""
    change = history.change
    return SnapshotHistory(
        snapshots=snapshots,
        total_count=count,
        start_balance=amount_text(history.start),
        end_balance=amount_text(history.end),
        total_change_amount=None if change is None else str(change.amount),
        total_change_percent=None if change is None else change.percent,
        currency=history.currency.code,
    )


_BEGIN: Final = b'{"id":"'
_BETWEEN: Final = b"},{"
_ACCOUNT_ID_AT: Final = len(_BEGIN) + 36 + len(b'",')
_CAPTURED_AT: Final = b'"captured_at":"'
_CHANGE: Final = b'"change_amount":'
_NO_CHANGE: Final = b'"change_amount":null,"change_percent":null}'


class _Balance(msgspec.Struct):
    balance: str
    currency: str

    @property
    def money(self) -> Money:
        return Money(Decimal(self.balance), Currency.of(self.currency))


_decode = msgspec.json.Decoder(_Balance).decode
_decode_all = msgspec.json.Decoder(list[_Balance]).decode


def render_snapshot(changed: ChangedSnapshot) -> bytes:
    """Return the JSON of a snapshot."""
    return msgspec.json.encode(snapshot_shape(changed))


def is_of_account(chunk: bytes, account_id: UUID) -> bool:
    """Tell whether a chunk belongs to the account."""
    return chunk.startswith(b'"account_id":"%s"' % str(account_id).encode(), _ACCOUNT_ID_AT)


def history_json(cached: CachedHistory, period: Period) -> bytes:
    """Return the answer of a history.

    Raises:
        CacheMissError: the period has no snapshot.
    """
    snapshots = b",".join(cached.chunks)
    begin = _search(snapshots, len(cached.chunks[0]), period.start, is_included=True)
    tail = len(snapshots) - len(cached.chunks[-1])
    last_chunk = snapshots[tail:]
    end = tail + _search(last_chunk, len(last_chunk), period.end, is_included=False)
    if begin >= end:
        raise CacheMissError
    count = sum(cached.snapshot_counts)
    count -= snapshots.count(_BEGIN, 0, begin) + snapshots.count(_BEGIN, end)
    # Without the comma before the snapshots that are left out.
    end -= end < len(snapshots)
    after_first = snapshots.find(_BETWEEN, begin, end) + 1 or end
    first = snapshots[begin:after_first]
    first = first[: first.rindex(_CHANGE)] + _NO_CHANGE
    last = snapshots[snapshots.rindex(_BEGIN, begin, end) : end]
    return _history_json(first + snapshots[after_first:end], count, first, last)


def recent_json(cached: CachedHistory, limit: int) -> bytes:
    """Return the answer of a recent list, newest first."""
    parts = b",".join(cached.chunks)[1:-1].rsplit(_BETWEEN, limit)
    count = min(sum(cached.snapshot_counts), limit)
    shown = [b"{%s}" % part for part in parts[-count:]]
    return _history_json(b",".join(reversed(shown)), count, shown[0], shown[-1])


def latest_json(balances: Sequence[CachedBalance]) -> bytes:
    """Return the answer of the latest balances."""
    snapshots = b"[%s]" % b",".join([balance.snapshot for balance in balances])
    amounts = [balance.money for balance in _decode_all(snapshots)]
    totals = totals_by_currency(amounts)
    return msgspec.json.encode(build_latest(_as_list(snapshots), len(amounts), totals))


def _history_json(snapshots: bytes, count: int, earliest: bytes, latest: bytes) -> bytes:
    start, end = _decode(earliest).money, _decode(latest).money
    summary = BalanceHistory((), end.currency, start, end, Change.between(start, end))
    return msgspec.json.encode(build_history(_as_list(b"[%s]" % snapshots), count, summary))


def _as_list(snapshots: bytes) -> list[Snapshot]:
    # The encoder writes raw JSON in place of the list.
    return cast("list[Snapshot]", msgspec.Raw(snapshots))


def _search(snapshots: bytes, end: int, bound: datetime, *, is_included: bool) -> int:
    """Return where the first snapshot after the bound begins, ``end`` where none begins before it.

    With ``is_included`` a snapshot at the bound counts too.
    """
    # Without its Z an instant that has a fraction sorts behind one that has none.
    text = bound.astimezone(UTC).replace(tzinfo=None).isoformat().encode()
    low, high = 0, end
    while low < high:
        middle = snapshots.rfind(_BEGIN, low, (low + high) // 2 + len(_BEGIN))
        at = snapshots.index(_CAPTURED_AT, middle) + len(_CAPTURED_AT)
        captured_at = snapshots[at : snapshots.index(b'Z"', at)]
        if captured_at < text or (captured_at == text and not is_included):
            following = snapshots.find(_BEGIN, middle + 1, high)
            low = high if following < 0 else following
        else:
            high = middle
    return low
