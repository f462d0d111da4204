"""camt.053: end-of-day statements in ISO 20022's XML, versions 2 to 13.

The namespace names the version, and what is read here is the same in all of them: closing booked
(CLBD) and closing available (CLAV) balances.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from dashtam.domain.account import AccountType
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.money import Currency
from dashtam.domain.statement import Problem, Reading, Statement
from dashtam.infrastructure.providers import fields
from dashtam.infrastructure.providers.fields import NO_CURRENCY, Unusable
from dashtam.infrastructure.providers.identities import bic, numbered

_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
# ISO 20022's external cash account types.
_TYPES = {
    "CACC": AccountType.CHECKING,
    "SVGS": AccountType.SAVINGS,
    "MOMA": AccountType.MONEY_MARKET,
    "LOAN": AccountType.LOAN,
    "CARD": AccountType.CREDIT_CARD,
}


def read(file: BinaryIO, now: datetime) -> Iterator[Statement]:
    """Yield one statement for each currency of each ``Stmt``, in the order of the file.

    Raises:
        UnreadableFile: it is not well-formed XML, declares entities, or has no ``Stmt``.
    """
    file.seek(0)
    found = False
    try:
        for _, element in iterparse(file, forbid_dtd=True):
            name = element.tag.rpartition("}")[2]
            element.tag = name
            if name == "Stmt":
                found = True
                yield from _statement(element, now)
            if name in {"Stmt", "Ntry"}:
                # Bookings are not wanted, and would fill the memory.
                element.clear()
    except (ParseError, LookupError, ValueError) as error:
        if isinstance(error, DefusedXmlException):
            detail = "This XML file declares a document type or entities, which no statement does."
            raise UnreadableFile(detail) from None
        raise UnreadableFile(detail="This file is not well-formed XML.") from None
    if not found:
        raise UnreadableFile(detail="There is no statement (Stmt) in this camt.053 file.")


def _statement(source: Element, now: datetime) -> Iterator[Statement]:
    closings = [bal for bal in source.findall("Bal") if _kind(bal) == "CLBD"]
    available = [bal for bal in source.findall("Bal") if _kind(bal) == "CLAV"]
    # Where a balance's currency cannot be told, its problem goes to the account's own.
    own = _named(source.findtext("Acct/Ccy", ""))
    readings: dict[Currency, list[Reading]] = {}
    problems: dict[Currency, list[Problem]] = {}
    for closing in closings:
        currency = _named(_code(closing))
        if currency == NO_CURRENCY:
            currency = own
        told = problems.setdefault(currency, [])
        try:
            reading = _reading(source, closing, available, now, told)
            readings.setdefault(currency, []).append(reading)
        except Unusable as unusable:
            told.append(unusable.problem())
    if not closings:
        problems[own] = [fields.missing_balance(field="Bal CLBD").problem()]
    for currency, told in problems.items():
        yield from _pieces(source, currency, readings.get(currency, []), told)


def _pieces(
    source: Element, currency: Currency, readings: list[Reading], problems: list[Problem]
) -> Iterator[Statement]:
    servicer = source.find("Acct/Svcr/FinInstnId")
    bank = name = ""
    if servicer is not None:
        bank = bic(servicer.findtext("BICFI") or servicer.findtext("BIC") or "") or ""
        name = servicer.findtext("Nm", "").strip()
    identity = numbered(
        (bank or "camt053", name or bank or "camt.053"),
        ("", _number(source)),
        _TYPES.get(source.findtext("Acct/Tp/Cd", "").strip()),
        currency,
    )
    return fields.pieces(identity, readings, problems)


def _number(source: Element) -> str:
    number = source.findtext("Acct/Id/IBAN") or source.findtext("Acct/Id/Othr/Id") or ""
    return "".join(number.split())


def _reading(
    source: Element,
    closing: Element,
    available: list[Element],
    now: datetime,
    problems: list[Problem],
) -> Reading:
    if not _number(source):
        raise Unusable(code="missing_account", detail="Acct.Id is missing: no account is told.")
    fields.currency("Bal CLBD Amt.Ccy", _code(closing))
    balance = _amount("Bal CLBD Amt", closing)
    captured_at = _captured_at("Bal CLBD Dt", closing, now)
    same = [bal for bal in available if _code(bal) == _code(closing)]
    same.sort(key=lambda bal: _day_text(bal) != _day_text(closing))
    left: Decimal | None = None
    if same:
        try:
            left = _amount("Bal CLAV Amt", same[0])
        except Unusable as unusable:
            problems.append(unusable.problem())
    return Reading(captured_at, balance, left)


def _kind(bal: Element) -> str:
    return bal.findtext("Tp/CdOrPrtry/Cd", "").strip()


def _named(code: str) -> Currency:
    try:
        return fields.currency("", code)
    except Unusable:
        return NO_CURRENCY


def _code(bal: Element) -> str:
    amount = bal.find("Amt")
    return "" if amount is None else amount.get("Ccy", "")


def _amount(place: str, bal: Element) -> Decimal:
    amount = fields.amount(place, bal.findtext("Amt", ""))
    mark = bal.findtext("CdtDbtInd", "").strip()
    if mark not in {"CRDT", "DBIT"} or amount < 0:
        raise Unusable(code="invalid_amount", detail=f"{place}: CdtDbtInd does not tell its sign.")
    return -amount if mark == "DBIT" and amount else amount


def _day_text(bal: Element) -> str:
    return (bal.findtext("Dt/Dt") or bal.findtext("Dt/DtTm") or "").strip()


def _captured_at(place: str, bal: Element, now: datetime) -> datetime:
    text = _day_text(bal)
    day = _DAY.fullmatch(text)
    try:
        if day:
            return fields.past(place, fields.noon(date.fromisoformat(day[1])), now)
        if not _INSTANT.fullmatch(text):
            raise fields.invalid_date(place)
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise fields.invalid_date(place) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return fields.past(place, instant, now)
