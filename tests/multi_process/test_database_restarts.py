"""A PostgreSQL that ends under load costs seconds, and no acknowledged snapshot."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import Event, Lock
from typing import Any

import psycopg
import pytest

import application
from application import Applications, Person
from concurrency import wait_until
from multi_process.remote_user import RemoteUser
from multi_process.stored_history import assert_is_sound
from proofs import Proof
from server_process import Server, serving
from servers import Address, Servers, answers_queries

UNLIMITED = {
    f"RATE_LIMIT_{policy}": "1000000/1000000" for policy in ("API_READ", "API_WRITE", "AUTH")
}
# A stop, a stop without a checkpoint, a crashed backend, terminated clients.
ENDS = ["fast", "immediate", "crash", "terminated"]


@dataclass(frozen=True, slots=True)
class Postgresql:
    address: Address

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.address.port}/postgres"

    def answers(self) -> bool:
        return answers_queries(self.url)

    @property
    def master(self) -> int:
        return int((Path(self.address.folder) / "data/postmaster.pid").read_text().split()[0])

    def kill(self) -> None:
        """Kill all its processes at once."""
        master = self.master
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        for pid in (master, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self, how: str) -> None:
        if how == "terminated":
            self._terminate_clients()
            return
        if how != "crash":
            os.kill(self.master, signal.SIGINT if how == "fast" else signal.SIGQUIT)
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
    """A user who reads and writes in several threads, and the responses."""

    ada: RemoteUser
    account_id: str
    stopping: Event = field(default_factory=Event)
    acknowledged: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    last_success_at_s: float = 0
    _lock: Lock = field(default_factory=Lock)

    def write_until_stopped(self) -> None:
        while not self.stopping.is_set():
            answer = self.ada.type_balance(self.account_id, 1)
            if answer.status_code == 201:
                self.acknowledged.add(answer.json()["id"])
            self._note(answer, 201)

    def read_until_stopped(self) -> None:
        while not self.stopping.is_set():
            self._note(self.ada.send("GET", "/balance-snapshots"), 200)

    def count_successes(self) -> int:
        with self._lock:
            return self.statuses[200] + self.statuses[201]

    def _note(self, answer: Any, expected: int) -> None:  # noqa: ANN401 - a response of httpx2
        with self._lock:
            self.statuses[answer.status_code] += 1
            if answer.status_code == expected:
                self.last_success_at_s = time.monotonic()
            elif not is_unavailable(answer):
                self.unexpected.append(answer.text)


def is_unavailable(answer: Any) -> bool:  # noqa: ANN401 - a response of httpx2
    is_problem = answer.headers["Content-Type"] == "application/problem+json"
    return is_problem and answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


@contextmanager
def running(**options: str) -> Iterator[Postgresql]:
    started = Servers()
    try:
        found = Postgresql(started.postgresql_that_returns(**options))
        found.address.wait_until(found.answers)
        yield found
    finally:
        started.stop()


@pytest.fixture
def postgresql() -> Iterator[Postgresql]:
    with running() as found:
        yield found


@pytest.fixture
def durable_postgresql() -> Iterator[Postgresql]:
    """A server that waits for the disk, as in production."""
    with running(fsync="on") as found:
        yield found


@pytest.fixture
def server(postgresql: Postgresql, tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "data", postgresql.url, REGISTRATION="open", **UNLIMITED) as found:
        yield found


@pytest.mark.proves(13)
def test_a_database_that_ends_under_load_costs_seconds_and_no_snapshot(
    postgresql: Postgresql, server: Server, proof: Proof, tmp_path: Path
) -> None:
    ada = RemoteUser.register(server, "ada@example.com")
    load = Load(ada, ada.create_account())
    with ThreadPoolExecutor(8) as pool:
        under_way = [
            pool.submit(load.write_until_stopped if number % 2 else load.read_until_stopped)
            for number in range(8)
        ]
        try:
            for number in range(proof(40)):
                successes = load.count_successes()
                while load.count_successes() < successes + 50:
                    time.sleep(0.02)
                postgresql.end(ENDS[number % len(ENDS)])
                postgresql.address.wait_until(postgresql.answers)
                restarted_at_s = time.monotonic()
                while load.last_success_at_s < restarted_at_s:
                    assert time.monotonic() - restarted_at_s < 120, "it does not recover"
                    time.sleep(0.02)
                proof.record(restarts=1, back_within_s=load.last_success_at_s - restarted_at_s)
        finally:
            load.stopping.set()
        for one in under_way:
            one.result()
    assert load.unexpected == []
    assert set(load.statuses) <= {200, 201, 503}
    assert load.statuses[503] > 0
    assert load.acknowledged
    assert load.acknowledged <= ada.snapshot_ids(load.account_id)
    assert_is_sound(tmp_path / "data", postgresql.url)


@pytest.mark.proves(2)
def test_a_killed_postgresql_keeps_each_acknowledged_snapshot(
    durable_postgresql: Postgresql, proof: Proof, tmp_path: Path
) -> None:
    server = durable_postgresql
    url = server.url.replace("postgresql://", "postgresql+psycopg://")
    with closing(Applications(url, tmp_path / "data")) as applications:
        app = applications.open(rate_limits=application.UNLIMITED)
        typing = Typing(app.person())
        with ThreadPoolExecutor(4) as pool:
            under_way = [pool.submit(typing.type_until_stopped) for _ in range(4)]
            try:
                for _ in range(proof(200)):
                    goal = len(typing.acknowledged) + 3
                    wait_until(
                        lambda goal=goal: (  # type: ignore[misc]
                            len(typing.acknowledged) > goal or any(one.done() for one in under_way)
                        )
                    )
                    server.kill()
                    server.address.wait_until(server.answers)
            finally:
                typing.stopping.set()
            for one in under_way:
                one.result()
        wait_until(server.answers)
        stored = [
            Decimal(row["balance"])
            for account_id in typing.account_ids
            for row in typing.ada.history(account_id)["snapshots"]
        ]
    assert len(set(stored)) == len(stored)
    assert typing.acknowledged <= set(stored) <= typing.attempted
    assert_is_sound(tmp_path / "data", url)
    proof.record(kills_of_postgresql=proof(200), lost=len(typing.acknowledged - set(stored)))


@dataclass
class Typing:
    """A user who types balances in several threads, each balance once."""

    ada: Person
    account_ids: list[str] = field(default_factory=list)
    stopping: Event = field(default_factory=Event)
    attempted: set[Decimal] = field(default_factory=set)
    acknowledged: set[Decimal] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def type_until_stopped(self) -> None:
        opening = Decimal(next(self._numbers))
        self.attempted.add(opening)
        account_id = self.ada.account(str(opening))
        self.account_ids.append(account_id)
        self.acknowledged.add(opening)
        path = f"/accounts/{account_id}/balance-snapshots"
        while not self.stopping.is_set():
            balance = Decimal(next(self._numbers))
            self.attempted.add(balance)
            body = {"balance": str(balance), "captured_at": "2025-02-01"}
            typed = self.ada.post(path, json=body)
            assert typed.status_code == 201 or is_unavailable(typed), typed.text
            if typed.status_code == 201:
                self.acknowledged.add(balance)
            else:
                self.stopping.wait(0.02)
