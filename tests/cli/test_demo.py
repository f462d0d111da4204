"""``dashtam demo``, as people start it: a process of its own, on a free port."""

import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

STARTS_WITHIN_S = 60  # On a machine that is busy with other tests.
ESCAPE = "\x1b"
CONNECTIONS = "SELECT id AS connection_id FROM connections WHERE kind = ?"
ACCOUNTS = f"SELECT id AS account_id FROM accounts WHERE connection_id IN ({CONNECTIONS})"


@contextmanager
def running(data: Path, port: int) -> Iterator[list[str]]:
    """Run the demonstration, and give what it said until it answered."""
    command = [sys.executable, "-m", "dashtam", "demo", "--data", str(data), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith("Ctrl+C"):
                    break
            yield lines
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.close()
    assert process.returncode == 0


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found: int = taken.getsockname()[1]
    return found


def told(lines: list[str], title: str) -> str:
    (found,) = [line.split()[1] for line in lines if line.split()[:1] == [title]]
    return found


def curl(lines: list[str]) -> Request:
    (line,) = [line for line in lines if line.startswith("curl ")]
    _, url, flag, header = shlex.split(line)
    assert flag == "-H"
    name, _, value = header.partition(": ")
    return Request(url, headers={name: value})  # noqa: S310 - our own server


def answer(request: Request) -> Any:  # noqa: ANN401 - JSON
    with urlopen(request, timeout=STARTS_WITHIN_S) as response:  # noqa: S310 - our own server
        assert response.status in {200, 201}
        return json.load(response)


def counted(data: Path, kind: str) -> dict[str, int]:
    """Count what came of connections of this kind."""
    of_kind = {
        "connections": "SELECT count(*) FROM connections WHERE kind = ?",
        "accounts": f"SELECT count(*) FROM accounts JOIN ({CONNECTIONS}) USING (connection_id)",
        "holdings": f"SELECT count(*) FROM holdings JOIN ({ACCOUNTS}) USING (account_id)",
        "snapshots": f"SELECT count(*) FROM balance_snapshots JOIN ({ACCOUNTS}) USING (account_id)",
    }
    with closing(sqlite3.connect(data / "dashtam.db")) as database:
        return {what: database.execute(sql, (kind,)).fetchone()[0] for what, sql in of_kind.items()}


def test_a_second_run_shows_the_same_again(tmp_path: Path, port: int) -> None:
    data = tmp_path / "data"
    with running(data, port) as first:
        history = answer(curl(first))
        password = told(first, "Password")
    before = counted(data, "file")
    assert before == {"connections": 6, "accounts": 12, "holdings": 6, "snapshots": 4_798}
    live = counted(data, "api")
    assert live["connections"] == 1
    assert live["snapshots"] > 365 * live["accounts"] > 0
    assert history["total_count"] == 365

    with running(data, port) as second:
        assert answer(curl(second)) == history
        assert told(second, "Password") == password
        sign_in = {"email": told(second, "E-mail"), "password": password}
        url = f"{told(second, 'Dashboard')}/api/v1/sessions"
        headers = {"Content-Type": "application/json"}
        body = json.dumps(sign_in).encode()
        assert answer(Request(url, body, headers))["token_type"] == "bearer"  # noqa: S310, S105 - ours
        with pytest.raises(HTTPError, match="401") as refused:
            answer(curl(first))
        refused.value.close()
    assert counted(data, "file") == before
    assert counted(data, "api") == live


def test_what_it_says_is_plain_where_there_is_no_terminal(tmp_path: Path, port: int) -> None:
    with running(tmp_path / "data", port) as lines:
        said = "\n".join(lines)
    assert ESCAPE not in said
    (line,) = [line for line in lines if "curl" in line]
    assert re.fullmatch(
        rf'curl "http://127\.0\.0\.1:{port}/api/v1/accounts/[0-9a-f-]{{36}}/balance-history'
        r"\?start_date=2025-11-16T00:00:00Z&end_date=2026-11-15T23:59:59Z"
        r'" -H "Authorization: Bearer dta_[A-Za-z0-9_-]{43}"',
        line,
    )


def test_the_password_is_kept_for_its_owner_alone(tmp_path: Path, port: int) -> None:
    with running(tmp_path / "data", port):
        pass
    kept = tmp_path / "data" / "demo_password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_taken_port_is_told_in_a_sentence_before_anything_is_written(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "dashtam", "demo", "--data", str(tmp_path / "data")]
        done = subprocess.run(
            [*command, "--port", str(port)], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"Port {port} of 127.0.0.1 cannot be had (Address already in use)."
        " Choose another one with --port.\n"
    )
    assert not (tmp_path / "data").exists()


def test_it_leaves_an_installation_for_production_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-m", "dashtam", "demo", "--data", str(data)],
        env={**os.environ, "DASHTAM_ENVIRONMENT": "production"},  # noqa: TID251 - a child's
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "production" in done.stderr
    assert not data.exists()
