"""The result of a live run for each account: found or created, its balances recorded."""

from collections.abc import Iterable, Sequence
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


def record_reports(
    work: UnitOfWork, sync: Sync, connection: Connection, reports: Iterable[AccountReport]
) -> tuple[Sequence[AccountOutcome], Sequence[str]]:
    """Record each report into its account, and note the accounts without one.

    Return the outcomes in the order of the reports, those without one by name, and warnings about
    accounts that Dashtam does not have.
    """
    by_key = _merge_duplicates(reports)
    accounts = {
        (account.external_id, account.currency): account
        for account in work.accounts.of_connection(connection.id)
    }
    outcomes: list[AccountOutcome] = []
    warnings: list[str] = []
    for key, report in by_key.items():
        account = accounts.get(key) or _find_elsewhere(work, connection, key)
        if sync.account_id is not None and (account is None or account.id != sync.account_id):
            continue
        if account is None and report.current is None and not report.history:
            # An account is created with its first balance, not before.
            warnings += [problem.detail for problem in report.problems or (_NO_BALANCE,)]
            continue
        if account is None:
            identity = replace(report.identity, external_id=key[0])
            account = Account.new(AccountId(work.random_id()), connection, identity, work.now)
            work.accounts.add(account)
            record_event(work, "account_created", account.user_id, account.id)
        if account.connection_id == connection.id:
            outcomes.append(_record_report(work, sync, account, report))
        else:
            outcomes.append(_failed(account, _CONNECTED_ELSEWHERE))
    # At once: a row that is written thousands of times in one transaction gets slow to find.
    synced = [one.account_id for one in outcomes if one.state is not SyncState.FAILED]
    work.accounts.mark_synced(connection.id, synced, sync.started_at)
    missing = [
        account
        for key, account in accounts.items()
        if key not in by_key and account.closed_at is None and sync.account_id in {None, account.id}
    ]
    by_name = sorted(missing, key=attrgetter("name", "id.hex"))
    outcomes += [_failed(account, _NOT_REPORTED) for account in by_name]
    return outcomes, warnings


def _find_elsewhere(work: UnitOfWork, connection: Connection, key: _Key) -> Account | None:
    """Return the account of another connection, moved to this one if that is disconnected."""
    found = work.accounts.find_by_other_connection(connection, *key)
    if found is None:
        return None
    account, other = found
    if other.state is not ConnectionState.DISCONNECTED:
        # Two connections to one account would fork its history, or mix it silently.
        return account
    work.accounts.move(account.id, connection.id, work.now)
    record_event(work, "account_continued", account.user_id, account.id)
    return replace(account, connection_id=connection.id)


def _record_report(
    work: UnitOfWork, sync: Sync, account: Account, report: AccountReport
) -> AccountOutcome:
    problems = list(report.problems)
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
    has_balance = captured.recorded or captured.skipped
    state = SyncState.PARTIAL if has_balance else SyncState.FAILED
    return AccountOutcome(
        account_id=account.id,
        state=state if problems else SyncState.SUCCEEDED,
        recorded=captured.recorded,
        skipped=captured.skipped,
        code=problems[0].code if problems else None,
        detail=f"{account.name}: {problems[0].detail}" if problems else None,
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
