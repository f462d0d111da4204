"""Engines for SQLite and PostgreSQL, with settings that give both the same guarantees."""

from pathlib import Path
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import Connection, Engine, create_engine, event, make_url

WRITES = "dashtam_writes"
"""The execution option of transactions that write."""

_BUSY_TIMEOUT_MS = 30_000

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # At NORMAL a power cut loses committed transactions.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # Without it REPLACE deletes rows and their triggers do not fire.
    "PRAGMA recursive_triggers = ON",
    # Without it free pages still hold destroyed credentials and the rows of erased users.
    "PRAGMA secure_delete = ON",
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}",
)

_POSTGRESQL_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000"
)

# Notices within half a minute that a server's machine is gone; the defaults take two hours.
_POSTGRESQL_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def open_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Return an engine for ``sqlite:///PATH`` or ``postgresql+psycopg://…``, without connecting.

    A request waits at most 5 s for a free connection.
    """
    pool = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 5}
    if make_url(url).get_backend_name() != "sqlite":
        options = {"options": _POSTGRESQL_OPTIONS, **_POSTGRESQL_NETWORK}
        return create_engine(
            url, **pool, pool_pre_ping=True, isolation_level="READ COMMITTED", connect_args=options
        )
    options = {"check_same_thread": False, "timeout": _BUSY_TIMEOUT_MS / 1000}
    engine = create_engine(url, **pool, connect_args=options)

    @event.listens_for(engine, "connect")
    def prepare(connection: SqliteConnection, _record: object) -> None:
        # The driver begins no transaction by itself; ``begin`` does.
        connection.isolation_level = None
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer locks at once: a reader that begins to write half-way may have to give up.
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def sqlite_path(url: str) -> Path | None:
    """Return the path of the SQLite database, None for any other database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)
