"""Syncs: every run that recorded, or tried to record, balances."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from dashtam.domain.account import AccountId
from dashtam.domain.connection import ConnectionId
from dashtam.domain.user import UserId

SyncId = NewType("SyncId", UUID)


class SnapshotSource(StrEnum):
    """How a snapshot was captured: the document's five values."""

    ACCOUNT_SYNC = "account_sync"
    HOLDINGS_SYNC = "holdings_sync"
    MANUAL_SYNC = "manual_sync"
    SCHEDULED_SYNC = "scheduled_sync"
    INITIAL_CONNECTION = "initial_connection"


class SyncKind(StrEnum):
    """What set the run going. Imports and typed balances can be retracted, live syncs not."""

    LIVE = "live"
    IMPORT = "import"
    TYPED = "typed"


class SyncState(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AccountOutcome:
    """What a run did to one account; ``code`` and ``detail`` say why it failed, else None."""

    account_id: AccountId
    state: SyncState
    recorded: int
    skipped: int
    code: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Sync:
    """One run. ``retracted_at`` is None unless its owner took its snapshots back.

    The rest is None but for live ones. ``lease_until`` is how long a running one may go on, and
    ``fence`` the number of its claim on the connection. ``account_id`` is the one account whose
    holdings were asked for, ``due_at`` the slot of the schedule that the run stands for.
    """

    id: SyncId
    user_id: UserId
    connection_id: ConnectionId
    kind: SyncKind
    source: SnapshotSource
    state: SyncState
    started_at: datetime
    finished_at: datetime | None
    recorded: int
    skipped: int
    accounts: tuple[AccountOutcome, ...]
    code: str | None
    detail: str | None
    retracted_at: datetime | None
    lease_until: datetime | None = None
    fence: int | None = None
    account_id: AccountId | None = None
    due_at: datetime | None = None
