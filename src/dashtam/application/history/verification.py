"""Verification: whether what is stored is what was recorded."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from dashtam.database.unit_of_work import Database, UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.errors import DashtamError
from dashtam.domain.history.hash_chain import Chain, Link, find_breaks
from dashtam.domain.user import Erasure

MOST_FINDINGS: Final = 10_000

# What reading a stored value can end in that nobody here ever wrote.
_UNREADABLE: Final = (DashtamError, ArithmeticError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was recorded.

    ``subject`` is the account, the run or the user; ``sequence`` the place in the account's chain.
    """

    code: str
    subject: UUID | None
    sequence: int | None
    detail: str


@dataclass(slots=True)
class VerificationReport:
    """What was looked at and what is wrong; ``remarks`` are worth knowing and not wrong.

    ``findings`` holds the first ten thousand; ``found`` counts them all. ``outdated_pages`` are
    the accounts whose pages were not what is made of their snapshots; they were made anew.
    """

    accounts: int = 0
    snapshots: int = 0
    syncs: int = 0
    retractions: int = 0
    erasures: Sequence[Erasure] = ()
    found: int = 0
    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    outdated_pages: list[AccountId] = field(default_factory=list)

    def find(
        self, code: str, detail: str, subject: UUID | None = None, sequence: int | None = None
    ) -> None:
        """Count what is wrong, and keep it while there is room."""
        self.found += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(code, subject, sequence, detail))


def verify(database: Database) -> VerificationReport:
    """Look at everything that was ever recorded, of everyone, on one consistent state.

    Whoever can rewrite an account's whole chain, its end and the run that recorded it leaves no
    trace here: that takes a backup to compare with.
    """
    report = VerificationReport()
    with database.read() as work:
        for account_id, chain in work.accounts.chains():
            _verify_account(work, report, account_id, chain)
            _verify_pages(work, report, account_id)
        _verify_runs(work, report)
        _verify_retractions(work, report)
        _verify_erasures(work, report)
    _mend_pages(database, report)
    return report


def _mend_pages(database: Database, report: VerificationReport) -> None:
    for account_id in report.outdated_pages:
        with database.write() as work:
            work.history_chunks.mark_changed(account_id)
        report.remarks.append(
            f"Account {account_id}: its pages were not those of its snapshots. They were made anew."
        )


def _verify_account(
    work: UnitOfWork, report: VerificationReport, account_id: AccountId, chain: Chain
) -> None:
    walk = _Walk()
    try:
        for sequence in find_breaks(chain, walk.over(work.balance_snapshots.links(account_id))):
            detail = f"Snapshot {sequence} of account {account_id} is not what was recorded."
            report.find("chain_broken", detail, account_id, sequence)
    except _UNREADABLE:
        sequence = walk.length + 1
        detail = f"Snapshot {sequence} of account {account_id}, or one after it, cannot be read."
        report.find("unreadable", detail, account_id, sequence)
    report.accounts += 1
    report.snapshots += walk.length
    if walk.stepped_back:
        report.remarks.append(
            f"Account {account_id}: the clock stood earlier than at the snapshot before for"
            f" {walk.stepped_back} of {walk.length} snapshots. Their order is that of recording."
        )


def _verify_pages(work: UnitOfWork, report: VerificationReport, account_id: AccountId) -> None:
    # Of rows that cannot be read no page can be made; that was found already.
    with suppress(*_UNREADABLE):
        if work.history_chunks.is_outdated(account_id):
            report.outdated_pages.append(account_id)


@dataclass(slots=True)
class _Walk:
    """How many links went by, and how many were made earlier than the one before."""

    length: int = 0
    stepped_back: int = 0
    last: datetime | None = None

    def over(self, links: Iterator[Link]) -> Iterator[Link]:
        for link in links:
            self.length += 1
            created_at = link.record.created_at
            # Writers in other processes have their own clocks, so this alone proves nothing.
            if self.last is not None and created_at < self.last:
                self.stepped_back += 1
            self.last = created_at
            yield link


def _verify_runs(work: UnitOfWork, report: VerificationReport) -> None:
    stored = 0
    for sync_id, recorded, found in work.syncs.recorded_counts():
        report.syncs += 1
        stored += found
        if recorded != found:
            detail = f"Sync {sync_id} recorded {recorded} snapshots, and {found} are there."
            report.find("miscounted", detail, sync_id)
    for sync_id, found in work.syncs.unknown_ids():
        stored += found
        detail = f"{found} snapshots name sync {sync_id}, and there is none."
        report.find("sync_missing", detail, sync_id)
    is_whole = not any(finding.code == "unreadable" for finding in report.findings)
    if is_whole and stored != report.snapshots:
        detail = f"There are {stored} snapshots, and {report.snapshots} belong to an account."
        report.find("orphaned", detail)


def _verify_retractions(work: UnitOfWork, report: VerificationReport) -> None:
    retracted = set(work.syncs.retracted_ids())
    told = set(work.audit_log.subjects_of("sync_retracted"))
    report.retractions = len(retracted)
    for sync_id in sorted(retracted - told):
        detail = f"Sync {sync_id} was retracted, and the audit log does not tell by whom."
        report.find("retraction_unexplained", detail, sync_id)
    for subject in sorted(told - retracted):
        detail = f"The audit log tells that sync {subject} was retracted, and it is not."
        report.find("retraction_missing", detail, subject)


def _verify_erasures(work: UnitOfWork, report: VerificationReport) -> None:
    report.erasures = work.users.erasures()
    told = set(work.audit_log.subjects_of("user_erased"))
    for erasure in report.erasures:
        if erasure.user_id not in told:
            detail = f"User {erasure.user_id} was erased, and the audit log does not tell of it."
            report.find("erasure_unexplained", detail, erasure.user_id)
        if work.users.get(erasure.user_id) is not None:
            detail = f"User {erasure.user_id} is marked as erased, and is still there."
            report.find("erasure_undone", detail, erasure.user_id)
