"""OFX and QFX: balances of banks, cards, loans, brokers and 401(k) plans, as web sites export them.

Read by our own hand: the libraries refuse what real banks write, or invent numbers.
Amounts and dates follow OFX 2.3, sections 3.2.8 and 3.2.9. Of several balances of one account at
one instant the last of the file counts.

A loan's principal (``PRINBAL``) is what is owed, and a lender never owes it: most write it as a
positive number (zero when it is paid off), some as a negative one. So the sign of what is there
tells how this lender writes, and zero is taken for the way of most.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import BinaryIO

from dashtam.domain import parsing
from dashtam.domain.account import AccountType
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.money import EXACT, Currency
from dashtam.domain.parsing import NO_CURRENCY, Unusable
from dashtam.domain.statement import Identity, Position, Reading, RowError, Statement
from dashtam.statements.encodings import text_of, whole
from dashtam.statements.identities import numbered
from dashtam.statements.ofx.document import AccountStatement, Document, OfxHolding, parse

_TYPES = {
    "CHECKING": AccountType.CHECKING,
    "SAVINGS": AccountType.SAVINGS,
    "MONEYMRKT": AccountType.MONEY_MARKET,
    "CREDITLINE": AccountType.LINE_OF_CREDIT,
    "CD": AccountType.CD,
}
# INVACCTINFO's USPRODUCTTYPE (OFX 2.3, section 13.6.2.1), and what brokers add to it.
_PLANS = {
    "401K": AccountType.PLAN_401K,
    "403B": AccountType.PLAN_403B,
    "TDA": AccountType.PLAN_403B,
    "IRA": AccountType.IRA,
    "ROTHIRA": AccountType.ROTH_IRA,
    "ROTH": AccountType.ROTH_IRA,
    "SARSEP": AccountType.SEP_IRA,
    "SEPIRA": AccountType.SEP_IRA,
    "SIMPLE": AccountType.SIMPLE_IRA,
    "HSA": AccountType.HSA,
    "529": AccountType.EDUCATION,
    "TRUST": AccountType.TRUST,
}
_INSTANT = re.compile(
    r"(?P<day>[0-9]{8})(?:(?P<time>[0-9]{4}(?:[0-9]{2})?)(?:[.:](?P<fraction>[0-9]*))?)?"
    r"\s*(?:\[(?P<hours>[+-]?[0-9]{0,2})(?:[.:](?P<part>[0-9]{1,2}))?[+-]?(?::(?P<zone>[A-Za-z]*))?\])?"
)
# The offset decides; a zone's name counts only where the offset was left out (``[-:EST]``).
_ZONES = {"GMT": 0, "UTC": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7}
_ZONES |= {"MDT": -6, "PST": -8, "PDT": -7}
# OFX writes parts of an hour as decimals; some banks write minutes.
_MINUTES = {"": 0, "0": 0, "00": 0, "5": 30, "50": 30, "30": 30, "25": 15, "75": 45, "45": 45}
_PUNCTUATION = re.compile(r"[^A-Za-z0-9]")
_LONG_NUMBER = re.compile(r"[0-9]{5,}")
_SHARES = ("UNITS", "MKTVAL")


def read(file: BinaryIO, now: datetime) -> Iterator[Statement]:
    """Yield each account's statement, in the order of the file.

    Raises:
        UnreadableFile: there is none, or the bank says that the sign-on or the request failed.
    """
    document = parse(text_of(whole(file)))
    errors = [status for status in document.statuses if status.is_error]
    for status in errors:
        if status.is_signon or not document.statements:
            raise UnreadableFile(_quoted(status.values.get("MESSAGE", "")))
    if not document.statements:
        raise UnreadableFile(detail="There is no account statement in this OFX file.")
    # Whose request failed is not told, so the first account's problems carry it.
    refused = [
        RowError(None, "bank_error", _quoted(status.values.get("MESSAGE", ""))) for status in errors
    ]
    statements: list[Statement] = []
    for source in document.statements:
        statements += _statement(source, document, now, refused)
        refused = []
    yield from _last_of_instants(statements)


def _last_of_instants(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Yield the statements without readings, and positions, that a later one replaces."""
    last = {
        (_key(statement.identity), reading.captured_at): reading
        for statement in statements
        for reading in statement.readings
    }
    for statement in statements:
        key = _key(statement.identity)
        if all(last[key, reading.captured_at] is reading for reading in statement.readings):
            yield statement
        elif statement.problems:
            yield Statement(statement.identity, (), None, statement.problems)


def _key(identity: Identity) -> tuple[str, str, Currency]:
    return identity.institution_key, identity.external_id, identity.currency


def _quoted(message: str) -> str:
    message = parsing.clean(_LONG_NUMBER.sub("…", message))
    if not message:
        return "The bank refused to give this statement, without a reason."
    return f"The bank refused to give this statement: “{message}”"


def _statement(
    source: AccountStatement, document: Document, now: datetime, problems: list[RowError]
) -> Iterator[Statement]:
    problems = list(problems)
    readings: list[Reading] = []
    positions: list[Position] | None = None
    currency = NO_CURRENCY
    try:
        currency = parsing.currency("CURDEF", source.get(source.kind, "CURDEF"))
        _require_number(source)
        if source.kind == "INVSTMTRS":
            positions = _positions(source, document, currency, now)
            readings.append(_investment(source, currency, positions, now))
        else:
            readings.append(_cash(source, currency, now, problems))
    except Unusable as unusable:
        problems.append(unusable.problem())
    identity = _identity(source, document, currency)
    if source.kind == "LOANSTMTRS":
        owed_is_negative = any(reading.balance < 0 for reading in readings)
        identity = replace(identity, balance_sign=1 if owed_is_negative else -1)
    yield from parsing.split_statement(identity, readings, problems, positions)


def _number(source: AccountStatement) -> str:
    for aggregate in ("BANKACCTFROM", "CCACCTFROM", "INVACCTFROM"):
        if number := source.get(aggregate, "ACCTID"):
            return number
    return source.get("LOANACCTFROM", "LOANACCTID")


def _require_number(source: AccountStatement) -> None:
    if not _number(source):
        raise Unusable(code="missing_account", detail="ACCTID is missing: the account is not told.")


def _identity(source: AccountStatement, document: Document, currency: Currency) -> Identity:
    holder = source.get("BANKACCTFROM", "BANKID") or source.get("INVACCTFROM", "BROKERID")
    organisation = document.signon.get("ORG", "")
    institution = "/".join(filter(None, (organisation, document.signon.get("FID", ""))))
    return numbered(
        (institution or document.signon.get("INTU.BID") or "ofx", organisation or "OFX"),
        (holder, _number(source)),
        _account_type(source, document),
        currency,
    )


def _account_type(source: AccountStatement, document: Document) -> AccountType | None:
    if source.kind == "LOANSTMTRS":
        told = source.get("LOANACCTFROM", "LOANACCTTYPE").upper()
        return AccountType.MORTGAGE if told == "MORTGAGE" else AccountType.LOAN
    if source.kind == "INVSTMTRS":
        plan = source.aggregates & {"INV401K", "INV401KBAL"}
        told = document.investments.get(_number(source), {}).get("USPRODUCTTYPE", "")
        usual = AccountType.PLAN_401K if plan else AccountType.BROKERAGE
        return _PLANS.get(_PUNCTUATION.sub("", told).upper(), usual)
    if _is_card(source):
        return AccountType.CREDIT_CARD
    return _TYPES.get(source.get("BANKACCTFROM", "ACCTTYPE").upper())


def _is_card(source: AccountStatement) -> bool:
    return source.kind == "CCSTMTRS" or bool(source.get("CCACCTFROM", "ACCTID"))


def _cash(
    source: AccountStatement, currency: Currency, now: datetime, problems: list[RowError]
) -> Reading:
    place = "PRINBAL" if source.kind == "LOANSTMTRS" else "LEDGERBAL"
    balance = _told(source, place, "BALAMT", currency)
    if balance is None:
        raise parsing.missing_balance(field=f"{place}.BALAMT")
    captured_at = _instant(f"{place}.DTASOF", source.get(place, "DTASOF"), now)
    try:
        available = _told(source, "AVAILBAL", "BALAMT", currency)
    except Unusable as unusable:
        problems.append(unusable.problem())
        available = None
    # A card's is the credit that is left at some banks and the debt at others.
    if available is not None and available <= 0 and _is_card(source):
        available = None
    return Reading(captured_at, balance, available)


def _investment(
    source: AccountStatement, currency: Currency, positions: list[Position] | None, now: datetime
) -> Reading:
    cash, margin, short = (
        _told(source, "INVBAL", tag, currency)
        for tag in ("AVAILCASH", "MARGINBALANCE", "SHORTBALANCE")
    )
    holdings = None if positions is None else Decimal(0)
    for position in positions or ():
        if position.currency != currency:
            raise Unusable(
                code="mixed_currencies",
                detail="INVPOS.CURRENCY: a position is in another currency: no sum is told.",
            )
        assert holdings is not None
        assert position.market_value is not None
        holdings = EXACT.add(holdings, position.market_value)
    known = [part for part in (cash, margin, short) if part is not None]
    if positions:
        assert holdings is not None
        known.append(holdings)
    total = sum(known, Decimal(0)) if known else _told(source, "INV401KBAL", "TOTAL", currency)
    if total is None:
        raise parsing.missing_balance(field="INVBAL")
    captured_at = _instant("INVSTMTRS.DTASOF", source.get("INVSTMTRS", "DTASOF"), now)
    return Reading(captured_at, total, holdings_value=holdings, cash_value=cash)


def _positions(
    source: AccountStatement, document: Document, currency: Currency, now: datetime
) -> list[Position] | None:
    if "INVPOSLIST" not in source.aggregates:
        return None
    captured_at = _instant("INVSTMTRS.DTASOF", source.get("INVSTMTRS", "DTASOF"), now)
    return [_position(holding, document, currency, captured_at) for holding in source.holdings]


def _position(
    holding: OfxHolding, document: Document, currency: Currency, captured_at: datetime
) -> Position:
    values = holding.values
    own = values.get("CURSYM", "")
    units, value = (_amount(f"INVPOS.{tag}", values.get(tag, ""), currency) for tag in _SHARES)
    price = values.get("UNITPRICE", "")
    security_id = values.get("UNIQUEID", "")
    security = document.securities.get(security_id, {})
    symbol = parsing.clean(security.get("TICKER") or security_id)
    priced = values.get("DTPRICEASOF", "")
    return Position(
        symbol=symbol,
        name=parsing.clean(security.get("SECNAME", "")) or symbol,
        asset_type=holding.asset_type,
        quantity=units,
        price=_amount("INVPOS.UNITPRICE", price, currency) if price else None,
        market_value=value,
        cost_basis=None,
        currency=parsing.currency("INVPOS.CURSYM", own) if own else currency,
        as_of=_parsed("INVPOS.DTPRICEASOF", priced) if priced else captured_at,
    )


def _told(source: AccountStatement, aggregate: str, tag: str, currency: Currency) -> Decimal | None:
    text = source.get(aggregate, tag)
    return _amount(f"{aggregate}.{tag}", text, currency) if text else None


def _amount(field: str, text: str, currency: Currency) -> Decimal:
    separator = parsing.separator_of(text)
    if separator is None and "," in text and currency.digits != 3:  # noqa: PLR2004
        # OFX would have 1,234 be a little more than one; whoever writes it means thousands.
        raise Unusable(code="invalid_amount", detail=f"{field} can be read in two ways.")
    return parsing.amount(field, text, separator or ("," if "," in text else "."))


def _instant(field: str, text: str, now: datetime) -> datetime:
    if not text:
        raise Unusable(code="missing_date", detail=f"{field} is missing: the day is not told.")
    return parsing.check_instant(field, _parsed(field, text), now)


def _parsed(field: str, text: str) -> datetime:
    match = _INSTANT.fullmatch(text.strip())
    if match is None:
        raise parsing.invalid_date(field)
    try:
        day = datetime.strptime(match["day"], "%Y%m%d").replace(tzinfo=UTC)
        if match["time"] is None:
            return parsing.noon(day)
        layout = "%H%M%S"[: len(match["time"])]
        clock = datetime.strptime(match["time"], layout).replace(tzinfo=UTC)
        zone = timezone(_offset(match["hours"], match["part"], match["zone"]))
        instant = datetime.combine(day, clock.time(), zone).astimezone(UTC)
        return instant.replace(microsecond=int((match["fraction"] or "").ljust(6, "0")[:6]))
    except (ValueError, KeyError, OverflowError):
        raise parsing.invalid_date(field) from None


def _offset(hours: str | None, part: str | None, zone: str | None) -> timedelta:
    """Return what local time is ahead of UTC."""
    if hours is None or hours in {"", "+", "-"}:
        return timedelta(hours=_ZONES[(zone or "GMT").upper()])
    minutes = 60 * abs(int(hours)) + _MINUTES[part or ""]
    return timedelta(minutes=-minutes if hours.startswith("-") else minutes)
