"""Recording: a sync's commit beside a bare one on the same disk, and files of many years."""

import io
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import psycopg

from benchmarks.balances import csv, statements
from benchmarks.commands import run_s
from benchmarks.databases import Home
from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import Destination, SentFile
from dashtam.application.ports import Services
from dashtam.bootstrap import Installation
from dashtam.domain.user import User, UserId

_EMAIL: Final = "file@example.org"
_ROW: Final = (b"a" * 16, b"b" * 16, 1, "USD", "12345.67", "2026-01-01T12:00:00Z", b"c" * 32)
_BARE: Final = "CREATE TABLE bare (a {0}, b {0}, c BIGINT, d TEXT, e TEXT, f TEXT, g {0})"
_ROUNDS: Final = 5


class Ingest(msgspec.Struct, frozen=True):
    """What recording reached: commits of a snapshot of each account, of one, of a bare row."""

    syncs_per_second: float
    typed_per_second: float
    bare_per_second: float
    file_rows: int
    rows_per_second: float
    command_s: float

    @property
    def share(self) -> float:
        """The commits of a run of one snapshot, as a part of bare commits on the same disk."""
        return self.typed_per_second / self.bare_per_second


def measure(home: Home, *, accounts: int, days: int, seconds: float) -> Ingest:
    """Record into an empty installation at home."""
    home.clear()
    installation = Installation.open(home.given)
    try:
        services = installation.services()
        last_on = (services.clock() - timedelta(days=1)).date()
        file = csv(accounts, days, last_on, Random(2)).encode()  # noqa: S311 - amounts
        syncs, typed, bare = _commits(services, home, accounts, last_on, seconds / _ROUNDS)
        began = time.perf_counter()
        done = file_import.import_file(
            services, SentFile(_user(services, "b@example.org"), io.BytesIO(file))
        )
        took_s = time.perf_counter() - began
        _user(services, _EMAIL)
        assert done.recorded == accounts * days, "every row is recorded"
    finally:
        installation.close()
    return Ingest(syncs, typed, bare, done.recorded, done.recorded / took_s, _command_s(home, file))


def _commits(
    services: Services, home: Home, accounts: int, last_on: date, seconds: float
) -> tuple[float, float, float]:
    every = _recorder(services, _user(services, "a@example.org"), accounts, last_on)
    one = _recorder(services, _user(services, "c@example.org"), 1, last_on)
    with _bare(home) as bare:
        rounds = [[rate(commit, seconds) for commit in (every, one, bare)] for _ in range(_ROUNDS)]
    whole, single, plain = zip(*rounds, strict=True)
    return statistics.median(whole), statistics.median(single), statistics.median(plain)


def _recorder(
    services: Services, user_id: UserId, accounts: int, last_on: date
) -> Callable[[], None]:
    """Return what records the next day of each account: the run, its snapshots, its audit lines."""
    random = Random(3)  # noqa: S311 - amounts
    day = last_on - timedelta(days=20_000)

    def commit() -> None:
        nonlocal day
        day += timedelta(days=1)
        told = [next(statements(place, 1, day, random)) for place in range(accounts)]
        with services.database.write() as work:
            work.users.lock_for_recording(user_id)
            file_import.record_statements(work, Destination(user_id, "csv"), told)

    return commit


@contextmanager
def _bare(home: Home) -> Iterator[Callable[[], None]]:
    """Yield what inserts a row of like size by the driver alone, as durably."""
    marks = ", ".join(["%s" if home.server else "?"] * len(_ROW))
    insert = f"INSERT INTO bare VALUES ({marks})"  # noqa: S608 - marks alone
    if home.server:
        with psycopg.connect(home.url) as connection:
            connection.execute(_BARE.format("BYTEA").encode())
            connection.commit()

            def commit_there() -> None:
                connection.execute(insert.encode(), _ROW)
                connection.commit()

            yield commit_there
        return
    with closing(sqlite3.connect(home.data / "bare.db", isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        file.execute(_BARE.format("BLOB"))

        def commit() -> None:
            file.execute("BEGIN IMMEDIATE")
            file.execute(insert, _ROW)
            file.execute("COMMIT")

        yield commit


def rate(commit: Callable[[], None], seconds: float) -> float:
    """Return how often it is called in a second, one call after the other."""
    began, count = time.perf_counter(), 0
    while (took_s := time.perf_counter() - began) < seconds:
        commit()
        count += 1
    return count / took_s


def _user(services: Services, email: str) -> UserId:
    with services.database.write() as work:
        user = User(UserId(work.random_id()), email, work.now)
        work.users.add(user, "!")
        return user.id


def _command_s(home: Home, content: bytes) -> float:
    """Return how long the command takes to import the file, from its start to its end."""
    file = Path(home.data) / "balances.csv"
    file.write_bytes(content)
    return run_s(home, "--user", _EMAIL, "import", str(file))
