"""Imports of statement files, and their results."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from enum import Enum, auto
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import BinaryIO, Final

from dashtam.application.connections import connections
from dashtam.application.history import accounts
from dashtam.application.history.capture import AccountReadings, Capture
from dashtam.application.imports import import_profiles
from dashtam.application.imports.choices import Choices
from dashtam.application.imports.preview import AccountPreview
from dashtam.application.people import users
from dashtam.application.ports import Services, StatementFile
from dashtam.application.syncs import syncs
from dashtam.application.syncs.syncs import ImportRunning
from dashtam.database.history_cache.chunk_rows import ChunkDraft
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain import parsing
from dashtam.domain.account import Account, AccountId, Identity
from dashtam.domain.account_types import TypeProposal, propose_type
from dashtam.domain.connection import Connection, ConnectionId, Institution, ProviderKind
from dashtam.domain.errors import (
    AccountNotFound,
    DashtamError,
    FieldError,
    MappingNeeded,
    Unavailable,
    Unprocessable,
)
from dashtam.domain.import_profile import ImportProfile
from dashtam.domain.mapping_proposal import Certainty, Choice, MappingPart, MappingProposal
from dashtam.domain.money import Currency
from dashtam.domain.statement import RowError, Statement
from dashtam.domain.sync import (
    AccountCode,
    AccountOutcome,
    SnapshotSource,
    Sync,
    SyncId,
    SyncKind,
    SyncState,
)
from dashtam.domain.user import UserId

Progress = Callable[[int, int], None]
"""Called with the number of statements that are recorded, and the number in the file."""

OnCommit = Callable[[UnitOfWork, "Import"], None]
"""Called with the result in the transaction that completes it."""

_Key = tuple[str, str, Currency]

_CAPTURED_AT: Final = attrgetter("captured_at")
_MOST_PROBLEMS: Final = 100
# The readings of one transaction: it keeps other writers waiting for a moment only.
_PIECE: Final = 1_000

# An import waits so long for a long one of the same user to end.
_ATTEMPTS: Final = 100
_POLL_S: Final = 0.2

_CONFLICT: Final = RowError(
    line=None,
    code="conflicting_balance",
    detail="The file gives another balance for the same instant; the first one stands.",
)
_MOST_NAMED: Final = 5
_NOT_OF_FILES: Final = "Files are imported under a connection of files, and this one is none."
_NOT_ITS_OWN: Final = "The account belongs to another connection: name the account alone."


class NothingUsable(Unprocessable):
    """The file was read, and not one balance in it can be recorded."""

    detail = "There is no balance in this file that can be recorded."


class WrongAccount(Unprocessable):
    """The file does not fit the account that it was sent to."""

    detail = "This file holds several accounts, or another currency: do not name an account for it."


class ImportInterrupted(Unavailable):
    """The import was ended before it was complete."""

    detail = "The import was interrupted, and recorded nothing. Import the file again."


@dataclass(frozen=True, slots=True)
class Destination:
    """The target of an import: its user, the file's format, name and mapping, and the choices.

    Without an account or a connection both are found by the identity in the file, and created at
    their first use. With an account the connection is the account's.
    """

    user_id: UserId
    file_format: str
    account: Account | None = None
    connection: Connection | None = None
    file_name: str | None = None
    mapping: Mapping[str, object] | None = None
    choices: Choices = field(default_factory=Choices)


@dataclass(frozen=True, slots=True)
class SentFile:
    """A statement file with its sender's choices; without a format its content decides.

    The last part of ``file_name`` is kept with the run. ``reading`` is called with the share of a
    long file that was read; ``progress`` once all was, and after each of its statements.
    """

    user_id: UserId
    file: BinaryIO
    file_name: str = ""
    file_format: str | None = None
    mapping: Mapping[str, object] = field(default_factory=dict)
    account_id: AccountId | None = None
    connection_id: ConnectionId | None = None
    is_dry: bool = False
    choices: Choices = field(default_factory=Choices)
    address: str = ""
    reading: Callable[[float], None] | None = None
    progress: Progress = lambda _recorded, _count: None


@dataclass(slots=True)
class AccountImport:
    """An import's result for one account. ``refused`` counts the lines that could not be used.

    ``remarks`` tell of balances that are used and are not closing booked ones. ``key`` is that of
    the account in the file; ``proposal`` is None for an account that is known. ``known_until`` is
    the instant of its latest snapshot before the import.
    """

    account: Account
    is_new: bool
    source: SnapshotSource
    recorded: int = 0
    skipped: int = 0
    refused: int = 0
    problems: list[RowError] = field(default_factory=list)
    remarks: list[RowError] = field(default_factory=list)
    key: str = ""
    proposal: TypeProposal | None = None
    known_until: datetime | None = None
    preview: AccountPreview = field(default_factory=AccountPreview)

    def refuse(self, problems: Iterable[RowError]) -> None:
        """Count lines that could not be used, and keep the first hundred reasons."""
        for problem in problems:
            self.refused += 1
            if len(self.problems) < _MOST_PROBLEMS:
                self.problems.append(problem)

    def add_remarks(self, remarks: Iterable[RowError]) -> None:
        """Keep the first hundred remarks, equal ones once."""
        for remark in remarks:
            if remark not in self.remarks and len(self.remarks) < _MOST_PROBLEMS:
                self.remarks.append(remark)

    def read(self, statement: Statement) -> AccountReadings:
        """Return the readings of a statement as the account has them, and keep its problems."""
        self.refuse(statement.problems)
        self.add_remarks(statement.remarks)
        readings = statement.readings
        if statement.identity.balance_sign not in {None, self.account.balance_sign}:
            # Stored with the account's sign, so that a debt reads back as one. Where the
            # source's own sign is not known, it is taken to be the account's.
            readings = [reading.with_opposite_sign() for reading in readings]
        self.preview.add(readings, self.account.balance_sign)
        self.preview.rows += statement.rows
        return AccountReadings(
            self.account,
            self.source,
            readings,
            positions=statement.positions,
            flows=statement.flows,
        )

    @property
    def outcome(self) -> AccountOutcome:
        """The outcome for the run: the counts, the first reason, and the remarks."""
        return AccountOutcome(
            account_id=self.account.id,
            state=SyncState.PARTIAL if self.refused else SyncState.SUCCEEDED,
            recorded=self.recorded,
            skipped=self.skipped,
            code=AccountCode(self.problems[0].code) if self.problems else None,
            detail=self.problems[0].detail if self.problems else None,
            remarks=tuple(remark.detail for remark in self.remarks),
        )


@dataclass(slots=True)
class Import:
    """An import's result, account by account, in the order of the file.

    ``table`` tells how the first table in it was read, ``profile`` is the remembered mapping that
    was used for it or confirmed by it.
    """

    sync_id: SyncId
    file_format: str
    accounts: Sequence[AccountImport]
    table: MappingProposal | None = None
    profile: ImportProfile | None = None

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


def import_file(
    services: Services,
    sent: SentFile,
    on_commit: OnCommit | None = None,
) -> Import:
    """Read a file and record its balances, all of them or none; none in a dry run.

    ``on_commit`` is called with the result, in a dry run too.

    Raises:
        ImportRunning: a long import of the user's does not end.
        ImportInterrupted: the run was ended meanwhile, by its user or for its lease.
        AccountNotFound, ConnectionNotFound: the choice does not exist, or is not the sender's.
        Conflict: a live connection feeds the account.
        Unprocessable: the file cannot be used, or does not fit the choice.
    """
    with services.database.read() as work:
        # A wrong choice is refused before the file is read.
        account = _load_destination(work, sent, "").account
        zone = users.load(work, sent.user_id).zone
    mapping = dict(sent.mapping)
    if account is not None:
        # For a file that names no account.
        mapping.setdefault("default_account_name", account.name)
        mapping.setdefault("default_currency_code", account.currency.code)
    with ExitStack() as stack:
        read, sent, profile = _read(services, sent, mapping, zone, stack)
        pieces = _pieces(_report_progress(read, sent.progress))

        def complete(work: UnitOfWork, done: Import) -> None:
            done.profile = _remember(work, sent, read, profile)
            if on_commit is not None:
                on_commit(work, done)

        if sent.is_dry:
            return _preview(services, sent, read.file_format, pieces, complete)
        first, second = next(pieces, []), next(pieces, None)
        if second is None:
            with _recording(services, sent) as work:
                destination = _load_destination(work, sent, read.file_format)
                done = record_statements(work, destination, first)
                complete(work, done)
            return done
        return _LongImport(services, sent, read.file_format).record(
            chain([first, second], pieces), complete
        )


def _read(
    services: Services,
    sent: SentFile,
    mapping: Mapping[str, object],
    zone: tzinfo,
    stack: ExitStack,
) -> tuple[StatementFile, SentFile, ImportProfile | None]:
    """Return the file as it is read with the remembered mapping of its shape, where there is one.

    Raises:
        Unprocessable: nothing in the file can be used, or it needs a mapping.
    """
    files, now = services.statement_files, services.clock().astimezone(zone)
    needed: MappingNeeded | None = None
    table: MappingProposal | None = None
    read: StatementFile | None = None
    open_file = partial(
        files.read,
        sent.file,
        sent.file_format,
        now=now,
        report=sent.reading,
        is_preview=sent.is_dry,
    )
    choices = Choices.of(sent.mapping)
    try:
        read = stack.enter_context(open_file(mapping=mapping))
        table = next(iter(read.tables), None)
    except MappingNeeded as error:
        needed, table = error, error.proposal
    profile = None
    if table is not None:
        with services.database.read() as work:
            profile = work.import_profiles.find(sent.user_id, table.shape)
    if profile is not None:
        has_account = sent.account_id is not None
        merged = import_profiles.merge(profile, mapping, has_account=has_account)
        if merged != mapping:
            stack.close()
            read = stack.enter_context(open_file(mapping=merged))
        given = {name: value for name, value in merged.items() if not name.startswith("default_")}
        names = {"account", "account_name"}
        is_remembered = (
            not has_account and not names & set(sent.mapping) and bool(names & set(given))
        )
        sent = replace(sent, mapping=given)
        choices = Choices.of(given, table, is_remembered=is_remembered)
    if read is None:
        raise needed or MappingNeeded
    return read, replace(sent, choices=replace(choices, table=table)), profile


def _remember(
    work: UnitOfWork, sent: SentFile, read: StatementFile, profile: ImportProfile | None
) -> ImportProfile | None:
    """Store the mapping that the import confirmed, and return its profile."""
    table = next(iter(read.tables), None)
    if sent.is_dry or table is None:
        return profile
    # Without the account's name the next file of the shape may be that of any account.
    of_account = () if "account_name" in sent.mapping else ("sign", "account_type")
    mapping = {
        name: value
        for name, value in sent.mapping.items()
        if value not in (None, {}) and name not in of_account
    }
    if profile is not None and mapping == profile.mapping:
        work.import_profiles.mark_used(profile.id, work.now)
        return profile
    if not mapping:
        return None
    key = table.shape, table.delimiter, table.columns
    return import_profiles.save(work, sent.user_id, key, mapping, _base_name(sent))


def _preview(
    services: Services,
    sent: SentFile,
    file_format: str,
    pieces: Iterable[Sequence[Statement]],
    on_commit: OnCommit,
) -> Import:
    """Return the result that an import would have, and keep nobody from writing meanwhile."""
    with services.database.read() as work:
        destination = _load_destination(work, sent, file_format)
        run = _ImportRun(destination, SyncId(work.new_id()), _Mode.DRY)
        for piece in pieces:
            run.record(work, piece)
        done = run.finish(work)
    with services.database.write(sent.address) as work:
        on_commit(work, done)
    return done


@contextmanager
def _recording(services: Services, sent: SentFile) -> Iterator[UnitOfWork]:
    """Begin a transaction of the user's only import.

    Raises:
        ImportRunning: a long import of the user's does not end.
    """
    for attempt in range(_ATTEMPTS):
        with services.database.write(sent.address) as work:
            # Of two imports at once each would miss the other's accounts and balances.
            work.users.lock_for_recording(sent.user_id)
            running = syncs.find_unfinished_import(work, sent.user_id)
            if running is None:
                yield work
                return
        if attempt == _ATTEMPTS - 1:
            raise ImportRunning(running.id)
        time.sleep(_POLL_S)


class _LongImport:
    """An import in pieces, each in a transaction of its own, so that others write in between.

    Its snapshots count once all are recorded.
    """

    def __init__(self, services: Services, sent: SentFile, file_format: str) -> None:
        self._services = services
        self._sent = sent
        self._format = file_format

    def record(self, pieces: Iterable[Sequence[Statement]], on_commit: OnCommit) -> Import:
        """Record every piece, or retract those that were recorded."""
        pieces = iter(pieces)
        with _recording(self._services, self._sent) as work:
            destination = _load_destination(work, self._sent, self._format)
            lease = self._services.options.sync_lease
            run = _ImportRun(destination, SyncId(work.new_id()), _Mode.HIDDEN, lease)
            self._record(work, run, next(pieces))
        try:
            for piece in pieces:
                with self._continuing() as work:
                    self._record(work, run, piece)
            with self._continuing() as work:
                self._record(work, run, [])
                done = run.finish(work)
                on_commit(work, done)
        except BaseException:
            with suppress(DashtamError), self._continuing() as work:
                running = syncs.find_unfinished_import(work, self._sent.user_id)
                if running is not None and running.id == run.sync_id:
                    syncs.interrupt(work, running)
            raise
        return done

    def _record(self, work: UnitOfWork, run: "_ImportRun", piece: Sequence[Statement]) -> None:
        run.record(work, piece)
        if not run.keep_running(work):
            raise ImportInterrupted

    @contextmanager
    def _continuing(self) -> Iterator[UnitOfWork]:
        with self._services.database.write(self._sent.address) as work:
            work.users.lock_for_recording(self._sent.user_id)
            yield work


def _load_destination(work: UnitOfWork, sent: SentFile, file_format: str) -> Destination:
    connection = None
    if sent.connection_id is not None:
        connection = connections.load(work, sent.user_id, sent.connection_id)
        if connection.kind is not ProviderKind.FILE:
            field_error = FieldError("/connection_id", "not_of_files", _NOT_OF_FILES)
            raise Unprocessable(_NOT_OF_FILES, (field_error,))
    name, mapping = _base_name(sent), dict(sent.mapping) or None
    if sent.account_id is None:
        return Destination(
            sent.user_id,
            file_format,
            connection=connection,
            file_name=name,
            mapping=mapping,
            choices=sent.choices,
        )
    account = work.accounts.get(sent.account_id)
    # Only under /accounts/{id} does a foreign account differ from one that does not exist.
    if account is None or account.user_id != sent.user_id or account.removed_at is not None:
        raise AccountNotFound
    its_connection = connections.load_writable(work, account)
    if connection is not None and connection.id != its_connection.id:
        field_error = FieldError("/connection_id", "not_its_own", _NOT_ITS_OWN)
        raise Unprocessable(_NOT_ITS_OWN, (field_error,))
    return Destination(
        sent.user_id, file_format, account, its_connection, name, mapping, sent.choices
    )


def _base_name(sent: SentFile) -> str | None:
    return parsing.clean(sent.file_name.replace("\\", "/").rpartition("/")[2]) or None


def record_statements(
    work: UnitOfWork, destination: Destination, statements: Iterable[Statement]
) -> Import:
    """Record the balances of the statements, all of them or none; the caller locks the user.

    Raises:
        NothingUsable: not one balance can be recorded; with the reasons.
        WrongAccount: an account was named, and the file is not of that account alone.
    """
    run = _ImportRun(destination, SyncId(work.new_id()), _Mode.PLAIN)
    for piece in _pieces(statements):
        run.record(work, piece)
    return run.finish(work)


def _pieces(statements: Iterable[Statement]) -> Iterator[Sequence[Statement]]:
    """Yield statements together until they have some thousand readings."""
    piece: list[Statement] = []
    readings = 0
    for statement in statements:
        piece.append(statement)
        readings += len(statement.readings)
        if readings >= _PIECE:
            yield piece
            piece, readings = [], 0
    if piece:
        yield piece


def _key_of(identity: Identity) -> _Key:
    return identity.institution_key, identity.external_id, identity.currency


class _Mode(Enum):
    """The way in which a run records: at once, hidden until it is complete, or not at all."""

    PLAIN = auto()
    HIDDEN = auto()
    DRY = auto()


class _ImportRun:
    """One import until its end, over one or several units of work."""

    def __init__(
        self,
        destination: Destination,
        sync_id: SyncId,
        mode: _Mode,
        lease: timedelta = timedelta(),
    ) -> None:
        self.sync_id = sync_id
        self._lease = lease
        self._destination = destination
        self._mode = mode
        self._sync: Sync | None = None
        self._imports: dict[_Key, AccountImport] = {}
        self._connections: dict[str, Connection] = {}
        self._known: dict[ConnectionId, Mapping[tuple[str, Currency], Account]] = {}
        # The problems of an account before its first balance.
        self._waiting: dict[_Key, list[RowError]] = {}
        # The first and the last instant of the readings.
        self._bounds: tuple[datetime, ...] = ()
        # Of a hidden run: its chunks, and the last reading of each statement with positions or
        # flows.
        self._drafts: dict[AccountId, ChunkDraft] = {}
        self._evidence: list[AccountReadings] = []
        # Of a dry run: see ``Capture.compare``.
        self._earlier: dict[int, int] = {}

    def record(self, work: UnitOfWork, statements: Sequence[Statement]) -> None:
        """Record some statements, or pieces of them, in few statements of the database."""
        statements = [
            replace(one, identity=self._destination.choices.apply(one.identity))
            for one in statements
        ]
        self._begin_accounts(work, statements)
        batch: list[tuple[AccountImport, AccountReadings]] = []
        for statement in statements:
            imported = self._imports.get(_key_of(statement.identity))
            if imported is None:
                # An account is created with its first balance, not before.
                identity, problems = statement.identity, statement.problems
                waiting = self._waiting.setdefault(_key_of(identity), [])
                waiting += [_with_account_name(identity, problem) for problem in problems]
                continue
            imported.refuse(self._waiting.pop(_key_of(statement.identity), ()))
            batch.append((imported, imported.read(statement)))
        readings_only = [reported for _, reported in batch]
        capture = self._capture(work)
        if self._mode is _Mode.DRY:
            results = capture.compare(readings_only, self._earlier)
        else:
            results = capture.record(readings_only, work.now)
        if self._mode is _Mode.HIDDEN:
            self._evidence += [
                replace(
                    reported,
                    history=newest[:1],
                    positions=reported.positions if result.has_news else None,
                )
                for reported, result in zip(readings_only, results, strict=True)
                for newest in [sorted(reported.history, key=_CAPTURED_AT, reverse=True)]
                if reported.positions is not None or reported.flows
            ]
        for (imported, _), captured in zip(batch, results, strict=True):
            imported.recorded += captured.recorded
            imported.skipped += captured.skipped
            imported.refuse(_CONFLICT for _ in captured.conflicts)

    def _capture(self, work: UnitOfWork) -> Capture:
        return Capture(work, self.sync_id, self._drafts if self._mode is _Mode.HIDDEN else None)

    def keep_running(self, work: UnitOfWork) -> bool:
        """Store the progress of a hidden run; False if it has been ended."""
        if self._sync is None:
            return True
        until = work.now + self._lease
        counts = {
            name: sum(getattr(one, name) for one in self._imports.values())
            for name in ("recorded", "skipped")
        }
        self._sync = replace(self._sync, lease_until=until, **counts)
        return work.syncs.keep_running(self._sync, work.now)

    def _begin_accounts(self, work: UnitOfWork, statements: Iterable[Statement]) -> None:
        """Find or create the accounts of statements with a balance; the first begins the run."""
        begun: dict[_Key, Statement] = {}
        for statement in statements:
            if statement.readings:
                begun.setdefault(_key_of(statement.identity), statement)
                instants = [*self._bounds, *map(_CAPTURED_AT, statement.readings)]
                self._bounds = min(instants), max(instants)
        begun = {key: first for key, first in begun.items() if key not in self._imports}
        if not begun:
            return
        if self._destination.account is not None and len(self._imports) + len(begun) > 1:
            raise WrongAccount
        balances: dict[_Key, list[Decimal]] = defaultdict(list)
        for statement in statements:
            balances[_key_of(statement.identity)] += [one.balance for one in statement.readings]
        found, new, proposals = self._find_or_create(work, begun, balances)
        new_ids = {account.id for account in new}
        is_remembered = self._destination.choices.is_remembered
        heads = work.account_heads.get([*found.values()]) if is_remembered else {}
        with_any = work.balance_snapshots.with_any([one.id for one in found.values()])
        for key, account in found.items():
            source = SnapshotSource.ACCOUNT_SYNC
            if begun[key].positions is not None:
                source = SnapshotSource.HOLDINGS_SYNC
            if account.id not in with_any:
                source = SnapshotSource.INITIAL_CONNECTION
            self._imports[key] = AccountImport(
                account,
                is_new=account.id in new_ids,
                source=source,
                key=key[1],
                proposal=proposals.get(account.id),
                known_until=heads[account.id].newest_at if account.id in heads else None,
            )

    def _find_or_create(
        self,
        work: UnitOfWork,
        begun: Mapping[_Key, Statement],
        balances: Mapping[_Key, Sequence[Decimal]],
    ) -> tuple[Mapping[_Key, Account], Sequence[Account], Mapping[AccountId, TypeProposal]]:
        """Return the accounts of the statements, those that are new, and their proposed types.

        Raises:
            MappingNeeded: the sign of a new debt is not certain, and a table has no other word.
        """
        choices = self._destination.choices
        proposals: dict[AccountId, TypeProposal] = {}
        found: dict[_Key, Account] = {}
        new: list[Account] = []
        # Accounts that were removed come back as if they were new.
        restored: list[Account] = []
        for key, statement in begun.items():
            account = self._find_account(work, statement.identity)
            if account is None or account.removed_at is not None:
                known = account
                connection = self._connection_of(work, statement.identity)
                identity = statement.identity
                if identity.institution == identity.institution_key:
                    # The file has the bank's code alone; another file may have told its name.
                    identity = replace(identity, institution=connection.name)
                proposed = propose_type(identity, balances[key])
                identity, proposed = choices.describe(identity, proposed)
                if identity.balance_sign is None:
                    identity = replace(identity, balance_sign=proposed.sign)
                account = Account.new(AccountId(work.random_id()), connection, identity, work.now)
                if known is not None:
                    account = replace(account, id=known.id, created_at=known.created_at)
                    restored.append(account)
                proposals[account.id] = proposed
                new.append(account)
            found[key] = account
        if new and self._mode is not _Mode.DRY:
            self._require_signs(new, proposals)
            accounts.restore(work, restored)
            accounts.create(work, [one for one in new if one not in restored])
        return found, new, proposals

    def _require_signs(
        self, new: Sequence[Account], proposals: Mapping[AccountId, TypeProposal]
    ) -> None:
        table = self._destination.choices.table
        in_doubt = [one for one in new if proposals[one.id].sign_certainty is Certainty.OPEN]
        if table is None or not in_doubt:
            return
        names = ", ".join(one.name for one in in_doubt[:_MOST_NAMED])
        question = (
            f"Debts or savings? {names} is a debt by its name, and its balances are above zero:"
            " a mapping must say sign, -1 where these are debts and 1 where they are not."
        )
        raise _ask(table, "sign", -1, [1], "ambiguous_sign", question)

    def _find_account(self, work: UnitOfWork, identity: Identity) -> Account | None:
        account, connection = self._destination.account, self._connection_of(work, identity)
        if account is not None:
            if account.currency != identity.currency:
                raise WrongAccount
            return account
        by_identity = self._known.get(connection.id)
        if by_identity is None:
            of_connection = work.accounts.of_connection(connection.id)
            by_identity = {(one.external_id, one.currency): one for one in of_connection}
            self._known[connection.id] = by_identity
        return by_identity.get((identity.external_id, identity.currency))

    def _connection_of(self, work: UnitOfWork, identity: Identity) -> Connection:
        """Return the connection of an account in the file; the first one begins the run."""
        destination = self._destination
        connection = destination.connection or self._connections.get(identity.institution_key)
        if connection is None:
            names = identity.institution_key, identity.institution
            institution = Institution(*names, destination.file_format, ProviderKind.FILE)
            find = connections.find_or_create
            if self._mode is _Mode.DRY:
                find = connections.find_or_begin
            connection = find(work, destination.user_id, institution)
            self._connections[identity.institution_key] = connection
        if self._sync is None:
            initial = SnapshotSource.INITIAL_CONNECTION
            kind = SyncKind.IMPORT
            self._sync = replace(
                Sync.begin(self.sync_id, connection, kind, initial, work.now),
                file_name=destination.file_name,
                file_format=destination.file_format,
                mapping=destination.mapping,
            )
            if self._mode is _Mode.HIDDEN:
                self._sync = replace(self._sync, lease_until=work.now + self._lease)
            if self._mode is not _Mode.DRY:
                work.syncs.add(self._sync)
            if self._mode is _Mode.HIDDEN:
                work.syncs.hide(self._sync)
        return connection

    def finish(self, work: UnitOfWork) -> Import:
        """End the run, and return its result."""
        imports = list(self._imports.values())
        table = self._destination.choices.table
        done = Import(self.sync_id, self._destination.file_format, imports, table)
        unplaced = [problem for problems in self._waiting.values() for problem in problems]
        if self._sync is None or not done.recorded + done.skipped:
            raise NothingUsable(field_errors=_field_errors(unplaced, imports))
        # The problems of accounts without a balance go to the first account.
        imports[0].refuse(unplaced)
        for imported in imports:
            imported.preview.finish()
        if self._mode is _Mode.DRY:
            return done
        if self._destination.choices.is_remembered:
            self._require_same_accounts(imports)
        if self._mode is _Mode.HIDDEN:
            synced = [one.account for one in imports if one.recorded or one.skipped]
            changed = {one.account.id for one in imports if one.recorded}
            self._capture(work).reveal(synced, changed, self._evidence, work.now)
        first_on, last_on = (at.date() for at in self._bounds)
        sync = replace(self._sync, source=imports[0].source, first_on=first_on, last_on=last_on)
        state = SyncState.PARTIAL if done.refused else SyncState.SUCCEEDED
        outcomes = [imported.outcome for imported in imports]
        work.syncs.finish(sync.finish(state, work.now, accounts=outcomes))
        work.connections.mark_synced({one.account.connection_id for one in imports}, work.now)
        work.record_event("file_imported", self._destination.user_id, self.sync_id)
        return done

    def _require_same_accounts(self, imports: Sequence[AccountImport]) -> None:
        """Refuse a remembered account for a file that agrees with it on no day of its history.

        Raises:
            MappingNeeded: it is likely another account.
        """
        table = self._destination.choices.table
        for imported in imports:
            first, known_until = imported.preview.first, imported.known_until
            if imported.skipped or first is None or known_until is None or table is None:
                continue
            if first.captured_at.date() >= known_until.date():
                continue
            question = (
                f"This file agrees with {imported.account.name}, the account of the last file of"
                " this shape, on no day: a mapping must say account_name."
            )
            name = imported.account.name
            raise _ask(table, "account_name", name, [], "other_account", question)


def _ask(
    table: MappingProposal,
    name: str,
    proposed: Choice,
    choices: Sequence[Choice],
    code: str,
    question: str,
) -> MappingNeeded:
    """Return the error that asks for one part of the table's mapping."""
    asked = MappingPart(name, proposed, Certainty.OPEN, choices, question)
    parts = [asked if part.name == name else part for part in table.parts]
    example = dict(table.example_mapping) | {name: proposed}
    error = FieldError(f"/mapping/{name}", code, question)
    return MappingNeeded(question, (error,), replace(table, parts=parts, example_mapping=example))


def _with_account_name(identity: Identity, problem: RowError) -> RowError:
    """Return the problem with the account's name, for a list of several accounts' problems."""
    if problem.line is not None or not identity.external_id:
        return problem
    return replace(problem, detail=f"{identity.name}: {problem.detail}")


def _field_errors(
    unplaced: Sequence[RowError], accounts: Iterable[AccountImport]
) -> tuple[FieldError, ...]:
    """Return the first hundred reasons, those first that belong to no account."""
    problems = [*unplaced, *(problem for imported in accounts for problem in imported.problems)]
    return tuple(problem.to_field_error() for problem in problems[:_MOST_PROBLEMS])


def _report_progress(read: StatementFile, progress: Progress) -> Iterator[Statement]:
    """Yield the file's statements, and report each as recorded when the next is requested."""
    for recorded, statement in enumerate(read.statements):
        progress(recorded, read.count)
        yield statement
    progress(read.count, read.count)
