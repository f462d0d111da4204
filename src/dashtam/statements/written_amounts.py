"""Amounts as banks write them: signs, brackets, currencies and Cr/Dr around the digits."""

# ruff: noqa: RUF001 - letters of other scripts in the names of their currencies

import re

from dashtam.domain.money import Currency
from dashtam.domain.parsing import NO_CURRENCY, UnusableField, find_currency

_DOLLARS = frozenset(
    "USD AUD CAD NZD SGD HKD TWD MXN ARS CLP COP BBD BMD BND BSD BZD FJD GYD JMD KYD LRD NAD SBD"
    " SRD TTD XCD".split()
)
_SYMBOL_CODES = {
    "$": _DOLLARS,
    "¥ ￥": frozenset({"JPY", "CNY"}),
    "£": frozenset("GBP GIP FKP SHP EGP LBP SYP SDG SSP".split()),
    "kr kr.": frozenset("SEK NOK DKK ISK".split()),
    "rs rs.": frozenset("INR PKR LKR NPR MUR SCR".split()),
    "lei leu": frozenset("RON MDL".split()),
    "₽ р р. руб руб.": frozenset("RUB BYN".split()),
    "tl ₺": frozenset("TRY TRL".split()),
}
_SYMBOL_CODES |= {
    symbols: frozenset({code})
    for symbols, code in {
        "€ euro euros": "EUR", "us$ u$s": "USD", "r$": "BRL", "a$ au$": "AUD", "c$ ca$": "CAD",
        "hk$": "HKD", "s$ sg$": "SGD", "nz$": "NZD", "nt$": "TWD", "mx$": "MXN", "元 rmb": "CNY",
        "円": "JPY", "₹": "INR", "zł zl": "PLN", "kč kc": "CZK", "ft": "HUF",
        "fr fr. sfr sfr.": "CHF",
        "лв лв.": "BGN", "₴ грн грн.": "UAH", "₪": "ILS", "₩": "KRW", "฿": "THB", "₫ đ": "VND",
        "₱": "PHP", "₦": "NGN",
    }.items()
}  # fmt: skip
_CODES = {symbol: codes for symbols, codes in _SYMBOL_CODES.items() for symbol in symbols.split()}
_CREDIT = frozenset("cr cr. credit c h haben".split())
_DEBIT = frozenset("dr dr. db debit d s soll".split())
# In a column of their own.
_CREDIT_SIDES = _CREDIT | frozenset("+ crédito credito haber kredit bij ma 贷 貸 cred crdt".split())
_DEBIT_SIDES = _DEBIT | frozenset("- débito debito debe debet af wn 借 deb dbit".split())
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"))
_NUMBER = re.compile(
    r"(?P<before>.*?)(?P<number>(?:(?<!\w)[.,])?[0-9](?:[0-9.,'\u2019\s]*[0-9])?[.,]?)(?P<after>[^0-9]*)"
)
_MARKS = str.maketrans("", "", "()+- \t\u00a0\u202f")
_SYMBOL_AND_WORD = re.compile(r"[^\W\d_.]+\.?|[^\w\s]+|\w+")


def read_notation(field: str, text: str, currency: Currency | None = None) -> str:
    """Return the number, with a minus before it where it is negative.

    Text without a number, or with words that are no notation of money, is returned as it is.

    Raises:
        UnusableField: ``other_currency`` where the text names another currency than the one given.
    """
    notation = _parse(text)
    if notation is None:
        return text
    number, codes = notation
    if currency and currency != NO_CURRENCY and codes and currency.code not in codes:
        named = f"{min(codes)}, " if len(codes) == 1 else ""
        detail = f"{field} is in another currency ({named}not {currency.code})."
        raise UnusableField(code="other_currency", detail=detail)
    return number


def find_currency_code(text: str) -> str | None:
    """Return the one currency that the written amount names, None where it names none for sure."""
    notation = _parse(text)
    codes = notation[1] if notation else None
    if codes is not None and len(codes) > 1:
        # The lira of before 2005 has the signs of today's.
        codes -= {"TRL"}
    return min(codes) if codes and len(codes) == 1 else None


def find_side(text: str) -> int | None:
    """Return 1 for a credit and -1 for a debit, None for any other text."""
    side = text.strip().casefold()
    return 1 if side in _CREDIT_SIDES else -1 if side in _DEBIT_SIDES else None


def _parse(text: str) -> tuple[str, frozenset[str] | None] | None:
    """Return the number with its sign and the currencies that it may be in, None for other text."""
    text = text.strip().translate(_DASHES)
    match = _NUMBER.fullmatch(text)
    if match is None or match["before"].count("(") != match["after"].count(")"):
        return None
    number, before, after = match["number"], match["before"], match["after"]
    if number[-1] in ".," and after.strip(" -") == "":
        # In Switzerland and Germany a dash stands for no cents: 100.-
        after = ""
    signs = [sign for sign in before + after if sign in "+-("]
    codes: frozenset[str] | None = None
    words = _words(before) + _words(after)
    for word in words:
        if word in _CREDIT | _DEBIT:
            signs.append("-" if word in _DEBIT else "+")
        elif (found := _find_codes(word)) and codes in {None, found}:
            codes = found
        else:
            return None
    if len(signs) > 1:
        return None
    is_negative = bool(signs) and signs[0] in "-("
    return ("-" if is_negative else "") + number, codes


def _words(text: str) -> list[str]:
    bare = " ".join(part.translate(_MARKS) for part in text.split()).strip().casefold()
    if not bare:
        return []
    return [bare] if bare in _CODES else list(_SYMBOL_AND_WORD.findall(bare))


def _find_codes(word: str) -> frozenset[str] | None:
    known = _CODES.get(word)
    if known is None and find_currency(word) != NO_CURRENCY:
        known = frozenset({word.upper()})
    return known
