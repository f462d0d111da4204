"""Long files imported: ``python benchmarks/imports.py [--kind KIND] [--database URL]``.

``csv`` (50 MB of 1,000,000 rows) prints how fast it is read and recorded, the most memory that
either process took, and how far that is from a bare INSERT of the same rows in one transaction.
``ofx`` (20 MB), ``camt`` (30 MB) and ``folder`` (500 statements) print the time and the memory. The
database must be an empty one.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import click
from sqlalchemy import Connection, Engine

from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import SentFile
from dashtam.application.ports import Services
from dashtam.bootstrap import Installation
from dashtam.database.engine import WRITES, open_engine
from dashtam.domain.user import User, UserId

_ACCOUNTS: Final = 8
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_BATCH: Final = 1_000
_KEY: Final = "PRIMARY KEY (account_id, captured_at, sequence)"
_KIB: Final = 1024
_MIB: Final = 1024 * _KIB
_STATEMENTS: Final = 500
_CAMT: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def csv_lines(rows: int) -> Iterator[str]:
    """Yield a file of this many balances of eight accounts, all of an instant together."""
    random = Random(1)  # noqa: S311 - it hides nothing
    yield "Date,Balance,Account\n"
    for row in range(rows):
        at = _FIRST + timedelta(minutes=10 * (row // _ACCOUNTS))
        cents = random.randrange(-10_000_000, 10_000_000)
        yield f"{at:%Y-%m-%dT%H:%M:%SZ},{cents / 100:.2f},Current account {row % _ACCOUNTS}\n"


def ofx_lines(size: int) -> Iterator[str]:
    """Yield one statement of about this many bytes, nearly all of it bookings."""
    yield "<OFX><SIGNONMSGSRSV1><SONRS><FI><ORG>Bank<FID>1</FI></SONRS></SIGNONMSGSRSV1>\n"
    yield "<BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>1<ACCTID>123"
    yield "<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST>\n"
    booking = (
        "<STMTTRN>\n<TRNTYPE>DEBIT\n<DTPOSTED>20240101120000\n<TRNAMT>-12.34\n<FITID>{:012}\n"
        "<NAME>CARD PAYMENT\n<MEMO>Bread &amp; butter\n</STMTTRN>\n"
    )
    yield from map(booking.format, range(size // len(booking.format(0))))
    yield "</BANKTRANLIST><LEDGERBAL><BALAMT>100.00<DTASOF>20240131</LEDGERBAL></STMTRS>"
    yield "</STMTTRNRS></BANKMSGSRSV1></OFX>\n"


def camt_lines(statements: int, entries: int) -> Iterator[str]:
    """Yield so many statements of one account, a day each, with so many bookings each."""
    yield f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{_CAMT}"><BkToCstmrStmt>\n'
    entry = (
        '<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><NtryDtls>'
        "<TxDtls><RmtInf><Ustrd>Invoice</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )
    for number in range(statements):
        day = (_FIRST + timedelta(days=number)).date()
        yield (
            "<Stmt><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct><Bal><Tp><CdOrPrtry>"
            f'<Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{number}.00</Amt><CdtDbtInd>CRDT'
            f"</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>{entry * entries}</Stmt>\n"
        )
    yield "</BkToCstmrStmt></Document>\n"


def bare_s(engine: Engine) -> float:
    """Return how long the driver alone takes for the rows that are there, in one transaction."""
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM balance_snapshots")]
    with engine.execution_options(**{WRITES: True}).connect() as connection:
        with connection.begin():
            insert = _bare_table(connection)
        started_s = time.perf_counter()
        with connection.begin():
            for first in range(0, len(rows), _BATCH):
                connection.exec_driver_sql(insert, rows[first : first + _BATCH])
        return time.perf_counter() - started_s


def _bare_table(connection: Connection) -> str:
    like = "SELECT * FROM balance_snapshots WHERE 1 = 0"
    names = list(connection.exec_driver_sql(like).keys())
    if connection.dialect.name == "sqlite":
        table = f"CREATE TABLE bare ({', '.join(names)}, {_KEY}) WITHOUT ROWID"
        connection.exec_driver_sql(table)
        mark = "?"
    else:
        connection.exec_driver_sql(f"CREATE TABLE bare AS {like}")
        connection.exec_driver_sql(f"ALTER TABLE bare ADD {_KEY}")
        mark = "%s"
    return f"INSERT INTO bare VALUES ({', '.join(mark for _ in names)})"  # noqa: S608 - marks


def _user(services: Services) -> User:
    with services.database.write() as work:
        user = User(UserId(work.random_id()), "benchmark@example.org", work.now)
        work.users.add(user, "nobody signs in")
    return user


def _peak_mib(whose: int) -> int:
    return resource.getrusage(whose).ru_maxrss // _KIB


@click.command()
@click.option("--kind", type=click.Choice(["csv", "ofx", "camt", "folder"]), default="csv")
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--database", help="A PostgreSQL database of its own; SQLite when left out.")
def main(kind: str, rows: int, database: str | None) -> None:
    """Import one long file or many, and tell the time and the memory."""
    with tempfile.TemporaryDirectory() as folder:
        if kind != "csv":
            _measure_command(kind, Path(folder))
            return
        path = Path(folder, "long.csv")
        with path.open("w", encoding="ascii") as file:
            file.writelines(csv_lines(rows))
        url = database or f"sqlite:///{Path(folder, 'dashtam.db')}"
        installation = Installation.open({"data": Path(folder), "database_url": url})
        _measure(installation, path, rows, url)
        installation.close()


def _measure_command(kind: str, folder: Path) -> None:
    """Run ``dashtam import`` in a process of its own, so that its memory is its alone."""
    statements = folder / "statements"
    statements.mkdir()
    if kind == "folder":
        for number in range(_STATEMENTS):
            content = "".join(camt_lines(number + 1, 0)).splitlines(keepends=True)
            with (statements / f"{number:03}.xml").open("w", encoding="ascii") as file:
                file.writelines([content[0], *content[-2:]])
    else:
        lines = ofx_lines(20 * _MIB) if kind == "ofx" else camt_lines(8_000, 22)
        with (statements / f"long.{kind}").open("w", encoding="ascii") as file:
            file.writelines(lines)
    size = sum(one.stat().st_size for one in statements.iterdir())
    installation = Installation.open({"data": folder})
    _user(installation.services())
    installation.close()
    command = [sys.executable, "-m", "dashtam", "--data", str(folder), "--json", "import"]
    started_s = time.perf_counter()
    done = subprocess.run([*command, str(statements)], check=True, capture_output=True)  # noqa: S603 - our own command
    took_s = time.perf_counter() - started_s
    recorded = json.loads(done.stdout)["recorded"]
    click.echo(f"{size / _MIB:.1f} MiB, {recorded:,} snapshots, in {took_s:.1f} s")
    click.echo(f"peak      {_peak_mib(resource.RUSAGE_CHILDREN)} MiB, here or in the reader")


def _measure(installation: Installation, path: Path, rows: int, url: str) -> None:
    services = installation.services()
    user = _user(services)
    read_at: list[float] = []
    with path.open("rb") as file:
        sent = SentFile(user.id, file, progress=lambda *_: read_at.append(time.perf_counter()))
        started_s = time.perf_counter()
        done = file_import.import_file(services, sent)
        ended_s = time.perf_counter()
    assert done.recorded == rows, "every row was recorded"
    read_s, recorded_s = read_at[0] - started_s, ended_s - read_at[0]
    parent, child = (_peak_mib(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    engine = open_engine(url)
    bare = bare_s(engine)
    engine.dispose()
    click.echo(f"read      {rows / read_s:>10,.0f} rows/s")
    click.echo(f"recorded  {rows / recorded_s:>10,.0f} rows/s")
    click.echo(f"both      {rows / (ended_s - started_s):>10,.0f} rows/s")
    click.echo(
        f"bare      {rows / bare:>10,.0f} rows/s; recording is {bare / recorded_s:.0%} of it"
    )
    click.echo(f"peak      {parent} MiB here, {child} MiB in the reader")


if __name__ == "__main__":
    main()
