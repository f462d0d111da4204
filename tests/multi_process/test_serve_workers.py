"""One port, several processes behind it: `serve --workers`."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from concurrency import wait_until
from dashtam.bootstrap import Installation
from multi_process.remote_user import RemoteUser
from multi_process.stored_history import assert_is_sound
from server_process import Server, serving, start

UNLIMITED = {
    f"RATE_LIMIT_{policy}": "100000/100000" for policy in ("API_READ", "API_WRITE", "AUTH")
}


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    options = UNLIMITED | {"METRICS": "true", "WORKER": "false", "REGISTRATION": "open"}
    with serving(tmp_path / "data", database_url, "--workers", "2", **options) as found:
        wait_until(lambda: len(children(found)) == 2)
        yield found
        served = children(found)
        found.process.terminate()
        assert found.process.wait(60) == 0
        assert not any(map(is_alive, served))


def children(server: Server) -> set[int]:
    """Return the serving processes, without the resource tracker of multiprocessing."""
    pid = server.process.pid
    found = set()
    with suppress(FileNotFoundError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.add(int(child))
    return found


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def is_serving(server: Server) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(f"{server.url}/livez", timeout=10).status_code == 200
    return False


def test_both_processes_record_and_nothing_is_lost(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    ada = RemoteUser.register(server, "ada@example.com")
    account_id = ada.create_account()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: ada.type_balance(account_id, number), range(64)))
        read = list(pool.map(lambda _: ada.send("GET", "/balance-snapshots"), range(64)))
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.status_code for answer in read} == {200}
    assert {answer.json()["id"] for answer in answers} < ada.snapshot_ids(account_id)
    assert len(ada.snapshot_ids(account_id)) == 65
    assert_is_sound(tmp_path / "data", database_url)
    counted = re.search(r'method="POST",status="201"} ([0-9.]+)', metrics(server))
    assert counted
    assert float(counted[1]) == 67


def metrics(server: Server) -> str:
    return httpx2.get(f"{server.url}/metrics", timeout=60).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_killed_process_is_replaced(server: Server) -> None:
    before = children(server)
    dead = before.pop()
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: len(children(server) - {dead}) == 2)
    assert before < children(server)
    wait_until(lambda: is_serving(server))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_slow_client_is_closed_by_each_process(server: Server) -> None:
    place = urlsplit(server.url)
    sockets = [socket.create_connection((place.hostname, place.port), 60) for _ in range(16)]
    for opened in sockets:
        opened.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
    assert [opened.recv(1) for opened in sockets] == [b""] * 16
    for opened in sockets:
        opened.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_processes_end_after_their_parent(database_url: str, tmp_path: Path) -> None:
    with serving(tmp_path / "data", database_url, "--workers", "2") as server:
        wait_until(lambda: len(children(server)) == 2)
        left = children(server)
    wait_until(lambda: not any(map(is_alive, left)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_rate_limits_of_each_process_alone_are_a_warning(database_url: str, tmp_path: Path) -> None:
    given = {"data": tmp_path / "data", "database_url": database_url}
    (warning,) = Installation.open(given | {"processes": 3}).warnings()
    assert warning.startswith("Each of the 3 processes limits rates by itself")
    shared = {"processes": 3, "redis_url": "redis://127.0.0.1:1"}
    assert Installation.open(given | shared).warnings() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_address_in_use_ends_it_at_once(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = {"PORT": port, "DATABASE_URL": database_url}
        ended = start(tmp_path / "data", "serve", "--workers", "2", **options)
        try:
            assert ended.wait(120) != 0
        except subprocess.TimeoutExpired:
            ended.kill()
            raise
