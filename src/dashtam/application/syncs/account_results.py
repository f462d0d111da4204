"""What a live sync does to each account: found or made, its balance captured, positions kept."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Final

from dashtam.application.audit_log import note
from dashtam.application.history.capture import Capture, CaptureResult
from dashtam.application.provider import AccountReport
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId, AccountType
from dashtam.domain.connection import Connection, ConnectionState
from dashtam.domain.money import EXACT, Currency
from dashtam.domain.statement import Identity, Position, Reading, RowError
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncState

_MORE_THAN_ONCE: Final = RowError(
    None, "duplicate_account", "The provider told of this account twice; the first one counts."
)
_UNTOLD: Final = RowError(None, "no_balance", "The provider told no balance of this account.")
_NOT_REPORTED: Final = RowError(
    None, "not_reported", "The provider said nothing of this account; it stays as it was."
)
_IN_THE_FUTURE: Final = RowError(
    None, "future", "The provider told balances of the future; they are left out."
)


class AccountResults:
    """One run's work on the accounts of its connection.

    ``outcomes`` stand in the order of the report; ``warnings`` are about accounts that Dashtam
    does not know.
    """

    def __init__(self, work: UnitOfWork, sync: Sync, connection: Connection) -> None:
        self.outcomes: list[AccountOutcome] = []
        self.warnings: list[str] = []
        self._work = work
        self._sync = sync
        self._connection = connection
        self._told: list[AccountId] = []
        known = work.accounts.of_connection(connection.id)
        self._known = {(account.external_id, account.currency): account for account in known}

    def take(self, reports: Iterable[AccountReport]) -> None:
        """Record what is told of each account, then say of which ones nothing was."""
        seen: dict[tuple[str, Currency], AccountReport] = {}
        for report in reports:
            key = external_key(report.identity), report.identity.currency
            first = seen.get(key)
            seen[key] = report if first is None else _told_twice(first)
        for key, report in seen.items():
            self._take(key, report)
        # At once: a row that is written thousands of times in one transaction gets slow to find.
        at = self._sync.started_at
        self._work.accounts.mark_synced(self._connection.id, self._told, at)
        self._tell_missing(set(seen))

    def _take(self, key: tuple[str, Currency], report: AccountReport) -> None:
        account = self._known.get(key) or self._found_elsewhere(key)
        wanted = self._sync.account_id
        if wanted is not None and (account is None or account.id != wanted):
            return
        if account is None:
            if report.current is None and not report.history:
                # An account is made when a balance of it is seen, not before.
                self.warnings += [problem.detail for problem in report.problems or (_UNTOLD,)]
                return
            account = self._made(report)
        if account.connection_id != self._connection.id:
            self.outcomes.append(_failed_elsewhere(account))
            return
        self.outcomes.append(self._recorded(account, report))

    def _found_elsewhere(self, key: tuple[str, Currency]) -> Account | None:
        found = self._work.accounts.find_by_other_connection(self._connection, *key)
        if found is None:
            return None
        account, other = found
        if other.state is not ConnectionState.DISCONNECTED:
            # Two connections to one account would fork its history, or mix it silently.
            return account
        self._work.accounts.move(account.id, self._connection.id, self._work.now)
        note(self._work, "account_continued", account.user_id, account.id)
        return replace(account, connection_id=self._connection.id)

    def _made(self, report: AccountReport) -> Account:
        identity = report.identity
        account = Account(
            id=AccountId(self._work.random_id()),
            user_id=self._connection.user_id,
            connection_id=self._connection.id,
            external_id=external_key(identity),
            name=identity.name,
            institution=identity.institution,
            account_type=identity.account_type or AccountType.OTHER,
            number_masked=identity.number_masked,
            currency=identity.currency,
            balance_sign=identity.balance_sign or 1,
            is_hidden=False,
            closed_at=None,
            last_synced_at=None,
            created_at=self._work.now,
            updated_at=self._work.now,
        )
        self._work.accounts.add(account)
        note(self._work, "account_created", account.user_id, account.id)
        return account

    def _recorded(self, account: Account, report: AccountReport) -> AccountOutcome:
        problems = list(report.problems)
        capture = Capture(self._work, account, self._sync.id, self._sync.source)
        captured = self._backfilled(capture, report, problems)
        if report.current is None:
            problems = problems or [_UNTOLD]
        else:
            reading = _with_holdings(report.current, report.positions, account.currency)
            captured.recorded += capture.live(reading, self._sync.started_at).recorded
            if report.positions is not None:
                at = self._sync.started_at
                self._work.holdings.replace(account.id, report.positions, at, self._sync.id)
        told = report.current is not None or captured.recorded + captured.skipped
        if told:
            self._told.append(account.id)
        state = SyncState.PARTIAL if told else SyncState.FAILED
        return AccountOutcome(
            account_id=account.id,
            state=state if problems else SyncState.SUCCEEDED,
            recorded=captured.recorded,
            skipped=captured.skipped,
            code=problems[0].code if problems else None,
            detail=f"{account.name}: {problems[0].detail}" if problems else None,
        )

    def _backfilled(
        self, capture: Capture, report: AccountReport, problems: list[RowError]
    ) -> CaptureResult:
        is_asked_for = self._sync.source is SnapshotSource.INITIAL_CONNECTION
        if not report.history or not is_asked_for:
            return CaptureResult()
        last = _end_of_day(self._work.now)
        past = [reading for reading in report.history if reading.captured_at <= last]
        if len(past) < len(report.history):
            problems.append(_IN_THE_FUTURE)
        return capture.reported(sorted(past, key=_instant))

    def _tell_missing(self, seen: set[tuple[str, Currency]]) -> None:
        wanted = self._sync.account_id
        for key, account in self._known.items():
            is_asked_for = wanted is None or account.id == wanted
            if key not in seen and account.closed_at is None and is_asked_for:
                self.outcomes.append(_failed(account, _NOT_REPORTED))


def external_key(identity: Identity) -> str:
    """Return by what an account is found again within its connection.

    Ids are an institution's own: two institutions behind one connection may use the same.
    """
    return f"{identity.institution_key}/{identity.external_id}"


def _told_twice(first: AccountReport) -> AccountReport:
    return replace(first, problems=(*first.problems, _MORE_THAN_ONCE))


def _failed(account: Account, problem: RowError) -> AccountOutcome:
    detail = f"{account.name}: {problem.detail}"
    return AccountOutcome(account.id, SyncState.FAILED, 0, 0, problem.code, detail)


def _failed_elsewhere(account: Account) -> AccountOutcome:
    detail = "Another connection feeds this account already: disconnect one of them."
    return _failed(account, RowError(None, "connected_elsewhere", detail))


def _with_holdings(
    reading: Reading, positions: Sequence[Position] | None, currency: Currency
) -> Reading:
    if reading.holdings_value is not None or not positions:
        return reading
    value = Decimal(0)
    for position in positions:
        if position.market_value is None or position.currency != currency:
            # A sum that leaves something out would be a guess.
            return reading
        value = EXACT.add(value, position.market_value)
    return replace(reading, holdings_value=value)


def _end_of_day(now: datetime) -> datetime:
    return datetime.combine(now.date(), time.min, now.tzinfo) + timedelta(days=1, microseconds=-1)


def _instant(reading: Reading) -> datetime:
    return reading.captured_at
