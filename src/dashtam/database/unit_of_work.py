"""Transactions: the only module that commits."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from threading import Lock, Semaphore
from typing import Final, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool
from uuid_utils.compat import uuid7

from dashtam.database.engine import WRITES
from dashtam.database.history.account_events import AccountEvents
from dashtam.database.history.account_heads import AccountHeads
from dashtam.database.history.account_joins import AccountJoins
from dashtam.database.history.accounts import Accounts
from dashtam.database.history.external_flows import ExternalFlows
from dashtam.database.history.joined_snapshots import JoinedSnapshots
from dashtam.database.history.position_sets import PositionSets
from dashtam.database.history.recorded_runs import RecordedRuns
from dashtam.database.history_cache.chunk_format import ChunkFormat
from dashtam.database.history_cache.history_chunks import HistoryChunks
from dashtam.database.people.api_tokens import ApiTokens
from dashtam.database.people.audit_log import AuditLog
from dashtam.database.people.idempotency_keys import IdempotencyKeys
from dashtam.database.people.import_profiles import ImportProfiles
from dashtam.database.people.sessions import Sessions
from dashtam.database.people.users import Users
from dashtam.database.syncs.authorizations import Authorizations
from dashtam.database.syncs.connections import Connections
from dashtam.database.syncs.syncs import Syncs
from dashtam.domain.account import AccountId
from dashtam.domain.audit import AuditLine
from dashtam.domain.errors import DashtamError, Unavailable
from dashtam.domain.user import UserId
from dashtam.log import log

Clock = Callable[[], datetime]
"""Returns the present instant, aware and in UTC."""

R = TypeVar("R")


_SNAPSHOTS_AT_ONCE: Final = 10_000

# Another transaction may change the history in between.
_ATTEMPTS: Final = 3

_SQLITE_OUTAGES: Final = tuple(
    "SQLITE_BUSY SQLITE_LOCKED SQLITE_FULL SQLITE_IOERR SQLITE_CANTOPEN SQLITE_READONLY"
    " SQLITE_PROTOCOL SQLITE_CORRUPT SQLITE_NOTADB".split()
)


def _repository(cls: Callable[[Connection], R]) -> "cached_property[R]":
    """Create the repository when it is first used."""
    return cached_property(lambda work: cls(work._connection))  # noqa: SLF001 - its own property


_FULL_DISK: Final = ("SQLITE_FULL", "53100")

# Where nobody writes any more, only time tells that the disk may have space again.
_FULL_DISK_FOR_S: Final = 60.0


class UnitOfWork:
    """One transaction, with the statements of every table on its connection.

    ``now`` is the instant at which it began. ``address`` is the client's, empty for the command
    line and the worker.
    """

    account_heads = _repository(AccountHeads)
    recorded_runs = _repository(RecordedRuns)
    authorizations = _repository(Authorizations)
    connections = _repository(Connections)
    syncs = _repository(Syncs)
    users = _repository(Users)
    sessions = _repository(Sessions)
    api_tokens = _repository(ApiTokens)
    import_profiles = _repository(ImportProfiles)
    idempotency_keys = _repository(IdempotencyKeys)
    audit_log = _repository(AuditLog)

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        address: str = "",
        chunk_format: ChunkFormat | None = None,
    ) -> None:
        self.now = now
        self.address = address
        self._connection = connection
        self._format = chunk_format
        self._known_at: datetime | None = None

    def as_known_at(self, at: datetime) -> "UnitOfWork":
        """Return a unit of work in the same transaction that reads as one at this instant did.

        Its accounts, and their snapshots, positions and flows, are those of then. Everything else
        is the present.
        """
        past = UnitOfWork(self._connection, at, self.address)
        past._known_at = at
        return past

    @cached_property
    def balance_snapshots(self) -> JoinedSnapshots:
        """The statements on snapshots."""
        return JoinedSnapshots(self._connection, self.account_joins, self._known_at)

    @cached_property
    def account_joins(self) -> AccountJoins:
        """The statements on joins of accounts."""
        return AccountJoins(self._connection, self._known_at)

    @cached_property
    def position_sets(self) -> PositionSets:
        """The statements on sets of positions."""
        return PositionSets(self._connection, self._known_at)

    @cached_property
    def external_flows(self) -> ExternalFlows:
        """The statements on external flows."""
        return ExternalFlows(self._connection, self._known_at)

    @cached_property
    def accounts(self) -> Accounts:
        """The statements on accounts."""
        return Accounts(self._connection, self._known_at)

    @cached_property
    def account_events(self) -> AccountEvents:
        """The statements on account events."""
        return AccountEvents(self._connection, self._known_at)

    @cached_property
    def history_chunks(self) -> HistoryChunks:
        """The chunks of the history cache; their changes are written before the commit."""
        return HistoryChunks(self._connection, self.account_heads, self._format)

    @property
    def dropped_histories(self) -> Mapping[AccountId, int]:
        """The accounts whose chunks are to be written after the commit: see ``HistoryChunks``."""
        return self.history_chunks.dropped if "history_chunks" in vars(self) else {}

    def flush(self) -> None:
        """Write the changes that were collected for several accounts at once."""
        used = vars(self)
        if "history_chunks" in used:
            self.history_chunks.flush()
        if "account_heads" in used:
            self.account_heads.flush()

    def record_event(self, event: str, user_id: UserId | None, subject: UUID | None = None) -> None:
        """Append a line to the audit log: as of now, from the client's address."""
        self.record_events(event, user_id, [subject])

    def record_events(
        self, event: str, user_id: UserId | None, subjects: Iterable[UUID | None]
    ) -> None:
        """Append a line to the audit log for each subject: as of now, from the client's address."""
        self.audit_log.add(
            AuditLine(self.new_id(), self.now, user_id, event, subject, self.address)
            for subject in subjects
        )

    def new_id(self) -> UUID:
        """Return a new id that sorts by its time (UUID version 7)."""
        return uuid7()

    def new_ids(self, count: int) -> Iterator[UUID]:
        """Yield new ids that sort in this order: each is the one before plus one (RFC 9562, 6.2).

        Their common beginning compresses well.
        """
        first = uuid7().int
        yield from (UUID(int=first + number) for number in range(count))

    def random_id(self) -> UUID:
        """Return a new id that reveals nothing (UUID version 4)."""
        return uuid4()


class Database:
    """A SQLite or PostgreSQL database.

    ``clock`` gives each transaction its instant. ``chunk_format`` is that of the history cache,
    which is empty without it.
    """

    def __init__(
        self, engine: Engine, clock: Clock, chunk_format: ChunkFormat | None = None
    ) -> None:
        is_sqlite = engine.dialect.name == "sqlite"
        self._reading = engine
        # SQLite's BEGIN reads one state throughout; PostgreSQL does so at this isolation level.
        if not is_sqlite:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            self._reading = engine.execution_options(**options)
        self._writing = engine.execution_options(**{WRITES: True})
        # SQLite has one writer at a time. Threads queue here; SQLite would make them poll.
        # PostgreSQL has as many as leave connections for those that read.
        self._write_lock: Lock | Semaphore = (
            Lock() if is_sqlite else Semaphore(_count_writers(engine))
        )
        self._clock = clock
        self._format = chunk_format
        self._address = ""
        self._full_disk = _FullDisk()

    @property
    def has_full_disk(self) -> bool:
        """Whether the last write, if it was in the last minute, found the disk full."""
        noticed_at_s = self._full_disk.noticed_at_s
        return noticed_at_s is not None and time.monotonic() - noticed_at_s < _FULL_DISK_FOR_S

    def for_address(self, address: str) -> "Database":
        """Return the same database for transactions on behalf of a client's address."""
        other = copy(self)
        other._address = address  # noqa: SLF001 - another of the same class
        return other

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """Begin a transaction that only reads, on one consistent state.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with translate_outages(), self._reading.begin() as connection:
            yield UnitOfWork(connection, self._clock(), chunk_format=self._format)

    @contextmanager
    def write(self, address: str = "") -> Iterator[UnitOfWork]:
        """Begin a transaction that may write, and commit it at the end.

        Raises:
            Unavailable: the database cannot be reached, or its disk is full.
        """
        full_disk = self._full_disk
        with self._write_lock, translate_outages(full_disk), self._writing.begin() as connection:
            work = UnitOfWork(connection, self._clock(), address or self._address, self._format)
            yield work
            work.flush()
        full_disk.noticed_at_s = None
        if work.dropped_histories:
            try:
                self._write_chunks(work.dropped_histories)
            except (DashtamError, SQLAlchemyError):
                # The change itself is committed; the next recording writes the chunks.
                log.warning("history_chunks_missing", accounts=len(work.dropped_histories))

    def _write_chunks(self, dropped: Mapping[AccountId, int]) -> None:
        """Write the chunks of accounts, in transactions that hold the writer for a moment only."""
        for group in _groups(dropped):
            missing = group
            for _ in range(_ATTEMPTS):
                with self.read() as work:
                    rebuilt = work.history_chunks.prepare(work.accounts.of_ids(missing))
                with self.write() as work:
                    missing = work.history_chunks.store(rebuilt)
                if not missing:
                    break


def _count_writers(engine: Engine) -> int:
    pool = engine.pool
    return max(1, pool.size() * 4 // 10) if isinstance(pool, QueuePool) else 1


def _groups(dropped: Mapping[AccountId, int]) -> Iterator[Sequence[AccountId]]:
    """Yield the accounts in groups with some thousand snapshots each."""
    group: list[AccountId] = []
    snapshots = 0
    for account_id, count in dropped.items():
        group.append(account_id)
        snapshots += count
        if snapshots >= _SNAPSHOTS_AT_ONCE:
            yield group
            group, snapshots = [], 0
    if group:
        yield group


@dataclass(slots=True)
class _FullDisk:
    """When a write found the disk full, by the monotonic clock; None after one that did not."""

    noticed_at_s: float | None = None


@contextmanager
def translate_outages(full_disk: _FullDisk | None = None) -> Iterator[None]:
    """Raise ``Unavailable`` for an outage of the database; any other error is a fault of ours."""
    try:
        yield
    except (DatabaseError, InterfaceError, PoolTimeout) as error:
        origin = getattr(error, "orig", None) or error
        code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
        if isinstance(origin, sqlite3.Error):
            # SQLite has the same class of error for a missing table and for a full disk.
            is_outage = (code or "").startswith(_SQLITE_OUTAGES)
        else:
            is_outage = isinstance(error, OperationalError | PoolTimeout) or (
                isinstance(error, InterfaceError) and error.connection_invalidated
            )
        if not is_outage:
            raise
        if full_disk is not None and code in _FULL_DISK:
            full_disk.noticed_at_s = time.monotonic()
        log.warning("database_unavailable", error=type(origin).__name__, code=code)
        raise Unavailable from error
