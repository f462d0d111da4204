"""Write the sample statements: three years of the invented household, in every format.

    python examples/make_examples.py [FOLDER]

The files are the same on every machine and every Python. Names and numbers belong to nobody: bank
codes and securities lie in ranges that are never assigned, with check digits that are right.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

from household import (
    BROKERAGE,
    CARD_DAY,
    DAILY,
    DAYS,
    FIRST,
    LAST,
    MONTH_ENDS,
    PLAN,
    SECURITIES,
    TO_DATE,
    Book,
    Household,
    money,
)

UNION = ("Tamarack Hollow Credit Union", "990001")
CARD = ("Halyard Card Company", "990002")
BROKER = ("Quincefield Investments", "990003")
BIC, BANK = "QUITDEF0", "Bank am Quittenhain"
GIRO, TAGESGELD = "DE40999999990004471200", "DE22999999990004471233"
CENT = Decimal("0.01")
KINDS = {symbol: kind for symbol, kind, *_ in SECURITIES}
MAPPING = {
    "date": "Stichtag",
    "date_format": "DD.MM.YYYY",
    "balance": "Guthaben",
    "decimal": ",",
    "thousands": ".",
    "account_name": "Bausparvertrag",
    "currency_code": "EUR",
    "institution": "Bausparkasse Quittenhain",
    "encoding": "windows-1252",
}
CAMT = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def nest(tag: str, *inside: str) -> str:
    """Return an aggregate."""
    return "\n".join((f"<{tag}>", *inside, f"</{tag.partition(' ')[0]}>"))


def leaves(**values: object) -> str:
    """Return elements as SGML has them: without closing tags."""
    return "\n".join(f"<{tag}>{escape(str(value))}" for tag, value in values.items())


def closed(text: str) -> str:
    """Return the text as XML has it: with closing tags."""
    return re.sub(r"^<(\w+)([^>]*)>(.+)$", r"<\1\2>\3</\1>", text, flags=re.MULTILINE)


def ofx(version: int, institution: tuple[str, str], *messages: str) -> str:
    """Return a document: SGML as version 102, XML as version 220."""
    org, fid = institution
    status = nest("STATUS", leaves(CODE=0, SEVERITY="INFO"))
    known = nest("FI", leaves(ORG=org, FID=fid))
    signon = nest("SONRS", status, leaves(DTSERVER=f"{LAST:%Y%m%d}", LANGUAGE="ENG"), known)
    body = nest("OFX", nest("SIGNONMSGSRSV1", signon), *messages)
    if version == 102:  # noqa: PLR2004 - see above
        head = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\n"
        return f"{head}CHARSET:1252\nCOMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n\n{body}\n"
    head = (
        '<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>'
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{closed(body)}\n'


def answer(tag: str, day: date, *inside: str) -> str:
    """Return the answer to the request of one statement."""
    status = nest("STATUS", leaves(CODE=0, SEVERITY="INFO"))
    return nest(f"{tag[:-2]}TRNRS", leaves(TRNUID=f"{day:%Y%m%d}"), status, nest(tag, *inside))


def cash(tag: str, book: Book, account: str, days: Sequence[date], limit: int = 0) -> list[str]:
    """Return a statement for each of the days; ``limit`` is the credit that may be drawn."""
    told = []
    for before, day in pairwise([FIRST, *days]):
        entries = [
            nest(
                "STMTTRN",
                leaves(TRNTYPE="CREDIT" if cents > 0 else "DEBIT", DTPOSTED=f"{on:%Y%m%d}"),
                leaves(TRNAMT=money(cents), FITID=f"{on:%Y%m%d}{n:02}", NAME=text),
            )
            for n, (on, cents, text) in enumerate(book.between(before, day), start=1)
        ]
        period = leaves(DTSTART=f"{before:%Y%m%d}", DTEND=f"{day:%Y%m%d}")
        balance = book.closing[day]
        balances = [
            nest(name, leaves(BALAMT=money(cents), DTASOF=f"{day:%Y%m%d}"))
            for name, cents in (("LEDGERBAL", balance), ("AVAILBAL", balance + limit))
        ]
        transactions = nest("BANKTRANLIST", period, *entries)
        told.append(answer(tag, day, leaves(CURDEF="USD"), account, transactions, *balances))
    return told


def union(home: Household) -> str:
    """Return the credit union's file: a checking and a money market account."""
    told = []
    for name, number, kind in (
        ("partner", "4410027", "CHECKING"),
        ("reserve", "4410035", "MONEYMRKT"),
    ):
        account = nest("BANKACCTFROM", leaves(BANKID="991000012", ACCTID=number, ACCTTYPE=kind))
        told += cash("STMTRS", home.books[name], account, TO_DATE)
    return ofx(102, UNION, nest("BANKMSGSRSV1", *told))


def card(home: Household) -> str:
    """Return the credit card's file; what is owed is negative."""
    account = nest("CCACCTFROM", leaves(ACCTID="XXXXXXXXXXXX4417"))
    days = [day for day in DAYS if day.day == CARD_DAY]
    told = cash("CCSTMTRS", home.books["card"], account, days, 1_500_000)
    return ofx(102, CARD, nest("CREDITCARDMSGSRSV1", *told))


def security_id(symbol: str) -> str:
    """Return how statements name a security: a CUSIP of the range kept for one's own use."""
    body = f"990{list(KINDS).index(symbol) + 1:03}10"
    digits = (int(digit) * (1 + place % 2) for place, digit in enumerate(body))
    check = -sum(value // 10 + value % 10 for value in digits) % 10
    return nest("SECID", leaves(UNIQUEID=f"{body}{check}", UNIQUEIDTYPE="CUSIP"))


def position(day: date, symbol: str, units: int, price: int) -> tuple[str, Decimal]:
    """Return one position, and its value."""
    value = (Decimal(units * price).scaleb(-7)).quantize(CENT)
    values = leaves(
        HELDINACCT="CASH",
        POSTYPE="LONG",
        UNITS=Decimal(units).scaleb(-3),
        UNITPRICE=Decimal(price).scaleb(-4),
        MKTVAL=value,
        DTPRICEASOF=f"{day:%Y%m%d}",
    )
    return nest(f"POS{KINDS[symbol]}", nest("INVPOS", security_id(symbol), values)), value


def invested(
    home: Household, number: str, portfolio: dict[str, tuple[int, int]], rest: Callable[..., str]
) -> str:
    """Return the broker's file: a statement with positions at the end of each month.

    ``rest`` makes what follows the positions, from the statement's number and their value.
    """
    told = []
    account = nest("INVACCTFROM", leaves(BROKERID="quincefield.example", ACCTID=number))
    for index, day in enumerate(TO_DATE):
        held = [position(day, *share) for share in home.shares(portfolio, day)]
        positions = nest("INVPOSLIST", *(text for text, _ in held))
        balance = rest(index, sum(value for _, value in held))
        stamp = leaves(DTASOF=f"{day:%Y%m%d}", CURDEF="USD")
        told.append(answer("INVSTMTRS", day, stamp, account, positions, balance))
    securities = []
    for symbol, kind, name, *_ in SECURITIES:
        if symbol in portfolio:
            known = nest("SECINFO", security_id(symbol), leaves(SECNAME=name, TICKER=symbol))
            securities.append(nest(f"{kind}INFO", known))
    return ofx(
        220,
        BROKER,
        nest("INVSTMTMSGSRSV1", *told),
        nest("SECLISTMSGSRSV1", nest("SECLIST", *securities)),
    )


def brokerage(home: Household) -> str:
    """Return the brokerage account's file; dividends gather as cash."""

    def cash_of(index: int, _: Decimal) -> str:
        cents = 215_000 + 4_310 * index - 96_000 * (index // 24)
        return nest("INVBAL", leaves(AVAILCASH=money(cents), MARGINBALANCE=0, SHORTBALANCE=0))

    return invested(home, "QF-2290-7714", BROKERAGE, cash_of)


def plan(home: Household) -> str:
    """Return the 401(k)'s file, which has a total and no cash."""
    return invested(
        home, "K-5812003", PLAN, lambda _, total: nest("INV401KBAL", leaves(TOTAL=total))
    )


def comma(cents: int) -> str:
    """Return a positive amount with a decimal comma."""
    return money(abs(cents)).replace(".", ",")


def mt940(home: Household, year: int) -> str:
    """Return a year of the current account's weekly statements."""
    book, pages = home.books["giro"], []
    fridays = [day for day in DAYS if day.weekday() == 4]  # noqa: PLR2004
    for number, (before, day) in enumerate(pairwise([FIRST, *fridays]), start=1):
        if day.year != year:
            continue
        ends = [
            f"{'C' if book.closing[end] >= 0 else 'D'}{end:%y%m%d}EUR{comma(book.closing[end])}"
            for end in (before, day)
        ]
        lines = [f":20:{day:%Y%m%d}", f":25:{GIRO}", f":28C:{number:05}/001", f":60F:{ends[0]}"]
        for on, cents, text in book.between(before, day):
            mark = "C" if cents > 0 else "D"
            lines += [f":61:{on:%y%m%d%m%d}{mark}{comma(cents)}NMSCNONREF", f":86:{text}"]
        header = f"{{1:F01{BIC}AXXX0000000000}}{{2:O9400600{day:%y%m%d}{BIC}AXXX0000{number:06}"
        header += f"{day:%y%m%d}0600N}}{{4:"
        pages.append("\r\n".join([header, *lines, f":62F:{ends[1]}", f":64:{ends[1]}", "-}"]))
    return "\r\n".join(pages) + "\r\n"


def entry(cents: int) -> str:
    """Return an amount as camt has it: without a sign, which stands beside it."""
    mark = "DBIT" if cents < 0 else "CRDT"
    return f'<Amt Ccy="EUR">{money(abs(cents))}\n{leaves(CdtDbtInd=mark)}'


def camt(home: Household) -> str:
    """Return the monthly statements of the savings account at the same bank."""
    book, told = home.books["tagesgeld"], []
    holder = nest("Id", leaves(IBAN=TAGESGELD)), nest("Tp", leaves(Cd="SVGS")), leaves(Ccy="EUR")
    servicer = nest("Svcr", nest("FinInstnId", leaves(BICFI=f"{BIC}XXX", Nm=BANK)))
    for before, day in pairwise([FIRST, *TO_DATE]):
        parts = [leaves(Id=f"{day:%Y%m%d}"), nest("Acct", *holder, servicer)]
        for kind, on in (("OPBD", before), ("CLBD", day), ("CLAV", day)):
            name = nest("Tp", nest("CdOrPrtry", leaves(Cd=kind)))
            parts.append(nest("Bal", name, entry(book.closing[on]), nest("Dt", leaves(Dt=on))))
        for on, cents, text in book.between(before, day):
            booked = leaves(Sts="BOOK"), nest("BookgDt", leaves(Dt=on)), leaves(AddtlNtryInf=text)
            parts.append(nest("Ntry", entry(cents), *booked))
        told.append(nest("Stmt", *parts))
    head = nest("GrpHdr", leaves(MsgId=f"{LAST:%Y%m%d}", CreDtTm=f"{LAST}T20:00:00Z"))
    document = nest(f'Document xmlns="{CAMT}"', nest("BkToCstmrStmt", head, *told))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{closed(document)}\n'


def monarch(home: Household) -> str:
    """Return four accounts' balances of every day, as Monarch exports them."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("Date", "Balance", "Account"))
    for day in DAYS:
        for name, title in DAILY.items():
            rows.writerow((day, money(home.books[name].closing[day]), title))
    return file.getvalue()


def bauspar(home: Household) -> str:
    """Return a building society's table, whose columns only a mapping explains."""
    lines = ["Stichtag;Buchung;Guthaben"]
    for on in MONTH_ENDS:
        text = "Zinsgutschrift für das Jahr" if on.month == 12 else "Monatsende"  # noqa: PLR2004
        cents = home.books["bauspar"].closing[on]
        grouped = f"{Decimal(cents).scaleb(-2):,}".translate(str.maketrans(",.", ".,"))
        lines.append(f"{on:%d.%m.%Y};{text};{grouped}")
    return "\r\n".join(lines) + "\r\n"


def write(folder: Path) -> None:
    """Write every file into the folder."""
    home = Household()
    texts = {
        "monarch-balances.csv": monarch(home),
        "tamarack-hollow.ofx": union(home),
        "halyard-card.ofx": card(home),
        "quincefield-brokerage.qfx": brokerage(home),
        "quincefield-401k.ofx": plan(home),
        "quittenhain-tagesgeld.xml": camt(home),
        "quittenhain-bauspar.csv.mapping.json": json.dumps(MAPPING, indent=2) + "\n",
    }
    for year in range(FIRST.year, LAST.year + 1):
        texts[f"quittenhain-giro-{year}.sta"] = mt940(home, year)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
    (folder / "quittenhain-bauspar.csv").write_bytes(bauspar(home).encode("windows-1252"))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
