"""Norma 43 (AEB43): the statements of Spanish banks, records of 80 characters.

Record 11 names the account and the period, record 33 its final balance. Where a bank leaves out its
sign, the initial balance and the totals of the period prove it.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

from dashtam.domain.money import EXACT
from dashtam.domain.statement import Statement
from dashtam.statements.accounts import NOTHING, Missing
from dashtam.statements.encodings import decode_document, read_document
from dashtam.statements.fixed.records import StatementRecords, to_amount

_CENTS = 2


def read(file: BinaryIO, now: datetime, missing: Missing = NOTHING) -> Iterator[Statement]:
    """Yield each account's final balances, in the order of the file.

    Raises:
        UnreadableFile: there is no statement in it.
    """
    records = StatementRecords("norma43", "Norma 43", now, missing)
    header = ""
    for number, line in enumerate(decode_document(read_document(file)).splitlines(), start=1):
        if line.startswith("11"):
            header = line
        elif line.startswith("33"):
            # The numbers of the bank, the branch and the account are one account's together.
            account = records.account((line[2:6], line[2:6]), line[2:20], line[73:76])
            amount = None
            if header[2:20] == line[2:20]:
                amount = _read_signed(line[58:73])
                if amount is None:
                    amount = _prove_sign(header, line)
            balance = ("The final balance", amount)
            records.close(account, number, header[26:32], balance)
    yield from records.statements()


def _read_signed(text: str) -> Decimal | None:
    """Return the amount behind its sign, 1 for a debit and 2 for a credit."""
    if text[:1] not in {"1", "2"}:
        return None
    return to_amount(text[1:], _CENTS, is_negative=text[0] == "1")


def _prove_sign(header: str, line: str) -> Decimal | None:
    """Return the final balance that the initial one and the totals prove, None for another."""
    initial = _read_signed(header[32:47])
    if initial is None:
        initial = Decimal(0) if header[33:47].strip("0") == "" else None
    final, debits, credits_ = (
        to_amount(line[start : start + 14], _CENTS) for start in (59, 25, 44)
    )
    if initial is None or final is None or debits is None or credits_ is None:
        return None
    computed = EXACT.add(EXACT.subtract(initial, debits), credits_)
    return computed if abs(computed) == final else None
