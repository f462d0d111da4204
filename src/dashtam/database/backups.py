"""Backups of a SQLite database together with the key ring."""

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Engine

from dashtam.domain.errors import DashtamError, Unprocessable

DATABASE: Final = "dashtam.db"
KEY_RING: Final = "key_ring.json"
MANIFEST: Final = "manifest.json"


class BackupDamaged(Unprocessable):
    """A file of the backup is missing or was changed."""

    detail = "This is not a whole backup: a file is missing, or not the one that was written."


class BackupFailed(DashtamError):
    """SQLite cannot read the database or write its copy, as on a full disk."""

    def __init__(self, code: str) -> None:
        super().__init__(
            f"The backup could not be written, and nothing is left of it ({code}). Is the disk"
            " full? `dashtam doctor` checks the database."
        )


class NotSqlite(DashtamError):
    """The database is PostgreSQL, which has its own tools for backups."""

    detail = (
        "PostgreSQL is backed up and restored with its own pg_dump and pg_restore."
        " Keep a copy of the key ring beside the dump: without it nobody stays signed in."
    )


def write(engine: Engine, ring: Path | None, folder: Path, now: datetime) -> Path:
    """Write the database and the key ring into a new folder inside this one, and return it.

    The backup is one consistent state, even while others write. The new folder gets its name when
    it is complete; after a failure nothing is left of it.

    Raises:
        NotSqlite: the database is not SQLite.
        BackupFailed: SQLite cannot read the database or write its copy.
        OSError: another file cannot be written.
    """
    if engine.dialect.name != "sqlite":
        raise NotSqlite
    name = f"dashtam-{now:%Y%m%dT%H%M%S.%fZ}"
    unfinished = folder / f".{name}"
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        _fill(unfinished, engine, ring)
        return unfinished.rename(folder / name)
    except sqlite3.Error as error:
        raise BackupFailed(getattr(error, "sqlite_errorname", "")) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(unfinished: Path, engine: Engine, ring: Path | None) -> None:
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute("VACUUM INTO ?", (str(unfinished / DATABASE),))
    if ring is not None:
        shutil.copyfile(ring, unfinished / KEY_RING)
    checksums = {file.name: _checksum(file) for file in sorted(unfinished.iterdir())}
    (unfinished / MANIFEST).write_bytes(msgspec.json.encode(checksums))
    for file in unfinished.iterdir():
        file.chmod(0o600)
        fsync(file)
    fsync(unfinished)


def check(backup: Path) -> None:
    """Check that each file of a backup is the one that was written.

    Raises:
        BackupDamaged: a file of the backup is missing or was changed.
    """
    try:
        checksums = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=dict[str, str])
        is_complete = DATABASE in checksums and all(
            _checksum(backup / name) == checksum for name, checksum in checksums.items()
        )
        uri = f"file:{backup / DATABASE}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            is_sound = connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    except (OSError, msgspec.DecodeError, sqlite3.Error):
        raise BackupDamaged from None
    if not is_complete or not is_sound:
        raise BackupDamaged


def _checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
