"""Several processes that sync, killed and paused: their syncs are whole, and none is lost."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from concurrency import wait_until
from dashtam.application.connections import connect
from dashtam.application.connections.connect import NewConnection
from dashtam.application.history.verification import verify
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs.claims import SyncRequest
from dashtam.database.engine import open_engine
from dashtam.domain.connection import Connection
from dashtam.domain.sync import SnapshotSource
from dashtam.domain.user import User, UserId
from proofs import Proof
from syncs import sync_process
from syncs.sync_process import LEASE, POINTS

LEASE_S = LEASE.total_seconds()
ACTIVITY = "SELECT 1 FROM pg_stat_activity WHERE"


@dataclass
class SyncProcesses:
    """Processes that sync on one database, and the log of what they did."""

    url: str
    folder: Path
    every_s: float = 3600
    children: list[int] = field(default_factory=list)
    orders: int = 0

    def __post_init__(self) -> None:
        self._installation = sync_process.installation_of(self.order())
        self.services = sync_process.services_of(self.order(), self._installation)
        self._ready = subprocess.Popen(
            [sys.executable, sync_process.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},  # noqa: TID251 - its child's
        )
        assert self._ready.stdout
        assert self._ready.stdout.readline() == "ready\n"

    def order(self, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        # Processes that no test kills or pauses have time, however busy the machine is.
        order = {"url": self.url, "folder": str(self.folder), "every_s": self.every_s}
        return order | {"lease_s": 60} | more

    def start(self, act: str, **more: Any) -> int:  # noqa: ANN401 - JSON
        """Start a process and return its id once it works."""
        self.orders += 1
        number = self.orders
        order = self.order(act=act, number=number, **{"lease_s": LEASE_S} | more)
        pid = int(self._tell(order))
        self.children.append(pid)
        if act != "race":
            wait_until(lambda: ("ready", str(number)) in self.log())
        return pid

    def stop(self, pid: int, number: signal.Signals | None = signal.SIGKILL) -> None:
        """Wait until the process has ended, once it was sent the signal, if there is one."""
        if number is not None:
            os.kill(pid, number)
        wait_until(lambda: self.is_over(pid))

    def is_over(self, pid: int) -> bool:
        """Tell whether the process has ended; once it has, its id may be anybody's."""
        if self._tell({"act": "look", "pid": pid}) != "over":
            return False
        self.children.remove(pid)
        return True

    def pause(self, pid: int) -> None:
        """Halt the process where it holds nothing that others wait for.

        Its provider is being asked, so that only the renewal of its lease can be in the midst of a
        transaction: then it goes on for a moment.
        """
        for _ in range(1000):
            assert self._tell({"act": "halt", "pid": pid}) == "halted"
            if not self._is_anything_held():
                return
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)
        pytest.fail("it always holds something")

    def _is_anything_held(self) -> bool:
        if self.is_postgresql:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            wait_until(lambda: not self.query(f"{ACTIVITY} {others} AND state = 'active'"))
            return bool(self.query(f"{ACTIVITY} {others} AND state LIKE 'idle in%'"))
        path = self.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as opened:
            try:
                opened.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            opened.execute("ROLLBACK")
        return False

    def _tell(self, order: dict[str, Any]) -> str:
        assert self._ready.stdin
        assert self._ready.stdout
        self._ready.stdin.write(json.dumps(order) + "\n")
        self._ready.stdin.flush()
        return self._ready.stdout.readline().strip()

    def connect(self, token: str) -> Connection:
        with self.services.database.write() as work:
            user = work.users.find_by_email("ada@example.com")
            if user is None:
                user = User(UserId(work.new_id()), "ada@example.com", work.now)
                assert work.users.add(user, "nobody signs in with this")
        made = connect.connect(self.services, user.id, NewConnection("noted", {"token": token}))
        assert made.sync.state == "succeeded"
        return made.connection

    def log(self) -> list[tuple[str, ...]]:
        with contextlib.suppress(FileNotFoundError):
            return [tuple(line.split()) for line in (self.folder / "log").read_text().splitlines()]
        return []

    def logged(self, event: str) -> set[str]:
        return {line[1] for line in self.log() if line[0] == event}

    def query(self, statement: str) -> list[Any]:
        engine = open_engine(self.url)
        try:
            with engine.connect() as connection:
                return list(connection.execute(text(statement)))
        finally:
            engine.dispose()

    def sync(self, connection: Connection) -> str:
        with self.services.database.write() as work:
            request = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=True)
            claim = claims.claim_connection(work, self.services, connection, request)
        return sync_run.complete(self.services, claim).state

    def end(self) -> None:
        for pid in list(self.children):
            self.stop(pid)
        self._installation.close()
        self._ready.kill()
        self._ready.wait()
        for pipe in (self._ready.stdin, self._ready.stdout):
            assert pipe
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def check(self) -> None:
        """Hold the stored rows against the attempted and the acknowledged ones."""
        rows = self.query("SELECT sync_id, account_id, balance FROM balance_snapshots")
        stored = {f"{row.balance:.2f}" if self.is_postgresql else row.balance for row in rows}
        assert stored <= self.logged("attempted")
        runs = Counter(_id(row.sync_id) for row in rows)
        assert self.logged("acked") <= {str(run) for run in runs}
        assert set(runs.values()) == {2}, "each run recorded both accounts, each once"
        pairs = [(_id(row.sync_id), _id(row.account_id)) for row in rows]
        assert len(set(pairs)) == len(pairs)
        good = {_id(row.id) for row in self.query("SELECT id FROM syncs WHERE state = 'succeeded'")}
        assert set(runs) == good
        report = verify(self.services.database)
        assert (report.found, report.outdated_chunks) == (0, [])

    @property
    def is_postgresql(self) -> bool:
        return self.url.startswith("postgresql")


def _id(value: Any) -> UUID:  # noqa: ANN401 - the driver's
    return value if isinstance(value, UUID) else UUID(bytes=value)


@pytest.fixture
def start_processes(database_url: str, tmp_path: Path) -> Iterator[Callable[..., SyncProcesses]]:
    started: list[SyncProcesses] = []

    def start(**more: Any) -> SyncProcesses:  # noqa: ANN401 - fields of SyncProcesses
        started.append(SyncProcesses(database_url, tmp_path, **more))
        return started[-1]

    yield start
    for processes in started:
        processes.end()


def wait_for_leases(processes: SyncProcesses) -> None:
    """Return when every lease has expired, and no sync runs."""

    def has_none_running() -> bool:
        with processes.services.database.write() as work:
            claims.end_expired(work, processes.services)
        return processes.query("SELECT count(*) FROM syncs WHERE state = 'running'") == [(0,)]

    wait_until(has_none_running)


@pytest.mark.proves(1)
def test_a_process_that_is_killed_at_any_moment_leaves_whole_syncs(
    start_processes: Callable[..., SyncProcesses], proof: Proof
) -> None:
    processes = start_processes()
    # Live snapshots are a second apart, and never five minutes ahead: no account is synced often.
    connections = [processes.connect(f"token{number}") for number in range(10)]
    chance, started = random.Random(21), time.monotonic()  # noqa: S311 - no secret
    processes.sync(connections[0])
    took_s = time.monotonic() - started
    for number in range(proof(200)):
        # On a busy machine, too, some syncs end before their process does.
        ended = len(processes.logged("acked")) + number % 3
        pid = processes.start("sync", connection=str(connections[number % 10].id))
        wait_until(lambda ended=ended: len(processes.logged("acked")) >= ended)  # type: ignore[misc]
        time.sleep(chance.uniform(0, took_s))
        processes.stop(pid)
    wait_for_leases(processes)
    assert {processes.sync(connection) for connection in connections} == {"succeeded"}
    assert processes.logged("acked")
    processes.check()
    proof.record(kills=proof(200), syncs_lost=0)


@pytest.mark.proves(1)
@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_is_killed_at_a_named_point_leaves_whole_syncs(
    start_processes: Callable[..., SyncProcesses], proof: Proof, point: str
) -> None:
    processes = start_processes()
    connection = processes.connect("token")
    for _ in range(proof(20)):
        pid = processes.start("sync", connection=str(connection.id), point=point)
        processes.stop(pid, None)
    wait_for_leases(processes)
    assert processes.sync(connection) == "succeeded"
    processes.check()
    states = dict(processes.query("SELECT state, count(*) FROM syncs GROUP BY state"))
    ended_well = proof(20) if point == "after result" else 0
    assert states["succeeded"] == 2 + ended_well
    left = 0 if point in {"before claim", "after result"} else proof(20)
    assert states.get("failed", 0) == left
    proof.record(kills=proof(20), syncs_lost=0)


@pytest.mark.proves(5)
def test_of_fifty_that_ask_at_once_one_syncs(
    start_processes: Callable[..., SyncProcesses], proof: Proof
) -> None:
    processes, rounds = start_processes(), proof(100)
    connection = processes.connect("token")
    for _ in range(5):
        processes.start(
            "race", connection=str(connection.id), rounds=rounds, threads=10, lease_s=60
        )
    for number in range(rounds):
        (processes.folder / f"start-{number}").touch()

        def asked(number: int = number) -> Counter[str]:
            here = [line for line in processes.log() if line[1:2] == (str(number),)]
            return Counter(line[0] for line in here)

        wait_until(lambda: asked()["begun"] + asked()["refused"] == 50)
        assert (asked()["begun"], asked()["refused"]) == (1, 49)
        (processes.folder / f"release-{number}").touch()
        wait_until(lambda: asked()["ended"] == 1)
    assert {line[2] for line in processes.log() if line[0] == "ended"} == {"succeeded"}
    processes.check()
    proof.record(parallel_requests=50 * rounds, syncs=rounds)


@pytest.mark.proves(15)
def test_a_worker_that_is_paused_beyond_its_lease_writes_nothing(
    start_processes: Callable[..., SyncProcesses], proof: Proof
) -> None:
    processes = start_processes()
    for number in range(proof(20)):
        connection = processes.connect(f"token{number}")
        (processes.folder / "gate").unlink(missing_ok=True)
        pid = processes.start("hold", connection=str(connection.id))
        processes.pause(pid)
        (paused,) = processes.query("SELECT id FROM syncs WHERE state = 'running'")
        wait_for_leases(processes)
        assert processes.sync(connection) == "succeeded"
        before = processes.query("SELECT * FROM balance_snapshots ORDER BY account_id, sequence")
        (processes.folder / "gate").touch()
        os.kill(pid, signal.SIGCONT)
        processes.stop(pid, None)
        after = processes.query("SELECT * FROM balance_snapshots ORDER BY account_id, sequence")
        assert after == before
        assert processes.log()[-1] == ("held", str(_id(paused.id)), "failed", "interrupted")
    processes.check()
    proof.record(paused_workers_that_wrote_nothing=proof(20))


@pytest.mark.proves(15)
def test_four_workers_serve_each_slot_once_through_kills_and_pauses(
    start_processes: Callable[..., SyncProcesses], proof: Proof
) -> None:
    processes, slots = start_processes(every_s=0.8), proof(1000)
    for number in range(12):
        processes.connect(f"token{number}")
    workers = Workers(processes)
    served = "SELECT count(*) FROM syncs WHERE due_at IS NOT NULL AND state = 'succeeded'"
    deadline = time.monotonic() + 900
    while processes.query(served)[0][0] < slots:
        assert time.monotonic() < deadline, "the workers do not get on"
        time.sleep(0.15)
        workers.disturb_one()
    workers.recover()
    wait_until(lambda: not _unserved(processes))
    workers.stop()
    wait_for_leases(processes)
    done = processes.query(
        "SELECT connection_id, due_at, count(*) AS served FROM syncs"
        " WHERE due_at IS NOT NULL AND state = 'succeeded' GROUP BY connection_id, due_at"
    )
    assert [row for row in done if row.served != 1] == [], "a slot was served twice"
    processes.check()
    proof.record(slots_served_once=len(done))


@dataclass
class Workers:
    """Four workers that are killed, paused and stopped at random."""

    processes: SyncProcesses
    chance: random.Random = field(default_factory=lambda: random.Random(21))  # noqa: S311 - no secret
    pids: list[int] = field(default_factory=list)
    paused: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pids = [self.processes.start("work") for _ in range(4)]

    def disturb_one(self) -> None:
        """Let one of them be killed, paused beyond its lease, stopped, or left alone."""
        self.recover(time.monotonic())
        at = self.chance.randrange(4)
        event = self.chance.choice(["kill", "pause", "stop", "live", "live", "live"])
        pid = self.pids[at]
        if pid in self.paused or event == "live":
            return
        if event == "pause":
            os.kill(pid, signal.SIGSTOP)
            self.paused[pid] = time.monotonic() + LEASE_S * 1.5
            return
        os.kill(pid, signal.SIGKILL if event == "kill" else signal.SIGTERM)
        wait_until(lambda: self._is_over(pid))
        self.pids[at] = self.processes.start("work")

    def _is_over(self, pid: int) -> bool:
        # One that is paused may hold SQLite's only lock, for which the one that stops has to wait.
        self.recover(time.monotonic())
        return self.processes.is_over(pid)

    def recover(self, now: float = float("inf")) -> None:
        """Let processes go on at the end of their pause."""
        for pid in [pid for pid, until in self.paused.items() if until <= now]:
            del self.paused[pid]
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        for pid in self.pids:
            self.processes.stop(pid, signal.SIGTERM)


def _unserved(processes: SyncProcesses) -> list[Any]:
    """Return slots that somebody began to serve, and nobody has."""
    return processes.query(
        "SELECT connection_id, due_at FROM syncs WHERE due_at IS NOT NULL"
        " GROUP BY connection_id, due_at"
        " HAVING count(CASE WHEN state = 'succeeded' THEN 1 END) = 0"
        " AND due_at <> (SELECT max(next_sync_at) FROM connections"
        " WHERE connections.id = syncs.connection_id)"
    )
