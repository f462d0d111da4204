"""Amounts: how a column of a balance file writes them, signs of currency and all.

Whether ``1,234`` has thousands or a fraction is never guessed: another row of the column settles
it, or a mapping says it.
"""

import re
from decimal import Decimal

from dashtam.domain import parsing
from dashtam.domain.errors import FieldError, InvalidAmount, MappingNeeded
from dashtam.domain.money import parse_amount
from dashtam.domain.parsing import Separator, Unusable

_SIGNS = "$€£¥"
_MONEY = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+\-\u2212]?)\s*[{_SIGNS}]?\s*(?P<inner>[+\-\u2212]?)"
    rf"(?P<number>[0-9.,'\u2019 \u00a0\u202f]*[0-9.,])\s*[{_SIGNS}]?(?P<trail>-?)\s*(?P<close>\))?"
)


class AmountEvidence:
    """What the amounts of a column, seen one after the other, prove of their layout."""

    def __init__(self, separator: Separator | None, thousands: str | None) -> None:
        self._separator = separator
        self._thousands = thousands
        self._is_ambiguous = False

    @property
    def is_settled(self) -> bool:
        """Tell whether no further row can change the answer."""
        return self._separator is not None

    def see(self, text: str) -> None:
        """Take one cell into account; one that is no amount proves nothing."""
        bare = _bare(text)
        self._separator = _proven(bare, self._thousands)
        self._is_ambiguous = self._is_ambiguous or "," in bare or "." in bare

    def separator(self) -> Separator:
        """Return the sign before fractions.

        Raises:
            MappingNeeded: it is ambiguous.
        """
        if self._separator is None and self._is_ambiguous:
            detail = (
                "Whether 1,234 has thousands or a fraction is not certain in this file:"
                " a mapping must say decimal."
            )
            raise MappingNeeded(
                detail, (FieldError("/mapping/decimal", "ambiguous_amount", detail),)
            )
        return self._separator or "."


def amount(field: str, text: str, separator: Separator, thousands: str | None) -> Decimal | None:
    """Return the amount, None where the cell is empty.

    Raises:
        Unusable: ``invalid_amount``.
    """
    if separator == ".":
        try:
            return parse_amount(text)
        except InvalidAmount:
            pass
    if not text.strip():
        return None
    bare = _bare(text)
    group = re.search(r"[0-9]([^0-9])[0-9]{3}", bare)
    if thousands is not None and group and group[1] not in {separator, thousands}:
        raise Unusable(code="invalid_amount", detail=f"{field} groups its digits in another way.")
    return parsing.amount(field, bare, separator)


def _proven(text: str, thousands: str | None) -> Separator | None:
    if thousands in {",", "."}:
        return "." if thousands == "," else ","
    separator = parsing.separator_of(text)
    try:
        parsing.amount("Balance", text, separator or ".")
    except Unusable:
        return None
    return separator


def _bare(text: str) -> str:
    """Return the number without signs of currency, a minus before it where it is negative."""
    match = _MONEY.fullmatch(text.strip())
    if match is None or bool(match["open"]) != bool(match["close"]):
        return text
    signs = match["sign"] + match["inner"] + match["trail"] + (match["open"] or "")
    if len(signs) > 1:
        return text
    return ("-" if signs in {"-", "\u2212", "("} else "") + match["number"]
