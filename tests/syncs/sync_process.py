"""Processes that sync, for tests that kill and pause them; each is forked from one that is ready.

Run as a program it reads orders from standard input, a JSON object a line, and prints the id of the
process that carries out each.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from dashtam.application.ports import Services
from dashtam.application.provider import CredentialField, Http, Pace, Renew, Report
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs.claims import SyncClaim, SyncRequest
from dashtam.application.syncs.syncs import SyncRunning
from dashtam.bootstrap import Installation
from dashtam.bootstrap.worker import Worker, WorkerOptions
from dashtam.database.unit_of_work import Database, UnitOfWork
from dashtam.domain.connection import ConnectionId
from dashtam.domain.sync import SnapshotSource
from dashtam.providers.key_provider import KeyProvider
from dashtam.settings import read_settings
from scripted_provider import Nowhere, account

LEASE = timedelta(seconds=1)
POINTS = [
    *(
        f"{which} {write}"
        for write in ("claim", "request", "answer", "result")
        for which in ("before", "after")
    ),
    "fetching",
]


def log_line(folder: Path, *words: object) -> None:
    """Append a line that outlives the process, whole or not at all."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(log, (" ".join(map(str, words)) + "\n").encode())
    finally:
        os.close(log)


@dataclass
class LoggingProvider(KeyProvider):
    """A provider of two accounts for each token, which logs each balance before it reports it."""

    folder: Path
    pace: Pace
    fetching: Callable[[], None] = lambda: time.sleep(random.random() / 50)  # noqa: S311 - no secret
    slug: str = "noted"
    name: str = "Noted Bank"
    credentials: Sequence[CredentialField] = (CredentialField("token", "Token"),)

    def fetch(
        self,
        kept: Mapping[str, str],
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        del now, backfill, renew
        http.request("GET", "https://bank.example")
        reports = []
        for number in "ab":
            # None is 10 times another, or it would be held.
            balance = Decimal(random.randrange(5 * 10**14, 10**15)) / 100  # noqa: S311 - no secret
            log_line(self.folder, "attempted", f"{balance:.2f}")
            reports.append(account(f"{balance:.2f}", f"{kept['token']}-{number}"))
        self.fetching()
        return Report(reports)


@dataclass
class Fatal(Database):
    """A database that kills the process at a named write."""

    inner: Database
    point: str
    writes: int = 0

    def read(self) -> Any:  # noqa: ANN401 - a context manager
        return self.inner.read()

    @contextmanager
    def write(self, address: str = "") -> Iterator[UnitOfWork]:
        self.writes += 1
        write = {1: "claim", 2: "request", 3: "answer", 4: "result"}.get(self.writes, "")
        with self.inner.write(address) as work:
            yield work
            if self.point == f"before {write}":
                die()
        if self.point == f"after {write}":
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def connection_id(order: Mapping[str, Any]) -> ConnectionId:
    return ConnectionId(UUID(order["connection"]))


def pace_of(order: Mapping[str, Any]) -> Pace:
    return Pace(timedelta(seconds=order.get("every_s", 3600)), 10**9)


def installation_of(order: Mapping[str, Any]) -> Installation:
    given = {"data": order["folder"], "database_url": order["url"], "database_pool": 20}
    return Installation(read_settings(given), is_upgraded=True)


def services_of(order: Mapping[str, Any], installation: Installation | None = None) -> Services:
    """Return the services of an order, with the provider that logs what it reports."""
    services = (installation or installation_of(order)).services()
    provider = LoggingProvider(Path(order["folder"]), pace_of(order))
    return replace(
        services,
        providers={provider.slug: provider},
        http_for=Nowhere,
        options=replace(
            services.options,
            sync_lease=timedelta(seconds=order["lease_s"]),
            sync_spacing=timedelta(),
        ),
    )


def sync(order: Mapping[str, Any]) -> None:
    """Sync one connection, again and again unless a point is named at which to end."""
    services = services_of(order)
    point = order.get("point", "")
    services = replace(services, database=Fatal(services.database, point))
    if point:
        # Only a provider that takes its time is announced by a transaction of its own.
        fetching = die if point == "fetching" else partial(time.sleep, order["lease_s"] / 20)
        provider = replace(services.providers["noted"], fetching=fetching)  # type: ignore[type-var]
        services = replace(services, providers={"noted": provider})
    log_line(Path(order["folder"]), "ready", order["number"])
    while True:
        try:
            claim = _begun(services, order)
        except SyncRunning:
            time.sleep(0.02)
            services.database.writes -= 1  # type: ignore[attr-defined]
            continue
        ended = sync_run.complete(services, claim)
        if ended.state == "succeeded":
            log_line(Path(order["folder"]), "acked", ended.id)


def hold(order: Mapping[str, Any]) -> None:
    """Sync one connection once, the provider's answer held back until a gate opens."""
    services, folder = services_of(order), Path(order["folder"])

    def fetching() -> None:
        log_line(folder, "ready", order["number"])
        _wait_for(folder / "gate")

    provider = replace(services.providers["noted"], fetching=fetching)  # type: ignore[type-var]
    services = replace(services, providers={"noted": provider})
    claim = _begun(services, order)
    ended = sync_run.complete(services, claim)
    log_line(folder, "held", ended.id, ended.state, ended.code)


def _begun(services: Services, order: Mapping[str, Any]) -> SyncClaim:
    with services.database.write() as work:
        connection = work.connections.get(connection_id(order))
        assert connection is not None
        request = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=True)
        return claims.claim_connection(work, services, connection, request)


def work(order: Mapping[str, Any]) -> None:
    """Run a worker."""
    structlog.configure(processors=[_silent], logger_factory=structlog.ReturnLoggerFactory())
    options = WorkerOptions(poll_s=0.02, shutdown_timeout_s=0.2)
    worker = Worker(services_of(order), structlog.get_logger(), options)
    log_line(Path(order["folder"]), "ready", order["number"])
    worker.run_until_signalled()


def _silent(_logger: object, _name: str, event: Mapping[str, Any]) -> str:
    return str(event["event"])


def race(order: Mapping[str, Any]) -> None:
    """Ask for a sync in several threads at once, in rounds that begin by the clock."""
    services = services_of(order)
    folder = Path(order["folder"])
    for number in range(order["rounds"]):
        gate = folder / f"release-{number}"
        provider = replace(services.providers["noted"], fetching=lambda gate=gate: _wait_for(gate))  # type: ignore[type-var]
        waiting = replace(services, providers={"noted": provider})
        _wait_for(folder / f"start-{number}")
        threads = [
            threading.Thread(target=_ask, args=(waiting, order, number))
            for _ in range(order["threads"])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _ask(services: Services, order: Mapping[str, Any], number: int) -> None:
    folder = Path(order["folder"])
    try:
        claim = _begun(services, order)
    except SyncRunning as error:
        log_line(folder, "refused", number, error.sync_id)
        return
    log_line(folder, "begun", number, claim.sync.id)
    log_line(folder, "ended", number, sync_run.complete(services, claim).state)


def _wait_for(gate: Path) -> None:
    while not gate.exists():
        time.sleep(0.005)


def main() -> None:
    """Fork a process for each order, and say when asked whether one has ended.

    Until that was said its id is nobody else's, so that a test never signals a stranger.
    """
    _answer("ready")
    for line in sys.stdin:
        order = json.loads(line)
        if "pid" in order:
            _answer(look(**order))
            continue
        pid = os.fork()
        if pid == 0:
            # Each child has its own balances, and the same in every run.
            random.seed(order["number"])
            ACTS[order["act"]](order)
            os._exit(0)
        children.add(pid)
        _answer(str(pid))
    # The test that gave the orders has ended.
    for pid in children:
        os.kill(pid, signal.SIGKILL)


children: set[int] = set()


def look(act: str, pid: int) -> str:
    """Say how a process is, halted first if that is the order."""
    if act == "halt":
        os.kill(pid, signal.SIGSTOP)
        os.waitpid(pid, os.WUNTRACED)
        return "halted"
    if os.waitpid(pid, os.WNOHANG)[0] == 0:
        return "under way"
    children.remove(pid)
    return "over"


def _answer(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


ACTS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "sync": sync,
    "hold": hold,
    "work": work,
    "race": race,
}


if __name__ == "__main__":
    main()
