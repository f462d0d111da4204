"""OFX and QFX: balances of banks, cards, loans, brokers and 401(k) plans, as web sites export them.

No library reads these: they refuse the files of real banks, or invent numbers. Of several
balances of one account at one instant the last of the file counts.

A loan's principal (``PRINBAL``) is owed by the customer, never by the lender: most lenders write it
as a positive number (zero when it is paid off), some as a negative one. So its sign shows how this
lender writes, and zero counts as the way of most.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

from dashtam.domain import parsing
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.money import Currency
from dashtam.domain.parsing import NO_CURRENCY, UnusableField
from dashtam.domain.statement import (
    Flow,
    FlowKind,
    Position,
    Reading,
    RowError,
    Statement,
    sum_market_values,
)
from dashtam.statements.accounts import (
    NOTHING,
    Missing,
    account_key,
    build_identity,
    split_statement,
)
from dashtam.statements.encodings import decode_document, read_document
from dashtam.statements.ofx.account_types import find_account_type
from dashtam.statements.ofx.document import AccountStatement, Document, Status, parse
from dashtam.statements.ofx.fields import parse_amount, parse_moment, require_booked_moment

_PAYMENTS = frozenset(
    "CREDIT DEBIT DEP ATM POS CHECK PAYMENT CASH DIRECTDEP DIRECTDEBIT REPEATPMT".split()
)
_TRANSACTIONS = {
    "DIV": FlowKind.DIVIDEND,
    "INT": FlowKind.INTEREST,
    "FEE": FlowKind.FEE,
    "SRVCHG": FlowKind.FEE,
}
# Funds pay out their capital gains as they pay dividends.
_INCOME = {
    "DIV": FlowKind.DIVIDEND,
    "CGLONG": FlowKind.DIVIDEND,
    "CGSHORT": FlowKind.DIVIDEND,
    "INTEREST": FlowKind.INTEREST,
}
_LONG_NUMBER = re.compile(r"[0-9]{5,}")


def read(file: BinaryIO, now: datetime, missing: Missing = NOTHING) -> Iterator[Statement]:
    """Yield each account's statement, in the order of the file.

    ``missing`` gives the currency and the account number of statements without them.

    Raises:
        UnreadableFile: there is none, or the bank refused the sign-on or the request.
    """
    document = parse(decode_document(read_document(file)))
    errors = [status for status in document.statuses if status.is_error]
    for status in errors:
        # One bank of several may have refused; its accounts are not in the file.
        is_only = len(document.signons) <= 1
        if (status.is_signon and is_only) or not document.statements:
            raise UnreadableFile(_quote_refusal(status))
    if not document.statements:
        raise UnreadableFile(detail="There is no account statement in this OFX file.")
    # A refused request names no account, so the first account's problems hold it.
    refused = [RowError(None, "bank_error", _quote_refusal(status)) for status in errors]
    statements: list[Statement] = []
    for source in document.statements:
        statements += _read_statement(source, document, now, refused, missing)
        refused = []
    last = {
        (account_key(statement.identity), reading.captured_at): reading
        for statement in statements
        for reading in statement.readings
    }
    for statement in statements:
        key = account_key(statement.identity)
        if all(last[key, reading.captured_at] is reading for reading in statement.readings):
            yield statement
        elif statement.problems or statement.flows:
            yield replace(statement, readings=(), positions=None)


def _quote_refusal(status: Status) -> str:
    message = parsing.clean(_LONG_NUMBER.sub("…", status.values.get("MESSAGE", "")))
    if not message:
        return "The bank refused to give this statement, without a reason."
    return f"The bank refused to give this statement: “{message}”"


def _read_statement(
    source: AccountStatement,
    document: Document,
    now: datetime,
    refused: list[RowError],
    missing: Missing,
) -> Iterator[Statement]:
    problems = list(refused)
    readings: list[Reading] = []
    positions: list[Position] | None = None
    flows: list[Flow] = []
    currency = NO_CURRENCY
    number = source.account_number or missing.account
    try:
        currency = parsing.parse_currency_field(
            "CURDEF", source.get(source.kind, "CURDEF"), missing.currency
        )
        parsing.require_account("ACCTID", number)
        if source.kind == "INVSTMTRS":
            flows = _read_flows(source, currency, now, problems)
            positions = _read_positions(source, document, currency, now)
            readings.append(_read_investment(source, currency, positions, now))
        else:
            readings.append(_read_cash(source, currency, now, problems))
    except UnusableField as error:
        problems.append(error.to_row_error())
    signon = document.find_signon(source)
    organisation = signon.get("ORG", "")
    institution = "/".join(filter(None, (organisation, signon.get("FID", ""))))
    identity = build_identity(
        (institution or signon.get("INTU.BID") or "ofx", organisation or "OFX"),
        (
            source.get("BANKACCTFROM", "BANKID") or source.get("INVACCTFROM", "BROKERID"),
            number,
        ),
        find_account_type(source, document),
        currency,
    )
    if source.kind == "LOANSTMTRS":
        is_owed_negative = any(reading.balance < 0 for reading in readings)
        identity = replace(identity, balance_sign=1 if is_owed_negative else -1)
    first, *others = split_statement(identity, readings, problems, positions)
    yield replace(first, flows=flows)
    yield from others


def _read_flows(
    source: AccountStatement, currency: Currency, now: datetime, problems: list[RowError]
) -> list[Flow]:
    """Return the payments and the income of an investment account."""
    flows: list[Flow] = []
    for transaction in source.transactions:
        values = transaction.values
        is_income = transaction.kind == "INCOME"
        day_tag, amount_tag = ("DTTRADE", "TOTAL") if is_income else ("DTPOSTED", "TRNAMT")
        place = f"{transaction.kind}.{{}}".format
        try:
            moment = require_booked_moment(place(day_tag), values.get(day_tag, ""), now)
            amount = parse_amount(place(amount_tag), values.get(amount_tag, ""), currency)
            own = parsing.parse_currency_field("CURSYM", values.get("CURSYM", ""), currency)
        except UnusableField as error:
            problems.append(error.to_row_error())
            continue
        if is_income:
            kind = _INCOME.get(values.get("INCOMETYPE", "").upper(), FlowKind.OTHER)
        elif (code := values.get("TRNTYPE", "").upper()) in _PAYMENTS:
            kind = FlowKind.of_payment(amount)
        elif code == "XFER":
            kind = FlowKind.of_transfer(amount)
        else:
            kind = _TRANSACTIONS.get(code, FlowKind.OTHER)
        external_id = parsing.clean(values.get("FITID", "")) or None
        if amount:
            flows.append(Flow(moment.at.date(), amount, own, kind, external_id))
    return flows


def _read_cash(
    source: AccountStatement, currency: Currency, now: datetime, problems: list[RowError]
) -> Reading:
    aggregate = "PRINBAL" if source.kind == "LOANSTMTRS" else "LEDGERBAL"
    balance = _find_amount(source, aggregate, "BALAMT", currency)
    if balance is None:
        raise parsing.missing_balance(field=f"{aggregate}.BALAMT")
    as_of = source.get(aggregate, "DTASOF")
    moment = require_booked_moment(f"{aggregate}.DTASOF", as_of, now)
    try:
        available = _find_amount(source, "AVAILBAL", "BALAMT", currency)
    except UnusableField as error:
        problems.append(error.to_row_error())
        available = None
    # Of a card it is the remaining credit at some banks and the debt at others.
    if available is not None and available <= 0 and source.is_card:
        available = None
    return Reading(moment.at, balance, available, precision=moment.precision)


def _read_investment(
    source: AccountStatement, currency: Currency, positions: list[Position] | None, now: datetime
) -> Reading:
    cash, margin, short = (
        _find_amount(source, "INVBAL", tag, currency)
        for tag in ("AVAILCASH", "MARGINBALANCE", "SHORTBALANCE")
    )
    holdings = sum_market_values(positions, currency)
    if positions and holdings is None:
        raise UnusableField(
            code="mixed_currencies",
            detail="INVPOS.CURRENCY: a position is in another currency, so there is no sum.",
        )
    known = [part for part in (cash, margin, short, holdings) if part is not None]
    total = (
        sum(known, Decimal(0)) if known else _find_amount(source, "INV401KBAL", "TOTAL", currency)
    )
    if positions == []:
        holdings = Decimal(0)
    if total is None:
        raise parsing.missing_balance(field="INVBAL")
    moment = require_booked_moment("INVSTMTRS.DTASOF", source.get("INVSTMTRS", "DTASOF"), now)
    return Reading(
        moment.at, total, holdings_value=holdings, cash_value=cash, precision=moment.precision
    )


def _read_positions(
    source: AccountStatement, document: Document, currency: Currency, now: datetime
) -> list[Position] | None:
    """Return the positions, None where the file has no list of them."""
    if "INVPOSLIST" not in source.aggregates:
        return None
    moment = require_booked_moment("INVSTMTRS.DTASOF", source.get("INVSTMTRS", "DTASOF"), now)
    positions: list[Position] = []
    for holding in source.holdings:
        values = holding.values
        quantity, value = (
            parse_amount(f"INVPOS.{tag}", values.get(tag, ""), currency)
            for tag in ("UNITS", "MKTVAL")
        )
        price = values.get("UNITPRICE", "")
        priced = values.get("DTPRICEASOF", "")
        security_id = values.get("UNIQUEID", "")
        security = document.securities.get(security_id, {})
        symbol = parsing.clean(security.get("TICKER") or security_id)
        position = Position(
            symbol=symbol,
            name=parsing.clean(security.get("SECNAME", "")) or symbol,
            asset_type=holding.asset_type,
            quantity=quantity,
            price=parse_amount("INVPOS.UNITPRICE", price, currency) if price else None,
            market_value=value,
            cost_basis=None,
            currency=parsing.parse_currency_field(
                "INVPOS.CURSYM", values.get("CURSYM", ""), currency
            ),
            as_of=(parse_moment("INVPOS.DTPRICEASOF", priced) if priced else moment).at,
        )
        positions.append(position)
    return positions


def _find_amount(
    source: AccountStatement, aggregate: str, tag: str, currency: Currency
) -> Decimal | None:
    text = source.get(aggregate, tag)
    return parse_amount(f"{aggregate}.{tag}", text, currency) if text else None
