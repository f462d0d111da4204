"""The fast path answers as the rows do, while other processes write to the same database."""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg
import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from api.history_changes import FIRST_INSTANT, LATEST_DAY, START, day
from api.history_comparison import assert_equal, assert_one_state, open_plain, watch_fast_path
from application import UNLIMITED, Applications, Person
from dashtam.application.history.verification import verify
from multi_process.history_writer import CHANGES, Order, writing
from proofs import Proof
from servers import Servers

CASES = {"sqlite": 20_000, "postgresql": 5_000}
WRITERS = 2
CURRENCIES = ("USD", "JPY", "KWD")
ROWS = 300
UNKNOWN_ID = UUID(int=0)
CODINGS = ("gzip", "gzip, deflate, br", "identity", "gzip;q=0", "*", "")
BOUNDS = ("0001-01-01", FIRST_INSTANT, "1990-01-01", "2024-02-29", "9999-12-31")
SOURCES = ("initial_connection", "account_sync", "manual_sync", "scheduled_sync", "typed")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own; that of PostgreSQL has its own server too.

    Commits to other databases of a server count as changes of this one.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'dashtam.db'}"
        return
    started = Servers()
    try:
        address = started.postgresql_that_returns()
        url = f"postgresql://postgres@127.0.0.1:{address.port}/postgres"

        def is_ready() -> bool:
            with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5):
                return True
            return False

        address.wait_until(is_ready)
        yield url
    finally:
        started.stop()


@contextmanager
def open_version(database_url: str) -> Iterator[Callable[[], object]]:
    """Yield a function that returns another value after each commit of any other connection."""
    if database_url.startswith("sqlite"):
        path = database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            yield lambda: file.execute("PRAGMA data_version").fetchone()
    else:
        with psycopg.connect(database_url, autocommit=True) as connection:
            # The transactions that a statement sees: equal for two of them that see one state.
            statement = "SELECT pg_current_snapshot()::text"
            yield lambda: connection.execute(statement).fetchone()


@dataclass(frozen=True, slots=True)
class Request:
    person: Person
    method: str
    path: str
    headers: Mapping[str, str]

    def send(self, client: TestClient) -> Any:  # noqa: ANN401 - a response
        by_client = replace(self.person, client=client)
        return by_client.request(self.method, self.path, headers=self.headers)

    @property
    def is_cacheable(self) -> bool:
        """Whether the history cache has the answer, unless that is an error or empty."""
        others = ("source", "interval", "max_points")
        return self.method == "GET" and not any(f"{name}=" in self.path for name in others)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {dict(self.headers)}"


@dataclass
class Requests:
    """Draws requests to the three routes, most of them without an error."""

    chance: random.Random
    people: Sequence[Person]
    account_ids: Sequence[str]
    other_ids: Sequence[str]
    last: Request | None = None
    last_etag: str = "*"
    instants: list[str] = field(default_factory=lambda: [day(0)])

    def draw(self) -> Request:
        chance = self.chance
        if self.last is not None and chance.random() < 0.2:
            # The fast path may have this response in memory, and the client too.
            has_response = {"If-None-Match": self.last_etag} if chance.random() < 0.5 else {}
            return replace(self.last, headers={**self.last.headers, **has_response})
        account_id = chance.choice(self.account_ids if chance.random() < 0.92 else self.other_ids)
        path, query = chance.choices(
            [self.history(account_id), self.recent(account_id), self.latest()], [6, 3, 2]
        )[0]
        if chance.random() < 0.03:
            query["cursor"] = "AZq3ZB8Ycm2"
        headers = {"Accept-Encoding": chance.choice(CODINGS)}
        if chance.random() < 0.1:
            headers["Accept"] = chance.choice(["application/json", "*/*", "text/html"])
        if chance.random() < 0.05:
            headers["If-None-Match"] = chance.choice(["*", self.last_etag, '"x"'])
        person = chance.choices(self.people, [20, 4, 1])[0]
        method = "HEAD" if chance.random() < 0.05 else "GET"
        self.last = Request(person, method, f"{path}?{urlencode(query)}", headers)
        return self.last

    def learn(self, answer: Any) -> None:  # noqa: ANN401 - a response
        """Take the validator and some instants of an answer for later requests."""
        self.last_etag = answer.headers.get("etag", self.last_etag)
        if answer.status_code == 200 and answer.content and self.chance.random() < 0.1:
            shown = answer.json()["snapshots"]
            captured = [row["captured_at"] for row in self.chance.sample(shown, min(3, len(shown)))]
            self.instants = [*self.instants[-100:], *captured]

    def history(self, account_id: str) -> tuple[str, dict[str, str]]:
        bounds = [self.instant(), self.instant()]
        if self.chance.random() < 0.97:
            bounds.sort()
        query = dict(zip(("start_date", "end_date"), bounds, strict=True)) | self.source()
        if self.chance.random() < 0.05:
            query["interval"] = self.chance.choice(["day", "week", "month"])
            query["tz"] = self.chance.choice(["UTC", "Europe/Berlin"])
        if self.chance.random() < 0.05:
            query["max_points"] = self.chance.choice(["2", "50", "10000", "1"])
        return f"/accounts/{account_id}/balance-history", query

    def recent(self, account_id: str) -> tuple[str, dict[str, str]]:
        limits = [str(self.chance.randint(1, 100)), "1", "95", "96", "97", "100"]
        if self.chance.random() < 0.05:
            limits = ["0", "101", "x", ""]
        query = {"limit": self.chance.choice(limits)} | self.source()
        return f"/accounts/{account_id}/balance-snapshots", query

    def latest(self) -> tuple[str, dict[str, str]]:
        includes = ["", "hidden", "closed", "hidden,closed", "all"]
        include = self.chance.choices(includes, [5, 5, 5, 5, 1])[0]
        return "/balance-snapshots", {"include": include} if include else {}

    def source(self) -> dict[str, str]:
        return {"source": self.chance.choice(SOURCES)} if self.chance.random() < 0.05 else {}

    def instant(self) -> str:
        """Return a bound: of the calendar, of any second, or about that of a snapshot."""
        chance = self.chance
        kind = chance.random()
        if kind < 0.01:
            return "2025-13-01"
        if kind < 0.25:
            return chance.choice(BOUNDS)
        if kind < 0.5:
            return day(chance.randrange(LATEST_DAY))[: chance.choice([10, 25])]
        if kind < 0.7:
            at = START + timedelta(seconds=chance.randrange(LATEST_DAY * 86_400))
        else:
            at = datetime.fromisoformat(chance.choice(self.instants))
            with suppress(OverflowError):
                at += timedelta(microseconds=chance.choice([-1, 0, 0, 1]))
        return at.astimezone(UTC).isoformat()


@dataclass
class Comparison:
    """Compares both answers to each request, and counts the cases."""

    fast: TestClient
    plain: TestClient
    requests: Requests
    read_version: Callable[[], object]
    fast_answers: list[bool]
    statuses: Counter[int] = field(default_factory=Counter)
    versions: set[object] = field(default_factory=set)
    repeats: int = 0
    by_fast_path: int = 0
    missed: list[str] = field(default_factory=list)

    def compare(self) -> None:
        """Compare the answers to one request, which is repeated if anyone commits meanwhile."""
        request = self.requests.draw()
        clients = self.requests.chance.sample([self.fast, self.plain], 2)
        while True:
            version = self.read_version()
            self.fast_answers.clear()
            answers = {client: request.send(client) for client in clients}
            assert_one_state(answers[self.fast])
            if self.read_version() == version:
                break
            self.repeats += 1
        found = answers[self.fast]
        assert_equal(found, answers[self.plain], request)
        self.statuses[found.status_code] += 1
        self.versions.add(version)
        self.by_fast_path += any(self.fast_answers)
        if request.is_cacheable and has_snapshots(found) and not any(self.fast_answers):
            self.missed.append(str(request))
        self.requests.learn(found)


def has_snapshots(answer: Any) -> bool:  # noqa: ANN401 - a response
    return bool(answer.status_code == 200 and answer.content and answer.json()["total_count"])


def test_the_fast_path_equals_the_rows_while_others_write(
    applications: Applications,
    database_url: str,
    proof: Proof,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases = proof(CASES[database_url.partition(":")[0]])
    fast_answers = watch_fast_path(monkeypatch)
    app = applications.open(rate_limits=UNLIMITED)
    ada, bob = app.person(), app.person("bob@example.com")
    token = ada.post("/access-tokens", json={"name": "chart"}).json()["token"]
    account_ids = [make_history(ada, currency) for currency in CURRENCIES]
    order = Order(str(applications.folder), database_url, str(ada.id), account_ids, seed=0)
    with ExitStack() as stack:
        read_version = stack.enter_context(open_version(database_url))
        plain = stack.enter_context(open_plain(applications))
        writers = [
            stack.enter_context(writing(replace(order, seed=seed))) for seed in range(WRITERS)
        ]
        logs = stack.enter_context(capture_logs())
        # Both have had equally many requests, so that the headers of the rate limit are equal too.
        _, accounts = (
            replace(ada, client=client).get("/accounts?limit=100").json()["accounts"]
            for client in (app.client, plain)
        )
        requests = Requests(
            random.Random(7),  # noqa: S311 - no secret
            [ada, ada.with_token(token), bob],
            [account["id"] for account in accounts],
            [bob.account(), str(UNKNOWN_ID), "x"],
        )
        comparison = Comparison(app.client, plain, requests, read_version, fast_answers)
        while comparison.statuses.total() < cases:
            comparison.compare()
            assert comparison.repeats < cases, "most cases are repeats"
            for writer in writers:
                writer.assert_alive()
        accepted = sum((writer.stop() for writer in writers), Counter[str]())
    assert len(accounts) == len(CURRENCIES) + 2 * WRITERS
    assert set(+accepted) == set(CHANGES)
    assert set(comparison.statuses) == {200, 304, 400, 403, 404, 406}
    assert comparison.by_fast_path > cases / 3
    assert comparison.missed == []
    assert len(comparison.versions) > cases / 50
    assert not {"history_chunks_damaged", "history_chunks_forged"} & {log["event"] for log in logs}
    report = verify(app.services.database)
    assert (report.found, report.outdated_chunks) == (0, [])


def make_history(person: Person, currency: str) -> str:
    """Return a new account of several chunks, with a balance at the first instant there is."""
    account_id = person.account("5", currency, name=currency, captured_at=FIRST_INSTANT)
    rows = "".join(f"{day(3 * number)},{number}.25\n" for number in range(ROWS))
    files = {"file": ("balances.csv", f"Date,Balance\n{rows}".encode())}
    made = person.post("/imports", files=files, data={"account_id": account_id})
    assert made.json()["recorded"] == ROWS, made.text
    return account_id
