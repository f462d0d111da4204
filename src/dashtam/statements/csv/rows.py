"""Rows: the lines of a balance file as lists of cells."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO, Self

from dashtam.domain.errors import UnreadableFile
from dashtam.statements.csv.layout import DELIMITERS, Rows, split_rows
from dashtam.statements.csv.mapping import ColumnMapping
from dashtam.statements.encodings import find_encoding, iter_text

_MAX_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class CsvTable:
    """The rows of a file of text; each iteration starts again from its beginning."""

    file: BinaryIO
    encoding: str | None

    def detected(self) -> Self:
        """Return the same table, read without a choice of its sender's."""
        return replace(self, encoding=None)

    def find_encoding(self) -> tuple[str, bool] | None:
        """Return the encoding of the file, and whether it is certain."""
        return (self.encoding, True) if self.encoding else find_encoding(self.file)

    def heads(self, mapping: ColumnMapping) -> Iterator[tuple[str, Rows]]:
        """Yield each delimiter that the file may have, and the first rows that it makes."""
        head = next(iter_text(self.file, self.encoding))
        # Where a comma stands before fractions, another sign more likely stands between columns.
        likely = sorted(DELIMITERS, key=lambda sign: sign == mapping.decimal)
        for delimiter in [mapping.delimiter] if mapping.delimiter else likely:
            rows = split_rows(head, delimiter)
            if rows is not None:
                yield delimiter, rows

    def iter_rows(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with the number of its last line.

        Raises:
            UnreadableFile: a line is longer than 64 KiB, or a quoted field does not end.
        """
        lines = chain.from_iterable(_iter_line_blocks(iter_text(self.file, self.encoding)))
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error:
            raise UnreadableFile(detail="A quoted field of this file does not end.") from None


def get_cell(row: list[str], index: int | None) -> str | None:
    """Return the cell without spaces around it: None without an index, empty in a short row."""
    if index is None:
        return None
    return row[index].strip() if index < len(row) else ""


def _iter_line_blocks(blocks: Iterator[str]) -> Iterator[list[str]]:
    # The sender chooses the length of a file, and not that of a line. Many lines are split at
    # once, since one call for each of a million would take as long as parsing them.
    begun = ""
    for block in blocks:
        lines = io.StringIO(begun + block, newline="").readlines()
        # The last one may continue in the next block, if only with the other half of its end.
        begun = lines.pop() if lines else ""
        if max(map(len, [begun, *lines])) > _MAX_LINE:
            raise UnreadableFile(detail="A line of this file is longer than 64 KiB.")
        yield lines
    if begun:
        yield [begun]
