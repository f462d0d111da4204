"""What an import did, and why it could not use the rest."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from dashtam.application.ports import StatementFile
from dashtam.domain.account import Account
from dashtam.domain.errors import FieldError
from dashtam.domain.statement import Identity, RowError, Statement
from dashtam.domain.sync import AccountOutcome, SnapshotSource, SyncId, SyncState

Progress = Callable[[int, int], None]
"""Hears how many of a file's statements are recorded, and how many there are."""

_MOST_PROBLEMS: Final = 100

CONFLICT: Final = RowError(
    line=None,
    code="conflicting_balance",
    detail="The file gives another balance for the same instant; the first one stands.",
)


@dataclass(slots=True)
class AccountImport:
    """What an import did to one account. ``refused`` counts the lines that could not be used."""

    account: Account
    is_new: bool
    source: SnapshotSource
    recorded: int = 0
    skipped: int = 0
    refused: int = 0
    problems: list[RowError] = field(default_factory=list)

    def refuse(self, problems: Iterable[RowError]) -> None:
        """Count lines that could not be used, and keep the first hundred reasons."""
        for problem in problems:
            self.refused += 1
            if len(self.problems) < _MOST_PROBLEMS:
                self.problems.append(problem)

    @property
    def outcome(self) -> AccountOutcome:
        """What the run keeps of it: how much, and the first reason."""
        return AccountOutcome(
            account_id=self.account.id,
            state=SyncState.PARTIAL if self.refused else SyncState.SUCCEEDED,
            recorded=self.recorded,
            skipped=self.skipped,
            code=self.problems[0].code if self.problems else None,
            detail=self.problems[0].detail if self.problems else None,
        )


@dataclass(frozen=True, slots=True)
class Import:
    """What an import did, account by account, in the order of the file."""

    sync_id: SyncId
    file_format: str
    accounts: Sequence[AccountImport]

    @property
    def recorded(self) -> int:
        """How many snapshots were recorded."""
        return sum(done.recorded for done in self.accounts)

    @property
    def skipped(self) -> int:
        """How many readings were known already."""
        return sum(done.skipped for done in self.accounts)

    @property
    def refused(self) -> int:
        """How many lines could not be used."""
        return sum(done.refused for done in self.accounts)


def with_account_name(identity: Identity, problem: RowError) -> RowError:
    """Return the problem as it reads where another account's are told."""
    if problem.line is not None or not identity.external_id:
        return problem
    return replace(problem, detail=f"{identity.name}: {problem.detail}")


def field_errors(
    homeless: Sequence[RowError], accounts: Iterable[AccountImport]
) -> tuple[FieldError, ...]:
    """Return the first hundred reasons, those first that belong to no account."""
    problems = [*homeless, *(problem for done in accounts for problem in done.problems)]
    return tuple(
        FieldError("/file", problem.code, _with_line(problem))
        for problem in problems[:_MOST_PROBLEMS]
    )


def _with_line(problem: RowError) -> str:
    return problem.detail if problem.line is None else f"Line {problem.line}: {problem.detail}"


def report_progress(read: StatementFile, progress: Progress) -> Iterator[Statement]:
    """Yield the file's statements, and tell of each when the next is asked for."""
    for recorded, statement in enumerate(read.statements):
        progress(recorded, read.count)
        yield statement
    progress(read.count, read.count)
