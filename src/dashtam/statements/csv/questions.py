"""Questions: the proposed mapping of a table, and the parts that only its sender settles."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol, Self

from dashtam.domain import parsing
from dashtam.domain.errors import FieldError, MappingNeeded
from dashtam.domain.mapping_proposal import (
    Certainty,
    Choice,
    MappingPart,
    MappingProposal,
    SourceRow,
)
from dashtam.domain.parsing import UnusableField
from dashtam.statements.csv import headers
from dashtam.statements.csv.columns import name_column, share, show_name
from dashtam.statements.csv.dates import LAYOUT_NAMES, DateEvidence, is_date
from dashtam.statements.csv.headers import normalize
from dashtam.statements.csv.layout import (
    DELIMITERS,
    AccountContext,
    Layout,
    Proposal,
    Rows,
    propose,
)
from dashtam.statements.csv.mapping import ENCODINGS, ColumnMapping
from dashtam.statements.csv.numbers import AmountEvidence, is_amount

_DEFAULTS = ColumnMapping()
_MOST_NAMES = 40
_SHOWN_ROWS = 8
_SHOWN_ABOVE = 3
_CELL_LENGTH = 60
_RANKS: Mapping[str, Callable[[str], int]] = {
    "date": headers.rank_date,
    "balance": headers.rank_balance,
    "account": headers.rank_account,
    "currency": headers.rank_currency,
    "available": headers.rank_available,
    "time": headers.rank_time,
    "amount": headers.rank_amount,
    "debit": headers.rank_debit,
    "credit": headers.rank_credit,
}


class Table(Protocol):
    """The first rows of a file, of text or of a spreadsheet."""

    def heads(self, mapping: ColumnMapping) -> Iterator[tuple[str, Rows]]:
        """Yield each delimiter that the table may have, and the first rows that it makes."""

    def detected(self) -> Self:
        """Return the same table, read without a choice of its sender's."""

    def find_encoding(self) -> tuple[str, bool] | None:
        """Return the encoding and whether it is certain, None where there is none to choose."""


@dataclass(slots=True)
class Findings:
    """All that is known of a table once its rows were read, or its first ones."""

    proposal: Proposal
    mapping: ColumnMapping
    dates: DateEvidence | None = None
    amounts: AmountEvidence | None = None
    questions: list[FieldError] = field(default_factory=list)
    side: Choice | None = None

    @property
    def layout(self) -> Layout:
        """The layout, an empty one where none is found."""
        return self.proposal.layout or Layout("", 0, (), dict.fromkeys(_RANKS))

    def ask_identity(self) -> None:
        """Ask for an account and a currency that nothing names."""
        layout, mapping = self.layout, self.mapping
        context = AccountContext.of(layout, mapping)
        if layout.roles["account"] is None and mapping.account is None and not context.number:
            product = layout.roles.get("product")
            detail = "No column names the account: a mapping must say account or account_name."
            if product is not None:
                detail = (
                    f"Column {self._quote(product)} may name the accounts: a mapping must say"
                    " account, or account_name where all rows are of one."
                )
            self._ask("account_name", "required", detail)
        if layout.roles["currency"] is None and mapping.currency is None and not context.currency:
            detail = "No column names the currency: a mapping must say currency or currency_code."
            self._ask("currency_code", "required", detail)
        if mapping.currency_code:
            try:
                parsing.parse_currency_field("currency_code", mapping.currency_code)
            except UnusableField as error:
                self._ask("currency_code", error.code, str(error))

    def ask_side(self, column: int) -> None:
        """Ask whether a column of debits and credits is that of the balances."""
        name = self._quote(column)
        detail = (
            f"Column {name} may tell debits from credits among the balances, or among the booked"
            " amounts: a mapping must give it for balance_side, or for amount_side."
        )
        self.side = name_column(self.proposal.header, column)
        self._ask("balance_side", "ambiguous_column", detail)

    def ask_account(self, column: int | None) -> None:
        """Ask for the account where the column of accounts is the other party's."""
        detail = (
            f"The balance runs on from one account of column {self._quote(column)} to the next, so"
            " that it is the other party's: a mapping must say account_name."
        )
        self._ask("account_name", "other_party", detail)

    def ask_currency(self, column: int | None) -> None:
        """Ask for the currency where the column of currencies is that of the booked amounts."""
        detail = (
            f"The balance runs on from one currency of column {self._quote(column)} to the next, so"
            " that it is that of the booked amounts: a mapping must say currency_code."
        )
        self._ask("currency_code", "ambiguous_currency", detail)

    def _quote(self, column: int | None) -> str:
        index = column or 0
        name = self.proposal.columns[index] if index < len(self.proposal.columns) else ""
        return f"{index + 1} “{name}”"

    def _ask(self, name: str, code: str, detail: str) -> None:
        self.questions.append(FieldError(f"/mapping/{name}", code, detail))

    def mapping_needed(self, table: Table) -> MappingNeeded:
        """Return the error that asks all open questions at once, with an example that answers."""
        proposal = self.describe(table)
        names = [
            f"{number} {name or '(without a name)'}"
            for number, name in enumerate(proposal.columns[:_MOST_NAMES], start=1)
        ]
        example = json.dumps(proposal.example_mapping, ensure_ascii=False)
        hints = [
            FieldError("/mapping", "columns_found", f"The columns are {', '.join(names)}."),
            FieldError("/mapping", "example_mapping", f"Such a mapping answers: {example}"),
        ]
        if len(self.questions) == 1:
            detail = self.questions[0].detail
        else:
            detail = f"A mapping must say {', '.join(sorted(self._asked()))}."
        return MappingNeeded(detail, (*self.questions, *hints), proposal)

    def _asked(self) -> dict[str, str]:
        return {one.place.removeprefix("/mapping/"): one.detail for one in self.questions}

    def _example(self) -> dict[str, object]:
        """Return a mapping that answers the questions, with likely values."""
        asked = self._asked()
        example = dict(self.proposal.example)
        if "date_format" in asked and self.dates is not None:
            example["date_format"] = self.dates.candidates()[0]
        if "decimal" in asked:
            example["decimal"] = "."
        product = self.layout.roles.get("product")
        if "account_name" in asked and product is not None:
            example["account"] = name_column(self.proposal.header, product)
        elif "account_name" in asked:
            example["account_name"] = "Current account"
        if "currency_code" in asked:
            example["currency_code"] = "EUR"
        if self.side is not None:
            example["balance_side"] = self.side
        for name in self.mapping.__struct_fields__:
            value = getattr(self.mapping, name)
            if name in asked or name.startswith("default_") or value == getattr(_DEFAULTS, name):
                continue
            example[name] = value
        return example

    def describe(self, table: Table) -> MappingProposal:
        """Return the mapping with which the table is read, part by part."""
        proposal = self.proposal
        example = self._example()
        return MappingProposal(
            shape=self._find_shape(table),
            delimiter=proposal.delimiter,
            columns=proposal.columns,
            first_rows=self._first_rows(),
            parts=[
                *self._file_parts(table),
                *self._column_parts(example),
                *self._value_parts(),
            ],
            example_mapping=example,
        )

    def _find_shape(self, table: Table) -> str:
        if self.mapping == _DEFAULTS:
            return find_shape(self.proposal)
        return find_shape(propose(table.detected().heads(_DEFAULTS), _DEFAULTS))

    def _first_rows(self) -> list[SourceRow]:
        layout = self.proposal.layout
        start = max(0, layout.rows_above - _SHOWN_ABOVE) if layout else 0
        rows = list(enumerate(self.proposal.rows, start=1))[start : start + _SHOWN_ROWS]
        return [
            SourceRow(line, [parsing.clean(cell, _CELL_LENGTH) for cell in row[:_MOST_NAMES]])
            for line, row in rows
        ]

    def _part(
        self, name: str, proposed: Choice | None, choices: Sequence[Choice], *, is_sure: bool
    ) -> MappingPart:
        question = self._asked().get(name)
        given = getattr(self.mapping, name)
        is_given = given is not None and given != getattr(_DEFAULTS, name)
        certainty = Certainty.SURE if is_given or is_sure else Certainty.LIKELY
        if question is not None:
            certainty = Certainty.OPEN
        elif is_given:
            proposed = given
        return MappingPart(
            name, proposed, certainty, [one for one in choices if one != proposed], question
        )

    def _file_parts(self, table: Table) -> list[MappingPart]:
        parts: list[MappingPart] = []
        encoding = table.find_encoding()
        layout = self.proposal.layout
        has_header = layout is not None and bool(self.mapping.header)
        if encoding is not None:
            name, is_sure = encoding
            parts.append(self._part("encoding", name, ENCODINGS, is_sure=is_sure))
            delimiter = self.proposal.delimiter
            parts.append(self._part("delimiter", delimiter, DELIMITERS, is_sure=has_header))
        rows = [
            at
            for at, row in enumerate(self.proposal.rows, start=1)
            if len([cell for cell in row if cell.strip()]) > 1
            and not any(is_date(cell.strip()) for cell in row)
        ]
        row = layout.rows_above if layout else self.proposal.example.get("header_row", 0)
        certainty = Certainty.SURE if has_header else Certainty.LIKELY
        if layout is None:
            certainty = Certainty.OPEN
        number = row if isinstance(row, int) else 0
        choices = [one for one in [0, *rows[:20]] if one != number]
        question = None if layout else "Which row is the header? 0 stands for none."
        return [*parts, MappingPart("header_row", number, certainty, choices, question)]

    def _column_parts(self, example: Mapping[str, object]) -> list[MappingPart]:
        header = list(self.proposal.header) or list(self.proposal.columns)
        choices = [name_column(header, at) for at in range(len(self.proposal.columns))]
        names = list(map(normalize, header))
        parts = []
        for role, rank in _RANKS.items():
            index = self.layout.roles.get(role)
            proposed = choices[index] if index is not None and index < len(choices) else None
            if proposed is None and role in {"date", "balance"}:
                guess = example.get(role)
                proposed = guess if isinstance(guess, str | int) else None
            is_sure = index is not None and sum(rank(name) > 0 for name in names) == 1
            part = self._part(role, proposed, choices, is_sure=is_sure)
            if proposed is None and part.certainty is not Certainty.OPEN:
                part = MappingPart(role, None, Certainty.LIKELY, choices)
            parts.append(part)
        return parts

    def _value_parts(self) -> list[MappingPart]:
        asked = self._asked()
        context = AccountContext.of(self.layout, self.mapping)
        has_account = self.layout.roles["account"] is not None
        has_currency = self.layout.roles["currency"] is not None
        formats = self.dates.candidates() if self.dates is not None else []
        others = [name for name in LAYOUT_NAMES if name not in formats]
        is_proved = self.amounts is not None and self.amounts.is_proved
        separator = self.amounts.separator if self.amounts is not None else None
        # Where they are asked for, nothing in the file tells them, and nothing is proposed.
        name = None if has_account else context.name or context.number
        currency = None if has_currency else context.currency
        return [
            self._part(
                "date_format",
                formats[0] if formats else None,
                [*formats, *others],
                is_sure="date_format" not in asked and bool(formats),
            ),
            self._part("decimal", separator, [".", ","], is_sure=is_proved),
            self._part("thousands", None, ["", ".", ",", " ", "'"], is_sure=False),
            self._part("account_name", name, [], is_sure=has_account),
            self._part(
                "currency_code",
                currency,
                [],
                is_sure=has_currency or self.layout.currency_code is not None,
            ),
            self._part("institution", None, [], is_sure=False),
            self._part("sign", self.mapping.sign, [1, -1], is_sure=False),
            *(
                []
                if self.side is None
                else [self._part("balance_side", None, [self.side, 0], is_sure=False)]
            ),
        ]


def find_shape(proposal: Proposal) -> str:
    """Return the hash of a table's header and delimiter, as they are found without a mapping.

    A table without a header has the kinds of its cells in place of the names.
    """
    names = [name for name in proposal.columns if name]
    if not names:
        rows = [row for row in proposal.rows if any(row)]
        width = len(proposal.columns)
        kinds = [
            "date" if share(rows, at, is_date) else "amount" if share(rows, at, is_amount) else ""
            for at in range(width)
        ]
        return _hash(proposal.delimiter, kinds, is_header=False)
    return shape_of(proposal.delimiter, proposal.columns)


def shape_of(delimiter: str, columns: Sequence[str]) -> str:
    """Return the shape of a table by the names in its header."""
    return _hash(delimiter, [normalize(show_name(name)) for name in columns], is_header=True)


def _hash(delimiter: str, names: Sequence[str], *, is_header: bool) -> str:
    return sha256(json.dumps([delimiter, names, is_header]).encode()).hexdigest()
