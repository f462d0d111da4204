"""One long file imported: ``python benchmarks/imports.py --rows 1000000 [--database URL]``.

Prints how fast it is read and recorded, the most memory that either process took, and how far that
is from a bare INSERT of the same rows in one transaction. The database must be an empty one.
"""

import resource
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


def csv_lines(rows: int) -> Iterator[str]:
    """Yield a file of this many balances of eight accounts, all of an instant together."""
    random = Random(1)  # noqa: S311 - it hides nothing
    yield "Date,Balance,Account\n"
    for row in range(rows):
        at = _FIRST + timedelta(minutes=10 * (row // _ACCOUNTS))
        cents = random.randrange(-10_000_000, 10_000_000)
        yield f"{at:%Y-%m-%dT%H:%M:%SZ},{cents / 100:.2f},A {row % _ACCOUNTS}\n"


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
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--database", help="A PostgreSQL database of its own; SQLite when left out.")
def main(rows: int, database: str | None) -> None:
    """Import one long file, and tell what it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.csv")
        with path.open("w", encoding="ascii") as file:
            file.writelines(csv_lines(rows))
        url = database or f"sqlite:///{Path(folder, 'dashtam.db')}"
        installation = Installation.open({"data": Path(folder), "database_url": url})
        _measure(installation, path, rows, url)
        installation.close()


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
