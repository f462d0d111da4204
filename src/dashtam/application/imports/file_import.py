"""Imports: statement files become history."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from dashtam.application.audit_log import HERE, note
from dashtam.application.connections import connections
from dashtam.application.connections.connections import Institution, connection_of_institution
from dashtam.application.history.capture import Capture
from dashtam.application.imports import import_result
from dashtam.application.imports.import_result import AccountImport, Import, Progress, followed
from dashtam.application.ports import Services
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId, AccountType
from dashtam.domain.connection import Connection, ConnectionId, ProviderKind
from dashtam.domain.errors import AccountNotFound, FieldError, Unprocessable
from dashtam.domain.money import Currency
from dashtam.domain.statement import Identity, Position, Reading, RowError, Statement
from dashtam.domain.sync import SnapshotSource, Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import UserId

_Key = tuple[str, str, Currency]

_NOT_OF_FILES: Final = "Files are imported under a connection of files, and this one is none."
_NOT_ITS_OWN: Final = "The account belongs to another connection: name the account alone."


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


@dataclass(frozen=True, slots=True)
class SentFile:
    """A statement file with its sender's choices; without a format its content decides.

    ``progress`` is called once the file has been read, and after each of its statements.
    """

    user_id: UserId
    file: BinaryIO
    file_format: str | None = None
    mapping: Mapping[str, object] = field(default_factory=dict)
    account_id: AccountId | None = None
    connection_id: ConnectionId | None = None
    is_dry: bool = False
    address: str = HERE
    progress: Progress = lambda _recorded, _count: None


def import_file(
    services: Services,
    sent: SentFile,
    then: Callable[[UnitOfWork, Import], None] = lambda _work, _done: None,
) -> Import:
    """Read a file and record what it reports, all of it or nothing; nothing in a dry run.

    ``then`` is called in the same work, with what was done, or would have been.

    Raises:
        AccountNotFound, ConnectionNotFound: what was chosen is not there, or not the sender's.
        Conflict: a live connection feeds the account.
        Unprocessable: the file cannot be used, or what was chosen does not fit.
    """
    with services.database.read() as work:
        # A choice that is wrong is refused before anybody looks into the file.
        chosen = _destination(work, sent, "").account
    files = services.statement_files
    mapping = sent.mapping if chosen is None else _named_by(chosen) | dict(sent.mapping)
    reading = files.read(sent.file, sent.file_format, mapping, services.clock())
    with reading as read, services.database.write(sent.address) as work:
        # Two imports at once would each take the other's accounts and balances for unknown.
        work.users.lock_for_recording(sent.user_id)
        with work.dry_run() if sent.is_dry else nullcontext():
            # Somebody may have closed or disconnected something while the file was read.
            destination = _destination(work, sent, read.file_format)
            done = record(work, destination, followed(read, sent.progress))
        then(work, done)
    return done


def _named_by(account: Account) -> dict[str, object]:
    """Return the mapping of a file that names no account: it is of the one that was chosen."""
    return {
        "default_account_name": account.name,
        "default_currency_code": account.currency.code,
    }


def _destination(work: UnitOfWork, sent: SentFile, file_format: str) -> Destination:
    account = connection = None
    if sent.connection_id is not None:
        connection = connections.of(work, sent.user_id, sent.connection_id)
        if connection.kind is not ProviderKind.FILE:
            raise _unfit(_NOT_OF_FILES, "not_of_files")
    if sent.account_id is not None:
        account = work.accounts.get(sent.account_id)
        # Only under /accounts/{id} does a foreign account differ from one that is not there.
        if account is None or account.user_id != sent.user_id:
            raise AccountNotFound
        connections.refuse_live(work, account)
        if connection is not None and connection.id != account.connection_id:
            raise _unfit(_NOT_ITS_OWN, "not_its_own")
    return Destination(sent.user_id, file_format, account, connection)


def _unfit(detail: str, code: str) -> Unprocessable:
    return Unprocessable(detail, (FieldError("/connection_id", code, detail),))


def record(work: UnitOfWork, to: Destination, statements: Iterable[Statement]) -> Import:
    """Record what the statements report, all of it or nothing; the caller holds the user.

    Raises:
        NothingUsable: not one balance can be recorded; with the reasons.
        WrongAccount: an account was named, and the file is not of it alone.
    """
    recording = _Recording(work, to, SyncId(work.new_id()))
    for statement in statements:
        recording.take(statement)
    return recording.finish()


class _Recording:
    """One import while it is under way."""

    def __init__(self, work: UnitOfWork, to: Destination, sync_id: SyncId) -> None:
        self._work = work
        self._to = to
        self._sync_id = sync_id
        self._by_identity: dict[_Key, AccountImport] = {}
        # What is told of an account before a balance of it is seen.
        self._waiting: dict[_Key, list[RowError]] = {}
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
                waiting += (
                    import_result.named(identity, problem) for problem in statement.problems
                )
                return
            done = self._by_identity[key] = self._begin(statement)
            done.refuse(self._waiting.pop(key, ()))
        done.refuse(statement.problems)
        self._capture(done, statement)

    def _begin(self, statement: Statement) -> AccountImport:
        account, is_new = self._account(statement.identity)
        first = is_new or not self._work.balance_snapshots.has_any(account.id)
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
        captured = capture.reported(_as_the_account_has_them(statement, done.account))
        done.recorded += captured.recorded
        done.skipped += captured.skipped
        done.refuse(import_result.CONFLICT for _ in captured.conflicts)
        if statement.positions is not None and statement.readings:
            self._replace_holdings(done.account, statement.positions, statement)

    def _replace_holdings(
        self, account: Account, positions: Sequence[Position], statement: Statement
    ) -> None:
        as_of = max(reading.captured_at for reading in statement.readings)
        self._work.holdings.replace(account.id, positions, as_of, self._sync_id)

    def finish(self) -> Import:
        """End the run."""
        accounts = list(self._by_identity.values())
        done = Import(self._sync_id, self._to.file_format, accounts)
        homeless = [problem for waiting in self._waiting.values() for problem in waiting]
        if not accounts or not done.recorded + done.skipped:
            raise NothingUsable(field_errors=import_result.faults_of(homeless, accounts))
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
                accounts=tuple(one.outcome for one in accounts),
            )
        )
        for one in accounts:
            its = one.account.connection_id
            self._work.accounts.mark_synced(its, [one.account.id], self._work.now)
        note(self._work, "file_imported", self._to.user_id, self._sync_id)
        return done


def _as_the_account_has_them(statement: Statement, account: Account) -> Sequence[Reading]:
    """Return the readings so that a debt reads back as one, whichever sign the account carries.

    Where the source's own sign is not known, the account's is taken to be it.
    """
    if statement.identity.balance_sign in {None, account.balance_sign}:
        return statement.readings
    return [reading.turned() for reading in statement.readings]


def _source(statement: Statement, *, first: bool) -> SnapshotSource:
    if first:
        return SnapshotSource.INITIAL_CONNECTION
    if statement.positions is not None:
        return SnapshotSource.HOLDINGS_SYNC
    return SnapshotSource.ACCOUNT_SYNC


def _account_of(work: UnitOfWork, connection: Connection, identity: Identity) -> Account:
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
        balance_sign=identity.balance_sign or 1,
        is_hidden=False,
        closed_at=None,
        last_synced_at=None,
        created_at=work.now,
        updated_at=work.now,
    )
