"""BAI2: the balance reports of North American banks, records of fields with commas.

The closing ledger balance (type 015) counts. Where an account has none, the current ledger balance
(030) does, and where it has neither, the closing available one (045); a remark says so.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

from dashtam.domain.money import Currency
from dashtam.domain.statement import RowError, Statement
from dashtam.statements.accounts import NOTHING, Missing
from dashtam.statements.encodings import decode_document, read_document
from dashtam.statements.fixed.records import StatementRecords, places_of, to_amount

_KINDS = {
    "015": None,
    "030": RowError(
        None,
        "interim_balance",
        "No closing balance is given: the current ledger balance (030) was taken.",
    ),
    "045": RowError(
        None,
        "available_balance",
        "No ledger balance is given: the closing available balance (045) was taken.",
    ),
}
_RECORD = re.compile(r"(?:^|/[^\S\n]*)(?=(?:01|02|03|16|49|88|98|99),)", re.MULTILINE)
_AMOUNT = re.compile(r"([+-]?)([0-9]{1,18})")
_GROUP = 7
_STATUS, _CURRENCY, _MODIFIER = 3, 6, 7
# A group that deletes another one, and one that only tests the line.
_NO_DATA = frozenset({"2", "4"})
_CORRECTION = "3"
# The modifier of the day: interim data of the day before, and of the same day.
_INTERIM = frozenset({"1", "3"})
_NOT_VALID = RowError(
    None, "no_data", "The group of this account is a test or a deletion: it reports no balance."
)
_INTERIM_GROUP = RowError(
    None,
    "interim_balance",
    "The group of this account is interim: its balance may not be that of the end of the day.",
)


def read(file: BinaryIO, now: datetime, missing: Missing = NOTHING) -> Iterator[Statement]:
    """Yield each account's closing balances, in the order of the file.

    ``missing`` gives the currency of an account without one; else it is US dollars, by the format.

    Raises:
        UnreadableFile: there is no account in it.
    """
    records = StatementRecords("bai2", "BAI2", now)
    default = missing.currency.code if missing.currency.code != "XXX" else "USD"
    group: list[str] = []
    for line, fields in _iter_records(decode_document(read_document(file))):
        if fields[0] == "02":
            group = fields
        elif fields[0] == "03":
            padded = group + [""] * (_GROUP + 1 - len(group))
            code = fields[2] if len(fields) > 2 else ""  # noqa: PLR2004 - the third field
            account = records.account(
                (padded[2], padded[2]), fields[1], code or padded[_CURRENCY] or default
            )
            amounts = _read_amounts(fields[3:], account.identity.currency)
            kind = next((kind for kind in _KINDS if kind in amounts), None)
            if padded[_STATUS].strip() in _NO_DATA:
                account.problems.append(replace(_NOT_VALID, line=line))
                continue
            if kind is None:
                records.refuse(account, line, "The closing ledger balance (015)")
                continue
            is_interim = padded[_MODIFIER].strip() in _INTERIM
            is_correction = padded[_STATUS].strip() == _CORRECTION
            rank = (-int(is_interim), -list(_KINDS).index(kind), int(is_correction))
            remark = _INTERIM_GROUP if is_interim else _KINDS[kind]
            balance = (f"The balance {kind}", amounts[kind])
            records.close(account, line, padded[4], balance, rank=rank, remark=remark)
    yield from records.statements()


def _iter_records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the groups and the accounts, each with its line and those that continue it."""
    pending: tuple[int, list[str]] | None = None
    line = 1
    for part in _RECORD.split(text):
        fields = part.strip().rstrip("/").strip().split(",")
        if fields[0] == "88" and pending is not None:
            pending[1].extend(fields[1:])
        elif fields[0].isdigit():
            if pending is not None:
                yield pending
            pending = (line, fields) if fields[0] in {"02", "03"} else None
        line += part.count("\n")
    if pending is not None:
        yield pending


def _read_amounts(fields: list[str], currency: Currency) -> dict[str, Decimal | None]:
    """Return the amounts of an account's record by their type."""
    amounts: dict[str, Decimal | None] = {}
    rest = iter(fields)
    for kind in rest:
        text, _count, funds = next(rest, ""), next(rest, ""), next(rest, "").upper()
        spread = {"V": 2, "S": 3}.get(funds, 0)
        if funds == "D":
            days = next(rest, "")
            spread = 2 * int(days) if days.isdigit() else 0
        for _ in range(spread):
            next(rest, "")
        match = _AMOUNT.fullmatch(text.strip())
        if kind in _KINDS and text.strip():
            amounts[kind] = (
                to_amount(match[2], places_of(currency), is_negative=match[1] == "-")
                if match
                else None
            )
    return amounts
