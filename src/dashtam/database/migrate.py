"""Brings the schema to today's, once, however many processes start together."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.sql import column, table

from dashtam.database.engine import WRITES, open_engine

HEAD = "0001"
"""The newest revision; a start that finds it there has nothing more to load."""

_LOCK = 0x64617368_74616D
_version = table("alembic_version", column("version_num"))


def revision(connection: Connection) -> str | None:
    """Return the revision that the database is at, None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(_version.c.version_num))


def upgrade(url: str) -> str | None:
    """Bring the database to today's schema and return the revision it was at before.

    One transaction on both databases: a process that is killed half-way leaves what was there.
    """
    engine = open_engine(url, pool_size=1)
    try:
        return upgrade_engine(engine)
    finally:
        engine.dispose()


def upgrade_engine(engine: Engine) -> str | None:
    """Do what ``upgrade`` does, over connections that are there already."""
    with engine.connect() as connection:
        before = revision(connection)
    if before == HEAD:
        return before
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        _take_turn(connection)
        before = revision(connection)
        if before != HEAD:
            _run(connection)
    return before


def _take_turn(connection: Connection) -> None:
    # SQLite's BEGIN IMMEDIATE was the lock already.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _run(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - a start with nothing to migrate does not pay for it
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
