"""A claimed run: fetched with no transaction open, then written in one."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread
from typing import Final, Self

from dashtam.application import credentials
from dashtam.application.history.capture import ClockBehind
from dashtam.application.ports import Services
from dashtam.application.provider import Credentials, ProviderError, Report, Unsealable
from dashtam.application.provider_permits import REQUEST_WAIT, Permit
from dashtam.application.syncs import sync_result
from dashtam.application.syncs.claims import SyncClaim
from dashtam.application.syncs.provider_quota import ClaimLost, ProviderQuota
from dashtam.application.syncs.sync_result import Failure
from dashtam.application.syncs.syncs import SyncFailed, SyncInterrupted, interrupt
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import Connection
from dashtam.domain.errors import DashtamError, Unavailable
from dashtam.domain.parsing import find_currency
from dashtam.domain.sync import SnapshotSource, Sync, SyncFailureCode, SyncState

_LONGEST_RUN: Final = timedelta(minutes=15)
_LONGEST_WAIT: Final = timedelta(minutes=5)
_TOO_MANY: Final = "Too many providers have not answered yet, and this one was not asked."

OnCommit = Callable[[UnitOfWork, Sync], None]
"""Called in the transaction in which a run ends."""

_MOST_ACCOUNTS: Final = 10_000
_FAILED_HERE: Final = frozenset(
    {
        SyncFailureCode.INTERRUPTED,
        SyncFailureCode.CLOCK_BEHIND,
        SyncFailureCode.DISCONNECTED,
        SyncFailureCode.KEY_MISSING,
    }
)


def complete(
    services: Services,
    claim: SyncClaim,
    on_commit: OnCommit = lambda _work, _sync: None,
    *,
    permit: Permit | None = None,
    within: timedelta = _LONGEST_WAIT,
) -> Sync:
    """Fetch, then write the result, whole or not at all; return the run as it ended.

    A run that lost its claim meanwhile writes nothing, and is returned as others ended it. One
    without a ``permit`` requests its own; where it is not granted ``within`` the time, the run
    ends as interrupted.
    """
    permit = permit or services.provider_permits.request(claim.provider.slug, claim.sync.user_id)
    with permit, LeaseHeartbeat(services, claim.sync):
        if not permit.is_granted:
            _announce(services, claim, "It waits until other syncs have been answered.")
            if not permit.wait(within):
                return _end_unasked(services, claim, on_commit)
            claim = _begin_again(services, claim)
        fetched = fetch(services, claim)
    if isinstance(fetched, Report) and len(fetched.accounts) > _MOST_ACCOUNTS:
        detail = f"The provider reports more than {_MOST_ACCOUNTS} accounts."
        fetched = Failure(SyncFailureCode.PROVIDER_FAILED, detail)
    if isinstance(fetched, Report):
        _announce_answer(services, claim, len(fetched.accounts))
    try:
        return write(services, claim, fetched, on_commit)
    except ClockBehind as behind:
        failure = Failure(SyncFailureCode.CLOCK_BEHIND, str(behind))
        return write(services, claim, failure, on_commit)


def _begin_again(services: Services, claim: SyncClaim) -> SyncClaim:
    """Let the run begin now: its balances are as of the request to the provider."""
    begun = replace(claim.sync, started_at=services.clock())
    detail = f"{claim.provider.name} is being asked."
    _announce(services, replace(claim, sync=begun), detail)
    return replace(claim, sync=begun)


def _end_unasked(services: Services, claim: SyncClaim, on_commit: OnCommit) -> Sync:
    """End a run that got no permit; its slot of the schedule stays due."""
    with services.database.write() as work:
        work.connections.lock(claim.sync.connection_id)
        sync = work.syncs.get(claim.sync.id)
        if sync is None or sync.state is not SyncState.RUNNING:
            return sync or claim.sync.finish(
                SyncState.FAILED, work.now, code=SyncFailureCode.INTERRUPTED, detail=_TOO_MANY
            )
        ended = interrupt(work, sync, _TOO_MANY)
        on_commit(work, ended)
        return ended


def _announce(services: Services, claim: SyncClaim, detail: str) -> None:
    """Renew the lease, and tell followers how far the run is.

    Without a new lease the result is written all the same, or finds that it cannot be.
    """
    with suppress(Unavailable), services.database.write() as work:
        now, sync = services.clock(), claim.sync
        lease_until = now + services.options.sync_lease
        work.syncs.renew_lease(sync.id, lease_until, now, detail, sync.started_at)


def _announce_answer(services: Services, claim: SyncClaim, count: int) -> None:
    """Announce the writing of the answer, unless it is over soon."""
    elapsed = services.clock() - claim.sync.started_at
    has_waited = elapsed >= services.options.sync_lease / 60
    if claim.sync.source is not SnapshotSource.INITIAL_CONNECTION and not has_waited:
        return
    accounts = "1 account" if count == 1 else f"{count} accounts"
    _announce(services, claim, f"{claim.provider.name} answered: {accounts} to record.")


def complete_or_raise(services: Services, claim: SyncClaim, on_commit: OnCommit) -> Sync:
    """Complete the claim for a request that waits for it, and refuse a run that failed.

    Raises:
        SyncFailed: the provider failed.
        SyncInterrupted: the run failed here.
    """
    sync = complete(services, claim, on_commit, within=REQUEST_WAIT)
    if sync.state is not SyncState.FAILED:
        return sync
    if sync.code in _FAILED_HERE:
        raise SyncInterrupted(sync)
    raise SyncFailed(sync)


def fetch(services: Services, claim: SyncClaim) -> Report | Failure:
    """Return the provider's report with its sentences redacted, or why there is none."""
    connection, sealed = claim.live.connection, claim.live.credentials
    if sealed is None:
        return Failure(SyncFailureCode.CREDENTIALS_REFUSED, "There are no credentials.")
    try:
        unsealed = credentials.unseal(services.cipher, connection, sealed)
    except Unsealable:
        # If the key comes back, the user need not enter anything.
        return Failure(SyncFailureCode.KEY_MISSING, "The key of the credentials is gone.")
    quota = ProviderQuota(services, claim.provider, connection.id, claim.sync.fence or 0)
    secrets = credentials.secrets_of(claim.provider, unsealed)
    stored = unsealed

    def renew(renewed: Credentials) -> None:
        nonlocal stored
        secrets.extend(credentials.secrets_of(claim.provider, renewed))
        before = stored
        credentials.retry_while_unavailable(
            lambda: _store_renewed(services, connection, before, renewed)
        )
        stored = renewed

    try:
        report = claim.provider.fetch(
            unsealed,
            services.http_for(quota.count_request),
            now=claim.sync.started_at,
            backfill=claim.sync.source is SnapshotSource.INITIAL_CONNECTION,
            renew=renew,
        )
    except ProviderError as error:
        return Failure.from_error(error, secrets)
    except DashtamError as refusal:
        # The database went away while the provider was asked.
        return Failure(SyncFailureCode.INTERRUPTED, str(refusal))
    except Exception as error:  # noqa: BLE001 - a provider may be other people's code
        detail = f"{claim.provider.name} could not be read ({type(error).__name__})."
        return Failure(SyncFailureCode.PROVIDER_FAILED, detail)
    secrets += credentials.secrets_of(claim.provider, report.credentials or {})
    return credentials.redact_report(_leave_out_other_money(report), secrets)


def _store_renewed(
    services: Services, connection: Connection, before: Credentials, renewed: Credentials
) -> None:
    """Seal renewed credentials in place of those before.

    Raises:
        ClaimLost: others were entered meanwhile, or it was disconnected.
    """
    with services.database.write() as work:
        live = work.connections.lock(connection.id)
        if live is None or not any(
            # A commit may have happened although its confirmation was lost.
            credentials.is_sealed_from(services.cipher, connection, live.credentials, known)
            for known in (before, renewed)
        ):
            raise ClaimLost
        sealed = credentials.seal(services.cipher, connection, renewed)
        work.connections.update(replace(live, credentials=sealed))


def _leave_out_other_money(report: Report) -> Report:
    """Return the report without accounts in currencies that ISO 4217 does not have."""
    accounts, warnings = [], list(report.warnings)
    for account in report.accounts:
        currency = account.identity.currency
        if find_currency(currency.code) == currency:
            accounts.append(account)
        else:
            name = f"{account.identity.name} ({currency.code})"
            warnings.append(f"{name}: its currency is not money of ISO 4217, so it is left out.")
    return replace(report, accounts=accounts, warnings=warnings)


def write(
    services: Services, claim: SyncClaim, fetched: Report | Failure, on_commit: OnCommit
) -> Sync:
    """Write the result unless the claim was lost, and return the run as it ended.

    Raises:
        ClockBehind: nothing can be recorded as of now.
    """
    with services.database.write() as work:
        live = work.connections.lock(claim.sync.connection_id)
        sync = work.syncs.get(claim.sync.id)
        if live is None or sync is None:
            return claim.sync.finish(
                SyncState.FAILED,
                work.now,
                code=SyncFailureCode.INTERRUPTED,
                detail="The connection was removed meanwhile.",
            )
        if sync.state is not SyncState.RUNNING:
            return sync
        # The clock is read once the connection is locked: the time before may be long ago. The
        # lock keeps all others out from here on, even when the lease runs out while we write.
        has_lease = sync.lease_until is not None and sync.lease_until > services.clock()
        if sync.fence != live.fence or not has_lease:
            return interrupt(work, sync)
        current = SyncClaim(sync, live, claim.provider)
        ended = sync_result.write(work, services, current, fetched)
        on_commit(work, ended)
        return ended


class LeaseHeartbeat:
    """Renews a run's lease while its process lives, for a quarter of an hour at most.

    A lease that has run out is not renewed: another process may have claimed the connection.
    """

    def __init__(self, services: Services, sync: Sync) -> None:
        self._services = services
        self._sync = sync
        self._is_over = Event()
        self._thread = Thread(target=self._renew, name=f"lease {sync.id}", daemon=True)

    def __enter__(self) -> Self:
        """Start renewing."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop renewing; the rest of the lease is for the result."""
        self._is_over.set()
        self._thread.join()

    def _renew(self) -> None:
        lease = self._services.options.sync_lease
        until_over = self._sync.started_at + _LONGEST_RUN
        while not self._is_over.wait(lease.total_seconds() / 3):
            try:
                with self._services.database.write() as work:
                    now = self._services.clock()
                    if now > until_over or not work.syncs.renew_lease(
                        self._sync.id, now + lease, now
                    ):
                        return
            except Unavailable:
                # The database may be back before the lease has run out.
                continue
