"""One user's heavy requests, and how long another user waits meanwhile.

``python -m benchmarks.fairness [--database URL]`` measures this alone, on an empty database.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import click
import msgspec
from msgspec.structs import replace

from benchmarks.balances import statements
from benchmarks.databases import Home
from benchmarks.imports import csv_lines
from benchmarks.processes import Server, dashtam, ready
from benchmarks.wire import WrongAnswer, ask, get, post, upload
from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import Destination
from dashtam.application.ports import Services
from dashtam.bootstrap import Installation
from dashtam.domain.user import User, UserId

_API: Final = "/api/v1"
_PASSWORD: Final = "a pelican under nine bridges"  # noqa: S105 - of users made here
_EVERY_DAYS: Final = 120
_OK: Final = 200
_CREATED: Final = 201
_REFUSED: Final = 400


class Size(msgspec.Struct, frozen=True):
    """The accounts of the busy user, the balances of each, and the rows of the file."""

    accounts: int = 600
    balances: int = 150
    rows: int = 200_000


class Waits(msgspec.Struct, frozen=True):
    """Another user's waiting in milliseconds while ``load`` is under way: 99th percentiles.

    ``write_max_ms`` is the longest that a typed balance took. ``done`` and ``refused`` are the
    numbers of the busy user's requests.
    """

    load: str
    done: int
    refused: int
    answers: int
    read_p99_ms: float
    sign_in_p99_ms: float
    write_p99_ms: float
    write_max_ms: float


def measure(home: Home, size: Size, seconds: float) -> list[Waits]:
    """Measure the other user's waits without any load, and under each of the loads."""
    home.clear()
    _make(home, size)
    found = []
    with dashtam(home.settings) as server:
        ready(server)
        busy, other = (_sign_in(server, name) for name in ("busy", "other"))
        account = _typed_account(server, other)
        file = "".join(csv_lines(size.rows)).encode()
        for name, requests in _loads(busy, file).items():
            with _under_way(server, requests) as statuses:
                waits = _wait(server, name, other, account, seconds)
            done = sum(status < _REFUSED for status in statuses)
            found.append(replace(waits, done=done, refused=len(statuses) - done))
    return found


def _loads(token: str, file: bytes) -> dict[str, Sequence[Callable[[int], bytes]]]:
    start = date.today() - timedelta(days=50 * 365)  # noqa: DTZ011 - a day or two do not matter
    total = f"{_API}/balance-history?start_date={start}&end_date=2100-01-01"
    by_week = f"{total}&interval=week"
    totals = [
        f"{total}&max_points=9999",
        by_week,
        f"{by_week}&tz=Asia/Tokyo",
        f"{total}&max_points=500",
    ]
    return {
        "nothing": [],
        "four totals of 50 years": [_always(get(target, token)) for target in totals],
        "six exports": [_always(get(f"{_API}/export", token))] * 6,
        "an import": [lambda turn: upload(f"{_API}/imports", token, _renamed(file, turn))],
    }


def _always(request: bytes) -> Callable[[int], bytes]:
    return lambda _turn: request


def _renamed(file: bytes, turn: int) -> bytes:
    """Return the file for other accounts, so that each turn records all of it."""
    return file.replace(b",A ", f",B{turn} ".encode())


@contextmanager
def _under_way(server: Server, requests: Sequence[Callable[[int], bytes]]) -> Iterator[list[int]]:
    """Send each request over and over on a connection of its own, until the block ends.

    Yield the list to which the status of each answer is added.
    """
    ended = threading.Event()
    statuses: list[int] = []

    def repeat(request: Callable[[int], bytes]) -> None:
        turn = 0
        while not ended.is_set():
            with suppress(OSError):
                statuses.append(ask(server.port, request(turn)).status)
            turn += 1

    threads = [threading.Thread(target=repeat, args=(one,), daemon=True) for one in requests]
    for thread in threads:
        thread.start()
    try:
        if threads:
            time.sleep(0.5)
        yield statuses
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _wait(server: Server, load: str, token: str, account: str, seconds: float) -> Waits:
    took: dict[str, list[float]] = {"read": [], "sign_in": [], "write": []}
    path = f"{_API}/accounts/{account}/balance-snapshots"
    read = get(path, token)
    sign_in = post(f"{_API}/sessions", "", _credentials("other"))
    until = time.perf_counter() + seconds
    turn = 0
    # Each kind is measured once at least, however slow the machine is.
    while time.perf_counter() < until or not all(took.values()):
        turn += 1
        kind, request, status = "read", read, _OK
        if turn % 10 == 0:
            kind, request, status = "sign_in", sign_in, _CREATED
        elif turn % 10 == 5:  # noqa: PLR2004 - between two sign-ins
            body = msgspec.json.encode({"balance": f"{turn}.00"})
            kind, request, status = "write", post(path, token, body), _CREATED
        begun = time.perf_counter()
        reply = ask(server.port, request)
        took[kind].append((time.perf_counter() - begun) * 1000)
        if reply.status != status:
            raise WrongAnswer(reply.body.decode())
        time.sleep(0.002)
    p99 = {kind: sorted(found)[len(found) * 99 // 100] for kind, found in took.items()}
    answers = sum(map(len, took.values()))
    return Waits(load, 0, 0, answers, p99["read"], p99["sign_in"], p99["write"], max(took["write"]))


def _make(home: Home, size: Size) -> None:
    installation = Installation.open(home.given)
    try:
        services = installation.services()
        password_hash = services.passwords.hash(_PASSWORD)
        for name in ("busy", "other"):
            _user(services, name, password_hash)
        _fill(services, size)
    finally:
        installation.close()


def _user(services: Services, name: str, password_hash: str) -> None:
    with services.database.write() as work:
        user = User(UserId(work.random_id()), f"{name}@example.org", work.now)
        work.users.add(user, password_hash)


def _fill(services: Services, size: Size) -> None:
    random = Random(1)  # noqa: S311 - the same amounts in every run
    with services.database.write() as work:
        user = work.users.find_by_email("busy@example.org")
        assert user is not None, "made a moment ago"
        work.users.lock_for_recording(user.id)
        every_days, last_on = _EVERY_DAYS, work.now.date() - timedelta(days=1)
        found = (
            statement
            for place in range(size.accounts)
            for statement in statements(
                place, size.balances, last_on, random, every_days=every_days
            )
        )
        file_import.record_statements(work, Destination(user.id, "csv"), found)


def _credentials(name: str) -> bytes:
    return msgspec.json.encode({"email": f"{name}@example.org", "password": _PASSWORD})


def _sign_in(server: Server, name: str) -> str:
    reply = ask(server.port, post(f"{_API}/sessions", "", _credentials(name)))
    return str(msgspec.json.decode(reply.body)["access_token"])


def _typed_account(server: Server, token: str) -> str:
    body = {"name": "Savings", "account_type": "savings", "currency": "EUR", "balance": "1.00"}
    reply = ask(server.port, post(f"{_API}/accounts", token, msgspec.json.encode(body)))
    if reply.status != _CREATED:
        raise WrongAnswer(reply.body.decode())
    return str(msgspec.json.decode(reply.body)["id"])


@click.command()
@click.option("--database", default="", help="The address of a PostgreSQL server; SQLite without.")
@click.option("--seconds", default=10.0, show_default=True, help="The length of each load.")
def main(database: str, seconds: float) -> None:
    """Measure how long another user waits under one user's heavy requests."""
    with TemporaryDirectory() as folder:
        home = Home(Path(folder, "fairness"), database)
        for waits in measure(home, Size(), seconds):
            figures = (
                f"{waits.done} done, {waits.refused} refused",
                f"{waits.answers} answers",
                f"read {waits.read_p99_ms:.1f} ms",
                f"sign in {waits.sign_in_p99_ms:.1f} ms",
                f"write {waits.write_p99_ms:.1f} ms",
                f"longest write {waits.write_max_ms:.1f} ms",
            )
            click.echo(f"{waits.load}: {'; '.join(figures)}")


if __name__ == "__main__":
    main()
