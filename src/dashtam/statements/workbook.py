"""Workbooks: the first sheet with a table of balances in an XLSX, XLS or ODS file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import BinaryIO, Self

from python_calamine import CalamineError, CalamineWorkbook

from dashtam.domain import parsing
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.statement import RowError, Statement
from dashtam.statements.csv.balance_csv import read_table
from dashtam.statements.csv.layout import Rows, propose
from dashtam.statements.csv.mapping import ColumnMapping, parse_mapping
from dashtam.statements.encodings import read_document

_HEAD_ROWS = 200
# A spreadsheet shows 15 digits; those behind them come from binary fractions.
_DIGITS = ".15g"
_GROUP = 3
_NAME_LENGTH = 40


def read(
    file: BinaryIO,
    now: datetime,
    mapping: Mapping[str, object] | None = None,
    *,
    is_preview: bool = False,
) -> Iterator[Statement]:
    """Yield the readings of the first sheet that is a table of balances.

    Each further one is a problem of its first account: it may be that of another account.

    Raises:
        MappingNeeded: as for any table; for the first sheet where none is a table of balances.
        UnreadableFile: it is damaged, or no sheet holds anything.
    """
    columns = parse_mapping(mapping)
    sheets = list(_read_sheets(file))
    if not sheets:
        raise UnreadableFile(detail="This spreadsheet is empty.")
    tables = [sheet for sheet in sheets if propose(sheet.heads(columns), columns).is_complete]
    first, *others = tables or sheets[:1]
    left_out = [
        RowError(
            None,
            "other_sheet",
            f"The sheet “{parsing.clean(sheet.name, _NAME_LENGTH)}” is a table of balances too, and"
            " is not read: save it as a file of its own.",
        )
        for sheet in others
    ]
    for statement in read_table(first, now, columns, is_preview=is_preview):
        yield replace(statement, problems=[*statement.problems, *left_out])
        left_out = []


@dataclass(frozen=True, slots=True)
class Sheet:
    """The name and the rows of one sheet."""

    name: str
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


def _read_sheets(file: BinaryIO) -> Iterator[Sheet]:
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
                yield Sheet(name, cells)
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
