"""The result of a live run: its accounts' balances, its connection's state and its next slot."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import compress
from operator import attrgetter
from typing import Final, Self

from dashtam.application.credentials import redact, seal
from dashtam.application.history.accounts import create
from dashtam.application.history.capture import AccountReadings, Capture, CaptureResult
from dashtam.application.ports import Services
from dashtam.application.provider import (
    AccountReport,
    CredentialsRefused,
    ProviderError,
    ProviderRateLimited,
    Report,
)
from dashtam.application.syncs import schedule
from dashtam.application.syncs.claims import SyncClaim
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.connection import Connection, ConnectionState
from dashtam.domain.history.hold import HOLD_REASONS
from dashtam.domain.money import Currency
from dashtam.domain.statement import Reading, RowError, sum_market_values
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncFailureCode, SyncState

_Key = tuple[str, Currency]

_MOST_SENTENCES: Final = 3
_USUAL_PAUSE: Final = timedelta(hours=1)
_LONGEST_PAUSE: Final = timedelta(days=7)
_WARN_BEFORE_EXPIRY: Final = timedelta(days=14)

_STATES: Final = {
    SyncFailureCode.CREDENTIALS_REFUSED: ConnectionState.NEEDS_REAUTHENTICATION,
    SyncFailureCode.RATE_LIMITED: ConnectionState.RATE_LIMITED,
}
_ADVICE: Final = {
    SyncFailureCode.CREDENTIALS_REFUSED: "Enter the credentials again.",
    SyncFailureCode.RATE_LIMITED: (
        "There is nothing to do: the next sync waits for the end of the pause."
    ),
    SyncFailureCode.CLOCK_BEHIND: "Set the clock; `dashtam doctor` says more.",
    SyncFailureCode.KEY_MISSING: "Bring the key ring back, or enter the credentials again.",
}

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
_UNTIL_DECIDED: Final = (
    "It does not count until you release it, or a sync at least 6 hours later says the same"
    " without a warning."
)
_CONNECTED_ELSEWHERE: Final = RowError(
    None,
    "connected_elsewhere",
    "Another connection feeds this account already: disconnect one of them.",
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no report; ``pause`` where the provider must not be asked for a while."""

    code: SyncFailureCode
    detail: str
    pause: timedelta | None = None

    @classmethod
    def from_error(cls, error: ProviderError, secrets: Iterable[str]) -> Self:
        """Return the failure for a provider's error, its sentence redacted."""
        detail = redact(str(error), secrets)
        if isinstance(error, CredentialsRefused):
            return cls(SyncFailureCode.CREDENTIALS_REFUSED, detail)
        if isinstance(error, ProviderRateLimited):
            pause = _USUAL_PAUSE if error.retry_after is None else error.retry_after
            pause = min(max(pause, timedelta()), _LONGEST_PAUSE)
            return cls(SyncFailureCode.RATE_LIMITED, detail, pause)
        return cls(SyncFailureCode.PROVIDER_FAILED, detail)


def write(
    work: UnitOfWork, services: Services, claim: SyncClaim, fetched: Report | Failure
) -> Sync:
    """Write the result in this transaction, and return the run as it ended.

    Raises:
        ClockBehind: nothing can be recorded as of now.
    """
    if isinstance(fetched, Failure):
        return _write_failure(work, services, claim, fetched)
    live, sync = claim.live, claim.sync
    outcomes, account_warnings = _record_reports(work, sync, live.connection, fetched)
    warnings = [*fetched.warnings, *account_warnings]
    details = [*warnings, *(outcome.detail for outcome in outcomes if outcome.detail)]
    sentences = list(dict.fromkeys(details))
    more = len(sentences) - _MOST_SENTENCES
    shown = sentences[:_MOST_SENTENCES] + ([f"And {more} more."] if more > 0 else [])
    detail = " ".join(shown) or None
    if (outcomes or warnings) and all(one.state is SyncState.FAILED for one in outcomes):
        detail = detail or "No balance was reported."
        failure = Failure(SyncFailureCode.PROVIDER_FAILED, detail)
        return _write_failure(work, services, claim, failure, outcomes)
    is_whole = not warnings and all(one.state is SyncState.SUCCEEDED for one in outcomes)
    ended = sync.finish(
        SyncState.SUCCEEDED if is_whole else SyncState.PARTIAL,
        work.now,
        accounts=outcomes,
        code=None if is_whole else SyncFailureCode.WARNINGS,
        detail=detail,
    )
    if fetched.credentials is not None:
        sealed = seal(services.cipher, live.connection, fetched.credentials)
        live = replace(live, credentials=sealed)
    expiry = _warn_of_expiry(fetched.expires_at, work.now)
    connection = replace(
        live.connection,
        state=ConnectionState.ACTIVE,
        detail=" ".join(filter(None, (expiry, detail))) or None,
        expires_at=fetched.expires_at,
        last_synced_at=work.now,
        next_sync_at=_find_next_slot(claim, work.now, services.secrets.fraction()),
        updated_at=work.now,
    )
    work.connections.update(replace(live, connection=connection, failures=0, paused_until=None))
    return _finish(work, ended)


def _warn_of_expiry(expires_at: datetime | None, now: datetime) -> str | None:
    if expires_at is None or expires_at - now > _WARN_BEFORE_EXPIRY:
        return None
    return f"The consent ends on {expires_at.date()}: sign in again before that day."


def _find_next_slot(claim: SyncClaim, now: datetime, fraction: float) -> datetime:
    live, sync, pace = claim.live, claim.sync, claim.provider.pace
    slot = live.connection.next_sync_at
    is_first = sync.source is SnapshotSource.INITIAL_CONNECTION
    if is_first or slot is None or (live.failures and sync.due_at is None):
        return schedule.first_slot(pace, now, fraction)
    # A sync in between does not move the schedule.
    return slot if sync.due_at is None else schedule.next_slot(sync.due_at, pace, now, fraction)


def _record_reports(
    work: UnitOfWork, sync: Sync, connection: Connection, fetched: Report
) -> tuple[Sequence[AccountOutcome], Sequence[str]]:
    """Record the reports into their accounts, and note the accounts without one.

    Return the outcomes in the order of the reports, those without one by name, and warnings about
    accounts that Dashtam does not have.
    """
    by_key = _merge_duplicates(fetched.accounts)
    accounts = {
        (account.external_id, account.currency): account
        for account in work.accounts.of_connection(connection.id)
    }
    moved = _follow_predecessors(work, accounts, by_key)
    moved_ids = {account.id for account in moved.values()}
    accounts = {
        key: account for key, account in accounts.items() if account.id not in moved_ids
    } | moved
    known = {**accounts, **_find_elsewhere(work, connection, by_key.keys() - accounts.keys())}
    warnings: list[str] = []
    reported: list[tuple[Account, AccountReport]] = []
    new: list[Account] = []
    for key, report in by_key.items():
        account = known.get(key)
        if sync.account_id is not None and (account is None or account.id != sync.account_id):
            continue
        if account is None and report.current is None and not report.history:
            # An account is created with its first balance, not before.
            warnings += [problem.detail for problem in report.problems or (_NO_BALANCE,)]
            continue
        if account is None:
            identity = replace(report.identity, external_id=key[0])
            account = Account.new(AccountId(work.random_id()), connection, identity, work.now)
            new.append(account)
        reported.append((account, report))
    if new:
        create(work, new)
    # The provider's own ids in a currency that is reported no more.
    silent_ids = {external_id for external_id, _ in accounts.keys() - by_key.keys()}
    in_new_currency = {account.id for account in new if account.external_id in silent_ids}
    outcomes = _record(work, sync, connection, reported, fetched.warnings, in_new_currency)
    missing = [
        account
        for key, account in accounts.items()
        if key not in by_key and account.closed_at is None and sync.account_id in {None, account.id}
    ]
    by_name = sorted(missing, key=attrgetter("name", "id.hex"))
    outcomes += [_failed(account, _NOT_REPORTED) for account in by_name]
    return outcomes, warnings


def _follow_predecessors(
    work: UnitOfWork, accounts: Mapping[_Key, Account], by_key: Mapping[_Key, AccountReport]
) -> dict[_Key, Account]:
    """Return the accounts that the provider moved to new ids, by those; each keeps its history."""
    found: dict[_Key, Account] = {}
    for key, report in by_key.items():
        if report.predecessor is None or key in accounts:
            continue
        own_key = f"{report.identity.institution_key}/{report.predecessor}", key[1]
        # The move may have brought another institution key with it.
        others = [
            known
            for known in accounts
            if known[1] == key[1] and known[0].endswith(f"/{report.predecessor}")
        ]
        before = own_key if own_key in accounts else others[0] if len(others) == 1 else None
        if before is None or before in by_key:
            continue
        account = accounts[before]
        work.accounts.set_external_id(account.id, key[0], work.now)
        work.record_event("account_continued", account.user_id, account.id)
        found[key] = replace(account, external_id=key[0])
    return found


def _find_elsewhere(
    work: UnitOfWork, connection: Connection, keys: AbstractSet[_Key]
) -> dict[_Key, Account]:
    """Return the accounts of other connections, moved to this one if those are disconnected."""
    found: dict[_Key, Account] = {}
    if not keys:
        return found
    external_ids = {external_id for external_id, _ in keys}
    for account, other in work.accounts.of_other_connections(connection, external_ids):
        key = account.external_id, account.currency
        if key not in keys or key in found:
            continue
        if other.state is not ConnectionState.DISCONNECTED:
            # Two connections to one account would fork its history, or mix it silently.
            found[key] = account
            continue
        work.accounts.move(account.id, connection.id, work.now)
        work.record_event("account_continued", account.user_id, account.id)
        found[key] = replace(account, connection_id=connection.id)
    return found


def _record(
    work: UnitOfWork,
    sync: Sync,
    connection: Connection,
    reported: Sequence[tuple[Account, AccountReport]],
    warnings: Sequence[str],
    in_new_currency: Collection[AccountId],
) -> list[AccountOutcome]:
    """Record the reports, and return their outcomes in the same order."""
    is_own = [account.connection_id == connection.id for account, _ in reported]
    own = list(compress(reported, is_own))
    batch, problems = [], []
    for account, report in own:
        readings, of_account = _readings_of(work, sync, account, report)
        batch.append(
            replace(
                readings,
                is_warned=bool(report.problems) or _is_named(account, warnings),
                is_in_new_currency=account.id in in_new_currency,
            )
        )
        problems.append(of_account)
    results = iter(Capture(work, sync.id).record(batch, sync.started_at))
    outcomes = map(_outcome, [account for account, _ in own], results, problems)
    return [
        next(outcomes) if is_ours else _failed(account, _CONNECTED_ELSEWHERE)
        for (account, _), is_ours in zip(reported, is_own, strict=True)
    ]


def _readings_of(
    work: UnitOfWork, sync: Sync, account: Account, report: AccountReport
) -> tuple[AccountReadings, list[RowError]]:
    """Return the readings to record, and the problems of the report."""
    problems = list(report.problems)
    past: Sequence[Reading] = ()
    if sync.source is SnapshotSource.INITIAL_CONNECTION:
        tomorrow = schedule.start_of_day(work.now) + schedule.DAY
        past = [reading for reading in report.history if reading.captured_at < tomorrow]
        past = sorted(past, key=attrgetter("captured_at"))
        if len(past) < len(report.history):
            problems.append(_IN_THE_FUTURE)
    current, positions, flows = report.current, report.positions, report.flows
    if current is None:
        problems, positions, flows = problems or [_NO_BALANCE], None, ()
    elif current.holdings_value is None and positions:
        value = sum_market_values(positions, account.currency)
        current = replace(current, holdings_value=value)
    return AccountReadings(account, sync.source, past, current, positions, flows), problems


def _is_named(account: Account, warnings: Iterable[str]) -> bool:
    """Tell whether a warning of the provider names the account or its institution."""
    names = account.name.casefold(), account.institution.casefold()
    return any(name in warning.casefold() for warning in warnings for name in names)


def _outcome(
    account: Account, captured: CaptureResult, problems: Sequence[RowError]
) -> AccountOutcome:
    if captured.held_by is not None:
        detail = f"{HOLD_REASONS[captured.held_by]} {_UNTIL_DECIDED}"
        problems = [*problems, RowError(None, "held", detail)]
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


def _write_failure(
    work: UnitOfWork,
    services: Services,
    claim: SyncClaim,
    failure: Failure,
    outcomes: Sequence[AccountOutcome] = (),
) -> Sync:
    live, pace = claim.live, claim.provider.pace
    failures = live.failures + 1
    paused_until = None if failure.pause is None else work.now + failure.pause
    retry_at = schedule.retry_at(
        failures, pace, work.now, paused_until, services.secrets.fraction()
    )
    needs_credentials = failure.code is SyncFailureCode.CREDENTIALS_REFUSED
    advice = _ADVICE.get(failure.code, "It is tried again by itself.")
    connection = replace(
        live.connection,
        state=_STATES.get(failure.code, ConnectionState.FAILING),
        detail=f"{failure.detail} {advice}",
        # Without credentials that work there is no use in asking again.
        next_sync_at=None if needs_credentials else retry_at,
        updated_at=work.now,
    )
    work.connections.update(
        replace(live, connection=connection, failures=failures, paused_until=paused_until)
    )
    ended = claim.sync.finish(
        SyncState.FAILED, work.now, accounts=outcomes, code=failure.code, detail=failure.detail
    )
    return _finish(work, ended)


def _finish(work: UnitOfWork, ended: Sync) -> Sync:
    work.syncs.finish(ended)
    work.record_event(f"sync_{ended.state}", ended.user_id, ended.id)
    return ended
