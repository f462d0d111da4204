"""The command line of the benchmark: ``python -m benchmarks``, or ``make bench``."""

import gc
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from platformdirs import user_cache_path

from benchmarks import fairness, picture, report
from benchmarks.databases import POSTGRESQL, SQLITE
from benchmarks.dataset import LONG_DAYS, Size
from benchmarks.processes import ROOT
from benchmarks.reading import Pace
from benchmarks.run import Plan, encoded, run

_QUICK: Final = Plan(
    data=Path(),
    size=Size(users=3, accounts=8, days=40, long_days=400),
    growth=(Size(users=1, accounts=8, days=20, long_days=40),),
    pace=Pace(seconds=0.1, rounds=1, pause_s=0.01, connections=4, samples=4),
    work_s=0.5,
    commits_s=0.5,
    file_days=30,
    fairness=fairness.Size(accounts=20, balances=20, rows=5_000),
    fairness_s=0.5,
    is_fresh=True,
    verifies=True,
)
_DAYS: Final = 365


def _default_data() -> Path:
    # PostgreSQL runs under another account than root, to whom root's own cache is closed.
    if os.geteuid() == 0:
        return Path("/var/tmp/dashtam-benchmarks")  # noqa: S108 - owned by root, and sticky
    return user_cache_path("dashtam-benchmarks", appauthor=False)


class Options(msgspec.Struct):
    """What stands on the command line."""

    users: int
    accounts: int
    days: int
    growth: str
    seconds: float
    rounds: int
    connections: int
    work_s: float
    database: str
    postgresql: str
    log_level: str
    data: str
    fresh: bool
    quick: bool
    json_file: str
    write_docs: bool

    def plan(self) -> Plan:
        """Return what to measure."""
        data = Path(self.data).absolute() if self.data else _default_data()
        both = (SQLITE, POSTGRESQL)
        databases = both if self.database == "both" else (self.database,)
        common: dict[str, Any] = {"data": data, "databases": databases, "server": self.postgresql}
        if self.quick:
            return replace(_QUICK, **common)
        size = Size(self.users, self.accounts, self.days)
        return Plan(
            **common,
            size=size,
            growth=self._sizes(),
            pace=Pace(self.seconds, self.rounds, self.seconds / 4, self.connections),
            work_s=self.work_s,
            commits_s=10 * self.seconds,
            file_days=LONG_DAYS,
            fairness=fairness.Size(),
            fairness_s=20 * self.seconds,
            log_level=self.log_level,
            is_fresh=self.fresh,
        )

    def _sizes(self) -> tuple[Size, ...]:
        """Return the sizes to compare: by default the one that is there, and a tenth of it."""
        if not self.growth:
            users = [max(1, self.users // 10), self.users]
        else:
            each = self.accounts * self.days
            users = [max(1, round(int(rows) / each)) for rows in self.growth.split(",")]
        return tuple(Size(count, self.accounts, self.days) for count in users)


@click.command(context_settings={"show_default": True})
@click.option("--users", default=100, type=click.IntRange(1), help="How many users.")
@click.option("--accounts", default=8, type=click.IntRange(1), help="Accounts of each.")
@click.option("--days", default=_DAYS, type=click.IntRange(1), help="Days of each account.")
@click.option("--growth", default="", help="Numbers of snapshots to compare: 100000,1000000.")
@click.option("--seconds", default=0.5, help="How long each target is measured in one round.")
@click.option("--rounds", default=3, type=click.IntRange(1), help="How often.")
@click.option("--connections", default=16, type=click.IntRange(1), help="Requests at once.")
@click.option("--work", "work_s", default=10.0, help="Seconds of mixed load for the memory.")
@click.option(
    "--database", type=click.Choice(["both", SQLITE, POSTGRESQL], case_sensitive=False),
    default="both", help="What the data lies in.",
)  # fmt: skip
@click.option("--postgresql", default="", help="A server of your own: postgresql://USER@HOST:PORT.")
@click.option("--log-level", default="warning", help="What the measured server logs.")
@click.option("--data", default="", help="Where the data is kept.")
@click.option("--fresh", is_flag=True, help="Make the data anew.")
@click.option("--quick", is_flag=True, help="Tiny data: check every answer, measure roughly.")
@click.option("--json", "json_file", default="", help="Write results there.")
@click.option("--write-docs", is_flag=True, help="Write table and picture into docs/.")
def bench(**chosen: object) -> None:
    """Measure everything, and print it beside what is to be reached."""
    options = msgspec.convert(chosen, Options)
    plan = options.plan()
    plan.data.mkdir(parents=True, exist_ok=True)
    # The load is made here: no collector may hold it up.
    gc.disable()
    results = run(plan, lambda told: click.echo(told, err=True))
    kept = Path(options.json_file) if options.json_file else plan.data / "results.json"
    kept.write_bytes(encoded(results))
    click.echo(report.text(results))
    drawn = picture.picture(results)
    if options.write_docs:
        (ROOT / "docs" / "images" / "performance.svg").write_text(drawn)
        report.write_page(results, ROOT / "docs" / "performance.md")
    else:
        (plan.data / "performance.svg").write_text(drawn)


if __name__ == "__main__":
    bench()
