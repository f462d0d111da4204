"""Backups of a SQLite database together with the key ring."""

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Engine

from dashtam.domain.errors import Conflict, DashtamError, Unprocessable

DATABASE: Final = "dashtam.db"
KEY_RING: Final = "key_ring.json"
MANIFEST: Final = "manifest.json"

LOCK_NAME: Final = "serving.lock"
"""The file in the data folder that a running installation holds locked."""


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


class DataFolderInUse(Conflict):
    """Another process uses the data folder, or restores a backup into it."""

    detail = "Dashtam is running on this data folder, or a backup is being restored."


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
        _fsync(file)
    _fsync(unfinished)


def restore(backup: Path, *, database: Path | None, ring: Path, data: Path, now: datetime) -> None:
    """Replace the database and the key ring by those of a backup.

    The replaced files stay beside them, with ``before-`` and the time in their names. An
    interruption leaves the old database or the new one.

    Raises:
        NotSqlite: the database is not SQLite.
        BackupDamaged: a file of the backup is missing or was changed.
        DataFolderInUse: another process uses the data folder.
    """
    if database is None:
        raise NotSqlite
    _check(backup)
    with _locked(data, fcntl.LOCK_EX):
        suffix = f".before-{now:%Y%m%dT%H%M%S.%fZ}"
        copies = [(_copy(backup / DATABASE, database), database)]
        if (backup / KEY_RING).exists():
            copies.append((_copy(backup / KEY_RING, ring), ring))
        wal = database.with_name(database.name + "-wal")
        _link(wal, f"{database.name}{suffix}-wal")
        # The checkpoint empties the write-ahead log; SQLite removes that of an unreadable database.
        if database.exists():
            with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for _, target in copies:
            _link(target, target.name + suffix)
        # SQLite would replay a remaining log into the new database.
        for file in (wal, database.with_name(database.name + "-shm")):
            file.unlink(missing_ok=True)
        for copy, target in copies:
            copy.replace(target)
            _fsync(target.parent)


@contextmanager
def hold_data_folder(data: Path) -> Iterator[None]:
    """Hold the data folder, as several processes can, so that nobody restores a backup into it.

    Raises:
        DataFolderInUse: a backup is being restored.
    """
    with _locked(data, fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(data: Path, mode: int) -> Iterator[None]:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, mode | fcntl.LOCK_NB)
        except OSError:
            raise DataFolderInUse from None
        yield


def _check(backup: Path) -> None:
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


def _copy(source: Path, target: Path) -> Path:
    """Copy a file to the target's folder under another name, and return the copy's path."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = target.with_name(f".{target.name}.restoring")
    shutil.copyfile(source, copy)
    copy.chmod(0o600)
    _fsync(copy)
    return copy


def _link(path: Path, name: str) -> None:
    """Give the file, if there is one, a second name in its folder."""
    if not path.exists():
        return
    link = path.with_name(name)
    try:
        link.hardlink_to(path)
    except OSError:
        shutil.copy2(path, link)
    _fsync(link)
    _fsync(path.parent)


def _checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
