"""Amounts of a balance file: the separators of a column, and the number of a cell.

Whether ``1,234`` has thousands or a fraction is never guessed: another row of the column or the
mapping settles it.
"""

import re
from contextlib import suppress
from decimal import Decimal

from dashtam.domain import parsing
from dashtam.domain.errors import FieldError, InvalidAmount, MappingNeeded
from dashtam.domain.money import parse_amount
from dashtam.domain.parsing import Separator, UnusableField

_SIGNS = "$€£¥"
_MONEY = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+\-\u2212]?)\s*[{_SIGNS}]?\s*(?P<inner>[+\-\u2212]?)"
    rf"(?P<number>[0-9.,'\u2019 \u00a0\u202f]*[0-9.,])\s*[{_SIGNS}]?(?P<trail>-?)\s*(?P<close>\))?"
)


class AmountEvidence:
    """The decimal separator of a column: that of the mapping, or the one that its cells prove."""

    def __init__(self, decimal: Separator | None, thousands: str | None) -> None:
        self._separator = decimal
        if decimal is None and thousands in {",", "."}:
            self._separator = "." if thousands == "," else ","
        self._is_ambiguous = False

    def see(self, text: str) -> None:
        """Take one cell into account; one that is no amount proves nothing."""
        if self._separator is not None:
            return
        number = _strip_currency(text)
        separator = parsing.find_decimal_separator(number)
        with suppress(UnusableField):
            parsing.parse_amount_field("Balance", number, separator or ".")
            self._separator = separator
        self._is_ambiguous = self._is_ambiguous or "," in number or "." in number

    def choose(self) -> Separator:
        """Return the sign before fractions.

        Raises:
            MappingNeeded: it is ambiguous.
        """
        if self._separator is None and self._is_ambiguous:
            detail = (
                "Whether 1,234 has thousands or a fraction is not certain in this file:"
                " a mapping must say decimal."
            )
            fault = FieldError("/mapping/decimal", "ambiguous_amount", detail)
            raise MappingNeeded(detail, (fault,))
        return self._separator or "."


def parse_amount_cell(
    field: str, text: str, separator: Separator, thousands: str | None
) -> Decimal | None:
    """Return the amount, None where the cell is empty.

    Raises:
        UnusableField: ``invalid_amount``.
    """
    if separator == ".":
        try:
            return parse_amount(text)
        except InvalidAmount:
            pass
    if not text.strip():
        return None
    number = _strip_currency(text)
    group = re.search(r"[0-9]([^0-9])[0-9]{3}", number)
    if thousands is not None and group and group[1] not in {separator, thousands}:
        detail = f"{field} groups its digits in another way."
        raise UnusableField(code="invalid_amount", detail=detail)
    return parsing.parse_amount_field(field, number, separator)


def _strip_currency(text: str) -> str:
    """Return the number without signs of currency, with a minus before it where it is negative."""
    match = _MONEY.fullmatch(text.strip())
    if match is None or bool(match["open"]) != bool(match["close"]):
        return text
    signs = match["sign"] + match["inner"] + match["trail"] + (match["open"] or "")
    if len(signs) > 1:
        return text
    return ("-" if signs in {"-", "\u2212", "("} else "") + match["number"]
