"""CFONB 120: the statements of French banks, records of 120 characters.

Record 07 is the new balance. The last character of an amount holds its last digit and its sign.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

from dashtam.domain.statement import Statement
from dashtam.statements.accounts import NOTHING, Missing
from dashtam.statements.encodings import decode_document, read_document
from dashtam.statements.fixed.records import StatementRecords, to_amount

_CREDIT = "{ABCDEFGHI"
_DEBIT = "}JKLMNOPQR"


def read(file: BinaryIO, now: datetime, missing: Missing = NOTHING) -> Iterator[Statement]:
    """Yield each account's new balances, in the order of the file.

    Raises:
        UnreadableFile: there is no statement in it.
    """
    records = StatementRecords("cfonb120", "CFONB 120", now, missing)
    for number, line in enumerate(decode_document(read_document(file)).splitlines(), start=1):
        if line.startswith("07"):
            bank = line[2:7].strip()
            account_number = f"{bank}{line[11:16].strip()}{line[21:32].strip()}"
            account = records.account((bank, bank), account_number, line[16:19])
            day = line[38:40] + line[36:38] + line[34:36]
            balance = ("The new balance", _parse_amount(line[90:104], line[19:20]))
            records.close(account, number, day, balance)
    yield from records.statements()


def _parse_amount(text: str, places: str) -> Decimal | None:
    last = text[-1:]
    signs = _CREDIT if last and last in _CREDIT else _DEBIT
    if not last or last not in signs or not places.isdigit():
        return None
    digits = text[:-1] + str(signs.index(last))
    return to_amount(digits, int(places), is_negative=signs == _DEBIT)
