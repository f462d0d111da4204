"""A full disk: writes are refused, reads succeed, and nothing is half-written.

The operating system's limit on the size of the server's files stands for the disk: a write beyond
it fails in the middle, as on a full disk, but with another error number.
"""

import resource
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from multi_process.remote_user import RemoteUser
from multi_process.stored_history import assert_is_sound
from proofs import Proof
from server_process import Server, serving

UNLIMITED = {
    f"RATE_LIMIT_{policy}": "1000000/1000000"
    for policy in ("API_READ", "API_WRITE", "SYNC", "AUTH")
}
ROWS = 3_000


@pytest.fixture
def database_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    path = tmp_path / "dashtam.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return f"sqlite:///{path}"


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


@pytest.mark.proves(14)
def test_a_full_disk_refuses_writes_and_serves_reads_until_it_has_space(
    server: Server, database_url: str, proof: Proof, tmp_path: Path
) -> None:
    ada = RemoteUser.register(server, "ada@example.com")
    account_id = ada.create_account()
    acknowledged = {ada.type_balance(account_id, 1).json()["id"]}
    for number in range(proof(50)):
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
    proof.record(times_full=proof(50), acknowledged_and_lost=0)
    names = {row["name"] for row in ada.send("GET", "/accounts").json()["accounts"]}
    assert not any(name.startswith("refused") for name in names)
    assert_is_sound(tmp_path / "data", database_url)


def import_rows(ada: RemoteUser, name: str) -> Any:  # noqa: ANN401 - a response
    first = date(2010, 1, 1)
    rows = (f"{first + timedelta(number)},{number}.25,{name}\n" for number in range(ROWS))
    file = ("balances.csv", ("Date,Balance,Account\n" + "".join(rows)).encode())
    return ada.send("POST", "/imports", files={"file": file})
