"""Restores a backup of a SQLite database and its key ring, both or neither.

A journal beside the database names the files to replace. It is written when their copies are
complete: an interruption before that leaves everything as it was, and one after it is finished by
the next process that opens the database.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from dashtam.database.backups import DATABASE, KEY_RING, NotSqlite, check, fsync
from dashtam.domain.errors import Conflict

# SQLite locks these bytes of a database that it has open: https://sqlite.org/fileformat.html
_FIRST_LOCKED_BYTE: Final = 0x40000000
_LOCKED_BYTES: Final = 512


class DatabaseInUse(Conflict):
    """Another process has the database open, or restores a backup."""

    detail = (
        "Dashtam is running on this database, another program has it open, or a backup is being"
        " restored. Stop them, and try again."
    )


class _Replacement(msgspec.Struct, frozen=True):
    """A file that a restoration replaces by its copy, and keeps under another name."""

    copy: str
    target: str
    kept: str


class _Journal(msgspec.Struct, frozen=True):
    """The replacements of a restoration; the first is that of the database."""

    replacements: list[_Replacement]


def companions(database: Path) -> Iterator[Path]:
    """Yield the files that this module keeps beside a database, present or not."""
    yield from (_lock_path(database), _journal_path(database), _copy_path(database))
    yield _journal_path(database).with_suffix(".new")


def restore(backup: Path, *, database: Path | None, ring: Path, now: datetime) -> None:
    """Replace the database and the key ring by those of a backup.

    The replaced files stay beside them, with ``before-`` and the time in their names.

    Raises:
        NotSqlite: the database is not SQLite.
        BackupDamaged: a file of the backup is missing or was changed.
        DatabaseInUse: a process has the database open, by any name of its file.
    """
    if database is None:
        raise NotSqlite
    check(backup)
    database, ring = database.resolve(), ring.resolve()
    with _locked(database, fcntl.LOCK_EX):
        _finish(database, ring)
        suffix = f".before-{now:%Y%m%dT%H%M%S.%fZ}"
        targets = {DATABASE: database}
        if (backup / KEY_RING).exists():
            targets[KEY_RING] = ring
        with _unused(database):
            try:
                for name, target in targets.items():
                    _copy(backup / name, _copy_path(target))
                replacements = [
                    _Replacement(str(_copy_path(target)), str(target), target.name + suffix)
                    for target in targets.values()
                ]
                _write_journal(database, _Journal(replacements))
            finally:
                _finish(database, ring)


@contextmanager
def hold(database: Path, ring: Path) -> Iterator[None]:
    """Keep backups from being restored, as several processes can at once.

    A restoration that was interrupted is finished before.

    Raises:
        DatabaseInUse: a backup is being restored.
    """
    database, ring = database.resolve(), ring.resolve()
    if _journal_path(database).exists() or _copy_path(database).exists():
        with _locked(database, fcntl.LOCK_EX):
            _finish(database, ring)
    with _locked(database, fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(database: Path, mode: int) -> Iterator[None]:
    """Hold the lock of a database; its path has no symbolic link."""
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(_lock_path(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, mode | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise DatabaseInUse from None
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def _unused(database: Path) -> Iterator[None]:
    """Hold SQLite's own lock of a database, which needs no readable database.

    It belongs to the file, so it tells also of a program that opened the file by another name.
    """
    if not database.exists():
        yield
        return
    with database.open("r+b") as file:
        try:
            flags = fcntl.LOCK_EX | fcntl.LOCK_NB
            fcntl.lockf(file, flags, _LOCKED_BYTES, _FIRST_LOCKED_BYTE)
        except OSError:
            raise DatabaseInUse from None
        yield


def _write_journal(database: Path, journal: _Journal) -> None:
    path = _journal_path(database)
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(msgspec.json.encode(journal))
    fsync(unfinished)
    unfinished.replace(path)
    fsync(path.parent)


def _copy(source: Path, copy: Path) -> None:
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(source, copy)
    copy.chmod(0o600)
    fsync(copy)
    fsync(copy.parent)


def _finish(database: Path, ring: Path) -> None:
    """Carry out the journal, if there is one; else remove the copies made before it."""
    path = _journal_path(database)
    path.with_suffix(".new").unlink(missing_ok=True)
    if not path.exists():
        for copy in map(_copy_path, (ring, database)):
            if copy.is_file():
                copy.unlink()
        return
    for one in msgspec.json.decode(path.read_bytes(), type=_Journal).replacements:
        _replace(one, is_database=one.target == str(database))
    path.unlink()
    fsync(path.parent)


def _replace(one: _Replacement, *, is_database: bool) -> None:
    copy, target = Path(one.copy), Path(one.target)
    if not copy.exists():
        # It was replaced before the interruption.
        return
    kept = target.with_name(one.kept)
    _keep(target, kept)
    if is_database:
        wal = target.with_name(target.name + "-wal")
        _keep(wal, kept.with_name(f"{kept.name}-wal"))
        # SQLite would replay a remaining log into the new database.
        for file in (wal, target.with_name(target.name + "-shm")):
            file.unlink(missing_ok=True)
        fsync(target.parent)
    copy.replace(target)
    fsync(target.parent)


def _keep(path: Path, kept: Path) -> None:
    """Give the file, if there is one, a second name in its folder."""
    if not path.exists() or kept.exists():
        return
    try:
        kept.hardlink_to(path)
    except OSError:
        # The file system has no hard links; an interruption must not leave half a copy.
        unfinished = kept.with_name(f".{kept.name}")
        shutil.copy2(path, unfinished)
        fsync(unfinished)
        unfinished.replace(kept)
    fsync(kept)
    fsync(kept.parent)


def _lock_path(database: Path) -> Path:
    return database.with_name(f"{database.name}.in-use")


def _journal_path(database: Path) -> Path:
    return database.with_name(f"{database.name}.restoring.json")


def _copy_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.restoring")
