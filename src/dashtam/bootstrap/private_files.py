"""The folders and files of an installation, which nobody but their owner may open."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from dashtam.bootstrap import heartbeat
from dashtam.database import restoration

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def private_paths(data: Path, database: Path | None, ring: Path) -> Iterator[Path]:
    """Yield the paths to keep from others: the data folder, then its parts, present or not.

    ``database`` is a SQLite file, which may lie elsewhere; its folder then is not yielded.
    """
    backups = data / "backups"
    yield from (data, ring.parent, backups, data / heartbeat.FOLDER)
    yield from ring.parent.glob(f"{ring.name}*")
    yield from backups.glob("*")
    yield from backups.glob("*/*")
    if database is not None:
        yield from (database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm"))
        yield from restoration.companions(database)
        yield from database.parent.glob(f"{glob.escape(database.name)}.before-*")


def make_private(paths: Iterable[Path]) -> None:
    """Take the access of others from those paths that are ours, where the system lets us."""
    for path in exposed_paths(paths):
        with suppress(OSError):
            found = path.stat()
            # A folder such as /tmp is shared on purpose.
            if found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX:
                path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


def exposed_paths(paths: Iterable[Path]) -> Sequence[Path]:
    """Return those folders and files that others than their owner have access to."""
    return [path for path in paths if _is_exposed(path)]


def exposure_text(exposed: Sequence[Path]) -> str:
    """Return a sentence on at least one exposed path."""
    more = f" and {len(exposed) - 1:,} more" if len(exposed) > 1 else ""
    return f"Other users of this machine have access to {exposed[0]}{more}."


def _is_exposed(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return bool(mode & _OTHERS) and (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
