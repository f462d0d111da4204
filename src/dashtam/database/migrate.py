"""Upgrades the schema, once even if several processes start together."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.sql import column, table

from dashtam.database.engine import WRITES, open_engine

HEAD = "0001"
"""The newest revision. A database at this revision starts without loading Alembic."""

_LOCK = 0x64617368_74616D
_version = table("alembic_version", column("version_num"))


def revision(connection: Connection) -> str | None:
    """Return the database's revision, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(_version.c.version_num))


def upgrade(url: str) -> str | None:
    """Upgrade the database to the newest revision, and return the revision before.

    One transaction on both databases: a process that is killed half-way changes nothing.
    """
    engine = open_engine(url, pool_size=1)
    try:
        return upgrade_engine(engine)
    finally:
        engine.dispose()


def upgrade_engine(engine: Engine) -> str | None:
    """Upgrade the engine's database as ``upgrade`` does."""
    with engine.connect() as connection:
        before = revision(connection)
    if before == HEAD:
        return before
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        # In SQLite BEGIN IMMEDIATE has locked the database already.
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = revision(connection)
        if before != HEAD:
            # Imported here, because most starts have nothing to upgrade.
            from alembic import command  # noqa: PLC0415 - see above
            from alembic.config import Config  # noqa: PLC0415 - see above

            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
    return before
