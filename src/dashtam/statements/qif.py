"""QIF: the accounts of Quicken with their statement balances (``!Account``: ``$`` and ``/``).

The format names no currency: the chosen account or the mapping gives it. Balances are never
computed from transactions.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import BinaryIO

from dashtam.domain import parsing
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.errors import FieldError, MappingNeeded, UnreadableFile
from dashtam.domain.parsing import NO_CURRENCY, UnusableField
from dashtam.domain.statement import Reading, RowError, Statement
from dashtam.statements.accounts import NOTHING, Missing
from dashtam.statements.csv.dates import DateEvidence
from dashtam.statements.csv.numbers import AmountEvidence, parse_amount_cell
from dashtam.statements.encodings import decode_document, read_document

_TYPES = {
    "bank": AccountType.CHECKING,
    "cash": AccountType.CASH,
    "ccard": AccountType.CREDIT_CARD,
    "invst": AccountType.BROKERAGE,
    "oth l": AccountType.LOAN,
}
_SPACES = re.compile(r"\s+")
_NO_BALANCE = (
    "This QIF file holds no balances, only transactions, from which balances are never computed."
    " Export OFX or QFX, or a CSV with a running balance."
)


def read(file: BinaryIO, now: datetime, missing: Missing = NOTHING) -> Iterator[Statement]:
    """Yield each account's statement balance.

    Raises:
        UnreadableFile: there is no balance in it.
        MappingNeeded: its currency or the order of day and month is not certain.
    """
    dates = DateEvidence(missing.date_format, now)
    amounts = AmountEvidence(None, None)
    lines = decode_document(read_document(file)).splitlines()
    stated = [one for one in _read_records(lines, dates, amounts) if one[1].get("$")]
    if not stated:
        raise UnreadableFile(_NO_BALANCE)
    for number, account in stated:
        dates.see(_to_date(account.get("/", "")), number)
        amounts.see(account["$"])
    questions = [one for one in (dates.question(), amounts.question()) if one is not None]
    if missing.currency == NO_CURRENCY:
        detail = "QIF names no currency: choose an account, or a mapping must say currency_code."
        questions.append(FieldError("/mapping/currency_code", "required", detail))
    if questions:
        raise MappingNeeded(questions[0].detail, tuple(questions))
    for number, account in stated:
        yield _read_account(number, account, dates, amounts, missing)


def _read_records(
    lines: Iterable[str], dates: DateEvidence, amounts: AmountEvidence
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the accounts, each with its last line; transactions show how the file writes."""
    fields: dict[str, str] | None = None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith("!"):
            fields = {} if text.casefold() == "!account" else None
        elif fields is None:
            if text.startswith("D"):
                dates.see(_to_date(text[1:]), number)
            elif text.startswith(("T", "U")):
                amounts.see(text[1:])
        elif text == "^":
            yield number, fields
            fields = {}
        else:
            fields.setdefault(text[:1], text[1:].strip())


def _read_account(
    line: int,
    account: dict[str, str],
    dates: DateEvidence,
    amounts: AmountEvidence,
    missing: Missing,
) -> Statement:
    name = parsing.clean(account.get("N", "")) or missing.account
    kind = _TYPES.get(account.get("T", "").casefold())
    identity = Identity("qif", "QIF", name, name or "No account", missing.currency, kind)
    try:
        parsing.require_account("The account's name (N)", name)
        moment = dates.reader()(_to_date(account.get("/", "")))
        text = account["$"]
        balance = parse_amount_cell(
            "The balance ($)", text, amounts.separator, currency=missing.currency
        )
    except UnusableField as error:
        problem: RowError = error.to_row_error(line)
        return Statement(identity, (), None, [problem])
    assert balance is not None, "accounts without a balance are left out"
    return Statement(identity, [Reading(moment.at, balance, precision=moment.precision)])


def _to_date(text: str) -> str:
    """Return a day as Quicken writes it (``5/31'24``, ``1/ 1/24``) with slashes alone."""
    return _SPACES.sub("", text).replace("'", "/")
