"""The result of an import: counts for each account, and the lines that could not be used."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from dashtam.application.ports import StatementFile
from dashtam.domain.account import Account, Identity
from dashtam.domain.errors import FieldError
from dashtam.domain.statement import RowError, Statement
from dashtam.domain.sync import AccountOutcome, SnapshotSource, SyncId, SyncState

Progress = Callable[[int, int], None]
"""Called with the number of statements that are recorded, and the number in the file."""

_MOST_PROBLEMS: Final = 100

CONFLICT: Final = RowError(
    line=None,
    code="conflicting_balance",
    detail="The file gives another balance for the same instant; the first one stands.",
)


@dataclass(slots=True)
class AccountImport:
    """An import's result for one account. ``refused`` counts the lines that could not be used."""

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
        """The outcome for the run: the counts, and the first reason."""
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
    """An import's result, account by account, in the order of the file."""

    sync_id: SyncId
    file_format: str
    accounts: Sequence[AccountImport]

    @property
    def recorded(self) -> int:
        """The number of recorded snapshots."""
        return sum(imported.recorded for imported in self.accounts)

    @property
    def skipped(self) -> int:
        """The number of readings that were known already."""
        return sum(imported.skipped for imported in self.accounts)

    @property
    def refused(self) -> int:
        """The number of lines that could not be used."""
        return sum(imported.refused for imported in self.accounts)


def with_account_name(identity: Identity, problem: RowError) -> RowError:
    """Return the problem with the account's name, for a list of several accounts' problems."""
    if problem.line is not None or not identity.external_id:
        return problem
    return replace(problem, detail=f"{identity.name}: {problem.detail}")


def field_errors(
    unplaced: Sequence[RowError], accounts: Iterable[AccountImport]
) -> tuple[FieldError, ...]:
    """Return the first hundred reasons, those first that belong to no account."""
    problems = [*unplaced, *(problem for imported in accounts for problem in imported.problems)]
    return tuple(problem.to_field_error() for problem in problems[:_MOST_PROBLEMS])


def report_progress(read: StatementFile, progress: Progress) -> Iterator[Statement]:
    """Yield the file's statements, and report each as recorded when the next is requested."""
    for recorded, statement in enumerate(read.statements):
        progress(recorded, read.count)
        yield statement
    progress(read.count, read.count)
