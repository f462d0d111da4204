"""Balance snapshots: the balance of an account at one instant, recorded once and never changed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from dashtam.domain.account import AccountId
from dashtam.domain.money import Money
from dashtam.domain.period import Precision
from dashtam.domain.sync import SnapshotSource, SyncId

SnapshotId = NewType("SnapshotId", UUID)


class Basis(StrEnum):
    """The origin of a balance: a live sync, a file or a provider's older balances, or its owner.

    An interim one is a file's too, and not the closing booked balance of its day.
    """

    OBSERVED = "observed"
    REPORTED = "reported"
    ENTERED = "entered"
    INTERIM = "interim"


@dataclass(frozen=True, slots=True)
class BalanceSnapshot:
    """One recorded balance with the account's sign applied: a debt is negative.

    An account's snapshots are in order of ``captured_at``, those of one instant in order of
    recording. ``as_of`` is the source's own instant, None without one.
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
    sync_id: SyncId
    basis: Basis
    precision: Precision = Precision.INSTANT
    as_of: datetime | None = None
