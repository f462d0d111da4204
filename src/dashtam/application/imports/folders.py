"""Folders: the files in them, and those that cannot be imported at all."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from dashtam.domain.errors import Unprocessable

_NOT_A_FILE: Final = "It is a device, a pipe or a socket, and no file."


class NotAFile(Unprocessable):
    """A path names something that is neither a file nor a folder."""

    detail = _NOT_A_FILE


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to import, or one that is left out for the reason in ``left_out``.

    ``is_named`` where the sender named it; any other is of a folder, and may be no statement.
    """

    path: Path
    is_named: bool = False
    left_out: str | None = None


def find_files(paths: Sequence[Path], *, is_recursive: bool) -> Iterator[FoundFile]:
    """Yield each file, and of each folder its files, by name.

    Hidden files are none of a folder's; links to folders are not followed.
    """
    for path in paths:
        if path.is_dir():
            yield from _find_inside(path, is_recursive=is_recursive)
        else:
            yield FoundFile(path, is_named=True)


def _find_inside(folder: Path, *, is_recursive: bool) -> Iterator[FoundFile]:
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        yield FoundFile(folder, left_out=f"It cannot be read: {error.strerror}.")
        return
    for path in inside:
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            is_special = path.exists() and not path.is_file()
            yield FoundFile(path, left_out=_NOT_A_FILE if is_special else None)
        elif path.is_symlink():
            yield FoundFile(path, left_out="It is a link to a folder.")
        elif is_recursive:
            yield from _find_inside(path, is_recursive=True)
        else:
            yield FoundFile(path, left_out="It is a folder: add --recursive.")


def open_file(path: Path) -> BinaryIO:
    """Open a regular file.

    Raises:
        NotAFile: it is something else; such a path could wait for ever, or never end.
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise NotAFile
    # Without waiting, in case the path names something else by now.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFile
    return os.fdopen(descriptor, "rb")
