"""The databases' own drivers, asked for what lies ready without anything between."""

import sqlite3
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Dialect, Engine
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from structlog import get_logger

from dashtam.application.ready_reads import NotReadyError
from dashtam.infrastructure.database.engine import sqlite_path

if TYPE_CHECKING:
    import psycopg

Row = Sequence[Any]
Parameters = dict[str, object]

_CACHED_STATEMENTS: Final = 32
_log = get_logger()


def driver_of(engine: Engine) -> "SqliteDriver | PostgresqlDriver | None":
    """Return the driver of the engine's database, None for one in memory; connects to nothing."""
    if engine.dialect.name == "postgresql":
        return PostgresqlDriver(engine)
    path = sqlite_path(engine.url.render_as_string(hide_password=False))
    return None if path is None or str(path) == ":memory:" else SqliteDriver(str(path))


class SqliteDriver:
    """One connection that only reads. It waits for nobody: readers never do in WAL mode."""

    is_inline: bool = True

    def __init__(self, path: str) -> None:
        self.dialect: Dialect = sqlite_dialect(paramstyle="named")
        self._path = path
        self._lock = Lock()
        self._opened: sqlite3.Connection | None = None

    def rows(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Return the rows; see ``Driver``."""
        try:
            with self._lock:
                return self._connection().execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            self.close()
            raise _away(error) from None

    def version(self) -> int | None:
        """Return what is another after every commit, of any connection and any process."""
        try:
            with self._lock:
                version: int = self._connection().execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            self.close()
            return None
        return version

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = sqlite3.connect(
                self._path,
                timeout=0,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=_CACHED_STATEMENTS,
            )
            self._opened.execute("PRAGMA query_only = ON")
        return self._opened


class PostgresqlDriver:
    """Connections of their own, as many as threads read at once, each statement prepared."""

    is_inline: bool = False

    def __init__(self, engine: Engine) -> None:
        self.dialect: Dialect = engine.dialect
        _, self._arguments = engine.dialect.create_connect_args(engine.url)
        self._free: deque[psycopg.Connection[Row]] = deque()

    def rows(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Return the rows; see ``Driver``."""
        import psycopg  # noqa: PLC0415 - an installation without the extra never comes here

        connection = None
        try:
            connection = self._free.pop() if self._free else self._connect()
            found = connection.execute(sql, parameters, prepare=True, binary=True).fetchall()
        except psycopg.Error as error:
            # What is wrong with this one is wrong with all; the rows' way says so, or finds a way.
            if connection is not None:
                connection.close()
            self.close()
            raise _away(error) from None
        self._free.append(connection)
        return found

    def version(self) -> object | None:
        """Tell nothing: asking would cost as much as reading."""
        return None

    def close(self) -> None:
        """Let go of the connections that nobody uses."""
        with suppress(IndexError):
            while True:
                self._free.pop().close()

    def _connect(self) -> "psycopg.Connection[Row]":
        import psycopg  # noqa: PLC0415 - see above

        options = "-c timezone=UTC -c statement_timeout=10000 -c default_transaction_read_only=on"
        return psycopg.connect(
            **self._arguments, autocommit=True, connect_timeout=5, options=options
        )


def _away(error: Exception) -> NotReadyError:
    _log.warning("ready_read_failed", error=type(error).__name__)
    return NotReadyError()
