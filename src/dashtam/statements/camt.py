"""camt.053 and camt.052: statements and reports of a day in ISO 20022's XML, versions 2 to 13.

The namespace names the version; the types of balances are the same in all of them. The closing
booked balance (CLBD) counts. Where a statement has none, the interim booked one (ITBD) does, and
where it has neither, the closing available one (CLAV); a remark says so. Of several balances of one
instant the better type goes first, then a final one before an intermediate page's, then the highest
sequence number and page, then the one that no other opens with, then the last of the file.

The format demands a sign (CdtDbtInd) of each balance. Where one has none, the opening balance and
the bookings may prove it. Where they do not, the balance is taken as a credit, and a remark says
so; where they contradict both signs it is refused.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import BinaryIO, cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from dashtam.domain import parsing
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.money import EXACT, Currency
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
from dashtam.statements.encodings import TranscodedFile, decode_document, read_head

_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_ENCODING = re.compile(r"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_NUMBER = re.compile(r"[0-9]{1,18}")
_DAY_LENGTH = len("2025-01-31")
# ISO 20022's external cash account types.
_TYPES = {
    "CACC": AccountType.CHECKING,
    "SVGS": AccountType.SAVINGS,
    "MOMA": AccountType.MONEY_MARKET,
    "LOAN": AccountType.LOAN,
    "CARD": AccountType.CREDIT_CARD,
}


# From the best to the last choice, each with its remark.
_KINDS = {
    "CLBD": None,
    "ITBD": RowError(
        None,
        "interim_balance",
        "No closing balance is given: the interim booked balance (ITBD) was taken.",
    ),
    "CLAV": RowError(
        None,
        "available_balance",
        "No booked balance is given: the closing available balance (CLAV) was taken.",
    ),
}
_SIGN_ASSUMED = RowError(
    None,
    "sign_assumed",
    "A balance has no sign (CdtDbtInd), and nothing proves one: it was taken as a credit.",
)
_SIGNS = {"CRDT": 1, "DBIT": -1}
_OPENINGS = frozenset({"OPBD", "PRCD"})
_NOTIFICATION = (
    "This is a notification of bookings (camt.054): it holds no balance."
    " Export the end-of-day statement, camt.053 or MT940."
)


def read(file: BinaryIO, now: datetime, missing: Missing = NOTHING) -> Iterator[Statement]:
    """Yield each account's closing balances, one account for each currency of a ``Stmt``.

    ``missing`` gives the number of an account without one.

    Raises:
        UnreadableFile: it is not well-formed XML, declares entities, or has no ``Stmt`` or ``Rpt``.
    """
    accounts: dict[tuple[str, str, str], ClosingBalances] = {}
    for statement in _iter_statements(file, missing):
        kind = next((kind for kind in _KINDS if kind in statement.kinds), "CLBD")
        remark = _KINDS[kind]
        quality = -list(_KINDS).index(kind)
        closings = [balance for balance in statement.balances if balance.kind == kind]
        for closing in closings:
            currency = parsing.find_currency(closing.currency_code)
            # A balance in an unknown currency is a problem of the account's own currency.
            identity = statement.identity(
                currency if currency != NO_CURRENCY else statement.currency
            )
            account = accounts.setdefault(account_key(identity), ClosingBalances(identity))
            try:
                reading = closing.to_reading(statement, now, account.problems)
            except UnusableField as error:
                account.problems.append(error.to_row_error())
            else:
                rank = (quality, int(closing.is_final), *statement.page)
                noted = _SIGN_ASSUMED if closing.is_assumed else remark
                account.add(rank, reading, noted, statement.opening(closing.currency_code))
        if not closings:
            identity = statement.identity(statement.currency)
            account = accounts.setdefault(account_key(identity), ClosingBalances(identity))
            account.problems.append(parsing.missing_balance(field="Bal CLBD").to_row_error())
    if not accounts:
        raise UnreadableFile(detail="There is no statement (Stmt, Rpt) in this camt file.")
    for account in accounts.values():
        yield from account.statements()


class _CamtStatement:
    """One ``Stmt`` or ``Rpt`` element; ``booked`` is the sum of its bookings, None if unknown."""

    def __init__(self, element: Element, missing: Missing, booked: Decimal | None) -> None:
        self.booked = booked
        number = element.findtext("Acct/Id/IBAN") or element.findtext("Acct/Id/Othr/Id") or ""
        number = number or missing.account
        self.number = "".join(number.split())
        self.currency = parsing.find_currency(element.findtext("Acct/Ccy", ""))
        self.balances = [_CamtBalance(balance) for balance in element.findall("Bal")]
        self.kinds = {balance.kind for balance in self.balances}
        sequence = element.findtext("ElctrncSeqNb") or element.findtext("LglSeqNb") or ""
        numbers = (sequence.strip(), element.findtext("StmtPgntn/PgNb", "").strip())
        self.page = tuple(int(text) if _NUMBER.fullmatch(text) else 0 for text in numbers)
        self._account_type = _TYPES.get(element.findtext("Acct/Tp/Cd", "").strip())
        servicer = element.find("Acct/Svcr/FinInstnId")
        self._bic = self._bank_name = ""
        if servicer is not None:
            code = servicer.findtext("BICFI") or servicer.findtext("BIC") or ""
            self._bic = find_bic(code) or ""
            self._bank_name = servicer.findtext("Nm", "").strip()

    def opening(self, currency_code: str) -> Decimal | None:
        """Return the opening balance in the currency, None where none can be used."""
        with suppress(UnusableField):
            for balance in self.balances:
                if balance.kind in _OPENINGS and balance.currency_code == currency_code:
                    return balance.parse_amount()
        return None

    def identity(self, currency: Currency) -> Identity:
        """Return the identity of the account's part in this currency."""
        institution = (self._bic or "camt053", self._bank_name or self._bic or "camt.053")
        return build_identity(institution, ("", self.number), self._account_type, currency)


class _CamtBalance:
    """One ``Bal`` element; ``kind`` is its type's code, ``day`` its date or instant as written."""

    def __init__(self, element: Element) -> None:
        amount = element.find("Amt")
        kind = element.findtext("Tp/CdOrPrtry/Cd") or element.findtext("Tp/CdOrPrtry/Prtry") or ""
        self.kind = kind.strip()
        self.is_final = element.findtext("Tp/SubTp/Cd", "").strip() != "INTM"
        self.currency_code = "" if amount is None else amount.get("Ccy", "")
        self.day = (element.findtext("Dt/Dt") or element.findtext("Dt/DtTm") or "").strip()
        self.amount = element.findtext("Amt", "")
        self.sign = element.findtext("CdtDbtInd", "").strip()
        self.is_assumed = False

    def to_reading(
        self, statement: _CamtStatement, now: datetime, problems: list[RowError]
    ) -> Reading:
        """Return this closing balance and the available one of its currency, best of its day.

        An unusable available balance is one more of ``problems``; any other raises UnusableField.
        """
        parsing.require_account("Acct.Id", statement.number)
        parsing.parse_currency_field(f"Bal {self.kind} Amt.Ccy", self.currency_code)
        if not self.sign:
            proven = self._proven_signs(statement)
            is_zero = not parsing.parse_amount_field(f"Bal {self.kind} Amt", self.amount)
            self.is_assumed = not is_zero and (proven is None or len(proven) > 1)
            self.sign = "CRDT" if proven is None or "CRDT" in proven else "".join(proven)
        balance, moment = self.parse_amount(), self.parse_moment(now)
        available: Decimal | None = None
        others = [
            other
            for other in statement.balances
            if other.kind == "CLAV"
            and other.currency_code == self.currency_code
            # That of another day is not this balance's.
            and other.day[:_DAY_LENGTH] in {"", self.day[:_DAY_LENGTH]}
        ]
        if others:
            try:
                other = min(others, key=lambda other: other.day != self.day)
                if not other.sign:
                    other.sign, self.is_assumed = "CRDT", True
                available = other.parse_amount()
            except UnusableField as error:
                problems.append(error.to_row_error())
        return Reading(moment.at, balance, available, precision=moment.precision)

    def _proven_signs(self, statement: _CamtStatement) -> set[str] | None:
        """Return the signs with which the opening balance and the bookings make this balance.

        None where there is no opening balance, or the bookings are not known.
        """
        balance = parsing.parse_amount_field(f"Bal {self.kind} Amt", self.amount)
        openings = [
            (opening.sign, opening.amount)
            for opening in statement.balances
            if opening.kind in _OPENINGS and opening.currency_code == self.currency_code
        ]
        if not openings or statement.booked is None:
            return None
        fitting: set[str] = set()
        for stated, amount in openings:
            with suppress(UnusableField):
                before = parsing.parse_amount_field("Amt", amount)
                for first in [stated] if stated in _SIGNS else _SIGNS:
                    closed = EXACT.add(before * _SIGNS[first], statement.booked)
                    fitting |= {last for last, sign in _SIGNS.items() if balance * sign == closed}
        return fitting

    def parse_amount(self) -> Decimal:
        """Return the amount with the sign of ``CdtDbtInd``, or raise UnusableField."""
        field = f"Bal {self.kind} Amt"
        amount = parsing.parse_amount_field(field, self.amount)
        if self.sign not in {"CRDT", "DBIT", ""} or amount < 0:
            raise UnusableField(
                code="invalid_amount", detail=f"{field}: CdtDbtInd does not give its sign."
            )
        if amount and not self.sign:
            raise UnusableField(
                code="missing_sign",
                detail=f"{field}: CdtDbtInd is missing, and the bookings fit neither sign.",
            )
        return -amount if self.sign == "DBIT" and amount else amount

    def parse_moment(self, now: datetime) -> Moment:
        """Return the instant, UTC without a zone, or the day; or raise UnusableField."""
        field = f"Bal {self.kind} Dt"
        day = _DAY.fullmatch(self.day)
        try:
            if day:
                moment = Moment.of_day(date.fromisoformat(day[1]))
            elif _INSTANT.fullmatch(self.day):
                instant = datetime.fromisoformat(self.day)
                moment = Moment(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
            else:
                raise parsing.invalid_date(field)
        except ValueError:
            raise parsing.invalid_date(field) from None
        return parsing.require_booked(field, moment, now)


def _parse_booking(entry: Element) -> Decimal | None:
    """Return the amount of an ``Ntry`` with its sign, zero if it is not booked, None if unknown."""
    status = entry.findtext("Sts/Cd") or entry.findtext("Sts") or "BOOK"
    if status.strip() != "BOOK":
        return Decimal(0)
    sign = _SIGNS.get(entry.findtext("CdtDbtInd", "").strip())
    try:
        amount = parsing.parse_amount_field("Ntry Amt", entry.findtext("Amt", ""))
    except UnusableField:
        return None
    return None if sign is None else amount * sign


def _iter_statements(file: BinaryIO, missing: Missing) -> Iterator[_CamtStatement]:
    declared = _ENCODING.search(decode_document(read_head(file)))
    file.seek(0)
    source = file
    if declared is None or declared[1].upper() == "UTF-8":
        # Some banks write another encoding than they declare.
        source = cast("BinaryIO", TranscodedFile(file))
    booked: Decimal | None = Decimal(0)
    try:
        for _, element in iterparse(source, forbid_dtd=True):
            element.tag = element.tag.rpartition("}")[2]
            if element.tag == "Ntfctn":
                raise UnreadableFile(_NOTIFICATION)
            if element.tag in {"Stmt", "Rpt"}:
                yield _CamtStatement(element, missing, booked)
                booked = Decimal(0)
            elif element.tag == "Ntry" and booked is not None:
                amount = _parse_booking(element)
                booked = None if amount is None else EXACT.add(booked, amount)
            if element.tag in {"Stmt", "Rpt", "Ntry"}:
                # Bookings are not used, and would fill the memory.
                element.clear()
    except DefusedXmlException:
        detail = "This XML file declares a document type or entities, which no statement does."
        raise UnreadableFile(detail) from None
    except (ParseError, LookupError, ValueError):
        raise UnreadableFile(detail="This file is not well-formed XML.") from None
