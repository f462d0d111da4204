"""Amounts of a table: the separators of a column, and the number of a cell.

Whether ``1,234`` has thousands or a fraction is never guessed: another row of the column or the
mapping settles it.
"""

import re
from contextlib import suppress
from decimal import Decimal

from dashtam.domain import parsing
from dashtam.domain.errors import FieldError, InvalidAmount
from dashtam.domain.money import Currency, parse_amount
from dashtam.domain.parsing import Separator, UnusableField
from dashtam.statements.written_amounts import read_notation


class AmountEvidence:
    """The decimal separator of a column: that of the mapping, or the one that its cells prove."""

    def __init__(self, decimal: Separator | None, thousands: str | None) -> None:
        self._separator = decimal
        if decimal is None and thousands in {",", "."}:
            self._separator = "." if thousands == "," else ","
        self._is_ambiguous = False

    def see(self, text: str) -> None:
        """Take one cell into account; one that is no amount proves nothing."""
        if self._separator is not None or not text:
            return
        number = read_notation("Balance", text)
        separator = parsing.find_decimal_separator(number)
        with suppress(UnusableField):
            parsing.parse_amount_field("Balance", number, separator or ".")
            self._separator = separator
        self._is_ambiguous = self._is_ambiguous or "," in number or "." in number

    def question(self) -> FieldError | None:
        """Return the question that the column leaves open, None where its separator is certain."""
        if self._separator is not None or not self._is_ambiguous:
            return None
        detail = (
            "Whether 1,234 has thousands or a fraction is not certain in this file:"
            " a mapping must say decimal."
        )
        return FieldError("/mapping/decimal", "ambiguous_amount", detail)

    @property
    def is_proved(self) -> bool:
        """Whether a cell or the mapping proves the separator."""
        return self._separator is not None

    @property
    def separator(self) -> Separator:
        """The sign before fractions, once ``question`` is settled."""
        return self._separator or "."


def parse_amount_cell(
    field: str,
    text: str,
    separator: Separator,
    thousands: str | None = None,
    currency: Currency | None = None,
) -> Decimal | None:
    """Return the amount, None where the cell is empty.

    Raises:
        UnusableField: ``invalid_amount``, or ``other_currency`` where the cell names another one.
    """
    if separator == ".":
        try:
            return parse_amount(text)
        except InvalidAmount:
            pass
    if not text.strip():
        return None
    number = read_notation(field, text, currency)
    group = re.search(r"[0-9]([^0-9])[0-9]{3}", number)
    if thousands is not None and group and group[1] not in {separator, thousands}:
        detail = f"{field} groups its digits in another way."
        raise UnusableField(code="invalid_amount", detail=detail)
    return parsing.parse_amount_field(field, number, separator)


def is_amount(text: str) -> bool:
    """Tell whether a cell is an amount of money with either separator."""
    number = read_notation("", text)
    separator = parsing.find_decimal_separator(number) or "."
    with suppress(UnusableField):
        parsing.parse_amount_field("", number, separator)
        return True
    return False
