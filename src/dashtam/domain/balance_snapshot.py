"""Balance snapshots: what an account held at one instant, recorded once and for ever."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from dashtam.domain.account import AccountId
from dashtam.domain.money import Money

SnapshotId = NewType("SnapshotId", UUID)


class SnapshotSource(StrEnum):
    """How a snapshot was captured: the document's five values."""

    ACCOUNT_SYNC = "account_sync"
    HOLDINGS_SYNC = "holdings_sync"
    MANUAL_SYNC = "manual_sync"
    SCHEDULED_SYNC = "scheduled_sync"
    INITIAL_CONNECTION = "initial_connection"


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
