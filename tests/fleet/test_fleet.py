"""Several API processes and several workers on one PostgreSQL and one Valkey."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dashtam.application.history.verification import verify
from dashtam.bootstrap import Installation
from dashtam.database.engine import open_engine
from fleet.visitor import Visitor
from proofs.killed import Server, serving, start

READS = 30
DEMO = {"provider": "demo", "credentials": {"seed": "fleet"}}


@dataclass
class Fleet:
    """A server of one process, one of two, and two workers beside them."""

    one: Server
    two: Server
    url: str
    data: Path

    def query(self, statement: str) -> list[Any]:
        engine = open_engine(self.url)
        try:
            with engine.begin() as connection:
                found = connection.execute(text(statement))
                return list(found) if found.returns_rows else []
        finally:
            engine.dispose()


@pytest.fixture
def fleet(database_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Fleet]:
    data = tmp_path / "data"
    options = {
        "REDIS_URL": valkey_url,
        "REGISTRATION": "open",
        "WORKER": "false",
        "RATE_LIMIT_API_READ": f"{READS}/1",
        "RATE_LIMIT_API_WRITE": "1000/1000",
        "RATE_LIMIT_SYNC": "1000/1000",
        "RATE_LIMIT_AUTH": "1000/1000",
    }
    with ExitStack() as stack:
        one = stack.enter_context(serving(data, database_url, **options))
        two = stack.enter_context(serving(data, database_url, "--workers", "2", **options))
        for _ in range(2):
            worker = start(data, "worker", DATABASE_URL=database_url, **options)
            stack.callback(worker.wait)
            stack.callback(worker.kill)
        yield Fleet(one, two, database_url, data)


pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_what_one_process_records_the_others_read(fleet: Fleet) -> None:
    ada = Visitor.register(fleet.one, "ada@example.com")
    account_id = ada.account()
    doors = [ada.at(fleet.one), ada.at(fleet.two)]
    for number in range(10):
        typed = doors[number % 2].type(account_id, number)
        assert typed.status_code == 201, typed.text
        assert typed.json()["id"] in doors[(number + 1) % 2].recorded(account_id)


def test_the_rate_limit_is_one_and_exact(fleet: Fleet) -> None:
    ada = Visitor.register(fleet.one, "ada@example.com")
    doors = [ada.at(fleet.one), ada.at(fleet.two)]
    began = time.monotonic()
    with ThreadPoolExecutor(8) as crowd:
        sent = [
            crowd.submit(doors[number % 2].send, "GET", "/balance-snapshots")
            for number in range(READS * 2)
        ]
        counted = Counter(answer.result().status_code for answer in sent)
    refilled = int((time.monotonic() - began) / 60)
    assert READS <= counted[200] <= READS + refilled
    assert counted.total() == counted[200] + counted[429]


def test_a_session_that_one_process_revokes_is_refused_by_the_others(fleet: Fleet) -> None:
    ada = Visitor.register(fleet.one, "ada@example.com")
    doors = [ada.at(fleet.one), ada.at(fleet.two)]
    for _ in range(4):
        assert {door.send("GET", "/users/me").status_code for door in doors} == {200}
    assert doors[0].send("DELETE", "/sessions/current").status_code == 204
    for _ in range(4):
        assert {door.send("GET", "/users/me").status_code for door in doors} == {401}


def test_two_workers_record_each_sync_once_and_one_server_that_dies_is_not_missed(
    fleet: Fleet,
) -> None:
    ada = Visitor.register(fleet.one, "ada@example.com")
    for number in range(6):
        email = f"visitor{number}@example.com"
        visitor = Visitor.register(fleet.two if number % 2 else fleet.one, email)
        made = visitor.send("POST", "/connections", json=DEMO)
        assert made.status_code == 201, made.text
    # Live snapshots of an account are a second apart.
    time.sleep(1.1)
    fleet.query("UPDATE connections SET next_sync_at = now() - interval '1 second'")
    fleet.one.kill()
    served = "SELECT count(*) FROM syncs WHERE due_at IS NOT NULL AND state = 'succeeded'"
    deadline = time.monotonic() + 120
    while fleet.query(served) != [(6,)]:
        assert time.monotonic() < deadline, "the workers do not get on"
        assert ada.at(fleet.two).type(ada.at(fleet.two).account(), "1").status_code == 201
        time.sleep(0.2)
    twice = (
        "SELECT connection_id, due_at FROM syncs WHERE due_at IS NOT NULL"
        " GROUP BY connection_id, due_at HAVING count(*) <> 1"
    )
    assert fleet.query(twice) == []
    installation = Installation.open({"data": fleet.data, "database_url": fleet.url})
    report = verify(installation.database)
    assert (report.found, report.outdated_chunks) == (0, [])
    installation.close()
