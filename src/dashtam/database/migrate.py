"""Upgrades the schema, once even if several processes start together."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.sql import column, table

from dashtam.database.engine import WRITES, open_engine
from dashtam.domain.errors import DashtamError

HEAD = "0006"
"""The newest revision. A database at this revision starts without loading Alembic."""

REVISIONS: tuple[str | None, ...] = (None, HEAD)
"""Every revision that can be upgraded, the newest last; None is that of an empty database."""

SCRIPTS = Path(__file__).parent / "migrations"
"""The folder of the revisions."""

_LOCK = 0x64617368_74616D
_version = table("alembic_version", column("version_num"))


class UnknownRevision(DashtamError):
    """The database was made by a version that this one does not know."""

    def __init__(self, found: str | None) -> None:
        super().__init__(
            f"This database has the schema of another version of Dashtam (revision {found}). It was"
            " left as it is: use it with the version that made it, or name another database."
        )


def revision(connection: Connection) -> str | None:
    """Return the database's revision, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(_version.c.version_num))


def check_revision(engine: Engine) -> str | None:
    """Return the database's revision, None for an empty database.

    Raises:
        UnknownRevision: a newer or a development version made it.
    """
    with engine.connect() as connection:
        found = revision(connection)
    if found not in REVISIONS:
        raise UnknownRevision(found)
    return found


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
    """Upgrade the engine's database as ``upgrade`` does.

    Raises:
        UnknownRevision: a newer or a development version made it.
    """
    before = check_revision(engine)
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
            config.set_main_option("script_location", str(SCRIPTS))
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
    return before
