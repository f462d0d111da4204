"""Transactions: the one place where anything is committed."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog import get_logger
from uuid_utils.compat import uuid7

from dashtam.domain.errors import Unavailable
from dashtam.infrastructure.database.access_tokens import AccessTokens
from dashtam.infrastructure.database.accounts import Accounts
from dashtam.infrastructure.database.audit_log import AuditLog
from dashtam.infrastructure.database.balance_snapshots import BalanceSnapshots
from dashtam.infrastructure.database.connections import Connections
from dashtam.infrastructure.database.engine import WRITES
from dashtam.infrastructure.database.history_pages import HistoryPages, Render
from dashtam.infrastructure.database.holdings import Holdings
from dashtam.infrastructure.database.idempotency_keys import IdempotencyKeys
from dashtam.infrastructure.database.sessions import Sessions
from dashtam.infrastructure.database.syncs import Syncs
from dashtam.infrastructure.database.users import Users

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


class SqlWork:
    """One transaction, with every noun's statements on its connection."""

    def __init__(
        self, connection: Connection, now: datetime, address: str = "", render: Render | None = None
    ) -> None:
        self.now = now
        self.address = address
        self._connection = connection
        self.balance_snapshots = BalanceSnapshots(connection)
        self.history_pages = HistoryPages(connection, render)
        self.accounts = Accounts(connection)
        self.holdings = Holdings(connection)
        self.connections = Connections(connection)
        self.syncs = Syncs(connection)
        self.users = Users(connection)
        self.sessions = Sessions(connection)
        self.access_tokens = AccessTokens(connection)
        self.idempotency_keys = IdempotencyKeys(connection)
        self.audit_log = AuditLog(connection)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Do what is in the ``with`` block as if it counted, and undo it at its end."""
        with self._connection.begin_nested() as nested:
            yield
            nested.rollback()

    def new_id(self) -> UUID:
        """Return a new id that sorts by time of making (UUID version 7)."""
        return uuid7()

    def random_id(self) -> UUID:
        """Return a new id that tells nothing (UUID version 4)."""
        return uuid4()


class SqlDatabase:
    """A SQLite or PostgreSQL database, by the clock that is passed in.

    Pages of history are kept where ``render`` says how snapshots are sent.
    """

    def __init__(
        self, engine: Engine, clock: Callable[[], datetime], render: Render | None = None
    ) -> None:
        self._render = render
        self._reading = _for_reading(engine)
        self._writing = engine.execution_options(**{WRITES: True})
        self._clock = clock
        # SQLite has one writer at a time: wait for it here, in turn, rather than by polling there.
        self._turn = Lock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[SqlWork]:
        """Open work that only reads, on one consistent state.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with _answering(), self._reading.begin() as connection:
            yield SqlWork(connection, self._clock(), render=self._render)

    @contextmanager
    def write(self, address: str = "") -> Iterator[SqlWork]:
        """Open work that may write, asked for from the address; committed whole at the end.

        Raises:
            Unavailable: the database cannot be reached, or its disk is full.
        """
        if self._turn:
            with self._turn:
                yield from self._write(address)
        else:
            yield from self._write(address)

    def _write(self, address: str) -> Iterator[SqlWork]:
        with _answering(), self._writing.begin() as connection:
            yield SqlWork(connection, self._clock(), address, self._render)


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
