"""Syncs: every run that recorded, or tried to record, balances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from dashtam.domain.account import AccountId
from dashtam.domain.connection import Connection, ConnectionId
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
    """The origin of a run."""

    LIVE = "live"
    IMPORT = "import"
    TYPED = "typed"


class SyncState(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"


class SyncFailureCode(StrEnum):
    """Why a live run recorded nothing or, for ``WARNINGS``, only a part."""

    WARNINGS = "warnings"
    CREDENTIALS_REFUSED = "credentials_refused"
    RATE_LIMITED = "rate_limited"
    PROVIDER_FAILED = "provider_failed"
    NEEDS_ATTENTION = "needs_attention"
    INTERRUPTED = "interrupted"
    DISCONNECTED = "disconnected"
    CLOCK_BEHIND = "clock_behind"
    KEY_MISSING = "key_missing"


class OutageCode(StrEnum):
    """Why the number that a provider tells is no balance of now."""

    SIGN_IN_NEEDED = "sign_in_needed"
    INSTITUTION_FAILED = "institution_failed"
    ACCOUNT_FAILED = "account_failed"
    STALE = "stale"


class AccountCode(StrEnum):
    """Why a run recorded nothing, or only a part, for an account.

    A code that is none of these, as other people's providers have them, is read as ``OTHER``.
    """

    SIGN_IN_NEEDED = OutageCode.SIGN_IN_NEEDED
    INSTITUTION_FAILED = OutageCode.INSTITUTION_FAILED
    ACCOUNT_FAILED = OutageCode.ACCOUNT_FAILED
    STALE = OutageCode.STALE
    NOT_REPORTED = "not_reported"
    NO_BALANCE = "no_balance"
    CURRENCY_CHANGED = "currency_changed"
    AMBIGUOUS_ACCOUNT = "ambiguous_account"
    DUPLICATE_ACCOUNT = "duplicate_account"
    CONNECTED_ELSEWHERE = "connected_elsewhere"
    JOIN_PROPOSED = "join_proposed"
    HELD = "held"
    FUTURE = "future"
    NO_ACTIVITIES = "no_activities"
    NO_HISTORY = "no_history"
    NO_TRANSACTIONS = "no_transactions"
    NO_HOLDINGS = "no_holdings"
    INVALID_HISTORY = "invalid_history"
    DUPLICATE_DAY = "duplicate_day"
    STALE_BALANCE = "stale_balance"
    MISSING_BALANCE = "missing_balance"
    INVALID_AMOUNT = "invalid_amount"
    INVALID_BALANCE = "invalid_balance"
    INVALID_DATE = "invalid_date"
    FUTURE_DATE = "future_date"
    UNKNOWN_CURRENCY = "unknown_currency"
    CUSTOM_CURRENCY = "custom_currency"
    OTHER_CURRENCY = "other_currency"
    MIXED_CURRENCIES = "mixed_currencies"
    CONFLICTING_BALANCE = "conflicting_balance"
    MISSING_ACCOUNT = "missing_account"
    MISSING_COLUMN = "missing_column"
    MISSING_DATE = "missing_date"
    MISSING_SIGN = "missing_sign"
    SECOND_TABLE = "second_table"
    OTHER_SHEET = "other_sheet"
    TOTAL_ROW = "total_row"
    UNNAMED_COLUMN = "unnamed_column"
    NO_DATA = "no_data"
    BANK_ERROR = "bank_error"
    UNREADABLE_FILE = "unreadable_file"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls("other") if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class AccountOutcome:
    """The result of a run for one account; ``code`` and ``detail`` name a failure, else None.

    ``remarks`` tell of recorded balances that are not closing booked ones.
    """

    account_id: AccountId
    state: SyncState
    recorded: int = 0
    skipped: int = 0
    code: AccountCode | None = None
    detail: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sync:
    """One run. ``retracted_at`` is None unless its owner took its snapshots back.

    The fields from ``lease_until`` to ``due_at`` are None but for live runs; an import in pieces
    has ``lease_until`` too. A running one is lost once ``lease_until`` is past; ``fence`` is the
    number of its claim on the connection. ``account_id`` is the account of a holdings sync,
    ``due_at`` the slot of the schedule that the run serves. The first and last day (UTC) are those
    of the balances in the file or in the report, None without any. The other three of the last five
    are of an import's file, else None: its name without folders, its format, and the mapping that
    was given.
    """

    id: SyncId
    user_id: UserId
    connection_id: ConnectionId
    kind: SyncKind
    source: SnapshotSource
    state: SyncState
    started_at: datetime
    finished_at: datetime | None = None
    recorded: int = 0
    skipped: int = 0
    accounts: tuple[AccountOutcome, ...] = ()
    code: str | None = None
    detail: str | None = None
    retracted_at: datetime | None = None
    lease_until: datetime | None = None
    fence: int | None = None
    account_id: AccountId | None = None
    due_at: datetime | None = None
    file_name: str | None = None
    file_format: str | None = None
    first_on: date | None = None
    last_on: date | None = None
    mapping: Mapping[str, object] | None = None

    @classmethod
    def begin(
        cls,
        sync_id: SyncId,
        connection: Connection,
        kind: SyncKind,
        source: SnapshotSource,
        now: datetime,
    ) -> Self:
        """Return a running run that has recorded nothing yet."""
        return cls(
            id=sync_id,
            user_id=connection.user_id,
            connection_id=connection.id,
            kind=kind,
            source=source,
            state=SyncState.RUNNING,
            started_at=now,
        )

    def as_known_at(self, at: datetime) -> Self:
        """Return the run as it was at an instant after its start: not retracted, or not ended."""
        known = self
        if self.retracted_at is not None and self.retracted_at > at:
            known = replace(known, retracted_at=None)
        if self.finished_at is not None and self.finished_at > at:
            known = replace(
                known,
                state=SyncState.RUNNING,
                finished_at=None,
                recorded=0,
                skipped=0,
                accounts=(),
                code=None,
                detail=None,
                first_on=None,
                last_on=None,
            )
        return known

    def finish(
        self,
        state: SyncState,
        at: datetime,
        *,
        accounts: Sequence[AccountOutcome] = (),
        code: str | None = None,
        detail: str | None = None,
    ) -> Self:
        """Return the run at its end, its counts the sums of its accounts'."""
        return replace(
            self,
            state=state,
            finished_at=at,
            lease_until=None,
            recorded=sum(outcome.recorded for outcome in accounts),
            skipped=sum(outcome.skipped for outcome in accounts),
            accounts=tuple(accounts),
            code=code,
            detail=detail,
        )
