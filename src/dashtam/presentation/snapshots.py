"""A snapshot as it is sent: the document's twelve fields, in its order."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from dashtam.domain.balance_history import ChangedSnapshot
from dashtam.domain.balance_snapshot import SnapshotSource
from dashtam.presentation.wire import AmountText, CurrencyCode, Shape, SumText, amount_text

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
