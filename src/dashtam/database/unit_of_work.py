"""Transactions: the one place where anything is committed."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog import get_logger
from uuid_utils.compat import uuid7

from dashtam.database.engine import WRITES
from dashtam.database.history.accounts import Accounts
from dashtam.database.history.balance_snapshots import BalanceSnapshots
from dashtam.database.history.holdings import Holdings
from dashtam.database.history_cache.history_chunks import HistoryChunks, Render
from dashtam.database.people.api_tokens import ApiTokens
from dashtam.database.people.audit_log import AuditLog
from dashtam.database.people.idempotency_keys import IdempotencyKeys
from dashtam.database.people.sessions import Sessions
from dashtam.database.people.users import Users
from dashtam.database.syncs.connections import Connections
from dashtam.database.syncs.syncs import Syncs
from dashtam.domain.errors import Unavailable

Clock = Callable[[], datetime]
"""Returns the present instant, aware and in UTC."""

_log = get_logger()

_SQLITE_OUTAGES: Final = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_PROTOCOL",
)


class UnitOfWork:
    """One transaction, with every noun's statements on its connection.

    ``now`` is the instant at which it began, the same for all that is done in it. ``address`` is
    the client's, empty for the command line and the worker. A noun's statements are made when they
    are first asked for.
    """

    def __init__(
        self, connection: Connection, now: datetime, address: str = "", render: Render | None = None
    ) -> None:
        self.now = now
        self.address = address
        self._connection = connection
        self.history_chunks = HistoryChunks(connection, render)

    @cached_property
    def balance_snapshots(self) -> BalanceSnapshots:
        """The statements on ``balance_snapshots``."""
        return BalanceSnapshots(self._connection)

    @cached_property
    def accounts(self) -> Accounts:
        """The statements on ``accounts``."""
        return Accounts(self._connection)

    @cached_property
    def holdings(self) -> Holdings:
        """The statements on ``holdings``."""
        return Holdings(self._connection)

    @cached_property
    def connections(self) -> Connections:
        """The statements on ``connections``."""
        return Connections(self._connection)

    @cached_property
    def syncs(self) -> Syncs:
        """The statements on ``syncs``."""
        return Syncs(self._connection)

    @cached_property
    def users(self) -> Users:
        """The statements on ``users``."""
        return Users(self._connection)

    @cached_property
    def sessions(self) -> Sessions:
        """The statements on ``sessions``."""
        return Sessions(self._connection)

    @cached_property
    def api_tokens(self) -> ApiTokens:
        """The statements on ``api_tokens``."""
        return ApiTokens(self._connection)

    @cached_property
    def idempotency_keys(self) -> IdempotencyKeys:
        """The statements on ``idempotency_keys``."""
        return IdempotencyKeys(self._connection)

    @cached_property
    def audit_log(self) -> AuditLog:
        """The statements on ``audit_log``."""
        return AuditLog(self._connection)

    @contextmanager
    def dry_run(self) -> Iterator[None]:
        """Do what is in the ``with`` block as if it counted, and undo it at its end."""
        changed = dict(self.history_chunks.changed)
        with self._connection.begin_nested() as nested:
            yield
            nested.rollback()
        self.history_chunks.changed = changed

    def new_id(self) -> UUID:
        """Return a new id that sorts by time of making (UUID version 7)."""
        return uuid7()

    def random_id(self) -> UUID:
        """Return a new id that tells nothing (UUID version 4)."""
        return uuid4()


class Database:
    """A SQLite or PostgreSQL database, by the clock that is passed in.

    Pages of history are kept where ``render`` says how snapshots are sent.
    """

    def __init__(self, engine: Engine, clock: Clock, render: Render | None = None) -> None:
        self._render = render
        self._reading = _for_reading(engine)
        self._writing = engine.execution_options(**{WRITES: True})
        self._clock = clock
        self._address = ""
        # SQLite has one writer at a time: wait for it here, in turn, rather than by polling there.
        self._turn = Lock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """Open work that only reads, on one consistent state.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with _answering(), self._reading.begin() as connection:
            yield UnitOfWork(connection, self._clock(), render=self._render)

    def for_address(self, address: str) -> "Database":
        """Return the same database, with the client's address in every unit of work that writes."""
        other = copy(self)
        other._address = address  # noqa: SLF001 - its own kind
        return other

    @contextmanager
    def write(self, address: str = "") -> Iterator[UnitOfWork]:
        """Open work that may write, asked for from the address; committed whole at the end.

        Raises:
            Unavailable: the database cannot be reached, or its disk is full.
        """
        if self._turn:
            with self._turn:
                yield from self._write(address)
        else:
            yield from self._write(address)

    def _write(self, address: str) -> Iterator[UnitOfWork]:
        with _answering(), self._writing.begin() as connection:
            work = UnitOfWork(connection, self._clock(), address or self._address, self._render)
            yield work
            work.history_chunks.rebuild_changed()


def _for_reading(engine: Engine) -> Engine:
    # SQLite's plain BEGIN reads one state throughout; PostgreSQL wants to be told.
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        if not _is_outage(error):
            raise
        origin = getattr(error, "orig", None) or error
        _log.warning("database_unavailable", error=type(origin).__name__, code=_code(origin))
        raise Unavailable from error


def _is_outage(error: DBAPIError | PoolTimeout) -> bool:
    """Tell whether the database is what is at fault, and not what we asked of it."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error.orig, sqlite3.Error):
        # SQLite says by the same class that a table is missing and that its disk is full.
        return (_code(error.orig) or "").startswith(_SQLITE_OUTAGES)
    return isinstance(error, OperationalError) or error.connection_invalidated


def _code(origin: BaseException) -> str | None:
    found: str | None = getattr(origin, "sqlite_errorname", None) or getattr(
        origin, "sqlstate", None
    )
    return found
