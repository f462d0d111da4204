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

from dashtam.database.engine import open_engine
from multi_process.remote_user import RemoteUser
from multi_process.stored_history import assert_is_sound
from server_process import Server, serving, start

READS = 30
CONNECTIONS = 4
DEMO = {"provider": "demo", "credentials": {"seed": "deployment"}}


@dataclass
class Deployment:
    """A server of one process, a server of two, and their settings."""

    one: Server
    two: Server
    url: str
    data: Path
    options: dict[str, str]

    def query(self, statement: str) -> list[Any]:
        engine = open_engine(self.url)
        try:
            with engine.begin() as connection:
                found = connection.execute(text(statement))
                return list(found) if found.returns_rows else []
        finally:
            engine.dispose()


@pytest.fixture
def deployment(database_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Deployment]:
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
        yield Deployment(one, two, database_url, data, options)


@pytest.fixture
def two_workers(deployment: Deployment) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(2):
            url, options = deployment.url, deployment.options
            worker = start(deployment.data, "worker", DATABASE_URL=url, **options)
            stack.callback(worker.wait)
            stack.callback(worker.kill)
        yield


pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_a_snapshot_that_one_process_records_is_read_by_the_others(deployment: Deployment) -> None:
    ada = RemoteUser.register(deployment.one, "ada@example.com")
    account_id = ada.create_account()
    clients = [ada.at(deployment.one), ada.at(deployment.two)]
    for number in range(10):
        typed = clients[number % 2].type_balance(account_id, number)
        assert typed.status_code == 201, typed.text
        assert typed.json()["id"] in clients[(number + 1) % 2].snapshot_ids(account_id)


def test_all_processes_share_one_exact_rate_limit(deployment: Deployment) -> None:
    ada = RemoteUser.register(deployment.one, "ada@example.com")
    clients = [ada.at(deployment.one), ada.at(deployment.two)]
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        sent = [
            pool.submit(clients[number % 2].send, "GET", "/balance-snapshots")
            for number in range(READS * 2)
        ]
        counted = Counter(answer.result().status_code for answer in sent)
    refilled = int((time.monotonic() - began) / 60)
    assert READS <= counted[200] <= READS + refilled
    assert counted.total() == counted[200] + counted[429]


def test_a_session_that_one_process_revokes_is_refused_by_the_others(
    deployment: Deployment,
) -> None:
    ada = RemoteUser.register(deployment.one, "ada@example.com")
    clients = [ada.at(deployment.one), ada.at(deployment.two)]
    for _ in range(4):
        assert {client.send("GET", "/users/me").status_code for client in clients} == {200}
    assert clients[0].send("DELETE", "/sessions/current").status_code == 204
    for _ in range(4):
        assert {client.send("GET", "/users/me").status_code for client in clients} == {401}


@pytest.mark.usefixtures("two_workers")
def test_two_workers_record_each_sync_once_while_a_server_is_killed(
    deployment: Deployment,
) -> None:
    ada = RemoteUser.register(deployment.one, "ada@example.com").at(deployment.two)
    account_id = ada.create_account()
    for number in range(CONNECTIONS):
        email = f"user{number}@example.com"
        user = RemoteUser.register(deployment.two if number % 2 else deployment.one, email)
        made = user.send("POST", "/connections", json=DEMO)
        assert made.status_code == 201, made.text
    # Live snapshots of an account are at least a second apart.
    recent = "SELECT FROM account_heads WHERE last_live_at > now() - interval '1 second'"
    while deployment.query(recent):
        time.sleep(0.1)
    deployment.query("UPDATE connections SET next_sync_at = now() - interval '1 second'")
    deployment.one.kill()
    synced = "SELECT count(*) FROM syncs WHERE due_at IS NOT NULL AND state = 'succeeded'"
    deadline = time.monotonic() + 240
    while deployment.query(synced) != [(CONNECTIONS,)]:
        assert time.monotonic() < deadline, "the workers do not finish the due syncs"
        assert ada.type_balance(account_id, "1").status_code == 201
        time.sleep(0.2)
    synced_twice = (
        "SELECT connection_id, due_at FROM syncs WHERE due_at IS NOT NULL"
        " GROUP BY connection_id, due_at HAVING count(*) <> 1"
    )
    assert deployment.query(synced_twice) == []
    assert_is_sound(deployment.data, deployment.url)
