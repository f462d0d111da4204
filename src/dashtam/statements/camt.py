"""camt.053: end-of-day statements in ISO 20022's XML, versions 2 to 13.

The namespace names the version, and what is read here is the same in all of them: closing booked
(CLBD) and closing available (CLAV) balances. Of several closing balances of one instant a final one
goes before an intermediate page's, then the highest sequence number and page, then the last of the
file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from dashtam.domain import parsing
from dashtam.domain.account import AccountType
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.money import Currency
from dashtam.domain.parsing import NO_CURRENCY, Unusable
from dashtam.domain.statement import Identity, Reading, RowError, Statement
from dashtam.statements.identities import bic, numbered

_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_NUMBER = re.compile(r"[0-9]{1,18}")
# ISO 20022's external cash account types.
_TYPES = {
    "CACC": AccountType.CHECKING,
    "SVGS": AccountType.SAVINGS,
    "MOMA": AccountType.MONEY_MARKET,
    "LOAN": AccountType.LOAN,
    "CARD": AccountType.CREDIT_CARD,
}


@dataclass(slots=True)
class _CamtAccount:
    """What the file says of one account in one currency; each reading with its rank."""

    identity: Identity
    readings: list[tuple[tuple[int, ...], Reading]] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)


_Accounts = dict[tuple[str, str, str], _CamtAccount]


def read(file: BinaryIO, now: datetime) -> Iterator[Statement]:
    """Yield each account's closing balances, one account for each currency of a ``Stmt``.

    Raises:
        UnreadableFile: it is not well-formed XML, declares entities, or has no ``Stmt``.
    """
    accounts: _Accounts = {}
    for source in _statements(file):
        _read_statement(source, accounts, now)
    if not accounts:
        raise UnreadableFile(detail="There is no statement (Stmt) in this camt.053 file.")
    for account in accounts.values():
        closings = parsing.last_per_instant(account.readings)
        yield from parsing.split_statement(account.identity, closings, account.problems)


def _statements(file: BinaryIO) -> Iterator[Element]:
    file.seek(0)
    try:
        for _, element in iterparse(file, forbid_dtd=True):
            element.tag = element.tag.rpartition("}")[2]
            if element.tag == "Stmt":
                yield element
            if element.tag in {"Stmt", "Ntry"}:
                # Bookings are not wanted, and would fill the memory.
                element.clear()
    except (ParseError, LookupError, ValueError) as error:
        if isinstance(error, DefusedXmlException):
            detail = "This XML file declares a document type or entities, which no statement does."
            raise UnreadableFile(detail) from None
        raise UnreadableFile(detail="This file is not well-formed XML.") from None


def _read_statement(source: Element, accounts: _Accounts, now: datetime) -> None:
    closings = [bal for bal in source.findall("Bal") if _kind(bal) == "CLBD"]
    available = [bal for bal in source.findall("Bal") if _kind(bal) == "CLAV"]
    # Where a balance's currency cannot be told, its problem goes to the account's own.
    own = _named(source.findtext("Acct/Ccy", ""))
    for closing in closings:
        currency = _named(_code(closing))
        account = _account(source, own if currency == NO_CURRENCY else currency, accounts)
        try:
            reading = _reading(source, closing, available, now, account.problems)
        except Unusable as unusable:
            account.problems.append(unusable.problem())
        else:
            account.readings.append((_rank(source, closing), reading))
    if not closings:
        problem = parsing.missing_balance(field="Bal CLBD").problem()
        _account(source, own, accounts).problems.append(problem)


def _rank(source: Element, closing: Element) -> tuple[int, ...]:
    is_final = closing.findtext("Tp/SubTp/Cd", "").strip() != "INTM"
    sequence = source.findtext("ElctrncSeqNb") or source.findtext("LglSeqNb") or ""
    page = source.findtext("StmtPgntn/PgNb") or ""
    numbers = (text.strip() for text in (sequence, page))
    return (int(is_final), *(int(text) if _NUMBER.fullmatch(text) else 0 for text in numbers))


def _account(source: Element, currency: Currency, accounts: _Accounts) -> _CamtAccount:
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
    key = (identity.institution_key, identity.external_id, currency.code)
    return accounts.setdefault(key, _CamtAccount(identity))


def _number(source: Element) -> str:
    number = source.findtext("Acct/Id/IBAN") or source.findtext("Acct/Id/Othr/Id") or ""
    return "".join(number.split())


def _reading(
    source: Element,
    closing: Element,
    available: list[Element],
    now: datetime,
    problems: list[RowError],
) -> Reading:
    if not _number(source):
        raise Unusable(code="missing_account", detail="Acct.Id is missing: no account is told.")
    parsing.currency("Bal CLBD Amt.Ccy", _code(closing))
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
        return parsing.currency("", code)
    except Unusable:
        return NO_CURRENCY


def _code(bal: Element) -> str:
    amount = bal.find("Amt")
    return "" if amount is None else amount.get("Ccy", "")


def _amount(place: str, bal: Element) -> Decimal:
    amount = parsing.amount(place, bal.findtext("Amt", ""))
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
            return parsing.check_instant(place, parsing.noon(date.fromisoformat(day[1])), now)
        if not _INSTANT.fullmatch(text):
            raise parsing.invalid_date(place)
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise parsing.invalid_date(place) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return parsing.check_instant(place, instant, now)
