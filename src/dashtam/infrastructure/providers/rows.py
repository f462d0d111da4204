"""Rows: the lines of a balance file as lists of cells."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from dashtam.domain.errors import UnreadableFile
from dashtam.infrastructure.providers.columns import Layout

_MAX_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of values of a file; each iteration starts again from its beginning."""

    file: BinaryIO
    encoding: str
    layout: Layout

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not blank, with the number of its last line."""
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, self.encoding, errors="replace", newline="")
        reader = csv.reader(_lines(text), delimiter=self.layout.delimiter)
        try:
            for index, row in enumerate(reader):
                if index >= self.layout.rows_above and any(row):
                    yield reader.line_num, row
        except csv.Error:
            raise UnreadableFile(detail="A quoted field of this file does not end.") from None
        finally:
            text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    # The file's length is its sender's choice; a line's is not.
    while line := text.readline(_MAX_LINE):
        if len(line) == _MAX_LINE and not line.endswith(("\n", "\r")):
            raise UnreadableFile(detail="A line of this file is longer than 64 KiB.")
        yield line


def cell(row: list[str], index: int | None) -> str | None:
    """Return the cell without spaces around it, empty where the row is too short."""
    if index is None:
        return None
    return row[index].strip() if index < len(row) else ""
