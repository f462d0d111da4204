"""Amounts as people type them, in the way of any country."""

import re
from decimal import Decimal
from typing import Final

from dashtam.domain.errors import Invalid
from dashtam.domain.money import Currency
from dashtam.domain.parsing import UnusableField, find_decimal_separator, parse_amount_field

_MARK: Final = r"[A-Za-z]{0,3}[$€£¥₹₩]|[A-Za-z]{3}|"
_TYPED: Final = re.compile(
    rf"(?P<open>\()?(?P<sign>[-+]?) ?(?P<before>{_MARK}) ?(?P<inner>-?)"
    rf"(?P<digits>[0-9.,](?:[0-9.,'\u2019 ]*[0-9.,])?) ?(?P<after>{_MARK})(?P<close>\))?"
)
# The dollars and pesos of most countries; a code says it for the others.
_DOLLARS: Final = "USD CAD AUD NZD SGD HKD TWD MXN CLP COP ARS"
_MARKS: Final = {"$": _DOLLARS, "€": "EUR", "£": "GBP", "¥": "JPY CNY", "₹": "INR", "₩": "KRW"}
_DOUBTFUL: Final = 3
_FORM: Final = "Type it like 1250.50 or -1250.50."


def parse_typed_amount(text: str, currency: Currency) -> Decimal:
    """Return the amount that was typed for an account of this currency.

    Groups of thousands, a currency before or behind, and brackets for a negative amount are valid.

    Raises:
        Invalid: it is no amount, is in another currency, or can be read in two ways.
    """
    typed = " ".join(text.replace("\N{MINUS SIGN}", "-").split())
    match = _TYPED.fullmatch(typed)
    if match is None or bool(match["open"]) != bool(match["close"]):
        raise Invalid(detail=f"{text[:40]!r} is no amount. {_FORM}")
    mark = match["before"] + match["after"]
    codes = _MARKS.get(mark[-1:], mark.upper())
    if mark and currency.code not in codes.split():
        raise Invalid(detail=f"{text[:40]!r} is not in {currency.code}: type the amount alone.")
    digits = match["digits"]
    separator = find_decimal_separator(digits)
    if separator is None and re.search("[.,]", digits):
        whole, point = re.sub("[.,]", "", digits), re.sub("[.,]", ".", digits).rstrip("0")
        # Three digits behind the point would be in doubt again.
        places = len(point.partition(".")[2])
        either = f"{point}{'00' if places == 0 else '0' if places == _DOUBTFUL else ''}"
        raise Invalid(detail=f"{digits} can be read in two ways: type {whole}, or {either}.")
    try:
        amount = parse_amount_field("Balance", digits, separator or ".")
    except UnusableField:
        raise Invalid(detail=f"{text[:40]!r} is no amount. {_FORM}") from None
    signs = [match["sign"] == "-", bool(match["inner"]), bool(match["open"])]
    if sum(signs) > 1:
        raise Invalid(detail=f"{text[:40]!r} has several signs. {_FORM}")
    return -amount if any(signs) and amount else amount
