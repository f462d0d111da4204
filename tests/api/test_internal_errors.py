"""An internal error tells nobody its cause."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from api.problem_assertions import assert_problem
from api.test_ownership import BODIES, call, name_of
from application import UNLIMITED, App, Applications
from dashtam.application.ports import Services
from dashtam.database.unit_of_work import Database, UnitOfWork
from dashtam.domain.errors import DashtamError, Unavailable
from dashtam.presentation.http.problems import UNPROCESSABLE, problem_type_of
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.api.v1.routes.route import Auth

SECRET = "SELECT balance FROM accounts /var/lib/dashtam.db 31415926.53"  # noqa: S105 - it only has to be recognised
# Admitting a request works; everything after that fails.
WORKING = {"sessions", "now", "undone", "users", "idempotency_keys", "new_id"}
TROUBLES: list[BaseException] = [
    RuntimeError(SECRET),
    KeyError(SECRET),
    ValueError(SECRET),
    AssertionError(SECRET),
    RecursionError(SECRET),
    MemoryError(SECRET),
    UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
    OSError(28, SECRET, SECRET),
    StopIteration(SECRET),
]


class BrokenWork:
    """Work of which most nouns fail."""

    def __init__(self, real: UnitOfWork, database: "BrokenDatabase") -> None:
        self._real = real
        self._database = database

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the real one
        if self._database.trouble is not None and name not in WORKING:
            raise self._database.trouble
        return getattr(self._real, name)


class BrokenDatabase(Database):
    """The real database, until the test breaks it."""

    real: Database
    trouble: BaseException | None = None

    def __init__(self) -> None:
        """Take the real database later."""

    @contextmanager
    def read(self) -> Iterator[Any]:
        with self.real.read() as work:
            yield BrokenWork(work, self)

    @contextmanager
    def write(self, address: str = "") -> Iterator[Any]:
        with self.real.write(address) as work:
            yield BrokenWork(work, self)


@pytest.fixture
def broken(
    applications: Applications,
) -> tuple[App, BrokenDatabase]:
    """The application on a database that the test breaks when it likes."""
    database = BrokenDatabase()

    def stub(real: Services) -> Services:
        database.real = real.database
        return replace(real, database=database)

    return applications.open(stub, rate_limits=UNLIMITED), database


def test_no_error_tells_its_cause(
    broken: tuple[App, BrokenDatabase],
    subtests: pytest.Subtests,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app, database = broken
    ada = app.person()
    answered = 0
    for route in ROUTES:
        if route.auth is Auth.NOBODY or name_of(route) == "GET /imports/formats":
            continue
        for trouble in TROUBLES:
            with subtests.test(route=name_of(route), trouble=type(trouble).__name__):
                database.trouble = trouble
                answer = call(ada, route, str(ada.id))
                database.trouble = None
                if answer.status_code < 400 or answer.status_code in {403, 404, 422}:
                    continue
                answered += 1
                problem = assert_problem(answer, 500, "internal_error", limited=False)
                assert problem["detail"] == "Something went wrong here. It was logged."
                for part in ("SELECT", "FROM", "/var/lib", "31415926"):
                    assert part not in answer.text
    assert answered > 100
    printed = capsys.readouterr()
    assert "request_failed" in printed.out + printed.err
    assert SECRET not in printed.out + printed.err


def test_a_failure_echoes_nothing_of_the_request(
    broken: tuple[App, BrokenDatabase],
) -> None:
    app, database = broken
    ada = app.person()
    database.trouble = RuntimeError(SECRET)
    path = f"/accounts/{ada.id}/balance-snapshots"
    for answer in (
        ada.get(path, params={"x": "CANARY"}, headers={"User-Agent": "CANARY"}),
        ada.post(path, json={"balance": "4711.00", "x": "CANARY"}),
        ada.post("/accounts", json={"name": "CANARY", "account_type": "cash", "currency": "USD",
                                    "balance": "4711.00"}),
        ada.post("/imports", data={"format": "balance_csv"}, **BODIES["POST /imports"]),
    ):  # fmt: skip
        assert_problem(answer, 500, limited=False)
        assert "CANARY" not in answer.text
        assert "4711" not in answer.text
        assert ada.token not in answer.text


def test_a_database_that_is_away_is_503_that_says_when_to_come_back(
    broken: tuple[App, BrokenDatabase],
) -> None:
    app, database = broken
    ada = app.person()
    database.trouble = Unavailable()
    for answer in (
        ada.get("/accounts"),
        ada.get("/balance-snapshots"),
        ada.post("/accounts", json=BODIES["POST /accounts"]["json"]),
    ):
        assert_problem_of_503(answer)
    database.trouble = None
    assert ada.get("/accounts").json()["total_count"] == 0


def assert_problem_of_503(answer: Any) -> None:  # noqa: ANN401 - a response
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("/unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_a_failed_request_was_not_done_and_its_key_is_free(
    broken: tuple[App, BrokenDatabase],
) -> None:
    app, database = broken
    ada = app.person()
    key = {"Idempotency-Key": "mine"}
    body = BODIES["POST /accounts"]
    for trouble in (RuntimeError(SECRET), Unavailable()):
        database.trouble = trouble
        assert ada.post("/accounts", headers=key, **body).status_code in {500, 503}
        database.trouble = None
        assert ada.get("/accounts").json()["total_count"] == 0
    assert ada.post("/accounts", headers=key, **body).status_code == 201
    assert ada.post("/accounts", headers=key, **body).status_code == 201
    assert ada.get("/accounts").json()["total_count"] == 1


def test_an_error_of_no_class_of_its_own_is_422() -> None:
    assert problem_type_of(DashtamError("This cannot be done.")) is UNPROCESSABLE
