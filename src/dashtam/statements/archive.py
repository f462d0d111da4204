"""Archives: the statement files in a ZIP, within limits."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from dashtam.domain.errors import UnreadableFile

MAX_ENTRIES = 1_000
MAX_ENTRY_BYTES = 32 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024
MAX_RATIO = 200
"""A file may be this many times as long as it is compressed."""

_SMALL_BYTES = 1024 * 1024
_FOREIGN = "__MACOSX/"


def iter_files(file: BinaryIO) -> Iterator[tuple[int, BinaryIO]]:
    """Yield the files of an archive with their numbers from 1, in the order of their names.

    Raises:
        UnreadableFile: it is damaged or encrypted, or breaks a limit.
    """
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = sorted(
                (one for one in archive.infolist() if is_file(one)), key=lambda one: one.filename
            )
            if len(entries) > MAX_ENTRIES:
                raise UnreadableFile(detail="This archive holds more than 1,000 files.")
            if sum(one.file_size for one in entries) > MAX_TOTAL_BYTES:
                raise UnreadableFile(detail="The files of this archive are longer than 256 MiB.")
            for number, entry in enumerate(entries, start=1):
                yield number, io.BytesIO(_read_entry(archive, entry))
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
        NotImplementedError,
        ValueError,
    ):
        raise UnreadableFile(detail="This archive is damaged or encrypted.") from None


def is_file(entry: zipfile.ZipInfo) -> bool:
    """Tell whether an entry is a file of the sender's: no folder, and none that a system adds."""
    name = entry.filename
    return not (
        entry.is_dir() or name.startswith(_FOREIGN) or name.rpartition("/")[2].startswith(".")
    )


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    is_bomb = entry.file_size > max(_SMALL_BYTES, MAX_RATIO * entry.compress_size)
    if is_bomb or entry.file_size > MAX_ENTRY_BYTES:
        raise UnreadableFile(detail="A file of this archive is longer than a statement may be.")
    with archive.open(entry) as source:
        # The length in the list is the sender's own word.
        content = source.read(entry.file_size + 1)
    if len(content) > entry.file_size:
        raise UnreadableFile(detail="This archive is damaged or encrypted.")
    return content
