"""The databases' own drivers, which read the history cache without SQLAlchemy between."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import URL, Dialect, Engine, Select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from dashtam.database.engine import sqlite_path
from dashtam.log import log

if TYPE_CHECKING:
    import asyncpg

Row = Sequence[Any]
Values = Mapping[str, object]

_ACQUIRE_TIMEOUT_S: Final = 5.0
_CONNECT_TIMEOUT_S: Final = 5.0
_COMMAND_TIMEOUT_S: Final = 10.0
_CLOSE_TIMEOUT_S: Final = 2.0
# SQLite's own 2 MiB hold the upper levels of the indexes of a million snapshots, not of ten.
_CACHE_KIB: Final = 32 * 1024
# After a failure every read is a miss for this long, so that one request alone waits for a timeout.
_PAUSE_S: Final = 1.0


class CacheMissError(Exception):
    """The history cache has no answer; the rows have to give it."""


@dataclass(frozen=True, slots=True)
class PreparedStatement:
    """SQL in a driver's dialect; ``order`` names the parameters of a driver that takes a list."""

    sql: str
    order: Sequence[str] = ()


class Driver(Protocol):
    """Reads one database; ``dialect`` compiles its statements.

    Where it ``is_immediate``, no read waits for anything.
    """

    dialect: Dialect
    is_immediate: bool

    def prepare(self, statement: Select[Any]) -> PreparedStatement:
        """Compile a statement."""

    async def fetch(self, statement: PreparedStatement, parameters: Values) -> Sequence[Row]:
        """Return the rows. Raises ``CacheMissError`` where the database does not answer."""

    def version(self) -> object | None:
        """Return a value that differs after every commit, None where none can be read quickly."""

    async def open(self) -> None:
        """Start in the running event loop, without connecting."""

    async def close(self) -> None:
        """Close every connection."""


def create_driver(engine: Engine, *, connections: int) -> Driver | None:
    """Return the driver for the engine's database, None for SQLite in memory.

    A second connection to a database in memory would open another one. ``connections`` is the most
    that PostgreSQL gets.
    """
    if engine.dialect.name == "postgresql":
        return PostgresqlDriver(engine.url, connections)
    path = sqlite_path(engine.url.render_as_string(hide_password=False))
    return None if path is None or str(path) == ":memory:" else SqliteDriver(path)


class SqliteDriver:
    """One read-only connection. It never waits: in WAL mode readers do not wait for writers."""

    is_immediate = True

    def __init__(self, path: Path) -> None:
        self.dialect: Dialect = sqlite_dialect(paramstyle="named")
        self._path = path
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._connects = 0

    def prepare(self, statement: Select[Any]) -> PreparedStatement:
        """Compile a statement with named parameters."""
        return PreparedStatement(str(statement.compile(dialect=self.dialect)))

    async def open(self) -> None:
        """Do nothing: the first read opens the file."""

    async def fetch(self, statement: PreparedStatement, parameters: Values) -> Sequence[Row]:
        """Return the rows, read in the event loop itself."""
        try:
            with self._lock:
                return self._connect().execute(statement.sql, parameters).fetchall()
        except sqlite3.Error as error:
            await self.close()
            raise _unavailable(error) from None

    def version(self) -> tuple[int, int] | None:
        """Return ``PRAGMA data_version``, which a commit of any other connection changes.

        The header of the WAL index has the same number and takes less time to read. But a process
        that opens and closes that file loses all its locks on it (sqlite.org/howtocorrupt.html,
        2.2), and another process would write at the same time.
        """
        try:
            with self._lock:
                (number,) = self._connect().execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return None
        # Numbers of different connections cannot be compared.
        return self._connects, number

    async def close(self) -> None:
        """Close the file; the next read opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(
                self._path, timeout=0, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA query_only = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._connection = connection
            self._connects += 1
        return self._connection


class PostgresqlDriver:
    """A pool of asyncpg connections in the event loop, each with its statements prepared."""

    is_immediate = False

    def __init__(self, url: URL, connections: int) -> None:
        # The dialect compiles the statements; it does not import asyncpg.
        from sqlalchemy.dialects.postgresql.asyncpg import dialect  # noqa: PLC0415 - see above

        self.dialect: Dialect = dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's is untyped
        # asyncpg has every parameter of libpq but this one, which it would send to the server.
        url = url.set(drivername="postgresql").difference_update_query(["connect_timeout"])
        self._url = url.render_as_string(hide_password=False)
        self._max_connections = connections
        self._slots: asyncio.Semaphore | None = None
        self._idle: deque[asyncpg.Connection[asyncpg.Record]] = deque()
        self._paused_until = 0.0

    def prepare(self, statement: Select[Any]) -> PreparedStatement:
        """Compile a statement with numbered parameters."""
        compiled = statement.compile(dialect=self.dialect)
        return PreparedStatement(str(compiled), tuple(getattr(compiled, "positiontup", ())))

    async def open(self) -> None:
        """Make room for the connections; the first reads connect."""
        self._slots = asyncio.Semaphore(self._max_connections)

    async def fetch(self, statement: PreparedStatement, parameters: Values) -> Sequence[Row]:
        """Return the rows; after a failure, pause and reconnect."""
        import asyncpg  # noqa: PLC0415 - an installation for SQLite does not have it

        slots = self._slots
        loop = asyncio.get_running_loop()
        if slots is None or loop.time() < self._paused_until:
            raise CacheMissError
        try:
            async with asyncio.timeout(_ACQUIRE_TIMEOUT_S):
                await slots.acquire()
        except TimeoutError as error:
            raise _unavailable(error) from None
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                arguments = [parameters[name] for name in statement.order]
                rows: Sequence[Row] = await connection.fetch(statement.sql, *arguments)
            except BaseException:
                # The rest of the response would be read as the next one.
                connection.terminate()
                raise
            self._idle.append(connection)
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,  # A proxy or another server answered.
            OSError,
            TimeoutError,
        ) as error:
            # A failure of one connection is one of all; the way through the rows reports it.
            while self._idle:
                self._idle.pop().terminate()
            self._paused_until = loop.time() + _PAUSE_S
            raise _unavailable(error) from None
        finally:
            slots.release()
        return rows

    def version(self) -> None:
        """Return None: a query would take as long as reading the chunks."""

    async def close(self) -> None:
        """Close every connection that no read is using."""
        self._slots = None
        while self._idle:
            with suppress(OSError, TimeoutError):
                await self._idle.pop().close(timeout=_CLOSE_TIMEOUT_S)

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        import asyncpg  # noqa: PLC0415 - as above

        return await asyncpg.connect(
            self._url,
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=_COMMAND_TIMEOUT_S,
            server_settings={"timezone": "UTC", "default_transaction_read_only": "on"},
        )


def _unavailable(error: Exception) -> CacheMissError:
    log.warning("history_cache_unavailable", error=type(error).__name__)
    return CacheMissError()
