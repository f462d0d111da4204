"""The databases' own drivers, asked for what lies ready without anything between."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import URL, Dialect, Engine, Select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from structlog import get_logger

from dashtam.database.engine import sqlite_path

if TYPE_CHECKING:
    import asyncpg

Row = Sequence[Any]
Parameters = dict[str, object]

_LENT_WITHIN_S: Final = 5.0
_CONNECTED_WITHIN_S: Final = 5.0
_ANSWERED_WITHIN_S: Final = 10.0
_CLOSED_WITHIN_S: Final = 2.0
# After a failure the rows alone are asked for so long: nobody waits for the same failure twice.
_PAUSE_S: Final = 1.0

_log = get_logger()


class CacheMissError(Exception):
    """It cannot be told from what lies ready: ask the rows."""


@dataclass(frozen=True, slots=True)
class PreparedStatement:
    """A statement as a database takes it, and its parameters in order where they have no names."""

    sql: str
    order: Sequence[str] = ()


class Driver(Protocol):
    """One database, asked without anything between."""

    dialect: Dialect

    def prepare(self, statement: Select[Any]) -> PreparedStatement:
        """Return the statement as this database takes it."""

    async def rows(self, prepare: PreparedStatement, parameters: Parameters) -> Sequence[Row]:
        """Return the rows. Raises ``CacheMissError`` where they cannot be had."""

    def version(self) -> object | None:
        """Return what is another after every commit, None where that cannot be told quickly."""

    async def open(self) -> None:
        """Begin, in the event loop that runs."""

    async def close(self) -> None:
        """Let go of the database."""


def create_driver(engine: Engine, *, connections: int) -> Driver | None:
    """Return the driver of the engine's database, None for one in memory; connects to nothing."""
    if engine.dialect.name == "postgresql":
        return PostgresqlDriver(engine.url, connections)
    path = sqlite_path(engine.url.render_as_string(hide_password=False))
    return None if path is None or str(path) == ":memory:" else SqliteDriver(path)


class SqliteDriver:
    """One connection that only reads. It waits for nobody: readers never do in WAL mode."""

    def __init__(self, path: Path) -> None:
        self.dialect: Dialect = sqlite_dialect(paramstyle="named")
        self._path = path
        self._lock = Lock()
        self._opened: sqlite3.Connection | None = None
        self._times_opened = 0

    def prepare(self, statement: Select[Any]) -> PreparedStatement:
        """Return the statement as SQLite takes it."""
        return PreparedStatement(str(statement.compile(dialect=self.dialect)))

    async def open(self) -> None:
        """Begin; the file is opened when it is first read."""

    async def rows(self, prepare: PreparedStatement, parameters: Parameters) -> Sequence[Row]:
        """Return the rows; see ``Driver``. It never lets anybody else go on meanwhile."""
        try:
            with self._lock:
                return self._connection().execute(prepare.sql, parameters).fetchall()
        except sqlite3.Error as error:
            self._close()
            raise _away(error) from None

    def version(self) -> tuple[int, int] | None:
        """Return what is another after every commit, of any connection and any process.

        SQLite is asked. The header of its WAL index says the same and is read sooner, but whoever
        opens that file and closes it gives up every lock that this process has on it
        (sqlite.org/howtocorrupt.html, 2.2): another would write at the same time.
        """
        try:
            with self._lock:
                (found,) = self._connection().execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return None
        # A number says something only beside others of the same connection.
        return self._times_opened, found

    async def close(self) -> None:
        """Let go of the file."""
        self._close()

    def _close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            opened = sqlite3.connect(
                self._path, timeout=0, isolation_level=None, check_same_thread=False
            )
            opened.execute("PRAGMA query_only = ON")
            self._opened = opened
            self._times_opened += 1
        return self._opened


class PostgresqlDriver:
    """A few connections in the event loop, each with its statements prepared."""

    def __init__(self, url: URL, connections: int) -> None:
        # The dialect writes the statements; it does not load the driver.
        from sqlalchemy.dialects.postgresql.asyncpg import dialect  # noqa: PLC0415 - see above

        self.dialect: Dialect = dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's is untyped
        # asyncpg knows the libpq parameters but for this one, which it would tell the server.
        url = url.set(drivername="postgresql").difference_update_query(["connect_timeout"])
        self._url = url.render_as_string(hide_password=False)
        self._most = connections
        self._turns: asyncio.Semaphore | None = None
        self._free: deque[asyncpg.Connection[asyncpg.Record]] = deque()
        self._asked_again_at = 0.0

    def prepare(self, statement: Select[Any]) -> PreparedStatement:
        """Return the statement as PostgreSQL takes it."""
        compiled = statement.compile(dialect=self.dialect)
        return PreparedStatement(str(compiled), tuple(getattr(compiled, "positiontup", ())))

    async def open(self) -> None:
        """Begin, in the event loop that runs; nothing is connected to yet."""
        self._turns = asyncio.Semaphore(self._most)

    async def rows(self, prepare: PreparedStatement, parameters: Parameters) -> Sequence[Row]:
        """Return the rows; see ``Driver``."""
        turns = self._turns
        loop = asyncio.get_running_loop()
        if turns is None or loop.time() < self._asked_again_at:
            raise CacheMissError
        await _take(turns)
        try:
            connection = self._free.pop() if self._free else await self._connect()
            try:
                arguments = [parameters[name] for name in prepare.order]
                found: Sequence[Row] = await connection.fetch(prepare.sql, *arguments)
            except BaseException:
                # What it will still say nobody reads: the client may be gone, or the server.
                connection.terminate()
                raise
            self._free.append(connection)
        except _troubles_of_postgresql() as error:
            # What is wrong with this one is wrong with all; the rows' way says so.
            self._terminate()
            self._asked_again_at = loop.time() + _PAUSE_S
            raise _away(error) from None
        finally:
            turns.release()
        return found

    def version(self) -> None:
        """Tell nothing: asking would cost as much as reading."""

    async def close(self) -> None:
        """Let go of the connections."""
        self._turns = None
        while self._free:
            with suppress(OSError, TimeoutError):
                await self._free.pop().close(timeout=_CLOSED_WITHIN_S)

    def _terminate(self) -> None:
        while self._free:
            self._free.pop().terminate()

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        import asyncpg  # noqa: PLC0415 - see above

        return await asyncpg.connect(
            self._url,
            timeout=_CONNECTED_WITHIN_S,
            command_timeout=_ANSWERED_WITHIN_S,
            server_settings={"timezone": "UTC", "default_transaction_read_only": "on"},
        )


def _troubles_of_postgresql() -> tuple[type[Exception], ...]:
    import asyncpg  # noqa: PLC0415 - an installation without the extra never comes here

    # The third is what it raises when the server, or what stands before it, says what it does not
    # understand.
    told = asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError
    return *told, OSError, TimeoutError


async def _take(turns: asyncio.Semaphore) -> None:
    if not turns.locked():
        await turns.acquire()
        return
    try:
        await asyncio.wait_for(turns.acquire(), _LENT_WITHIN_S)
    except TimeoutError as error:
        raise _away(error) from None


def _away(error: Exception) -> CacheMissError:
    _log.warning("ready_read_failed", error=type(error).__name__)
    return CacheMissError()
