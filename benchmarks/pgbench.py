"""PostgreSQL's own load generator, with the statement that answers a history.

It says how many times a second the server can execute that statement at all.
"""

import asyncio
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import make_url

from benchmarks.databases import Home
from benchmarks.postgresql import programs
from benchmarks.reading import Pace
from benchmarks.targets import HISTORY_365, Asker, Question
from dashtam.bootstrap import now
from dashtam.database.history_cache.chunk_format import ChunkFormat
from dashtam.database.history_cache.drivers import (
    CacheMissError,
    PostgresqlDriver,
    PreparedStatement,
    Row,
)
from dashtam.database.history_cache.history_cache import Credential, HistoryCache
from dashtam.domain.account import AccountId
from dashtam.domain.user import SessionId

_QUESTIONS: Final = 64
_PARAMETER: Final = re.compile(r"\$([0-9]+)")
_RATE: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


class _Recorder(PostgresqlDriver):
    """Notes each statement with its arguments in place of executing it."""

    def __init__(self, home: Home) -> None:
        super().__init__(make_url(home.url), 1)
        self.noted: list[tuple[str, Sequence[object]]] = []

    async def fetch(
        self, statement: PreparedStatement, parameters: Mapping[str, object]
    ) -> Sequence[Row]:
        """Note the statement, and have no answer."""
        self.noted.append((statement.sql, [parameters[name] for name in statement.order]))
        raise CacheMissError


def statements_per_second(
    home: Home, asker: Asker, chunk_format: ChunkFormat, pace: Pace, programs_in: Path
) -> float:
    """Return how often pgbench executes the statement of a year's history, prepared, in a second.

    It has as many connections as the benchmark, each of 64 accounts in random order.
    """
    noted = asyncio.run(_note(home, asker.any(HISTORY_365, _QUESTIONS), chunk_format))
    command = [
        str(programs(programs_in) / "pgbench"),
        *("--protocol", "prepared", "--no-vacuum", "--jobs", "1"),
        *("--client", str(pace.connections), "--time", str(max(1, round(pace.seconds * 4)))),
    ]
    with TemporaryDirectory() as folder:
        for number, (sql, arguments) in enumerate(noted):
            file = Path(folder, f"{number}.sql")
            file.write_text(_PARAMETER.sub(rf":v{number}_\1", " ".join(sql.split())) + ";\n")
            command += ["--file", str(file)]
            for place, value in enumerate(arguments, 1):
                command += ["--define", f"v{number}_{place}={value}"]
        done = subprocess.run(  # noqa: S603 - words of our own
            [*command, home.url], check=True, capture_output=True, text=True
        )
    found = _RATE.search(done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


async def _note(
    home: Home, questions: Sequence[Question], chunk_format: ChunkFormat
) -> Sequence[tuple[str, Sequence[object]]]:
    recorder = _Recorder(home)
    cache = HistoryCache(recorder, chunk_format, rebuild=lambda _account_id: None)
    for question in questions:
        assert question.period is not None, "a history has a period"
        account_id = AccountId(question.owner.account_ids[question.account])
        credential = Credential(now(), session_id=SessionId(question.owner.session_id))
        with suppress(CacheMissError):
            await cache.within(credential, account_id, question.period)
    return recorder.noted
