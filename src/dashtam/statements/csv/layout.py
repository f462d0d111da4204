"""Layouts: the place of a table's header, and the column of each value in it.

A column is found by its name and by the cells below it. Where two columns have one meaning and
different cells, neither is taken: a mapping must name one.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from dashtam.domain.errors import FieldError
from dashtam.domain.parsing import clean
from dashtam.statements.csv import headers
from dashtam.statements.csv.columns import ColumnFinder, is_code, name_column, share, show_name
from dashtam.statements.csv.dates import is_date, parse_clock
from dashtam.statements.csv.headers import normalize
from dashtam.statements.csv.mapping import ColumnMapping
from dashtam.statements.csv.numbers import is_amount
from dashtam.statements.written_amounts import find_currency_code

DELIMITERS = (",", ";", "\t", "|")

_HEAD_ROWS = 200
_SAMPLE_ROWS = 60
_MONARCH = ["date", "balance", "account"]
_SHORTEST_ACCOUNT = 3
_NAMED_CELLS = 3
# A way to split the rows that makes a header goes before any that makes none.
_FOUND = 1_000
_CODE = re.compile(r"\b[A-Z]{3}\b")
_IN_BRACKETS = re.compile(r"[(\[]([^()\[\]]{1,4})[)\]]")
_SPELLED = {
    "holdings": frozenset({"holdings", "holdings value"}),
    "cash": frozenset({"cash", "cash value"}),
}

_MISSING = {
    "date": "No column is named as one of dates: a mapping must name it.",
    "balance": (
        "No column is named as one of balances: a mapping must name it. From transactions alone no"
        " balance is computed: then export a file with a running balance, or OFX."
    ),
}

Rows = Sequence[Sequence[str]]
Roles = dict[str, int | None]


class AccountContext(NamedTuple):
    """The account of rows that name none: its number, its name and its currency."""

    number: str | None
    name: str | None
    currency: str | None

    @classmethod
    def of(cls, layout: "Layout", mapping: ColumnMapping) -> "AccountContext":
        """Return the account by the mapping, else by the file, else by the mapping's defaults."""
        number = layout.account_number or layout.account_name
        name = layout.account_name
        if mapping.account_name or not number:
            number = name = mapping.account_name or mapping.default_account_name
        code = mapping.currency_code or layout.currency_code
        if code is None:
            code = "USD" if layout.is_monarch else mapping.default_currency_code
        return cls(number, name, code)

    def replaced_by(self, other: "AccountContext") -> "AccountContext":
        """Return the account of rows behind a line that names another account or currency."""
        code = other.currency or self.currency
        if other.number is None:
            return AccountContext(self.number, self.name, code)
        return AccountContext(other.number, other.name, code)


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of a table: column indexes from 0, None for a value without a column.

    ``rows_above`` come before the first row of values; ``header`` holds the normalized names.
    ``account_number``, ``account_name`` and ``currency_code`` stand above the table or in a name.
    """

    delimiter: str
    rows_above: int
    header: tuple[str, ...]
    roles: Roles
    account_number: str | None = None
    account_name: str | None = None
    currency_code: str | None = None

    @property
    def is_monarch(self) -> bool:
        """Whether it is the file of Monarch, which names no currency."""
        return list(self.header) == _MONARCH

    def is_repeated(self, row: Sequence[str]) -> bool:
        """Tell whether a row is the header once more."""
        return tuple(map(normalize, row)) == self.header

    def is_note(self, row: Sequence[str]) -> bool:
        """Tell whether a row is a sentence among the rows, and no row of values."""
        filled = [cell for cell in row if cell.strip()]
        balance = self.roles["balance"] or 0
        return len(row) <= balance and len(filled) == 1 and not is_date(filled[0].strip())

    def is_header(self, row: Sequence[str], *, is_after_blank: bool = False) -> bool:
        """Tell whether a row is the header of another table.

        It names a day, or it follows a blank row.
        """
        names = [normalize(cell) for cell in row if cell.strip()]
        return (
            len(names) > 1
            and (is_after_blank or any(headers.rank_date(name) > headers.WEAK for name in names))
            and not any(is_amount(cell) or is_date(cell) for cell in row)
        )

    def read_other_account(self, row: Sequence[str]) -> AccountContext | None:
        """Return the account or the currency that a line between the rows names."""
        filled = [cell.strip() for cell in row if cell.strip()]
        if not 0 < len(filled) <= _NAMED_CELLS:
            return None
        found = read_context([row])
        number, name = found["account_number"], found["account_name"]
        if len(filled) > 1 and not filled[0].endswith(":"):
            # A name and a word beside it may be the header of another table.
            name = None
        code = found["currency_code"]
        if self.roles["account"] is not None:
            number = name = None
        if self.roles["currency"] is not None:
            code = None
        if number is None and name is None and code is None:
            return None
        return AccountContext(number or name, name, code)


@dataclass(slots=True)
class Proposal:
    """The layout of a table as far as it is found, and the questions that it leaves open.

    ``layout`` is None without a header; ``example`` holds the beginning of a mapping that works.
    ``rows`` are the first ones, split by ``delimiter``; ``header`` is that of the layout.
    """

    layout: Layout | None
    columns: list[str] = field(default_factory=list)
    questions: list[FieldError] = field(default_factory=list)
    example: dict[str, object] = field(default_factory=dict)
    rows: Rows = ()
    header: Sequence[str] = ()
    delimiter: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether the columns of the dates and the balances are known."""
        roles = self.layout.roles if self.layout else {}
        return None not in {roles.get("date"), roles.get("balance")}


def split_rows(head: str, delimiter: str) -> list[list[str]] | None:
    """Return the first rows of a text with this delimiter, None where it cannot be split."""
    lines = head.splitlines(keepends=True)[:_HEAD_ROWS]
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return None


def is_table(head: str) -> bool:
    """Tell whether the text looks like rows of columns."""
    lines = "\n".join(line for line in head.splitlines()[:_HEAD_ROWS] if line.strip())
    for delimiter in DELIMITERS:
        rows = split_rows(lines, delimiter) or []
        if any(len(first) == len(second) > 1 for first, second in pairwise(rows)):
            return True
        if _find_header(rows, ColumnMapping()) is not None:
            return True
    return False


def propose(tables: Iterable[tuple[str, Rows]], mapping: ColumnMapping) -> Proposal:
    """Return the best proposal for the first rows of a table, split by each delimiter."""
    best: tuple[int, Proposal] | None = None
    for delimiter, rows in tables:
        quality, proposal = _propose(delimiter, rows, mapping)
        if best is None or quality > best[0]:
            best = quality, proposal
            proposal.delimiter = delimiter
    return best[1] if best else Proposal(None)


def _propose(delimiter: str, rows: Rows, mapping: ColumnMapping) -> tuple[int, Proposal]:
    found = _find_header(rows, mapping)
    if found is None:
        filled = [row for row in rows if any(row)]
        widths = Counter(map(len, filled))
        usual = max(widths, key=lambda width: widths[width] * (width > 1), default=0)
        guess = _guess_columns(filled)
        found_roles = sum(index is not None for index in guess.values())
        quality = 100 * found_roles + (99 * widths[usual] // len(filled) if usual > 1 else 0)
        return quality, _without_header(rows, mapping)
    quality, above, header, samples = found
    roles, questions = _assign(header, samples, mapping)
    context = read_context(rows[: max(above - 1, 0)])
    layout = Layout(
        delimiter=delimiter,
        rows_above=above,
        header=tuple(map(normalize, header)),
        roles=roles,
        account_number=context["account_number"],
        account_name=context["account_name"],
        currency_code=_find_stated_currency(header, samples, roles) or context["currency_code"],
    )
    proposal = Proposal(layout, list(map(show_name, header)), questions, rows=rows, header=header)
    columns = {
        name: name_column(header, index) for name, index in roles.items() if index is not None
    }
    proposal.example = {
        name: column for name, column in columns.items() if name in {"date", "balance"}
    }
    if not mapping.header:
        proposal.example["header"] = False
    # Of several ways to split the rows the one that answers more counts.
    quality += _FOUND - 10 * len(questions)
    asked = {question.place for question in questions}
    guess = _guess_columns(samples, layout.header)
    for name in ("date", "balance"):
        if roles[name] is not None:
            continue
        guessed = guess[name]
        if guessed is not None:
            proposal.example[name] = name_column(header, guessed)
        if f"/mapping/{name}" not in asked:
            questions.append(FieldError(f"/mapping/{name}", "required", _MISSING[name]))
    return quality, proposal


def _find_header(
    rows: Rows, mapping: ColumnMapping
) -> tuple[int, int, list[str], list[Sequence[str]]] | None:
    """Return the quality, the number of rows up to the header, its names, and rows below it."""
    if not mapping.header:
        samples = [row for row in rows if any(row)][:_SAMPLE_ROWS]
        names = [""] * max(map(len, rows), default=0)
        return (100, 0, names, samples) if names else None
    if mapping.header_row is not None:
        above = mapping.header_row
        if above > len(rows):
            return None
        return 100, above, list(rows[above - 1]), _samples(rows, above)
    best: tuple[int, int, list[str], list[Sequence[str]]] | None = None
    for index, row in enumerate(rows):
        for height in (1, 2):
            if index + height > len(rows) or not any(cell.strip() for cell in row):
                continue
            header = list(row)
            if height > 1:
                if any(is_date(cell) or is_amount(cell) for cell in rows[index + 1]):
                    continue
                header = _join(row, rows[index + 1])
            above = index + height
            quality = _rate(header, rows, above, mapping) - height + 1
            if quality > 1 and (best is None or quality > best[0]):
                best = quality, above, header, _samples(rows, above)
    return best


def _samples(rows: Rows, above: int) -> list[Sequence[str]]:
    return [row for row in rows[above : above + 2 * _SAMPLE_ROWS] if any(row)][:_SAMPLE_ROWS]


def _join(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Return the names of a header on two lines."""
    width = max(len(first), len(second))
    cells = [[*row, *[""] * (width - len(row))] for row in (first, second)]
    return [" ".join(filter(None, map(str.strip, pair))) for pair in zip(*cells, strict=True)]


def _rate(header: list[str], rows: Rows, above: int, mapping: ColumnMapping) -> int:
    """Return how well a row is a header: its names and the cells below them; 0 for no header."""
    names = [normalize(cell) for cell in header]
    filled = [cell for cell in header if cell.strip()]
    if len(filled) < 2 or any(is_date(cell) or is_amount(cell) for cell in filled):  # noqa: PLR2004
        return 0
    given = [mapping.date, mapping.balance]
    named = {normalize(column) for column in given if isinstance(column, str)}
    if not named <= set(names):
        return 0
    samples = _samples(rows, above)
    quality = 0
    for column, rank, test in (
        (mapping.date, headers.rank_date, is_date),
        (mapping.balance, headers.rank_balance, is_amount),
    ):
        if isinstance(column, int):
            quality += 4 * (share(samples, column - 1, test) > 0)
            continue
        wanted = normalize(column) if column is not None else None
        fits = [
            index
            for index, name in enumerate(names)
            if (name == wanted if wanted is not None else rank(name) > 0)
        ]
        if not fits:
            continue
        quality += 2
        quality += 2 * any(share(samples, index, test) > 0 for index in fits)
        ranks = [rank(names[index]) for index in fits]
        # Two names that fit alike may be told apart by a second line.
        quality -= 2 * (ranks.count(max(ranks)) > 1)
        quality += any(
            not names[index + 1] and share(samples, index + 1, test) > 0
            for index in fits
            if index + 1 < len(names)
        )
    is_first = not any(any(cell.strip() for cell in row) for row in rows[: above - 1])
    return quality + (1 if is_first and quality else 0)


def _assign(
    header: list[str], samples: list[Sequence[str]], mapping: ColumnMapping
) -> tuple[Roles, list[FieldError]]:
    """Return the column of each role, and a question for each that two columns have."""
    finder = ColumnFinder(header, samples, mapping)
    roles: Roles = {
        "date": finder.find("date", headers.rank_date, is_date),
        "balance": finder.find("balance", headers.rank_balance, is_amount),
    }
    spanned = finder.find_spanned()
    if spanned is not None and mapping.balance is None:
        # Some headers stand above two columns: the currency's and, without a name, the amount's.
        roles["balance"] = spanned + 1
        finder.drop("balance")
    roles["currency"] = finder.find_currency(roles["balance"])
    if spanned is not None and mapping.currency is None and mapping.currency_code is None:
        roles["currency"] = spanned
    roles["account"] = finder.find_account()
    is_open = roles["account"] is None and mapping.account is mapping.account_name is None
    roles["product"] = finder.find_product() if is_open else None
    taken = {index for index in roles.values() if index is not None} - {roles["product"]}
    others: tuple[tuple[str, Callable[[str], int], Callable[[str], bool]], ...] = (
        ("available", headers.rank_available, is_amount),
        ("amount", headers.rank_amount, is_amount),
        ("debit", headers.rank_debit, is_amount),
        ("credit", headers.rank_credit, is_amount),
        ("time", headers.rank_time, lambda text: parse_clock(text) is not None),
        ("holdings", lambda name: int(name in _SPELLED["holdings"]), is_amount),
        ("cash", lambda name: int(name in _SPELLED["cash"]), is_amount),
    )
    for role, rank, test in others:
        roles[role] = finder.find(role, rank, test, taken)
    roles |= finder.find_sides(roles)
    return roles, finder.questions


def read_context(rows: Rows) -> dict[str, str | None]:
    """Return the account and the currency that the lines above a table name."""
    found: dict[str, set[str]] = {
        "account_number": set(),
        "account_name": set(),
        "currency_code": set(),
    }
    before: list[str] = []
    for row in rows:
        cells = [cell.strip() for cell in row if cell.strip()]
        if len(cells) == 1 and ":" in cells[0]:
            cells = [part.strip() for part in cells[0].split(":", 1)]
        elif len(cells) == 1 and len(before) == 1:
            # The name stands on a line of its own, and its value on the next.
            cells = [before[0], cells[0]]
        before = cells
        if len(cells) < 2:  # noqa: PLR2004 - a name and its value
            continue
        name, value = normalize(cells[0]), cells[1].strip(" :")
        if headers.rank_currency(name) == headers.BEST and is_code(value):
            found["currency_code"].add(value.upper())
        elif headers.is_sure_account(headers.rank_account(name)):
            kind = "account_number" if any(map(str.isdigit, value)) else "account_name"
            if len(value) >= _SHORTEST_ACCOUNT:
                found[kind].add(clean(value))
    return {kind: min(values) if len(values) == 1 else None for kind, values in found.items()}


def _find_stated_currency(
    header: list[str], samples: list[Sequence[str]], roles: Roles
) -> str | None:
    """Return the currency that the balance's name or its cells state, None for another sign."""
    balance = roles["balance"]
    if balance is None:
        return None
    name = header[balance] if balance < len(header) else ""
    codes: set[str] = {code for code in _CODE.findall(name) if is_code(code) and code != "ALL"}
    for text in _IN_BRACKETS.findall(name):
        # An amount has the sign of its currency beside it, and so may the name.
        code = find_currency_code(f"1 {text}")
        codes |= {code} if code else set()
    if len(codes) == 1 and name.strip() not in codes:
        return codes.pop()
    cells = [row[balance] for row in samples if balance < len(row) and row[balance].strip()]
    named: set[str] = {find_currency_code(cell) or "" for cell in cells}
    return (min(named) or None) if len(named) == 1 else None


def _without_header(rows: Rows, mapping: ColumnMapping) -> Proposal:
    """Return the proposal for a table whose header names no day or no balance."""
    samples = [row for row in rows if any(row)][-_SAMPLE_ROWS:]
    guess = _guess_columns(samples)
    start = next((at for at, row in enumerate(rows) if any(map(is_date, row))), 0)
    header = list(rows[start - 1]) if start else []
    has_header = len([cell for cell in header if cell.strip()]) > 1
    example: dict[str, object] = {
        role: name_column(header if has_header else [], index)
        for role, index in guess.items()
        if index is not None
    }
    example = {"date": 1, "balance": 2} | example
    if not has_header:
        example = {"header": False} | example
        header = [""] * max(map(len, samples), default=0)
    elif all(isinstance(column, int) for column in example.values()):
        example["header_row"] = start
    is_named = mapping.date is not None and mapping.balance is not None
    detail = "No columns of dates and balances are found: a mapping must name them."
    if is_named:
        detail = "No line of this table has the columns that the mapping names."
    questions = [
        FieldError(f"/mapping/{role}", "unknown_column" if is_named else "required", detail)
        for role in ("date", "balance")
        if is_named or getattr(mapping, role) is None
    ]
    return Proposal(None, list(map(show_name, header)), questions, example, rows)


def _guess_columns(samples: Rows, names: Sequence[str] = ()) -> dict[str, int | None]:
    """Return the first column of dates, and the last one of amounts that no name says are others'.

    ``names`` are the normalized ones of the header.
    """
    width = max(map(len, samples), default=0)
    others = {
        at
        for at, name in enumerate(names)
        if headers.rank_account(name)
        or headers.rank_amount(name)
        or headers.rank_debit(name)
        or headers.rank_credit(name)
    }
    dates = [at for at in range(width) if share(samples, at, is_date) >= 1 / 2]
    amounts = [
        at for at in range(width) if at not in others and share(samples, at, is_amount) >= 1 / 2
    ]
    return {"date": next(iter(dates), None), "balance": next(reversed(amounts), None)}
