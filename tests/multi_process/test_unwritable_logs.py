"""A log that cannot be written fails no request and no worker, and readiness tells of silence."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from application import Applications
from dashtam.bootstrap.heartbeat import Heartbeat, longest_silence_s
from dashtam.bootstrap.logs import LineWriter
from multi_process.remote_user import RemoteUser
from multi_process.small_disk import small_disk
from proofs import Proof
from server_process import Server, serving

OPTIONS = {"REGISTRATION": "open", "LOG_LEVEL": "debug"} | {
    f"RATE_LIMIT_{policy}": "1000000/1000000"
    for policy in ("API_READ", "API_WRITE", "SYNC", "AUTH", "UNAUTHENTICATED")
}


@pytest.mark.proves(26)
@pytest.mark.parametrize(
    ("log", "processes"), [("full", "2"), ("full", "1"), ("closed", "1"), ("unread", "1")]
)
def test_a_log_that_cannot_be_written_fails_nothing(
    database_url: str, tmp_path: Path, proof: Proof, log: str, processes: str
) -> None:
    with _serving(database_url, tmp_path, log, "--workers", processes) as server:
        ada = RemoteUser.register(server, "ada@example.com")
        account_id = ada.create_account()
        # Their log lines are more than a pipe holds.
        assert ada.type_balance(account_id, 1).status_code == 201
        with httpx2.Client(base_url=server.url, timeout=60) as client:
            for _ in range(proof(1000)):
                assert client.get("/nothing").status_code == 404
            assert client.get("/readyz").status_code == 200
        proof.record(requests_without_a_log=proof(1000), failed=0)
        (heartbeat,) = (tmp_path / "data" / "workers").iterdir()
        before = heartbeat.stat().st_mtime
        deadline = time.monotonic() + 60
        while heartbeat.stat().st_mtime == before:
            assert time.monotonic() < deadline, "the worker has stopped"
            time.sleep(0.2)


@contextmanager
def _serving(database_url: str, folder: Path, log: str, *words: str) -> Iterator[Server]:
    with ExitStack() as stack:
        stderr: int | None = None
        if log == "full":
            stderr = os.open("/dev/full", os.O_WRONLY)
            stack.callback(os.close, stderr)
        elif log == "unread":
            read_end, stderr = os.pipe()
            fcntl.fcntl(stderr, fcntl.F_SETPIPE_SZ, 4096)
            stack.callback(os.close, read_end)
            stack.callback(os.close, stderr)
        served = serving(folder / "data", database_url, *words, stderr=stderr, **OPTIONS)
        yield stack.enter_context(served)


def test_the_lost_lines_are_counted_once_there_is_space() -> None:
    read_end, write_end = os.pipe()
    drops = []
    full = os.open("/dev/full", os.O_WRONLY)
    saved = os.dup(write_end)
    os.dup2(full, write_end)
    writer = LineWriter(write_end)
    writer.on_drop = lambda: drops.append(1)
    for number in range(3):
        writer.write(f"lost {number}")
    writer.flush()
    os.dup2(saved, write_end)
    writer.write('"written"')
    writer.flush()
    lines = os.read(read_end, 4096).decode().splitlines()
    dropped, written = map(json.loads, lines)
    assert (dropped["event"], dropped["count"], written) == ("log_lines_dropped", 3, "written")
    assert len(drops) == 3
    for descriptor in (read_end, write_end, full, saved):
        os.close(descriptor)


def test_readiness_tells_of_a_silent_worker(applications: Applications) -> None:
    app = applications.open(worker=True)
    heartbeat = Heartbeat(app.installation.settings.data)
    heartbeat.beat()
    assert app.client.get("/readyz").status_code == 200
    (file,) = (app.installation.settings.data / "workers").iterdir()
    os.utime(file, (time.time() - 11,) * 2)
    assert "has not looked" in app.client.get("/readyz").json()["detail"]
    (check,) = [one for one in app.installation.checks() if one.name == "worker"]
    assert not check.is_well
    heartbeat.beat()
    assert app.client.get("/readyz").status_code == 200
    os.utime(file, (time.time() - 11,) * 2)
    heartbeat.end()
    assert app.client.get("/readyz").status_code == 200


def test_the_heartbeat_of_a_killed_worker_is_removed(tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    left = tmp_path / "workers" / "killed.heartbeat"
    left.touch()
    os.utime(left, (0, 0))
    assert longest_silence_s(tmp_path) == 0
    assert not left.exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_readiness_and_doctor_tell_of_a_full_disk(applications: Applications) -> None:
    with small_disk(8) as disk:
        database = disk.folder / "dashtam.db"
        shutil.copyfile(applications.database_url.removeprefix("sqlite:///"), database)
        applications.database_url = f"sqlite:///{database}"
        app = applications.open()
        assert app.client.get("/readyz").status_code == 200
        disk.fill()
        assert "disk is full" in app.client.get("/readyz").json()["detail"]
        (check,) = [one for one in app.installation.checks() if one.name == "disk"]
        assert not check.is_well
        disk.free()
        assert app.client.get("/readyz").status_code == 200
        applications.close()
