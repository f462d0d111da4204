"""MT940: end-of-day statements of banks, as SWIFT's category 9 of user manuals lays them out.

Each closing balance is one reading, so that a file of many statements is a history. Of several on
one day a final one goes before an intermediate page's, then the highest statement number and page
(``:28C:``), then the last of the file. The library
reads the balances; what it would misread silently (an amount it cuts, a currency that is part of
the amount, a path given for a text) never reaches it.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO

import mt940

from dashtam.domain import parsing
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.money import Currency
from dashtam.domain.parsing import NO_CURRENCY, Unusable
from dashtam.domain.statement import Identity, Reading, RowError, Statement
from dashtam.statements.encodings import text_of, whole
from dashtam.statements.identities import bic, numbered

_TAG = re.compile(r":([0-9]{2}[A-Z]?):(.*)")
_BALANCE = re.compile(
    r"(?P<mark>[CDcd])(?P<day>[0-9]{6})(?P<currency>[A-Za-z]{3}|[0-9]{3}(?=[0-9,]))(?P<amount>.+)"
)
_ENVELOPE = re.compile(r"-?\}?\{[0-9]:|-\}")
# The sender: in the output header after the time and date of input, else in the basic header.
_SENDER = re.compile(r"\{2:O[0-9]{13}([A-Z]{6}[A-Z0-9]{6})")
_BASIC = re.compile(r"\{1:[AFL][0-9]{2}([A-Z]{6}[A-Z0-9]{6})")
_HEADER = re.compile(r"(?:[0-9]{4} [0-9]{2})?([A-Z]{6}[A-Z0-9]{2})(?:[A-Z0-9]{3,4}[0-9]*)?")
_NUMBER = re.compile(r"([0-9]{1,9})(?:/([0-9]{1,9}))?")
_END = re.compile(r"-(?:XXX)?")
_CONTROLS = "\x01\x03 \t"
_LONGEST_AMOUNT = 16

_OPENING = ("60F", "60M", "60")
_FINAL, _INTERMEDIATE = ("62F", "62"), "62M"
_LAST = (*_FINAL, _INTERMEDIATE, "64", "65")


@dataclass(slots=True)
class _Page:
    """One message: its lines by tag, in order, with their line numbers."""

    bank: str | None
    # Between messages stand the bank's own headers; inside, the same word is part of a booking.
    is_over: bool = True
    lines: list[tuple[int, str, str]] = field(default_factory=list)

    def first(self, *tags: str) -> str:
        return next((text for _, tag, text in self.lines if tag in tags), "")


@dataclass(frozen=True, slots=True)
class _Closing:
    """A closing balance, and the line and text of the available balance behind it."""

    line: int
    tag: str
    text: str
    available: tuple[int, str] | None


@dataclass(slots=True)
class _Mt940Account:
    """What the file says of one account in one currency; each reading with its rank."""

    identity: Identity
    readings: list[tuple[tuple[int, ...], Reading]] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)


def read(file: BinaryIO, now: datetime) -> Iterator[Statement]:
    """Yield each account's closing balances, in the order of the file.

    Raises:
        UnreadableFile: there is no statement in it.
    """
    accounts: dict[tuple[str, str, str], _Mt940Account] = {}
    for page in _pages(text_of(whole(file))):
        _read_page(page, accounts, now)
    if not accounts:
        raise UnreadableFile(detail="There is no statement with a balance in this MT940 file.")
    for account in accounts.values():
        closings = parsing.last_per_instant(account.readings)
        yield from parsing.split_statement(account.identity, closings, account.problems)


def _pages(text: str) -> Iterator[_Page]:
    """Yield the messages that name an account or a closing balance."""
    bank: str | None = None
    page = _Page(None)
    for number, line in enumerate(text.splitlines(), start=1):
        if page.is_over or line.startswith("{"):
            bank = _bank(line) or bank
        for part in _parts(line):
            match = _TAG.match(part)
            if match is None:
                page.is_over = page.is_over or bool(_END.fullmatch(part))
                continue
            if match[1] == "20" or (match[1] == "25" and page.first("25")):
                yield from _told(page)
                page = _Page(bank)
            page.lines.append((number, match[1], match[2].strip()))
            page.is_over = match[1] in _LAST
    yield from _told(page)


def _parts(line: str) -> list[str]:
    if "{" in line or "}" in line:
        line = _ENVELOPE.sub("\n", line)
    return [part.strip(_CONTROLS) for part in line.split("\n")]


def _told(page: _Page) -> Iterator[_Page]:
    if page.first("25", "25P") or page.first(*_FINAL, _INTERMEDIATE):
        yield page


def _bank(line: str) -> str | None:
    match = _SENDER.search(line) or _BASIC.search(line)
    if match:
        # A terminal's address is the BIC with the terminal's letter before the branch.
        return bic(match[1][:8] + match[1][9:])
    match = _HEADER.fullmatch(line.strip())
    return bic(match[1]) if match else None


def _read_page(
    page: _Page, accounts: dict[tuple[str, str, str], _Mt940Account], now: datetime
) -> None:
    # From the end, so that each closing balance meets the available balance that follows it.
    available: tuple[int, str] | None = None
    told: list[_Closing] = []
    for number, tag, text in reversed(page.lines):
        if tag == "64":
            available = (number, text)
        elif tag in _FINAL or tag == _INTERMEDIATE:
            told.append(_Closing(number, tag, text, available))
            available = None
    for closing in reversed(told):
        _read_closing(page, closing, accounts, now)
    if not told:
        currency = _currency_of(page.first(*_OPENING))
        problem = parsing.missing_balance(field=":62F:").problem(page.lines[0][0])
        _account(page, currency, accounts).problems.append(problem)


def _read_closing(
    page: _Page,
    closing: _Closing,
    accounts: dict[tuple[str, str, str], _Mt940Account],
    now: datetime,
) -> None:
    told = _currency_of(closing.text)
    if told == NO_CURRENCY:
        told = _currency_of(page.first(*_OPENING))
    account = _account(page, told, accounts)
    try:
        _require_number(account.identity)
        currency, day, balance = _balance(f":{closing.tag}:", closing.text)
        captured_at = parsing.check_instant(f":{closing.tag}:", parsing.noon(day), now)
    except Unusable as unusable:
        account.problems.append(unusable.problem(closing.line))
        return
    available = None
    if closing.available:
        line, text = closing.available
        try:
            own, _, amount = _balance(":64:", text)
            available = amount if own == currency else None
        except Unusable as unusable:
            account.problems.append(unusable.problem(line))
    rank = (int(closing.tag in _FINAL), *_page_number(page))
    account.readings.append((rank, Reading(captured_at, balance, available)))


def _page_number(page: _Page) -> tuple[int, int]:
    """Return the statement's number and the page's in it, zeros where they are not told."""
    match = _NUMBER.fullmatch(page.first("28C", "28"))
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


def _require_number(identity: Identity) -> None:
    if not identity.external_id:
        raise Unusable(code="missing_account", detail=":25: is missing: no account is told.")


def _account(
    page: _Page, currency: Currency, accounts: dict[tuple[str, str, str], _Mt940Account]
) -> _Mt940Account:
    number = "".join(page.first("25", "25P").split())
    before, _, after = number.partition("/")
    bank = bic(before)
    if bank:
        number = after
    # The Netherlands' banks write the currency behind the number.
    if number[:-3] and number.endswith(currency.code):
        number = number[:-3]
    bank = bank or page.bank
    identity = numbered((bank or "mt940", bank or "MT940"), ("", number), None, currency)
    key = (identity.institution_key, identity.external_id, currency.code)
    return accounts.setdefault(key, _Mt940Account(identity))


def _currency_of(text: str) -> Currency:
    match = _BALANCE.fullmatch(text)
    try:
        return parsing.currency("", match["currency"].upper()) if match else NO_CURRENCY
    except Unusable:
        return NO_CURRENCY


def _balance(place: str, text: str) -> tuple[Currency, date, Decimal]:
    """Return what the library reads of a balance that it cannot misread."""
    match = _BALANCE.fullmatch(text)
    if match is None:
        raise Unusable(code="invalid_balance", detail=f"{place} is not a balance.")
    currency = parsing.currency(f"{place} currency", match["currency"].upper())
    amount = _plain(place, match["amount"])
    line = f"{match['mark'].upper()}{match['day']}{currency.code}{amount}"
    source = io.StringIO(f":20:PAGE\n:25:ACCOUNT\n:62F:{line}\n")
    try:
        (statement,) = mt940.parse_statements(source, options=mt940.Options.all())
    except ValueError:
        raise parsing.invalid_date(place) from None
    balance = statement.data["final_closing_balance"]
    return currency, balance.date, parsing.amount(place, format(balance.amount.amount, "f"))


def _plain(place: str, text: str) -> str:
    """Return the amount with a comma, without leading zeros, short enough for the library."""
    separator = parsing.separator_of(text)
    if separator is None and "." in text:
        raise Unusable(code="invalid_amount", detail=f"{place} can be read in two ways.")
    plain = format(parsing.amount(place, text, separator or ","), "f").replace(".", ",")
    if len(plain) > _LONGEST_AMOUNT or plain.startswith("-"):
        raise Unusable(code="invalid_amount", detail=f"{place} is not an amount of MT940.")
    return plain
