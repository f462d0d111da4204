"""The result of a live sync: what a provider told, or why it told nothing, written down whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from dashtam.application import credentials
from dashtam.application.audit_log import note
from dashtam.application.ports import Services
from dashtam.application.provider import Provider, Report
from dashtam.application.syncs import schedule
from dashtam.application.syncs.account_results import AccountResults
from dashtam.database.syncs.connections import LiveConnection
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import ConnectionState
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncState

_MOST_WARNINGS: Final = 3


@dataclass(frozen=True, slots=True)
class SyncClaim:
    """The right to bring one run to its end, as long as its lease and its fence hold."""

    sync: Sync
    live: LiveConnection
    provider: Provider


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing was told; ``pause`` where the provider wants to be left alone for a while."""

    code: str
    detail: str
    pause: timedelta | None = None


def without_secrets(report: Report, kept: credentials.Kept) -> Report:
    """Return the report, its sentences fit to be shown."""
    return replace(
        report,
        warnings=[credentials.harmless(warning, kept) for warning in report.warnings],
        accounts=[
            replace(
                account,
                problems=[
                    replace(problem, detail=credentials.harmless(problem.detail, kept))
                    for problem in account.problems
                ],
            )
            if account.problems
            else account
            for account in report.accounts
        ],
    )


def write(work: UnitOfWork, services: Services, claim: SyncClaim, told: Report | Failure) -> Sync:
    """Write the result in this work, and return the run as it ended.

    Raises:
        ClockBehind: nothing can be recorded as of now.
    """
    if isinstance(told, Failure):
        return _failed(work, services, claim, told)
    results = AccountResults(work, claim.sync, claim.live.connection)
    results.take(told.accounts)
    outcomes = results.outcomes
    warnings = [*told.warnings, *results.warnings]
    if not any(outcome.state is not SyncState.FAILED for outcome in outcomes) and (
        outcomes or warnings
    ):
        detail = _sentences([*warnings, *_details(outcomes)]) or "No balance was told."
        return _failed(work, services, claim, Failure("provider_failed", detail), outcomes)
    return _succeeded(work, services, claim, outcomes, warnings)


def _succeeded(
    work: UnitOfWork,
    services: Services,
    claim: SyncClaim,
    outcomes: Sequence[AccountOutcome],
    warnings: Sequence[str],
) -> Sync:
    is_whole = not warnings and all(one.state is SyncState.SUCCEEDED for one in outcomes)
    said = _sentences([*warnings, *_details(outcomes)])
    sync = _end(
        work,
        replace(
            claim.sync,
            state=SyncState.SUCCEEDED if is_whole else SyncState.PARTIAL,
            code=None if is_whole else "warnings",
            detail=said or None,
            accounts=tuple(outcomes),
        ),
    )
    live = claim.live
    connection = replace(
        live.connection,
        state=ConnectionState.ACTIVE,
        detail=said or None,
        last_synced_at=work.now,
        next_sync_at=_next_after_success(work, services, claim),
        updated_at=work.now,
    )
    work.connections.update(replace(live, connection=connection, failures=0, paused_until=None))
    return sync


def _failed(
    work: UnitOfWork,
    services: Services,
    claim: SyncClaim,
    failure: Failure,
    outcomes: Sequence[AccountOutcome] = (),
) -> Sync:
    sync = _end(
        work,
        replace(
            claim.sync,
            state=SyncState.FAILED,
            code=failure.code,
            detail=failure.detail,
            accounts=tuple(outcomes),
        ),
    )
    live = claim.live
    paused_until = None if failure.pause is None else work.now + failure.pause
    failures = live.failures + 1
    retry_at = schedule.retry_at(
        failures, claim.provider.pace, work.now, paused_until, chance(services)
    )
    needs_credentials = failure.code == "credentials_refused"
    connection = replace(
        live.connection,
        state=_state(failure),
        detail=f"{failure.detail} {_advice(failure)}",
        # Without credentials that work there is no use in asking again.
        next_sync_at=None if needs_credentials else retry_at,
        updated_at=work.now,
    )
    work.connections.update(
        replace(live, connection=connection, failures=failures, paused_until=paused_until)
    )
    return sync


def chance(services: Services) -> float:
    """Return a random number from 0 (included) to 1."""
    return int.from_bytes(services.secrets.random()[:6]) / 2**48


def _end(work: UnitOfWork, sync: Sync) -> Sync:
    ended = replace(
        sync,
        finished_at=work.now,
        lease_until=None,
        recorded=sum(outcome.recorded for outcome in sync.accounts),
        skipped=sum(outcome.skipped for outcome in sync.accounts),
    )
    work.syncs.finish(ended)
    note(work, f"sync_{ended.state}", ended.user_id, ended.id)
    return ended


def _next_after_success(work: UnitOfWork, services: Services, claim: SyncClaim) -> datetime:
    sync, connection = claim.sync, claim.live.connection
    pace = claim.provider.pace
    slot = connection.next_sync_at
    is_first = sync.source is SnapshotSource.INITIAL_CONNECTION
    if is_first or slot is None or (claim.live.failures and sync.due_at is None):
        return schedule.first_slot(pace, work.now, chance(services))
    if sync.due_at is not None:
        return schedule.next_slot(sync.due_at, pace, work.now, chance(services))
    # Who asks in between does not move the schedule.
    return slot


def _state(failure: Failure) -> ConnectionState:
    return _STATES.get(failure.code, ConnectionState.FAILING)


_STATES: Final = {
    "credentials_refused": ConnectionState.NEEDS_REAUTHENTICATION,
    "rate_limited": ConnectionState.RATE_LIMITED,
}


def _advice(failure: Failure) -> str:
    return _ADVICE.get(failure.code, "It is tried again by itself.")


_ADVICE: Final = {
    "credentials_refused": "Enter the credentials again.",
    "rate_limited": "There is nothing to do: it is asked again when it wants to be.",
    "clock_behind": "Set the clock; `dashtam doctor` says more.",
    "key_missing": "Bring the key ring back, or enter the credentials again.",
}


def _details(outcomes: Sequence[AccountOutcome]) -> list[str]:
    return [outcome.detail for outcome in outcomes if outcome.detail]


def _sentences(said: Sequence[str]) -> str:
    once = list(dict.fromkeys(said))
    more = len(once) - _MOST_WARNINGS
    return " ".join(once[:_MOST_WARNINGS] + ([f"And {more} more."] if more > 0 else []))
