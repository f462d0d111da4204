"""Snapshots as they are sent: each with the document's twelve fields, and what holds several."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from dashtam.application.history.balance_snapshots import LatestBalances
from dashtam.domain.history.balance_history import BalanceHistory, ChangedSnapshot
from dashtam.domain.money import Money
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.schemas.base import AmountText, CurrencyCode, Shape, SumText, amount_text

Percent = Annotated[
    float, Meta(description="Rounded half away from zero to two decimals.", examples=[2.04])
]


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
    captured_at: datetime
    created_at: datetime
    change_amount: SumText | None
    change_percent: Percent | None


class LatestSnapshots(Shape):
    """The most recent snapshot of each account."""

    snapshots: list[Snapshot]
    total_count: int
    total_balance_by_currency: dict[str, SumText]


class SnapshotHistory(Shape):
    """Snapshots of one account, and what they add up to."""

    snapshots: list[Snapshot]
    total_count: int
    start_balance: AmountText | None
    end_balance: AmountText | None
    total_change_amount: SumText | None
    total_change_percent: Percent | None
    currency: CurrencyCode


def snapshot_shape(changed: ChangedSnapshot) -> Snapshot:
    """Return a snapshot as it is sent."""
    snapshot, change = changed.snapshot, changed.change
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
    return totalled(shapes, len(shapes), latest.totals)


def totalled(snapshots: list[Snapshot], count: int, totals: Mapping[str, Money]) -> LatestSnapshots:
    """Return so many snapshots, each account's latest, with their totals by currency code."""
    return LatestSnapshots(
        snapshots=snapshots,
        total_count=count,
        total_balance_by_currency={code: str(total) for code, total in totals.items()},
    )


def history_shape(history: BalanceHistory) -> SnapshotHistory:
    """Return a history as it is sent."""
    shapes = [snapshot_shape(changed) for changed in history.snapshots]
    return summarised(shapes, len(shapes), history)


def summarised(snapshots: list[Snapshot], count: int, history: BalanceHistory) -> SnapshotHistory:
    """Return so many snapshots with what the history that they are says of all of them."""
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
