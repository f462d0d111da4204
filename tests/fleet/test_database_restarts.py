"""A PostgreSQL that ends under load costs seconds, and nothing that was acknowledged."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any

import psycopg
import pytest

from dashtam.application.history.verification import verify
from dashtam.bootstrap import Installation
from fleet.visitor import Visitor
from proofs.killed import Server, serving
from servers import Address, Servers

UNLIMITED = {
    f"RATE_LIMIT_{policy}": "1000000/1000000" for policy in ("API_READ", "API_WRITE", "AUTH")
}
# Stopped, stopped without a checkpoint, a backend that crashes, or its clients thrown out.
ENDS = ["fast", "immediate", "crash", "terminated"]


@dataclass(frozen=True, slots=True)
class Postgresql:
    address: Address

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.address.port}/postgres"

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=5):
            return True
        return False

    def end(self, how: str) -> None:
        if how == "terminated":
            self._terminate_clients()
            return
        master = int((Path(self.address.folder) / "data/postmaster.pid").read_text().split()[0])
        if how != "crash":
            os.kill(master, signal.SIGINT if how == "fast" else signal.SIGQUIT)
            return
        with psycopg.connect(self.url) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            with suppress(psycopg.OperationalError):
                connection.execute("SELECT pg_sleep(10)")

    def _terminate_clients(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )


@dataclass
class Load:
    """People who read and write until told to stop, and what they were told."""

    ada: Visitor
    account_id: str
    is_over: Event = field(default_factory=Event)
    acknowledged: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    answered_at: float = 0
    _lock: Lock = field(default_factory=Lock)

    def write(self) -> None:
        while not self.is_over.is_set():
            answer = self.ada.type(self.account_id, 1)
            if answer.status_code == 201:
                self.acknowledged.add(answer.json()["id"])
            self._note(answer, 201)

    def read(self) -> None:
        while not self.is_over.is_set():
            self._note(self.ada.send("GET", "/balance-snapshots"), 200)

    def _note(self, answer: Any, expected: int) -> None:  # noqa: ANN401 - what httpx2 gives
        with self._lock:
            self.answers[answer.status_code] += 1
            if answer.status_code == expected:
                self.answered_at = time.monotonic()
            elif not is_honest(answer):
                self.odd.append(answer.text)


def is_honest(answer: Any) -> bool:  # noqa: ANN401 - what httpx2 gives
    is_problem = answer.headers["Content-Type"] == "application/problem+json"
    return is_problem and answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


@pytest.fixture
def postgresql() -> Iterator[Postgresql]:
    started = Servers()
    try:
        found = Postgresql(started.postgresql_that_returns())
        found.address.wait_until(found.answers)
        yield found
    finally:
        started.stop()


@pytest.fixture
def server(postgresql: Postgresql, tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "data", postgresql.url, REGISTRATION="open", **UNLIMITED) as found:
        yield found


def test_a_database_that_ends_under_load_costs_seconds_and_no_snapshot(
    postgresql: Postgresql, server: Server, proof: Callable[[int], int], tmp_path: Path
) -> None:
    ada = Visitor.register(server, "ada@example.com")
    load = Load(ada, ada.account())
    with ThreadPoolExecutor(8) as crowd:
        under_way = [crowd.submit(load.write if number % 2 else load.read) for number in range(8)]
        try:
            for number in range(proof(40)):
                time.sleep(0.5)
                postgresql.end(ENDS[number % len(ENDS)])
                postgresql.address.wait_until(postgresql.answers)
                back_at = time.monotonic()
                # In seconds; how busy this machine is besides must not decide.
                while load.answered_at < back_at:
                    assert time.monotonic() - back_at < 30, "it does not recover"
                    time.sleep(0.02)
        finally:
            load.is_over.set()
        for one in under_way:
            one.result()
    assert load.odd == []
    assert set(load.answers) <= {200, 201, 503}
    assert load.answers[503] > 0
    assert load.acknowledged
    assert load.acknowledged <= ada.recorded(load.account_id)
    given = {"data": tmp_path / "data", "database_url": postgresql.url}
    installation = Installation.open(given)
    report = verify(installation.database)
    assert (report.found, report.outdated_chunks) == (0, [])
    installation.close()
