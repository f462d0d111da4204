"""Workbooks: the first sheet with a table in an XLSX, XLS or ODS file, as rows of text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import BinaryIO, Self

from python_calamine import CalamineError, CalamineWorkbook

from dashtam.domain.errors import UnreadableFile
from dashtam.statements.csv.layout import Rows
from dashtam.statements.csv.mapping import ColumnMapping
from dashtam.statements.encodings import read_document

_HEAD_ROWS = 200
# A spreadsheet shows 15 digits; those behind them come from binary fractions.
_DIGITS = ".15g"
_GROUP = 3


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one sheet."""

    rows: Sequence[list[str]]

    def detected(self) -> Self:
        """Return the same sheet: nothing about it is a choice of its sender's."""
        return self

    def find_encoding(self) -> tuple[str, bool] | None:
        """Return None: a spreadsheet names its own encoding."""
        return None

    def heads(self, mapping: ColumnMapping) -> Iterator[tuple[str, Rows]]:  # noqa: ARG002 - a table's
        """Yield the first rows."""
        yield "", self.rows[:_HEAD_ROWS]

    def iter_rows(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:  # noqa: ARG002 - a table's
        """Yield each row with its number."""
        yield from enumerate(self.rows, start=1)


def read_sheets(file: BinaryIO) -> Iterator[Sheet]:
    """Yield the sheets that hold anything.

    Raises:
        UnreadableFile: it is damaged or encrypted.
    """
    file.seek(0)
    read_document(file)
    file.seek(0)
    try:
        workbook = CalamineWorkbook.from_filelike(file)
        for name in workbook.sheet_names:
            rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            cells = [[_to_text(cell) for cell in row] for row in rows]
            if any(any(row) for row in cells):
                yield Sheet(cells)
    except (CalamineError, OSError, ValueError):
        raise UnreadableFile(detail="This spreadsheet is damaged or encrypted.") from None


def _to_text(cell: object) -> str:
    """Return a cell as a table of text has it; numbers with a point before their fraction."""
    if isinstance(cell, datetime):
        # A day in a spreadsheet is midnight of that day.
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, float):
        text = format(Decimal(format(cell, _DIGITS)), "f")
        whole, point, fraction = text.partition(".")
        # Three digits behind the point could be taken for thousands.
        return f"{text}0" if len(fraction) == _GROUP else whole + point + fraction
    if isinstance(cell, bool | timedelta):
        return ""
    return str(cell).strip()
