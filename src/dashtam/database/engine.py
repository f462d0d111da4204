"""Connections to SQLite and PostgreSQL, set up so that both keep the same promises."""

from pathlib import Path
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import Connection, Engine, create_engine, event, make_url

WRITES = "dashtam_writes"
"""The execution option that says that a transaction will write."""

_BUSY_TIMEOUT_MS = 30_000

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # At NORMAL a power cut loses transactions that were acknowledged.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # Otherwise REPLACE would remove rows without asking their triggers.
    "PRAGMA recursive_triggers = ON",
    # Otherwise credentials that were destroyed, and people who were erased, lie in free pages.
    "PRAGMA secure_delete = ON",
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}",
)

_POSTGRESQL_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000"
)

# A server whose machine is gone is noticed within half a minute, not within two hours.
_POSTGRESQL_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def open_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Return an engine for ``sqlite:///PATH`` or ``postgresql+psycopg://…``; connects to nothing.

    A request waits at most 5 s for a free connection.
    """
    if make_url(url).get_backend_name() == "sqlite":
        return _open_sqlite(url, pool_size)
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args={"options": _POSTGRESQL_OPTIONS, **_POSTGRESQL_NETWORK},
    )


def sqlite_path(url: str) -> Path | None:
    """Return where the SQLite database lies, None for any other."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def _open_sqlite(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=0, pool_timeout=5,
        connect_args={"check_same_thread": False, "timeout": _BUSY_TIMEOUT_MS / 1000},
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def prepare(connection: SqliteConnection, _record: object) -> None:
        # Transactions begin where we say so, not where the driver guesses.
        connection.isolation_level = None
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Whoever will write takes the lock at once: upgrading it later could fail half-way.
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
