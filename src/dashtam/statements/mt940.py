"""MT940: end-of-day statements of banks, as SWIFT's category 9 of user manuals lays them out.

Each closing balance is one reading, so that a file of many statements is a history. Of several on
one day a final one goes before an intermediate page's, then the highest statement number and page
(``:28C:``), then the one that no other opens with, then the last of the file.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO, NamedTuple

from dashtam.domain import parsing
from dashtam.domain.account import Identity
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.money import Currency, to_digits
from dashtam.domain.parsing import NO_CURRENCY, UnusableField
from dashtam.domain.period import Moment
from dashtam.domain.statement import Reading, RowError, Statement
from dashtam.statements.accounts import (
    NOTHING,
    ClosingBalances,
    Missing,
    account_key,
    build_identity,
    find_bic,
)
from dashtam.statements.encodings import decode_document, read_document

_TAG = re.compile(r":([0-9]{2}[A-Z]?):(.*)")
_BALANCE = re.compile(
    r"(?P<sign>[CDcd])(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?P<currency>[A-Za-z]{3}|[0-9]{3}(?=[0-9,]))(?P<amount>.+)"
)
_ENVELOPE = re.compile(r"-?\}?\{[0-9]:|-\}")
# The sender: in the output header after the time and date of input, else in the basic header.
_SENDER = re.compile(r"\{2:O[0-9]{13}([A-Z]{6}[A-Z0-9]{6})")
_BASIC = re.compile(r"\{1:[AFL][0-9]{2}([A-Z]{6}[A-Z0-9]{6})")
_HEADER = re.compile(r"(?:[0-9]{4} [0-9]{2})?([A-Z]{6}[A-Z0-9]{2})(?:[A-Z0-9]{3,4}[0-9]*)?")
_NUMBER = re.compile(r"([0-9]{1,9})(?:/([0-9]{1,9}))?")
_END = re.compile(r"-(?:XXX)?")
_INTERIM = re.compile(r":(?:34F|13D|90D|90C):")
_ANY_CLOSING = re.compile(r":62[FM]?:")
INTERIM_REPORT = (
    "This is an interim report (MT942): it lists bookings of the day and no closing balance."
    " Export the end-of-day statement, MT940 or camt.053."
)
_CONTROLS = "\x01\x03 \t"
_LONGEST_AMOUNT = 16
# SWIFT's own century: 79 is 2079.
_LAST_YEAR = 79

_ACCOUNT = ("25", "25P")
_OPENING = ("60F", "60M", "60")
_INTERMEDIATE = "62M"
_CLOSING = ("62F", "62", _INTERMEDIATE)
_LAST = (*_CLOSING, "64", "65")


def read(file: BinaryIO, now: datetime, missing: Missing = NOTHING) -> Iterator[Statement]:
    """Yield each account's closing balances, in the order of the file.

    ``missing`` gives the number of an account without one.

    Raises:
        UnreadableFile: there is no statement in it, or it is an MT942.
    """
    accounts: dict[tuple[str, str, str], ClosingBalances] = {}
    text = decode_document(read_document(file))
    if _INTERIM.search(text) and not _ANY_CLOSING.search(text):
        raise UnreadableFile(INTERIM_REPORT)
    for message in _iter_messages(text, missing):
        if not message.first(*_ACCOUNT) and not message.first(*_CLOSING):
            continue
        closings = message.closings()
        for closing in closings:
            identity = message.identity(closing.line.text)
            account = accounts.setdefault(account_key(identity), ClosingBalances(identity))
            try:
                reading = closing.to_reading(identity, now, account.problems)
            except UnusableField as error:
                account.problems.append(error.to_row_error(closing.line.number))
            else:
                account.add(message.rank(closing), reading, opening=message.opening())
        if not closings:
            identity = message.identity("")
            account = accounts.setdefault(account_key(identity), ClosingBalances(identity))
            absent = parsing.missing_balance(field=":62F:")
            account.problems.append(absent.to_row_error(message.lines[0].number))
    if not accounts:
        raise UnreadableFile(detail="There is no statement with a balance in this MT940 file.")
    for account in accounts.values():
        yield from account.statements()


class _TaggedLine(NamedTuple):
    number: int
    tag: str
    text: str

    def parse_balance(self) -> tuple[Currency, date, Decimal]:
        """Return the currency, the day and the amount of a balance, or raise UnusableField."""
        name = f":{self.tag}:"
        match = _BALANCE.fullmatch(self.text)
        if match is None:
            raise UnusableField(code="invalid_balance", detail=f"{name} is not a balance.")
        currency = parsing.parse_currency_field(f"{name} currency", match["currency"])
        separator = parsing.find_decimal_separator(match["amount"])
        if separator is None and "." in match["amount"]:
            raise UnusableField(code="invalid_amount", detail=f"{name} can be read in two ways.")
        amount = parsing.parse_amount_field(name, match["amount"], separator or ",")
        if amount < 0 or len(to_digits(amount)) > _LONGEST_AMOUNT:
            raise UnusableField(code="invalid_amount", detail=f"{name} is not an amount of MT940.")
        try:
            century = 1900 if int(match["year"]) > _LAST_YEAR else 2000
            day = date(century + int(match["year"]), int(match["month"]), int(match["day"]))
        except ValueError:
            raise parsing.invalid_date(name) from None
        return currency, day, -amount if match["sign"] in "Dd" and amount else amount


@dataclass(frozen=True, slots=True)
class _Closing:
    """The line of a closing balance, and that of the available balance behind it."""

    line: _TaggedLine
    available: _TaggedLine | None

    def to_reading(self, identity: Identity, now: datetime, problems: list[RowError]) -> Reading:
        """Return the reading, or raise UnusableField.

        An unusable available balance is one more of ``problems``.
        """
        parsing.require_account(":25:", identity.external_id)
        currency, day, balance = self.line.parse_balance()
        moment = parsing.require_booked(f":{self.line.tag}:", Moment.of_day(day), now)
        available: Decimal | None = None
        if self.available:
            try:
                own = self.available.parse_balance()
                # That of another day or currency is not this balance's.
                available = own[2] if own[:2] == (currency, day) else None
            except UnusableField as error:
                problems.append(error.to_row_error(self.available.number))
        return Reading(moment.at, balance, available, precision=moment.precision)


@dataclass(slots=True)
class _Message:
    """One message: its tagged lines, in order."""

    bank: str | None
    missing: Missing = NOTHING
    # The bank's own headers are between messages; inside, the same word is part of a booking.
    is_over: bool = True
    has_ended: bool = False
    lines: list[_TaggedLine] = field(default_factory=list)

    def first(self, *tags: str) -> str:
        """Return the text of the first line with one of the tags, empty where there is none."""
        return next((line.text for line in self.lines if line.tag in tags), "")

    def closings(self) -> list[_Closing]:
        """Return the closing balances in order, each with the available balance that follows it."""
        found: list[_Closing] = []
        available: _TaggedLine | None = None
        for line in reversed(self.lines):
            if line.tag == "64":
                available = line
            elif line.tag in _CLOSING:
                found.append(_Closing(line, available))
                available = None
        return found[::-1]

    def opening(self) -> Decimal | None:
        """Return the opening balance, None where there is none that can be used."""
        with suppress(UnusableField):
            for line in self.lines:
                if line.tag in _OPENING:
                    return line.parse_balance()[2]
        return None

    def rank(self, closing: _Closing) -> tuple[int, ...]:
        """Return the rank among the balances of a day, zeros for missing numbers."""
        number = _NUMBER.fullmatch(self.first("28C", "28"))
        is_final = closing.line.tag != _INTERMEDIATE
        return int(is_final), int(number[1]) if number else 0, int((number and number[2]) or 0)

    def identity(self, closing: str) -> Identity:
        """Return the identity of the account; the opening balance's currency is the second choice.

        ``closing`` is the text of the closing balance.
        """
        currency = NO_CURRENCY
        for text in (self.first(*_OPENING), closing):
            match = _BALANCE.fullmatch(text)
            found = parsing.find_currency(match["currency"]) if match else NO_CURRENCY
            currency = currency if found == NO_CURRENCY else found
        number = "".join(self.first(*_ACCOUNT).split()) or self.missing.account
        before, _, after = number.partition("/")
        bank = find_bic(before)
        if bank:
            number = after
        # The Netherlands' banks write the currency behind the number.
        if number[:-3] and number.endswith(currency.code):
            number = number[:-3]
        bank = bank or self.bank
        return build_identity((bank or "mt940", bank or "MT940"), ("", number), None, currency)


def _iter_messages(text: str, missing: Missing) -> Iterator[_Message]:
    if "@@:" in text and not re.search(r"[\r\n]:[0-9]", text):
        # Some banks write two at signs for the end of a line.
        text = text.replace("@@", "\n")
    bank: str | None = None
    message = _Message(None, missing)
    for number, line in enumerate(text.splitlines(), start=1):
        if message.is_over or line.startswith("{"):
            if match := _SENDER.search(line) or _BASIC.search(line):
                # A terminal's address is the BIC with the terminal's letter before the branch.
                bank = find_bic(match[1][:8] + match[1][9:]) or bank
            elif match := _HEADER.fullmatch(line.strip()):
                bank = find_bic(match[1]) or bank
        parts = _ENVELOPE.sub("\n", line) if "{" in line or "}" in line else line
        for part in parts.split("\n"):
            content = part.strip(_CONTROLS)
            tagged = _TAG.match(content)
            if tagged is None:
                is_end = bool(_END.fullmatch(content))
                message.has_ended = message.has_ended or (is_end and message.is_over)
                message.is_over = message.is_over or is_end
                continue
            tag = tagged[1]
            is_next = message.has_ended or (tag == "25" and message.first("25"))
            if tag == "20" or (message.lines and is_next):
                yield message
                message = _Message(bank, missing)
            if not message.lines:
                # A message may lack its reference; the header before it is its own all the same.
                message.bank, message.has_ended = bank, False
            message.lines.append(_TaggedLine(number, tag, tagged[2].strip()))
            message.is_over = tag in _LAST
    yield message
