"""One run of the benchmark: both databases, one after the other, each figure in its turn."""

import os
import platform
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from benchmarks import (
    commands,
    dataset,
    fairness,
    footprint,
    growth,
    ingest,
    pgbench,
    postgresql,
    reading,
    syncs,
)
from benchmarks.databases import POSTGRESQL, SQLITE, Home
from benchmarks.dataset import Book, Size
from benchmarks.processes import dashtam, ready
from benchmarks.reading import Pace
from benchmarks.results import Found, Results
from benchmarks.targets import Asker
from dashtam.application.history.verification import verify
from dashtam.bootstrap import Installation, now
from dashtam.database import migrate

Say = Callable[[str], None]

_SYNCED_ACCOUNTS: Final = 8


class DataDamaged(Exception):
    """The world that was made does not stand up to ``dashtam db verify``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured, and how thoroughly. ``growth`` holds sizes; none, no growth."""

    data: Path
    size: Size
    growth: tuple[Size, ...]
    pace: Pace
    work_s: float
    commits_s: float
    file_days: int
    fairness: fairness.Size
    fairness_s: float
    databases: tuple[str, ...] = (SQLITE, POSTGRESQL)
    server: str = ""
    log_level: str = "warning"
    is_fresh: bool = False
    verifies: bool = False


def run(plan: Plan, say: Say) -> Results:
    """Measure everything in the plan.

    Raises:
        WrongAnswer: an answer is not what the rows say.
        DataDamaged: the world that was made is not sound.
    """
    found = []
    if SQLITE in plan.databases:
        found.append(_database(plan, "", say))
    if POSTGRESQL in plan.databases:
        with _postgresql(plan) as server:
            found.append(_database(plan, server, say))
    size = plan.size
    return Results(
        measured_on=now().date().isoformat(),
        machine=_machine(),
        size=f"{size.users:,} users of {size.accounts} accounts and {size.days} days",
        connections=plan.pace.connections,
        databases=found,
    )


@contextmanager
def _postgresql(plan: Plan) -> Iterator[str]:
    if plan.server:
        yield plan.server
        return
    with postgresql.server(plan.data / "postgresql") as server:
        yield server


def _database(plan: Plan, server: str, say: Say) -> Found:
    home, book = _services(plan, server, plan.size, say, is_fresh=plan.is_fresh)
    say(f"{home.kind}: reading, each answer checked first.")
    installation = Installation.open(home.given)
    try:
        if plan.verifies:
            _verify(installation)
        asker = Asker(installation.services(), book)
        with dashtam(home.settings) as process:
            ready(process)
            measured = reading.measure(asker, process, home.data, plan.pace)
        statements = None
        if home.server:
            programs_in = plan.data / "postgresql"
            statements = pgbench.statements_per_second(
                home, asker, installation.chunk_format, plan.pace, programs_in
            )
        say(f"{home.kind}: starting, and {plan.work_s:.0f} s of mixed load.")
        cost = footprint.measure(home, asker, plan.pace, plan.work_s)
    finally:
        installation.close()
    return Found(
        kind=home.kind,
        version=_version(home),
        rows=book.size.rows,
        bytes_on_disk=book.bytes_on_disk,
        reading=measured,
        pgbench_per_second=statements,
        growth=_growth(plan, server, say),
        ingest=_ingest(plan, server, say),
        syncs=_syncs(plan, server, say),
        commands=commands.measure(home, plan.pace),
        fairness=_fairness(plan, server, say),
        footprint=cost,
    )


def _growth(plan: Plan, server: str, say: Say) -> list[growth.Grown]:
    if not plan.growth:
        return []
    # The one that was measured already is as fresh as asked for.
    worlds = [
        _services(plan, server, size, say, is_fresh=plan.is_fresh and size != plan.size)
        for size in plan.growth
    ]
    say(f"{worlds[0][0].kind}: growth.")
    return growth.measure(worlds, plan.pace)


def _ingest(plan: Plan, server: str, say: Say) -> ingest.Ingest:
    home = _home(plan, server, "recording")
    say(f"{home.kind}: recording.")
    return ingest.measure(
        home, accounts=plan.size.accounts, days=plan.file_days, seconds=plan.commits_s
    )


def _fairness(plan: Plan, server: str, say: Say) -> list[fairness.Waits]:
    home = _home(plan, server, "fairness")
    say(f"{home.kind}: one user's heavy requests, and another's waits.")
    return fairness.measure(home, plan.fairness, plan.fairness_s)


def _syncs(plan: Plan, server: str, say: Say) -> syncs.Syncs:
    home = _home(plan, server, "syncs")
    say(f"{home.kind}: syncs.")
    return syncs.measure(home, accounts=_SYNCED_ACCOUNTS, seconds=plan.commits_s)


def _services(
    plan: Plan, server: str, size: Size, say: Say, *, is_fresh: bool
) -> tuple[Home, Book]:
    home = _home(plan, server, f"{size.folder}-{migrate.HEAD}")
    say(f"{home.kind}: {size.rows:,} snapshots (made once, then kept in {home.data}).")
    return home, dataset.have(home, size, fresh=is_fresh)


def _home(plan: Plan, server: str, name: str) -> Home:
    kind = (POSTGRESQL if server else SQLITE).lower()
    return Home(plan.data / "worlds" / kind / name, server, plan.log_level)


def _verify(installation: Installation) -> None:
    report = verify(installation.services().database)
    if report.found:
        raise DataDamaged(str(report))


def _version(home: Home) -> str:
    if not home.server:
        return sqlite3.sqlite_version
    with psycopg.connect(home.url) as connection:
        return f"{connection.info.server_version // 10_000}"


def _machine() -> str:
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def encoded(results: Results) -> bytes:
    """Return the results as JSON for programs."""
    return msgspec.json.format(msgspec.json.encode(results))
