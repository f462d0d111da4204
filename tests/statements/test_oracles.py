"""Other people's readers agree with ours on documents that all of them understand."""

import io
import warnings
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import mt940
import ofxparse
from hypothesis import given
from hypothesis import strategies as st
from ofxtools.Parser import OFXTree

from dashtam.domain.statement import Reading
from dashtam.statements import formats
from statements.statement_text import NOW

amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=2)
instants = st.datetimes(datetime(1970, 1, 2), datetime(2026, 11, 20)).map(  # noqa: DTZ001
    lambda instant: instant.replace(microsecond=0, tzinfo=UTC)
)
days = st.dates(date(2000, 1, 1), date(2026, 11, 22))

BANK = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20250101<LANGUAGE>ENG
<FI><ORG>Harbour<FID>12</FI></SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS>
<CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>123<ACCTID>4567
<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>20250101<DTEND>20250102</BANKTRANLIST>
<LEDGERBAL><BALAMT>{balance}<DTASOF>{at}</LEDGERBAL><AVAILBAL><BALAMT>{available}<DTASOF>{at}
</AVAILBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""


def only_reading(document: str) -> Reading:
    file = io.BytesIO(document.encode("ascii"))
    (statement,) = formats.read(file, format=None, mapping=None, now=NOW)
    (reading,) = statement.readings
    return reading


@given(amounts, amounts, instants)
def test_ofx_agrees_with_two_other_readers(
    balance: Decimal, available: Decimal, at: datetime
) -> None:
    document = BANK.format(balance=balance, available=available, at=at.strftime("%Y%m%d%H%M%S"))
    ours = only_reading(document)

    tree = OFXTree()
    tree.parse(io.BytesIO(document.encode("ascii")))
    theirs = tree.convert().statements[0]
    assert ours.captured_at == theirs.ledgerbal.dtasof
    assert ours.balance == theirs.ledgerbal.balamt
    assert ours.available_balance == theirs.availbal.balamt

    with warnings.catch_warnings():
        # It speaks to its parser as that was spoken to years ago.
        warnings.simplefilter("ignore")
        others = ofxparse.OfxParser.parse(io.BytesIO(document.encode("ascii")))
    assert ours.captured_at == others.account.statement.balance_date.replace(tzinfo=UTC)
    assert ours.balance == others.account.statement.balance
    assert ours.available_balance == others.account.statement.available_balance


def mt940_amount(amount: Decimal) -> str:
    return f"{'D' if amount < 0 else 'C'}{{day:%y%m%d}}EUR{abs(amount)}".replace(".", ",")


@given(
    st.lists(st.tuples(days, amounts, amounts), min_size=1, max_size=8, unique_by=lambda t: t[0])
)
def test_mt940_agrees_with_the_library_on_whole_files(
    closings: list[tuple[date, Decimal, Decimal]],
) -> None:
    document = "".join(
        f":20:{number}\n:25:DE89370400440532013000\n:28C:{number}/1\n:60F:C000101EUR0,\n"
        f":61:2501010101D1,NTRFNONREF\n:86:Rent\n"
        f":62F:{mt940_amount(balance).format(day=day)}\n"
        f":64:{mt940_amount(available).format(day=day)}\n-\n"
        for number, (day, balance, available) in enumerate(closings, start=1)
    )
    file = io.BytesIO(document.encode("ascii"))
    (ours,) = formats.read(file, format=None, mapping=None, now=NOW)
    theirs = mt940.parse_statements(io.StringIO(document))
    noon = timedelta(hours=12)
    assert [
        (reading.captured_at - noon, reading.balance, reading.available_balance)
        for reading in ours.readings
    ] == [
        (
            datetime.combine(one.data["final_closing_balance"].date, time(), UTC),
            one.data["final_closing_balance"].amount.amount,
            one.data["available_balance"].amount.amount,
        )
        for one in theirs
    ]
