"""The result of a live run: its accounts' balances, its connection's state and its next slot."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import compress
from operator import attrgetter
from typing import Final, Self

from dashtam.application.credentials import redact, seal
from dashtam.application.history.accounts import create
from dashtam.application.history.capture import AccountReadings, Capture, CaptureResult
from dashtam.application.history.joins import NewAccount, propose
from dashtam.application.ports import Services
from dashtam.application.provider import (
    AccountReport,
    CredentialsRefused,
    ProviderError,
    ProviderRateLimited,
    Report,
)
from dashtam.application.syncs import schedule
from dashtam.application.syncs.account_identity import (
    Identified,
    ReportKey,
    identify,
    record_aliases,
)
from dashtam.application.syncs.claims import SyncClaim
from dashtam.application.syncs.schedule import Anchor
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.connection import Connection, ConnectionState
from dashtam.domain.history.hold import HOLD_REASONS
from dashtam.domain.money import Currency
from dashtam.domain.period import MIN_INSTANT
from dashtam.domain.statement import RowError, sum_market_values
from dashtam.domain.sync import (
    AccountCode,
    AccountOutcome,
    OutageCode,
    SnapshotSource,
    Sync,
    SyncFailureCode,
    SyncState,
)

_MOST_SENTENCES: Final = 3
_USUAL_PAUSE: Final = timedelta(hours=1)
_LONGEST_PAUSE: Final = timedelta(days=7)
_WARN_BEFORE_EXPIRY: Final = timedelta(days=14)

_STATES: Final = {
    SyncFailureCode.CREDENTIALS_REFUSED: ConnectionState.NEEDS_REAUTHENTICATION,
    SyncFailureCode.RATE_LIMITED: ConnectionState.RATE_LIMITED,
    SyncFailureCode.NEEDS_ATTENTION: ConnectionState.NEEDS_ATTENTION,
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
    AccountCode.DUPLICATE_ACCOUNT,
    "The provider reported this account twice, and not the same; neither report was used.",
)
_NO_BALANCE: Final = RowError(
    None, AccountCode.NO_BALANCE, "The provider reported no balance of this account."
)
_NOT_REPORTED: Final = RowError(
    None,
    AccountCode.NOT_REPORTED,
    "The provider did not report this account; it stays as it was.",
)
_LOOK_THERE: Final = (
    "The provider reported no account of {}, so its balances are not new: look at its connection"
    " there. If it has ended, close its accounts here."
)
_JOIN_PROPOSED: Final = RowError(
    None,
    AccountCode.JOIN_PROPOSED,
    "It looks like another one of your accounts under a new id. It does not count in the totals"
    " until you join them, or say that they are two.",
)
_AMBIGUOUS: Final = RowError(
    None,
    AccountCode.AMBIGUOUS_ACCOUNT,
    "The provider reported an account that may be this one or another one with the same id, and"
    " named its institution in less detail than before; the balance was not recorded.",
)
_IN_THE_FUTURE: Final = RowError(
    None,
    AccountCode.FUTURE,
    "The provider reported balances of the future; they are left out.",
)
_CURRENCY_CHANGED: Final = (
    "The provider reports this account in {new} instead of {old}. The balances in {new} are in an"
    " account of their own; this one keeps its history, and you can close it."
)
_UNTIL_DECIDED: Final = (
    "It does not count until you release it, or a sync at least 6 hours later says the same"
    " without a warning."
)
# Of these the sentence says itself that no balance was recorded.
_SAY_IT_THEMSELVES: Final = frozenset({*OutageCode, AccountCode.DUPLICATE_ACCOUNT})
_CONNECTED_ELSEWHERE: Final = RowError(
    None,
    AccountCode.CONNECTED_ELSEWHERE,
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
    recorded = _record_reports(work, sync, live.connection, fetched)
    outcomes = recorded.outcomes
    attention = [*fetched.attention, *map(_LOOK_THERE.format, recorded.silent_institutions)]
    warnings = [*attention, *fetched.warnings, *recorded.warnings]
    details = [outcome.detail for outcome in outcomes if outcome.detail]
    # What is to be done is said once, not for each account again.
    details = [detail for detail in details if not detail.endswith((*attention, "\n"))]
    detail = _join_sentences([*warnings, *details])
    if (outcomes or warnings) and all(one.state is SyncState.FAILED for one in outcomes):
        detail = detail or "No balance was reported."
        code = SyncFailureCode.PROVIDER_FAILED
        if attention:
            code = SyncFailureCode.NEEDS_ATTENTION
        return _write_failure(work, services, claim, Failure(code, detail), outcomes)
    is_whole = not warnings and all(one.state is SyncState.SUCCEEDED for one in outcomes)
    first_on, last_on = recorded.days or (None, None)
    ended = replace(sync, first_on=first_on, last_on=last_on).finish(
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
        state=ConnectionState.NEEDS_ATTENTION if attention else ConnectionState.ACTIVE,
        detail=" ".join(filter(None, (expiry, detail))) or None,
        expires_at=fetched.expires_at,
        last_synced_at=work.now,
        next_sync_at=_find_next_slot(work, claim, services.secrets.fraction()),
        updated_at=work.now,
    )
    work.connections.update(replace(live, connection=connection, failures=0, paused_until=None))
    return _finish(work, ended)


def _join_sentences(details: Iterable[str]) -> str | None:
    """Return the first few sentences, each once and with its full stop; None without any."""
    sentences = [
        one if one.endswith((".", "!", "?")) else f"{one}." for one in dict.fromkeys(details)
    ]
    more = len(sentences) - _MOST_SENTENCES
    shown = sentences[:_MOST_SENTENCES] + ([f"And {more} more."] if more > 0 else [])
    return " ".join(shown) or None


def _warn_of_expiry(expires_at: datetime | None, now: datetime) -> str | None:
    if expires_at is None or expires_at - now > _WARN_BEFORE_EXPIRY:
        return None
    if expires_at <= now:
        return f"The consent ended on {expires_at.date()}: sign in again."
    return f"The consent ends on {expires_at.date()}: sign in again before that day."


def _find_next_slot(work: UnitOfWork, claim: SyncClaim, fraction: float) -> datetime:
    live, sync = claim.live, claim.sync
    slot = live.connection.next_sync_at
    is_first = sync.source is SnapshotSource.INITIAL_CONNECTION
    if sync.due_at is None and slot is not None and not (is_first or live.failures):
        # A sync in between does not move the schedule.
        return slot
    anchor = _find_anchor(work, claim)
    return anchor.first_slot(work.now) if is_first else anchor.next_slot(work.now, fraction)


def _find_anchor(work: UnitOfWork, claim: SyncClaim) -> Anchor:
    connection = claim.live.connection
    owner = work.users.get(connection.user_id)
    assert owner is not None, "no erased user has a connection"
    return Anchor.of(connection.id, owner.zone, claim.provider.pace)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The outcomes in the order of the reports, then those of accounts without one, by name.

    ``warnings`` are about accounts that Dashtam does not have. Of ``silent_institutions`` no
    account was reported. ``days`` are the first and the last one of the balances, None without any.
    """

    outcomes: Sequence[AccountOutcome]
    warnings: Sequence[str]
    silent_institutions: Sequence[str]
    days: tuple[date, date] | None


def _record_reports(
    work: UnitOfWork, sync: Sync, connection: Connection, fetched: Report
) -> _Recorded:
    """Record the reports into their accounts, and note the accounts without one."""
    by_key = _merge_duplicates(map(_withhold, fetched.accounts))
    own = work.accounts.of_connection(connection.id)
    identified = identify(work, connection, own, by_key)
    joins = work.account_joins.of_user(connection.user_id)

    def is_wanted(account: Account) -> bool:
        wanted = sync.account_id
        return wanted is None or joins.root_of(account.id) == joins.root_of(wanted)

    reported, new, warnings = _find_accounts(work, connection, by_key, identified)
    currencies = {account.external_id: account.currency for account, _ in reported}
    reported = [(account, report) for account, report in reported if is_wanted(account)]
    new = [account for account in new if is_wanted(account)]
    # A joined account is reported under the id of any account of its history.
    reported_roots = {joins.root_of(account_id) for account_id in identified.reported_ids}
    silent = [account for account in own if joins.root_of(account.id) not in reported_roots]
    if new:
        reported = _propose_joins(work, reported, new, silent)
        new_ids = {account.id for account in new}
        new = [account for account, _ in reported if account.id in new_ids]
        create(work, new)
    record_aliases(work, identified, reported)
    # The provider's own ids in a currency that is reported no more.
    silent_ids = {account.external_id for account in silent}
    in_new_currency = {account.id for account in new if account.external_id in silent_ids}
    outcomes, days = _record(work, sync, connection, reported, fetched.warnings, in_new_currency)
    institutions = _find_silent_institutions(
        [
            account
            for account in filter(_is_open, silent)
            # One that is reported in another currency has not gone, nor one that was unreadable.
            if account.external_id not in currencies
            and not any(one.startswith(f"{account.name}: ") for one in fetched.warnings)
        ],
        by_key,
        identified,
    )
    missing = [one for one in silent if is_wanted(one)]
    failed = _fail_silent(missing, identified.confused, currencies, institutions)
    return _Recorded([*outcomes, *failed], warnings, institutions, days)


def _find_accounts(
    work: UnitOfWork,
    connection: Connection,
    by_key: Mapping[ReportKey, AccountReport],
    identified: Identified,
) -> tuple[list[tuple[Account, AccountReport]], list[Account], list[str]]:
    """Return the reports with their accounts, the new ones of these, and warnings of others."""
    reported: list[tuple[Account, AccountReport]] = []
    new: list[Account] = []
    warnings: list[str] = []
    for key, report in by_key.items():
        account = identified.found.get(key)
        if key in identified.ambiguous:
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
    return reported, new, warnings


def _fail_silent(
    silent: Sequence[Account],
    confused: Collection[Account],
    currencies: Mapping[str, Currency],
    institutions: Collection[str],
) -> list[AccountOutcome]:
    """Return the outcomes of the open accounts that were not reported, by name.

    ``currencies`` are those that the provider reported, by the account's id there. Of
    ``institutions`` it reported nothing.
    """

    def find_reason(account: Account) -> RowError:
        new = currencies.get(account.external_id)
        if account in confused:
            return _AMBIGUOUS
        if new is None and account.institution in institutions:
            detail = _LOOK_THERE.format(account.institution)
            return RowError(None, AccountCode.NOT_REPORTED, detail)
        if new is None:
            return _NOT_REPORTED
        detail = _CURRENCY_CHANGED.format(new=new.code, old=account.currency.code)
        return RowError(None, AccountCode.CURRENCY_CHANGED, detail)

    return [
        _failed(account, find_reason(account))
        for account in sorted(filter(_is_open, silent), key=attrgetter("name", "id.hex"))
    ]


def _find_silent_institutions(
    silent: Iterable[Account], by_key: Mapping[ReportKey, AccountReport], identified: Identified
) -> list[str]:
    """Return the institutions of silent accounts of which the provider reported none, by name."""
    reported = {report.identity.institution for report in by_key.values()}
    reported |= {account.institution for account in identified.found.values()}
    reported |= {account.institution for account in identified.confused}
    return sorted({account.institution for account in silent} - reported)


def _is_open(account: Account) -> bool:
    return account.closed_at is None and account.joined_to is None


def _propose_joins(
    work: UnitOfWork,
    reported: Sequence[tuple[Account, AccountReport]],
    new: Sequence[Account],
    silent: Sequence[Account],
) -> list[tuple[Account, AccountReport]]:
    """Return the reported accounts, new ones with the account that each likely continues."""
    new_ids = {account.id for account in new}
    described = [
        NewAccount(account, report.identity)
        for account, report in reported
        if account.id in new_ids
    ]
    proposed = propose(work, described, [one for one in silent if one.joined_to is None])
    changed = []
    for account, report in reported:
        old = proposed.get(account.id)
        if old is not None:
            sign = report.identity.balance_sign or old.balance_sign
            account = replace(account, join_proposed_to=old.id, balance_sign=sign)  # noqa: PLW2901 - the same account
        changed.append((account, report))
    return changed


def _record(
    work: UnitOfWork,
    sync: Sync,
    connection: Connection,
    reported: Sequence[tuple[Account, AccountReport]],
    warnings: Sequence[str],
    in_new_currency: Collection[AccountId],
) -> tuple[list[AccountOutcome], tuple[date, date] | None]:
    """Record the reports; return their outcomes in the same order, and the days of the balances."""
    is_own = [account.connection_id == connection.id for account, _ in reported]
    own = list(compress(reported, is_own))
    recorded_until: Mapping[AccountId, datetime] = {}
    if sync.source is not SnapshotSource.INITIAL_CONNECTION:
        with_history = [account.id for account, report in own if report.history]
        recorded_until = work.balance_snapshots.newest_reported(with_history)
    batch, problems = [], []
    named = "\n".join(warnings).casefold()
    for account, report in own:
        since = recorded_until.get(account.id, MIN_INSTANT)
        readings, of_account = _readings_of(work, sync, account, report, since)
        batch.append(
            replace(
                readings,
                is_warned=bool(report.problems) or _is_named(account, named),
                is_in_new_currency=account.id in in_new_currency,
            )
        )
        problems.append(of_account)
    results = iter(Capture(work, sync.id).record(batch, sync.started_at))
    of_own = map(_outcome, [account for account, _ in own], results, problems)
    outcomes = [
        next(of_own) if is_ours else _failed(account, _CONNECTED_ELSEWHERE)
        for (account, _), is_ours in zip(reported, is_own, strict=True)
    ]
    instants = [
        reading.captured_at
        for readings in batch
        for reading in (*readings.history, readings.current)
        if reading is not None
    ]
    return outcomes, (min(instants).date(), max(instants).date()) if instants else None


def _readings_of(
    work: UnitOfWork, sync: Sync, account: Account, report: AccountReport, since: datetime
) -> tuple[AccountReadings, list[RowError]]:
    """Return the readings to record, and the problems of the report.

    Of the history those from ``since`` on: the newest may have been changed by the provider.
    """
    problems = list(report.problems)
    current, positions, flows = report.current, report.positions, report.flows
    tomorrow = schedule.start_of_day(work.now) + schedule.DAY
    past = [reading for reading in report.history if reading.captured_at < tomorrow]
    is_future = current is not None and current.captured_at >= tomorrow
    if is_future or len(past) < len(report.history):
        problems.append(_IN_THE_FUTURE)
    if is_future:
        current = None
    past = [reading for reading in past if reading.captured_at >= since]
    past.sort(key=attrgetter("captured_at"))
    if current is None:
        problems, positions, flows = problems or [_NO_BALANCE], None, ()
    elif current.holdings_value is None and positions:
        value = sum_market_values(positions, account.currency)
        current = replace(current, holdings_value=value)
    return AccountReadings(account, sync.source, past, current, positions, flows), problems


def _is_named(account: Account, warnings: str) -> bool:
    """Tell whether the provider's warnings, case-folded, name the account or its institution."""
    return any(name.casefold() in warnings for name in (account.name, account.institution))


def _outcome(
    account: Account, captured: CaptureResult, problems: Sequence[RowError]
) -> AccountOutcome:
    if account.join_proposed_to is not None:
        problems = [*problems, _JOIN_PROPOSED]
    if captured.held_by is not None:
        reason = f"{HOLD_REASONS[captured.held_by]} {_UNTIL_DECIDED}"
        problems = [*problems, RowError(None, AccountCode.HELD, reason)]
    has_balance = captured.recorded or captured.skipped
    state = SyncState.PARTIAL if has_balance else SyncState.FAILED
    detail = None if not problems else f"{account.name}: {problems[0].detail}"
    if problems and not has_balance and problems[0].code not in _SAY_IT_THEMSELVES:
        detail = f"{detail} No balance was recorded."
    return AccountOutcome(
        account_id=account.id,
        state=state if problems else SyncState.SUCCEEDED,
        recorded=captured.recorded,
        skipped=captured.skipped,
        code=AccountCode(problems[0].code) if problems else None,
        detail=detail,
    )


def _withhold(report: AccountReport) -> AccountReport:
    """Return the report without the balance that is none of now."""
    if report.outage is None:
        return report
    problems = (report.outage, *report.problems)
    return replace(report, current=None, positions=None, flows=(), problems=problems)


def _merge_duplicates(reports: Iterable[AccountReport]) -> dict[ReportKey, AccountReport]:
    by_key: dict[ReportKey, AccountReport] = {}
    for report in reports:
        # Ids are an institution's own: two institutions behind one connection may use the same.
        identity = report.identity
        institution = identity.institutions[0].value
        key = f"{institution}/{identity.external_id}", identity.currency
        first = by_key.setdefault(key, report)
        if first != report:
            # Which of the two is right cannot be known.
            by_key[key] = AccountReport(identity, None, problems=(_DUPLICATE,))
    return by_key


def _failed(account: Account, problem: RowError) -> AccountOutcome:
    detail = f"{account.name}: {problem.detail}"
    code = AccountCode(problem.code)
    return AccountOutcome(account.id, SyncState.FAILED, code=code, detail=detail)


def _write_failure(
    work: UnitOfWork,
    services: Services,
    claim: SyncClaim,
    failure: Failure,
    outcomes: Sequence[AccountOutcome] = (),
) -> Sync:
    live = claim.live
    failures = live.failures + 1
    paused_until = None if failure.pause is None else work.now + failure.pause
    fraction = services.secrets.fraction()
    retry_at = _find_anchor(work, claim).retry_at(failures, work.now, paused_until, fraction)
    needs_credentials = failure.code is SyncFailureCode.CREDENTIALS_REFUSED
    advice = _ADVICE.get(failure.code, "It is tried again by itself.")
    if needs_credentials and claim.provider.uses_browser:
        advice = "Sign in again."
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
