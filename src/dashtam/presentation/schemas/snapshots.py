"""Balance snapshots as they are sent, and the answers that hold several."""

from collections.abc import Mapping
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from dashtam.application.history.balance_snapshots import LatestBalances
from dashtam.domain.history.balance_history import BalanceHistory, ChangedSnapshot
from dashtam.domain.money import Money
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import (
    AmountText,
    CurrencyCode,
    Instant,
    Shape,
    SumText,
    amount_text,
)

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
