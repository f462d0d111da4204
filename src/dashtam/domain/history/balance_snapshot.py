"""Balance snapshots: what an account held at one instant, recorded once and for ever."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

from dashtam.domain.account import AccountId
from dashtam.domain.money import Money
from dashtam.domain.sync import SnapshotSource

SnapshotId = NewType("SnapshotId", UUID)


@dataclass(frozen=True, slots=True)
class BalanceSnapshot:
    """One recorded balance, its sign already its owner's (a debt is negative).

    An account's snapshots are ordered by ``captured_at``, ties by order of recording.
    """

    id: SnapshotId
    account_id: AccountId
    balance: Money
    available_balance: Money | None
    holdings_value: Money | None
    cash_value: Money | None
    source: SnapshotSource
    captured_at: datetime
    created_at: datetime
