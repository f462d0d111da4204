"""``dashtam demo``, as people start it: a process of its own, on a free port."""

import json
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
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from cli.conftest import CommandLine

STARTS_WITHIN_S = 60  # On a machine that is busy with other tests.
ESCAPE = "\x1b"
CONNECTIONS = "SELECT id AS connection_id FROM connections WHERE kind = ?"
ACCOUNTS = f"SELECT id AS account_id FROM accounts WHERE connection_id IN ({CONNECTIONS})"


@contextmanager
def running(data: Path, port: int) -> Iterator[list[str]]:
    """Run the demonstration, and yield its lines up to the first answer."""
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


class FirstRun(NamedTuple):
    """The first run of the demonstration, and the answer to its example."""

    data: Path
    port: int
    lines: list[str]
    history: Any


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    data = tmp_path_factory.mktemp("demo") / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with running(data, port) as lines:
        return FirstRun(data, port, lines, answer(curl(lines)))


def value_of(lines: list[str], title: str) -> str:
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
    """Count the rows of connections of this kind."""
    of_kind = {
        "connections": "SELECT count(*) FROM connections WHERE kind = ?",
        "accounts": f"SELECT count(*) FROM accounts JOIN ({CONNECTIONS}) USING (connection_id)",
        "position_sets": f"SELECT count(*) FROM position_sets JOIN ({ACCOUNTS}) USING (account_id)",
        "snapshots": f"SELECT count(*) FROM balance_snapshots JOIN ({ACCOUNTS}) USING (account_id)",
    }
    with closing(sqlite3.connect(data / "dashtam.db")) as database:
        return {rows: database.execute(sql, (kind,)).fetchone()[0] for rows, sql in of_kind.items()}


def test_a_second_run_shows_the_same_again(first_run: FirstRun) -> None:
    data, port, first, history = first_run
    password = value_of(first, "Password")
    before = counted(data, "file")
    assert before == {"connections": 6, "accounts": 12, "position_sets": 74, "snapshots": 4_798}
    live = counted(data, "api")
    assert live["connections"] == 1
    assert live["snapshots"] > 365 * live["accounts"] > 0
    assert history["total_count"] == 365

    with running(data, port) as second:
        assert answer(curl(second)) == history
        assert value_of(second, "Password") == password
        sign_in = {"email": value_of(second, "E-mail"), "password": password}
        url = f"{value_of(second, 'Dashboard')}/api/v1/sessions"
        headers = {"Content-Type": "application/json"}
        body = json.dumps(sign_in).encode()
        assert answer(Request(url, body, headers))["token_type"] == "bearer"  # noqa: S310, S105 - ours
        with pytest.raises(HTTPError, match="401") as refused:
            answer(curl(first))
        refused.value.close()
    assert counted(data, "file") == before
    assert counted(data, "api") == live


def test_its_text_is_plain_where_there_is_no_terminal(first_run: FirstRun) -> None:
    assert ESCAPE not in "\n".join(first_run.lines)
    (line,) = [line for line in first_run.lines if "curl" in line]
    assert re.fullmatch(
        rf'curl "http://127\.0\.0\.1:{first_run.port}/api/v1/accounts/[0-9a-f-]{{36}}/balance-history'
        r"\?start_date=2025-11-16T00:00:00Z&end_date=2026-11-15T23:59:59Z"
        r'" -H "Authorization: Bearer dta_[A-Za-z0-9_-]{43}"',
        line,
    )


def test_the_password_is_kept_for_its_owner_alone(first_run: FirstRun) -> None:
    kept = first_run.data / "demo_password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_taken_port_is_refused_in_a_sentence_before_anything_is_written(
    offline: CommandLine,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = (
            f"Port {port} of 127.0.0.1 cannot be had (Address already in use)."
            " Choose another one with --port."
        )
        assert offline.refused("demo", "--port", port) == f"{sentence}\n"
        # Where no people read it, every line of a server is one of its log.
        assert json.loads(offline.refused("serve", "--port", port))["detail"] == sentence
    assert not offline.data.exists()


def test_it_leaves_an_installation_for_production_alone(
    offline: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHTAM_ENVIRONMENT", "production")
    assert "production" in offline.refused("demo")
    assert not offline.data.exists()
