"""CODA: the coded statements of Belgian banks (Febelfin), records of 128 characters.

Record 8 is the new balance; the account stands in it as in record 1, whose second character tells
how. Of several statements of a day the highest number counts.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from dashtam.domain.statement import Statement
from dashtam.statements.accounts import NOTHING, Missing, find_bic
from dashtam.statements.encodings import decode_document, read_document
from dashtam.statements.fixed.records import StatementRecords, to_amount

_LENGTH = 128
_THOUSANDTHS = 3


def read(file: BinaryIO, now: datetime, missing: Missing = NOTHING) -> Iterator[Statement]:
    """Yield each account's new balances, in the order of the file.

    Raises:
        UnreadableFile: there is no statement in it.
    """
    records = StatementRecords("coda", "CODA", now, missing)
    bank = ("", "")
    structure = "2"
    for number, line in enumerate(decode_document(read_document(file)).splitlines(), start=1):
        text = line.ljust(_LENGTH)
        if text.startswith("0000"):
            bic = find_bic(text[60:71]) or ""
            bank = (bic, bic)
        elif text[0] == "1":
            structure = text[1]
        elif text[0] == "8":
            field = text[4:41]
            account, code = field[:34].split(maxsplit=1)[0:1], field[34:37]
            if structure == "0":
                account, code = [field[:12]], field[13:16]
            found = records.account(bank, "".join(account).strip(), code)
            amount = to_amount(text[42:57], _THOUSANDTHS, is_negative=text[41] == "1")
            amount = amount if text[41] in "01" else None
            day = text[61:63] + text[59:61] + text[57:59]
            sequence = int(text[1:4]) if text[1:4].isdigit() else 0
            records.close(found, number, day, ("The new balance", amount), rank=(sequence,))
    yield from records.statements()
