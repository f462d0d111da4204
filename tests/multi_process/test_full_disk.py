"""A full disk: writes are refused, reads succeed, and nothing is half-written.

The disk is a file system of a few megabytes. Where none can be mounted, the operating system's
limit on the size of the server's files stands for it: a write beyond it fails in the middle, as on
a full disk, but with another error number.
"""

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import migrate
from multi_process.remote_user import RemoteUser
from multi_process.small_disk import SmallDisk, small_disk
from multi_process.stored_history import assert_is_sound
from proofs import Proof
from server_process import Server, serving
from servers import Servers, answers_queries

UNLIMITED = {
    f"RATE_LIMIT_{policy}": "1000000/1000000"
    for policy in ("API_READ", "API_WRITE", "SYNC", "AUTH")
}
ROWS = 3_000


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    options = UNLIMITED | {"REGISTRATION": "open", "WORKER": "false"}
    with serving(tmp_path / "data", database_url, **options) as found:
        yield found


def limit_growth(server: Server, database_url: str, more_bytes: int) -> None:
    """Let the largest of the server's files grow by so many bytes."""
    database = Path(database_url.removeprefix("sqlite:///"))
    largest = max(file.stat().st_size for file in database.parent.glob("dashtam.db*"))
    limit_file_size(server, largest + more_bytes)


def limit_file_size(server: Server, size: int) -> None:
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.proves(14)
def test_a_full_disk_refuses_writes_and_serves_reads_until_it_has_space(
    server: Server, database_url: str, proof: Proof, tmp_path: Path
) -> None:
    ada = RemoteUser.register(server, "ada@example.com")
    account_id = ada.create_account()
    acknowledged = {ada.type_balance(account_id, 1).json()["id"]}
    for number in range(proof(20)):
        before = ada.snapshot_ids(account_id)
        limit_growth(server, database_url, number * 4321 % 60_000)
        while (typed := ada.type_balance(account_id, number)).status_code == 201:
            acknowledged.add(typed.json()["id"])
        refused = [typed, import_rows(ada, f"refused {number}")]
        for answer in refused:
            assert answer.status_code == 503, answer.text
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert int(answer.headers["Retry-After"]) > 0
        assert before | acknowledged == ada.snapshot_ids(account_id)
        assert ada.send("GET", "/balance-snapshots").status_code == 200
        limit_file_size(server, resource.RLIM_INFINITY)
        typed = ada.type_balance(account_id, number)
        assert typed.status_code == 201, typed.text
        acknowledged.add(typed.json()["id"])
        assert import_rows(ada, f"taken {number}").json()["recorded"] == ROWS
    assert acknowledged < ada.snapshot_ids(account_id)
    proof.record(times_full=proof(20), acknowledged_and_lost=0)
    names = {row["name"] for row in ada.send("GET", "/accounts").json()["accounts"]}
    assert not any(name.startswith("refused") for name in names)
    assert_is_sound(tmp_path / "data", database_url)


@contextmanager
def database_on(disk: SmallDisk, kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a migrated database on the disk; PostgreSQL has its own log elsewhere."""
    place = disk.folder / "database"
    place.mkdir(mode=0o700)
    if kind == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), place / "dashtam.db")
        yield f"sqlite:///{place / 'dashtam.db'}"
        return
    # A server of its own: while the disk is full, none of its databases has a checkpoint.
    servers = Servers()
    address = servers.postgresql()
    url = f"postgresql://postgres@127.0.0.1:{address.port}"
    try:
        address.wait_until(lambda: answers_queries(f"{url}/postgres"))
        owner = Path(address.folder, "data").stat()
        os.chown(place, owner.st_uid, owner.st_gid)
        with psycopg.connect(f"{url}/postgres", autocommit=True) as server:
            server.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
            server.execute("CREATE DATABASE small TABLESPACE small")
        migrate(f"{url}/small")
        yield f"{url}/small"
    finally:
        servers.stop()


@pytest.mark.parametrize(
    ("kind", "log"), [("sqlite", "beside it"), ("sqlite", "on it"), ("postgresql", "on it")]
)
@pytest.mark.proves(14)
def test_a_full_file_system_refuses_writes_and_serves_reads_until_it_has_space(
    request: pytest.FixtureRequest, tmp_path: Path, proof: Proof, kind: str, log: str
) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(40))
        url = stack.enter_context(database_on(disk, kind, request))
        place = disk.folder if log == "on it" else tmp_path
        lines = stack.enter_context((place / "log").open("ab"))
        options = UNLIMITED | {"REGISTRATION": "open", "LOG_LEVEL": "debug"}
        data = tmp_path / "data"
        server = stack.enter_context(serving(data, url, stderr=lines, **options))
        ada = RemoteUser.register(server, "ada@example.com")
        account_id = ada.create_account()
        acknowledged: set[str] = set()
        for number in range(proof(20)):
            disk.fill(leaving_bytes=number * 4321 % 60_000)
            while (typed := ada.type_balance(account_id, number)).status_code == 201:
                acknowledged.add(typed.json()["id"])
            for answer in (typed, import_rows(ada, f"refused {number}")):
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["Retry-After"]) > 0
            for _ in range(3):
                assert acknowledged <= ada.snapshot_ids(account_id)
                for path in ("/balance-snapshots", "/accounts", "/syncs", "/export"):
                    assert ada.send("GET", path).status_code == 200
                proof.record(reads=5, refused=0)
            disk.free()
            typed = ada.type_balance(account_id, number)
            assert typed.status_code == 201, typed.text
            acknowledged.add(typed.json()["id"])
        assert acknowledged <= ada.snapshot_ids(account_id)
        server.kill()
        assert_is_sound(data, url)
        proof.record(times_full=proof(20), acknowledged_and_lost=0)


def import_rows(ada: RemoteUser, name: str) -> Any:  # noqa: ANN401 - a response
    first = date(2010, 1, 1)
    rows = (f"{first + timedelta(number)},{number}.25,{name}\n" for number in range(ROWS))
    file = ("balances.csv", ("Date,Balance,Account\n" + "".join(rows)).encode())
    return ada.send("POST", "/imports", files={"file": file})
