"""Where a measured Dashtam keeps its data: a folder, and a SQLite file or a PostgreSQL database."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from benchmarks.processes import LIMIT

SQLITE: Final = "SQLite"
POSTGRESQL: Final = "PostgreSQL"

_POLICIES: Final = ("API_READ", "API_WRITE", "SYNC", "AUTH")
# Whole tables with their indexes and what is stored beside them.
_SIZE: Final = """
SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Home:
    """One installation's folder and database; ``server`` is PostgreSQL's address, empty without."""

    data: Path
    server: str = ""
    log_level: str = "warning"

    @property
    def kind(self) -> str:
        """Which database it is."""
        return POSTGRESQL if self.server else SQLITE

    @property
    def name(self) -> str:
        """What the database in PostgreSQL is called."""
        return f"bench_{self.data.name.replace('-', '_')}"

    @property
    def url(self) -> str:
        """The database's address."""
        file = self.data / "dashtam.db"
        return f"{self.server}/{self.name}" if self.server else f"sqlite:///{file}"

    @property
    def given(self) -> dict[str, object]:
        """The settings, for use cases that are called in this process."""
        return {"data": str(self.data), "database_url": self.url}

    @property
    def settings(self) -> dict[str, str]:
        """The settings, for a process of its own: rate limits that work and never refuse."""
        limits = {f"DASHTAM_RATE_LIMIT_{name}": f"{LIMIT}/{LIMIT}" for name in _POLICIES}
        return limits | {
            "DASHTAM_DATA": str(self.data),
            "DASHTAM_DATABASE_URL": self.url,
            "DASHTAM_LOG_LEVEL": self.log_level,
        }

    def clear(self) -> None:
        """Have nothing there but an empty database."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        if self.server:
            self._run("DROP DATABASE IF EXISTS {}")
            self._run("CREATE DATABASE {}")

    def exists(self) -> bool:
        """Tell whether the database is there."""
        if not self.server:
            return (self.data / "dashtam.db").exists()
        with psycopg.connect(f"{self.server}/postgres") as connection:
            known = "SELECT FROM pg_database WHERE datname = %s"
            return connection.execute(known, (self.name,)).fetchone() is not None

    def settle(self) -> int:
        """Do what databases do in quiet hours; return the bytes that are then on the disk."""
        if self.server:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
                connection.execute("CHECKPOINT")
                found = connection.execute(_SIZE).fetchone()
            return int(found[0]) if found else 0
        with closing(sqlite3.connect(self.data / "dashtam.db")) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            file.execute("PRAGMA optimize")
        return (self.data / "dashtam.db").stat().st_size

    def _run(self, statement: LiteralString) -> None:
        with psycopg.connect(f"{self.server}/postgres", autocommit=True) as connection:
            made = sql.SQL(statement)
            connection.execute(made.format(sql.Identifier(self.name)))
