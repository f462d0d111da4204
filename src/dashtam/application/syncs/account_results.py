"""The result of a live run for each account: found or created, its balances recorded."""

from collections.abc import Iterable
from dataclasses import replace
from operator import attrgetter
from typing import Final

from dashtam.application.audit_log import record_event
from dashtam.application.history.capture import Capture, CaptureResult
from dashtam.application.provider import AccountReport
from dashtam.application.syncs.schedule import DAY, start_of_day
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.connection import Connection, ConnectionState
from dashtam.domain.money import Currency
from dashtam.domain.statement import RowError, sum_market_values
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncState

_Key = tuple[str, Currency]

_DUPLICATE: Final = RowError(
    None,
    "duplicate_account",
    "The provider reported this account twice, and not the same; neither report was used.",
)
_NO_BALANCE: Final = RowError(
    None, "no_balance", "The provider reported no balance of this account."
)
_NOT_REPORTED: Final = RowError(
    None, "not_reported", "The provider did not report this account; it stays as it was."
)
_IN_THE_FUTURE: Final = RowError(
    None, "future", "The provider reported balances of the future; they are left out."
)
_CONNECTED_ELSEWHERE: Final = RowError(
    None,
    "connected_elsewhere",
    "Another connection feeds this account already: disconnect one of them.",
)


class AccountResults:
    """One run's results for the accounts of its connection.

    ``outcomes`` are in the order of the report; ``warnings`` are about accounts that Dashtam
    does not have.
    """

    def __init__(self, work: UnitOfWork, sync: Sync, connection: Connection) -> None:
        self.outcomes: list[AccountOutcome] = []
        self.warnings: list[str] = []
        self._work = work
        self._sync = sync
        self._connection = connection
        self._synced: list[AccountId] = []

    def record(self, reports: Iterable[AccountReport]) -> None:
        """Record the reports, each into its account, and note the accounts without one."""
        by_key = _merge_duplicates(reports)
        accounts = {
            (account.external_id, account.currency): account
            for account in self._work.accounts.of_connection(self._connection.id)
        }
        only = self._sync.account_id
        for key, report in by_key.items():
            account = accounts.get(key) or self._find_elsewhere(key)
            if only is not None and (account is None or account.id != only):
                continue
            if account is None and report.current is None and not report.history:
                # An account is created with its first balance, not before.
                problems = report.problems or (_NO_BALANCE,)
                self.warnings += [problem.detail for problem in problems]
                continue
            if account is None:
                account_id = AccountId(self._work.random_id())
                identity = replace(report.identity, external_id=key[0])
                account = Account.new(account_id, self._connection, identity, self._work.now)
                self._work.accounts.add(account)
                record_event(self._work, "account_created", account.user_id, account.id)
            if account.connection_id == self._connection.id:
                self.outcomes.append(self._record_account(account, report))
            else:
                self.outcomes.append(_failed(account, _CONNECTED_ELSEWHERE))
        # At once: a row that is written thousands of times in one transaction gets slow to find.
        at = self._sync.started_at
        self._work.accounts.synced(self._connection.id, self._synced, at)
        self.outcomes += [
            _failed(account, _NOT_REPORTED)
            for key, account in accounts.items()
            if key not in by_key and account.closed_at is None and only in {None, account.id}
        ]

    def _find_elsewhere(self, key: _Key) -> Account | None:
        """Return the account of another connection, moved to this one if that is disconnected."""
        found = self._work.accounts.elsewhere(self._connection, *key)
        if found is None:
            return None
        account, other = found
        if other.state is not ConnectionState.DISCONNECTED:
            # Two connections to one account would fork its history, or mix it silently.
            return account
        self._work.accounts.move(account.id, self._connection.id, self._work.now)
        record_event(self._work, "account_continued", account.user_id, account.id)
        return replace(account, connection_id=self._connection.id)

    def _record_account(self, account: Account, report: AccountReport) -> AccountOutcome:
        work, sync, problems = self._work, self._sync, list(report.problems)
        capture = Capture(work, account, sync.id, sync.source)
        captured = CaptureResult()
        if report.history and sync.source is SnapshotSource.INITIAL_CONNECTION:
            tomorrow = start_of_day(work.now) + DAY
            past = [reading for reading in report.history if reading.captured_at < tomorrow]
            if len(past) < len(report.history):
                problems.append(_IN_THE_FUTURE)
            captured = capture.record_reported(sorted(past, key=attrgetter("captured_at")))
        reading = report.current
        if reading is None:
            problems = problems or [_NO_BALANCE]
        else:
            if reading.holdings_value is None and report.positions:
                value = sum_market_values(report.positions, account.currency)
                reading = replace(reading, holdings_value=value)
            capture.record_live(reading, sync.started_at)
            captured.recorded += 1
            if report.positions is not None:
                work.holdings.replace(account.id, report.positions, sync.started_at, sync.id)
        has_balance = bool(reading is not None or captured.recorded or captured.skipped)
        if has_balance:
            self._synced.append(account.id)
        if not problems:
            counts = captured.recorded, captured.skipped
            return AccountOutcome(account.id, SyncState.SUCCEEDED, *counts)
        state = SyncState.PARTIAL if has_balance else SyncState.FAILED
        return AccountOutcome(
            account_id=account.id,
            state=state,
            recorded=captured.recorded,
            skipped=captured.skipped,
            code=problems[0].code,
            detail=f"{account.name}: {problems[0].detail}",
        )


def _merge_duplicates(reports: Iterable[AccountReport]) -> dict[_Key, AccountReport]:
    by_key: dict[_Key, AccountReport] = {}
    for report in reports:
        # Ids are an institution's own: two institutions behind one connection may use the same.
        identity = report.identity
        key = f"{identity.institution_key}/{identity.external_id}", identity.currency
        first = by_key.setdefault(key, report)
        if first != report:
            # Which of the two is right cannot be known.
            by_key[key] = AccountReport(identity, None, problems=(_DUPLICATE,))
    return by_key


def _failed(account: Account, problem: RowError) -> AccountOutcome:
    detail = f"{account.name}: {problem.detail}"
    return AccountOutcome(account.id, SyncState.FAILED, code=problem.code, detail=detail)
