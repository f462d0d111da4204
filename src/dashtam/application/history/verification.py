"""Verification of the stored history against its hash chains, runs and audit log."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from dashtam.database.history.account_heads import AccountHead
from dashtam.database.history_cache.history_chunks import CacheState
from dashtam.database.unit_of_work import Database, UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.errors import DashtamError
from dashtam.domain.history.hash_chain import Chain, Link, StoredLink, find_breaks
from dashtam.domain.user import Erasure

MOST_FINDINGS: Final = 10_000

# The errors of reading a stored value that Dashtam never wrote.
_UNREADABLE: Final = (DashtamError, ArithmeticError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference from the record.

    ``subject`` is the account, the run or the user; ``sequence`` the place in the account's chain.
    """

    code: str
    subject: UUID | None
    sequence: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class _ChainKind:
    """A link's name with a place for its number, and the codes of its findings."""

    noun: str
    broken: str
    unreadable: str


@dataclass(slots=True)
class VerificationReport:
    """The counts of verified rows, and the findings; ``remarks`` are worth knowing and not wrong.

    ``findings`` holds the first ten thousand; ``found`` counts them all. ``outdated_chunks`` are
    the accounts with a cached history that differed from their snapshots; it was rebuilt.
    """

    accounts: int = 0
    snapshots: int = 0
    position_sets: int = 0
    external_flows: int = 0
    syncs: int = 0
    retractions: int = 0
    erasures: Sequence[Erasure] = ()
    found: int = 0
    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    outdated_chunks: list[AccountId] = field(default_factory=list)

    def add_finding(
        self, code: str, detail: str, subject: UUID | None = None, sequence: int | None = None
    ) -> None:
        """Count a finding, and keep it while there is room."""
        self.found += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(code, subject, sequence, detail))


def verify(database: Database) -> VerificationReport:
    """Verify everything that was ever recorded, of all users, on one consistent state.

    An attacker who can rewrite an account's whole chain, its end and the run that recorded it
    leaves no trace here: that takes a backup to compare with.
    """
    report = VerificationReport()
    subjects: set[UUID] = set()
    with database.read() as work:
        for head in work.account_heads.all():
            _verify_account(work, report, head)
            subjects |= _verify_events(work, report, head)
            _verify_positions(work, report, head)
            _verify_flows(work, report, head)
        _verify_runs(work, report)
        _verify_audit_log(work, report)
        for event in ("snapshot_retracted", "snapshot_corrected"):
            for snapshot_id in sorted(set(work.audit_log.subjects_of(event)) - subjects):
                detail = f"The audit log lists {event} of {snapshot_id}, and there is no event."
                report.add_finding("event_missing", detail, snapshot_id)
    for account_id in report.outdated_chunks:
        with database.write() as work:
            for account in work.accounts.of_ids([account_id]):
                work.history_chunks.rebuild(account)
        report.remarks.append(
            f"Account {account_id}: its cached history differed from its snapshots. It was rebuilt."
        )
    return report


def rebuild_cache(database: Database) -> int:
    """Write the cached history of every account again from its snapshots; return their number.

    Evidence of a cache that another program rewrote is lost by this.
    """
    with database.read() as work:
        account_ids = [head.account_id for head in work.account_heads.all()]
    for account_id in account_ids:
        with database.write() as work:
            for account in work.accounts.of_ids([account_id]):
                work.history_chunks.accept(account)
    return len(account_ids)


def _verify_account(work: UnitOfWork, report: VerificationReport, head: AccountHead) -> None:
    account_id = head.account_id
    stepped_back = 0
    last_at: datetime | None = None

    def note_clock() -> Iterator[Link]:
        nonlocal stepped_back, last_at
        for link in work.balance_snapshots.links(account_id):
            created_at = link.record.created_at
            # Writers in other processes have their own clocks, so this alone proves nothing.
            if last_at is not None and created_at < last_at:
                stepped_back += 1
            last_at = created_at
            yield link

    kind = _ChainKind("Snapshot {}", "chain_broken", "unreadable")
    length = _verify_chain(report, account_id, head.chain, note_clock(), kind)
    report.accounts += 1
    report.snapshots += length
    if stepped_back:
        report.remarks.append(
            f"Account {account_id}: the clock stood earlier than at the snapshot before for"
            f" {stepped_back} of {length} snapshots. Their order is that of recording."
        )
    # Rows that cannot be read make no chunk; they are a finding already.
    with suppress(*_UNREADABLE):
        state = work.history_chunks.compare(head)
        if state is CacheState.OUTDATED:
            report.outdated_chunks.append(account_id)
        elif state is CacheState.FORGED:
            detail = (
                f"The cached history of account {account_id} was not written with this key ring. It"
                " stays as it is, and is not used. `dashtam db rebuild` writes it again."
            )
            report.add_finding("cache_forged", detail, account_id)


def _verify_events(work: UnitOfWork, report: VerificationReport, head: AccountHead) -> set[UUID]:
    """Verify an account's events, and return the snapshots that they are about."""
    account_id = head.account_id
    links = work.account_events.links(account_id)
    kind = _ChainKind("Event {}", "event_broken", "event_unreadable")
    _verify_chain(report, account_id, head.events_chain, links, kind)
    subjects: set[UUID] = set()
    for number, snapshot_id in work.account_events.subjects(account_id):
        if snapshot_id is None:
            detail = f"Event {number} of account {account_id} is about a snapshot that is missing."
            report.add_finding("event_without_snapshot", detail, account_id, number)
        else:
            subjects.add(snapshot_id)
    return subjects


def _verify_positions(work: UnitOfWork, report: VerificationReport, head: AccountHead) -> None:
    links = work.position_sets.links(head.account_id)
    kind = _ChainKind("Set {} of positions", "positions_broken", "positions_unreadable")
    chain = head.positions_chain
    report.position_sets += _verify_chain(report, head.account_id, chain, links, kind)


def _verify_flows(work: UnitOfWork, report: VerificationReport, head: AccountHead) -> None:
    links = work.external_flows.links(head.account_id)
    kind = _ChainKind("External flow {}", "flow_broken", "flow_unreadable")
    chain = head.flows_chain
    report.external_flows += _verify_chain(report, head.account_id, chain, links, kind)


def _verify_chain(
    report: VerificationReport,
    account_id: AccountId,
    chain: Chain,
    links: Iterable[StoredLink],
    kind: _ChainKind,
) -> int:
    """Verify one of an account's chains, and return the number of links that could be read."""
    length = 0

    def count_links() -> Iterator[StoredLink]:
        nonlocal length
        for link in links:
            length += 1
            yield link

    try:
        for number in find_breaks(chain, count_links()):
            detail = (
                f"{kind.noun.format(number)} of account {account_id} is not as it was recorded."
            )
            report.add_finding(kind.broken, detail, account_id, number)
    except _UNREADABLE:
        number = length + 1
        noun = kind.noun.format(number)
        detail = f"{noun} of account {account_id}, or one after it, cannot be read."
        report.add_finding(kind.unreadable, detail, account_id, number)
    return length


def _verify_runs(work: UnitOfWork, report: VerificationReport) -> None:
    total = 0
    for sync_id, recorded, stored in work.syncs.recorded_counts():
        report.syncs += 1
        total += stored
        if recorded != stored:
            detail = f"Sync {sync_id} recorded {recorded} snapshots, and {stored} are there."
            report.add_finding("miscounted", detail, sync_id)
    for sync_id, stored in work.syncs.unknown_ids():
        total += stored
        detail = f"{stored} snapshots name sync {sync_id}, and there is none."
        report.add_finding("sync_missing", detail, sync_id)
    is_whole = not any(finding.code == "unreadable" for finding in report.findings)
    if is_whole and total != report.snapshots:
        detail = f"There are {total} snapshots, and {report.snapshots} belong to an account."
        report.add_finding("orphaned", detail)


def _verify_audit_log(work: UnitOfWork, report: VerificationReport) -> None:
    retracted = set(work.syncs.retracted_ids())
    logged = set(work.audit_log.subjects_of("sync_retracted"))
    report.retractions = len(retracted)
    for sync_id in sorted(retracted - logged):
        detail = f"Sync {sync_id} was retracted, and the audit log does not name the user."
        report.add_finding("retraction_unexplained", detail, sync_id)
    for subject in sorted(logged - retracted):
        detail = f"The audit log lists the retraction of sync {subject}, and there is none."
        report.add_finding("retraction_missing", detail, subject)
    report.erasures = work.users.erasures()
    logged = set(work.audit_log.subjects_of("user_erased"))
    for erasure in report.erasures:
        if erasure.user_id not in logged:
            detail = f"User {erasure.user_id} was erased, and the audit log does not list it."
            report.add_finding("erasure_unexplained", detail, erasure.user_id)
        if work.users.get(erasure.user_id) is not None:
            detail = f"User {erasure.user_id} is marked as erased, and is still there."
            report.add_finding("erasure_undone", detail, erasure.user_id)
