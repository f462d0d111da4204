"""Checks of the database's health."""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from dashtam.database import migrate
from dashtam.database.tables import account_heads, balance_snapshots, connections, users

_LEAST_FREE_BYTES: Final = 1024 * 1024


def is_disk_full(folder: Path) -> bool:
    """Tell whether the folder's disk has no space, or no more files, for a transaction."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    has_files = disk.f_files == 0 or disk.f_favail > 0
    return disk.f_bavail * disk.f_frsize < _LEAST_FREE_BYTES or not has_files


def is_reachable(engine: Engine) -> bool:
    """Tell whether the database accepts a connection."""
    try:
        with engine.connect():
            return True
    except SQLAlchemyError:
        return False


def damage(engine: Engine) -> str | None:
    """Return the first damage of a SQLite database's pages, None without any.

    It reads the whole database.
    """
    if engine.dialect.name != "sqlite":
        return None
    try:
        with engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    except DatabaseError as error:
        code = getattr(error.orig, "sqlite_errorname", "")
        return code if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) else None
    return None if found == "ok" else " ".join(found.split())


def is_current(engine: Engine) -> bool:
    """Tell whether the database is reachable and its schema is the newest."""
    try:
        with engine.connect() as connection:
            return migrate.revision(connection) == migrate.HEAD
    except SQLAlchemyError:
        return False


def newest_recorded_at(engine: Engine) -> datetime | None:
    """Return the later of the newest ``created_at`` and the newest live ``captured_at``."""
    with engine.connect() as connection:
        found = (
            connection.scalar(select(func.max(balance_snapshots.c.created_at))),
            connection.scalar(select(func.max(account_heads.c.last_live_at))),
        )
        return max((instant for instant in found if instant is not None), default=None)


def count_overdue_connections(engine: Engine, since: datetime) -> int:
    """Return the number of connections that have been due for a sync since before an instant."""
    statement = select(func.count()).where(
        connections.c.next_sync_at < since, connections.c.state != "disconnected"
    )
    with engine.connect() as connection:
        return connection.scalar(statement) or 0


def has_users(engine: Engine) -> bool:
    """Tell whether the database has a user, so that losing it would lose data."""
    with engine.connect() as connection:
        if migrate.revision(connection) is None:
            return False
        return connection.scalar(select(users.c.id).limit(1)) is not None
