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

_LOCK: Final = "serving.lock"


class NotWhole(Unprocessable):
    """The folder is not a backup, or something in it was changed or lost."""

    detail = "This is not a whole backup: a file is missing, or not the one that was written."


class InUse(Conflict):
    """Dashtam is running on the data folder."""

    detail = "Dashtam is running on this data folder, or a backup is being restored."


class NotOurs(DashtamError):
    """PostgreSQL is backed up by its own tools."""

    detail = (
        "PostgreSQL is backed up and restored with its own pg_dump and pg_restore."
        " Keep a copy of the key ring beside the dump: without it nobody stays signed in."
    )


def write(engine: Engine, ring: Path | None, folder: Path, now: datetime) -> Path:
    """Write the database and the key ring into a new folder inside this one, and return it.

    One consistent state, also while others write. The backup is there whole or not at all.

    Raises:
        NotOurs: the database is not SQLite.
    """
    if engine.dialect.name != "sqlite":
        raise NotOurs
    name = f"dashtam-{now:%Y%m%dT%H%M%S.%fZ}"
    unfinished = folder / f".{name}"
    unfinished.mkdir(mode=0o700, parents=True)
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute("VACUUM INTO ?", (str(unfinished / DATABASE),))
    if ring is not None:
        shutil.copyfile(ring, unfinished / KEY_RING)
        (unfinished / KEY_RING).chmod(0o600)
    sums = {file.name: _sum(file) for file in sorted(unfinished.iterdir())}
    (unfinished / MANIFEST).write_bytes(msgspec.json.encode(sums))
    _sync_to_disk(unfinished)
    return unfinished.rename(folder / name)


def restore(backup: Path, *, database: Path | None, ring: Path, data: Path, now: datetime) -> None:
    """Put a backup in the place of the database and the key ring.

    What was there is kept aside, beside it, with ``before-`` and the time in its name. Whoever is
    interrupted finds the old database or the new one, never none.

    Raises:
        NotOurs: the database is not SQLite.
        NotWhole: a file of the backup is missing, or not the one that was written.
        InUse: Dashtam is running on the data folder.
    """
    if database is None:
        raise NotOurs
    _check(backup)
    with _held(data, fcntl.LOCK_EX):
        aside = f".before-{now:%Y%m%dT%H%M%S.%fZ}"
        beside = [(_copied(backup / DATABASE, database), database)]
        if (backup / KEY_RING).exists():
            beside.append((_copied(backup / KEY_RING, ring), ring))
        _keep(database.with_name(database.name + "-wal"), f"{database.name}{aside}-wal")
        # SQLite empties the log, and of a database that it cannot read it removes it.
        _settle(database)
        for _, target in beside:
            _keep(target, target.name + aside)
        # A log that stayed would be taken for the new database's own.
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        for copy, target in beside:
            copy.replace(target)
            _sync_to_disk(target.parent)


@contextmanager
def hold_data_folder(data: Path) -> Iterator[None]:
    """Hold the data folder together with others, so that nobody restores over them.

    Raises:
        InUse: a backup is being restored.
    """
    with _held(data, fcntl.LOCK_SH):
        yield


@contextmanager
def _held(data: Path, how: int) -> Iterator[None]:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except OSError:
            raise InUse from None
        yield


def _check(backup: Path) -> None:
    try:
        sums = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=dict[str, str])
        whole = DATABASE in sums and all(
            _sum(backup / name) == found for name, found in sums.items()
        )
        with closing(sqlite3.connect(f"file:{backup / DATABASE}?mode=ro", uri=True)) as opened:
            sound = opened.execute("PRAGMA quick_check").fetchone() == ("ok",)
    except (OSError, msgspec.DecodeError, sqlite3.Error):
        raise NotWhole from None
    if not whole or not sound:
        raise NotWhole


def _copied(source: Path, target: Path) -> Path:
    """Return a copy, safe on the disk beside the place that it is for."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.restoring")
    shutil.copyfile(source, beside)
    beside.chmod(0o600)
    _sync_to_disk(beside)
    return beside


def _settle(database: Path) -> None:
    """Have the database hold what its write-ahead log does, unless it is past reading."""
    if not database.exists():
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _keep(path: Path, name: str) -> None:
    """Have the file under another name as well, where there is one."""
    if not path.exists():
        return
    kept = path.with_name(name)
    try:
        kept.hardlink_to(path)
    except OSError:
        shutil.copy2(path, kept)
    _sync_to_disk(path.parent)


def _sum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync_to_disk(path: Path) -> None:
    for found in [*path.iterdir(), path] if path.is_dir() else [path]:
        descriptor = os.open(found, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
