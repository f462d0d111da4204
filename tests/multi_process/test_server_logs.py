"""Every line that a server writes is JSON, whatever happens to it, and none has a credential."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from multi_process.remote_user import PASSWORD, RemoteUser
from server_process import serving, start


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_line_of_two_processes_is_json_and_has_no_token(
    database_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    options = {"REGISTRATION": "open", "LOG_LEVEL": "debug"}
    with (
        log.open("wb") as stderr,
        serving(
            tmp_path / "data", database_url, "--workers", "2", stderr=stderr, **options
        ) as server,
    ):
        ada = RemoteUser.register(server, "ada@example.com")
        token = ada.send("POST", "/access-tokens", json={"name": "Script"}).json()["token"]
        for secret in (ada.token, token):
            assert httpx2.get(f"{server.url}/api/v1/accounts/{secret}").status_code == 401
            ada.send("DELETE", f"/accounts/{secret}")
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as wire:
            wire.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            assert wire.recv(100).startswith(b"HTTP/1.1 400")
        os.kill(_answering_process(server.process.pid), signal.SIGKILL)
        _wait_for(log, "process_replaced")
        server.process.terminate()
        assert server.process.wait(60) == 0
    events = _events(log.read_text())
    assert {"server_started", "worker_stopped", "library_message"} <= set(events)
    for secret in (ada.token, token, PASSWORD, "ada@example.com"):
        assert secret not in log.read_text()


@pytest.mark.parametrize(
    ("command", "options", "reason"),
    [
        ("serve", {"ENVIRONMENT": "production"}, "keys create"),
        ("worker", {"DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c"}, "not available"),
    ],
)
def test_a_server_that_cannot_start_says_so_in_json(
    tmp_path: Path, command: str, options: dict[str, str], reason: str
) -> None:
    failed = start(tmp_path, command, stderr=subprocess.PIPE, **options)
    _, stderr = failed.communicate(timeout=60)
    assert failed.returncode == 1
    assert reason in _events(stderr.decode())["start_failed"]["detail"]


def _events(log: str) -> dict[str, Any]:
    return {event["event"]: event for event in map(json.loads, log.splitlines())}


def _answering_process(parent: int) -> int:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            started_by = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_text()
        except OSError:
            continue
        if started_by == parent and "spawn_main" in words:
            return int(folder.name)
    pytest.fail("no process answers")


def _wait_for(log: Path, event: str) -> None:
    deadline = time.monotonic() + 60
    while event not in log.read_text():
        assert time.monotonic() < deadline, f"the log has no {event}"
        time.sleep(0.05)
