"""Imports: statement files become history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from dashtam.application.audit_log import note
from dashtam.application.capture import Capture
from dashtam.application.connections import Institution, connection_of_institution
from dashtam.application.records import Work
from dashtam.domain.account import Account, AccountId, AccountType
from dashtam.domain.balance_snapshot import SnapshotSource
from dashtam.domain.connection import Connection, ProviderKind
from dashtam.domain.errors import Fault, Unprocessable
from dashtam.domain.money import Currency
from dashtam.domain.statement import Identity, Position, Problem, Statement
from dashtam.domain.sync import AccountOutcome, Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import UserId

_MOST_PROBLEMS = 100


_Key = tuple[str, str, Currency]


class NothingUsable(Unprocessable):
    """The file was read, and not one balance in it can be recorded."""

    detail = "There is no balance in this file that can be recorded."


class WrongAccount(Unprocessable):
    """The file does not fit the account that it was sent to."""

    detail = "This file holds several accounts, or another currency: do not name an account for it."


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an import goes: whose it is, from which format, and what its sender chose.

    Without an account or a connection both are found by the identity in the file, and made on
    first sight.
    """

    user_id: UserId
    file_format: str
    account: Account | None = None
    connection: Connection | None = None


@dataclass(slots=True)
class AccountImport:
    """What an import did to one account. ``refused`` counts the lines that could not be used."""

    account: Account
    is_new: bool
    source: SnapshotSource
    recorded: int = 0
    skipped: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Count lines that could not be used, and keep the first hundred reasons."""
        for problem in problems:
            self.refused += 1
            if len(self.problems) < _MOST_PROBLEMS:
                self.problems.append(problem)


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


def record(work: Work, to: Destination, statements: Iterable[Statement]) -> Import:
    """Record what the statements report, all of it or nothing.

    Raises:
        NothingUsable: not one balance can be recorded; with the reasons.
        WrongAccount: an account was named, and the file is not of it alone.
    """
    # Two imports at once would each take the other's accounts and balances for unknown.
    work.users.hold(to.user_id)
    recording = _Recording(work, to, SyncId(work.new_id()))
    for statement in statements:
        recording.take(statement)
    return recording.finish()


class _Recording:
    """One import while it is under way."""

    def __init__(self, work: Work, to: Destination, sync_id: SyncId) -> None:
        self._work = work
        self._to = to
        self._sync_id = sync_id
        self._by_identity: dict[_Key, AccountImport] = {}
        # What is told of an account before a balance of it is seen.
        self._waiting: dict[_Key, list[Problem]] = {}
        self._connection: Connection | None = to.connection

    def take(self, statement: Statement) -> None:
        """Record one statement, or a piece of one."""
        identity = statement.identity
        key = (identity.institution_key, identity.external_id, identity.currency)
        done = self._by_identity.get(key)
        if done is None:
            if not statement.readings:
                # An account is made when a balance of it is seen, not before.
                waiting = self._waiting.setdefault(key, [])
                waiting += (_named(identity, problem) for problem in statement.problems)
                return
            done = self._by_identity[key] = self._begin(statement)
            done.refuse(self._waiting.pop(key, ()))
        done.refuse(statement.problems)
        self._capture(done, statement)

    def _begin(self, statement: Statement) -> AccountImport:
        account, is_new = self._account(statement.identity)
        first = is_new or not self._work.balance_snapshots.any_of(account.id)
        return AccountImport(account, is_new, _source(statement, first=first))

    def _account(self, identity: Identity) -> tuple[Account, bool]:
        if self._to.account is not None:
            if self._by_identity or self._to.account.currency != identity.currency:
                raise WrongAccount
            self._begin_run(self._connection_of(self._to.account))
            return self._to.account, False
        connection = self._to.connection or connection_of_institution(
            self._work,
            self._to.user_id,
            Institution(
                identity.institution_key,
                identity.institution,
                self._to.file_format,
                ProviderKind.FILE,
            ),
        )
        self._begin_run(connection)
        found = self._work.accounts.find(connection.id, identity.external_id, identity.currency)
        if found is not None:
            return found, False
        account = _account_of(self._work, connection, identity)
        self._work.accounts.add(account)
        note(self._work, "account_created", account.user_id, account.id)
        return account, True

    def _connection_of(self, account: Account) -> Connection:
        connection = self._work.connections.get(account.connection_id)
        assert connection is not None, "every account has a connection"
        return connection

    def _begin_run(self, connection: Connection) -> None:
        if not self._by_identity:
            self._connection = connection
            self._work.syncs.add(self._sync(connection))

    def _sync(self, connection: Connection) -> Sync:
        return Sync(
            id=self._sync_id,
            user_id=self._to.user_id,
            connection_id=connection.id,
            kind=SyncKind.IMPORT,
            source=SnapshotSource.INITIAL_CONNECTION,
            state=SyncState.RUNNING,
            started_at=self._work.now,
            finished_at=None,
            recorded=0,
            skipped=0,
            accounts=(),
            code=None,
            detail=None,
            retracted_at=None,
        )

    def _capture(self, done: AccountImport, statement: Statement) -> None:
        capture = Capture(self._work, done.account, self._sync_id, done.source)
        captured = capture.reported(statement.readings)
        done.recorded += captured.recorded
        done.skipped += captured.skipped
        done.refuse(_conflict() for _ in captured.conflicts)
        if statement.positions is not None and statement.readings:
            self._replace_holdings(done.account, statement.positions, statement)

    def _replace_holdings(
        self, account: Account, positions: Sequence[Position], statement: Statement
    ) -> None:
        as_of = max(reading.captured_at for reading in statement.readings)
        self._work.holdings.replace(account.id, positions, as_of)

    def finish(self) -> Import:
        """End the run."""
        accounts = list(self._by_identity.values())
        done = Import(self._sync_id, self._to.file_format, accounts)
        homeless = [problem for waiting in self._waiting.values() for problem in waiting]
        if not accounts or not done.recorded + done.skipped:
            raise NothingUsable(faults=_faults(homeless, accounts))
        # What belongs to no account of this import is told with the first one.
        accounts[0].refuse(homeless)
        assert self._connection is not None, "there was a statement"
        self._work.syncs.finish(
            replace(
                self._sync(self._connection),
                source=accounts[0].source,
                state=SyncState.PARTIAL if done.refused else SyncState.SUCCEEDED,
                finished_at=self._work.now,
                recorded=done.recorded,
                skipped=done.skipped,
                accounts=tuple(_outcome(account) for account in accounts),
            )
        )
        for connection_id in {account.account.connection_id for account in accounts}:
            self._work.connections.synced(connection_id, self._work.now)
        note(self._work, "file_imported", self._to.user_id, self._sync_id)
        return done


def _source(statement: Statement, *, first: bool) -> SnapshotSource:
    if first:
        return SnapshotSource.INITIAL_CONNECTION
    if statement.positions is not None:
        return SnapshotSource.HOLDINGS_SYNC
    return SnapshotSource.ACCOUNT_SYNC


def _account_of(work: Work, connection: Connection, identity: Identity) -> Account:
    return Account(
        id=AccountId(work.random_id()),
        user_id=connection.user_id,
        connection_id=connection.id,
        external_id=identity.external_id,
        name=identity.name,
        institution=identity.institution,
        account_type=identity.account_type or AccountType.OTHER,
        number_masked=identity.number_masked,
        currency=identity.currency,
        balance_sign=identity.balance_sign,
        is_hidden=False,
        closed_at=None,
        last_synced_at=None,
        created_at=work.now,
        updated_at=work.now,
    )


def _outcome(done: AccountImport) -> AccountOutcome:
    return AccountOutcome(
        account_id=done.account.id,
        state=SyncState.PARTIAL if done.refused else SyncState.SUCCEEDED,
        recorded=done.recorded,
        skipped=done.skipped,
        code=done.problems[0].code if done.problems else None,
        detail=done.problems[0].detail if done.problems else None,
    )


def _conflict() -> Problem:
    return Problem(
        line=None,
        code="conflicting_balance",
        detail="The file gives another balance for the same instant; the first one stands.",
    )


def _named(identity: Identity, problem: Problem) -> Problem:
    """Return the problem as it reads where another account's are told."""
    if problem.line is not None or not identity.external_id:
        return problem
    return replace(problem, detail=f"{identity.name}: {problem.detail}")


def _faults(homeless: Sequence[Problem], accounts: Iterable[AccountImport]) -> tuple[Fault, ...]:
    problems = [*homeless, *(problem for done in accounts for problem in done.problems)]
    return tuple(
        Fault("/file", problem.code, _with_line(problem)) for problem in problems[:_MOST_PROBLEMS]
    )


def _with_line(problem: Problem) -> str:
    return problem.detail if problem.line is None else f"Line {problem.line}: {problem.detail}"
