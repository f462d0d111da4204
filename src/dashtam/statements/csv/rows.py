"""Rows: the lines of a balance file as lists of cells."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from dashtam.domain.errors import UnreadableFile
from dashtam.statements.csv.mapping import Layout

_MAX_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The rows of values of a file; each iteration starts again from its beginning."""

    file: BinaryIO
    encoding: str
    layout: Layout

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not blank, with the number of its last line."""
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, self.encoding, errors="replace", newline="")
        lines = chain.from_iterable(_blocks_of_lines(text))
        reader = csv.reader(lines, delimiter=self.layout.delimiter)
        try:
            for index, row in enumerate(reader):
                if index >= self.layout.rows_above and any(row):
                    yield reader.line_num, row
        except csv.Error:
            raise UnreadableFile(detail="A quoted field of this file does not end.") from None
        finally:
            text.detach()


def _blocks_of_lines(text: io.TextIOWrapper) -> Iterator[list[str]]:
    # The file's length is its sender's choice; a line's is not. Many lines are cut at once, since
    # one call for each of a million would take as long as understanding them.
    begun = ""
    while block := text.read(_MAX_LINE):
        lines = io.StringIO(begun + block, newline="").readlines()
        # The last one may go on in the next block, were it only with the other half of its end.
        begun = lines.pop()
        if max(map(len, [begun, *lines])) > _MAX_LINE:
            raise UnreadableFile(detail="A line of this file is longer than 64 KiB.")
        yield lines
    if begun:
        yield [begun]


def cell(row: list[str], index: int | None) -> str | None:
    """Return the cell without spaces around it, empty where the row is too short."""
    if index is None:
        return None
    return row[index].strip() if index < len(row) else ""
