"""The result of a live run: the run itself, its connection's state and its next slot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Self

from dashtam.application.audit_log import record_event
from dashtam.application.credentials import redact
from dashtam.application.ports import Services
from dashtam.application.provider import (
    CredentialsRefused,
    ProviderError,
    ProviderRateLimited,
    Report,
)
from dashtam.application.syncs import schedule
from dashtam.application.syncs.account_results import record_reports
from dashtam.application.syncs.claims import SyncClaim
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import ConnectionState
from dashtam.domain.sync import AccountOutcome, SnapshotSource, Sync, SyncFailureCode, SyncState

_MOST_SENTENCES: Final = 3
_USUAL_PAUSE: Final = timedelta(hours=1)
_LONGEST_PAUSE: Final = timedelta(days=7)

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
    outcomes, account_warnings = record_reports(work, sync, live.connection, fetched.accounts)
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
    connection = replace(
        live.connection,
        state=ConnectionState.ACTIVE,
        detail=detail,
        last_synced_at=work.now,
        next_sync_at=_find_next_slot(claim, work.now, services.random_fraction()),
        updated_at=work.now,
    )
    work.connections.update(replace(live, connection=connection, failures=0, paused_until=None))
    return _finish(work, ended)


def _find_next_slot(claim: SyncClaim, now: datetime, fraction: float) -> datetime:
    live, sync, pace = claim.live, claim.sync, claim.provider.pace
    slot = live.connection.next_sync_at
    is_first = sync.source is SnapshotSource.INITIAL_CONNECTION
    if is_first or slot is None or (live.failures and sync.due_at is None):
        return schedule.first_slot(pace, now, fraction)
    # A sync in between does not move the schedule.
    return slot if sync.due_at is None else schedule.next_slot(sync.due_at, pace, now, fraction)


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
    retry_at = schedule.retry_at(failures, pace, work.now, paused_until, services.random_fraction())
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
    record_event(work, f"sync_{ended.state}", ended.user_id, ended.id)
    return ended
