"""A request that finds every connection or every thread taken is told so, and waits no longer."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, text

from api.problem_assertions import assert_problem
from application import UNLIMITED, App, Applications, Person
from dashtam.database.engine import open_engine
from dashtam.presentation.routers.api.v1.routes import mount

POOL = 4


def engine_of(app: App) -> Engine:
    return app.installation.engine


@pytest.fixture
def small(applications: Applications, monkeypatch: pytest.MonkeyPatch) -> App:
    """The application with few connections, for which requests wait a moment instead of seconds."""
    app = applications.open(database_pool=POOL, rate_limits=UNLIMITED)
    monkeypatch.setattr(engine_of(app).pool, "_timeout", 0.5)
    monkeypatch.setattr(mount, "_READ_WITHIN_S", 1.0)
    return app


def assert_unavailable(ada: Person, path: str = "/accounts") -> None:
    answer = ada.get(path)
    assert_problem(answer, 503, "unavailable", limited=False)
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_pool_that_is_taken_answers_503_and_serves_again_when_it_is_free(
    small: App,
) -> None:
    ada = small.person()
    ada.account("1")
    body = {"name": "x", "account_type": "cash", "currency": "USD", "balance": "1"}
    with ExitStack() as held:
        for _ in range(POOL):
            held.enter_context(engine_of(small).connect())
        assert_unavailable(ada)
        assert ada.post("/accounts", json=body).status_code == 503
        assert small.client.get("/readyz").status_code == 503
        assert small.client.get("/livez").status_code == 200
    assert ada.get("/balance-snapshots").json()["total_count"] == 1
    assert ada.post("/accounts", json=body).status_code == 201
    assert small.client.get("/readyz").status_code == 200


def test_every_request_of_many_before_a_taken_pool_is_answered(small: App) -> None:
    ada = small.person()
    ada.account("1")
    with ExitStack() as held, ThreadPoolExecutor(24) as crowd:
        for _ in range(POOL):
            held.enter_context(engine_of(small).connect())
        answers = [crowd.submit(ada.get, "/accounts") for _ in range(24)]
        said = Counter(answer.result(timeout=60).json()["detail"] for answer in answers)
    # Some had a thread and waited for a connection; the others waited for a thread.
    assert len(said) == 2
    assert said.total() == 24
    assert all("try again soon" in detail for detail in said)
    assert ada.get("/balance-snapshots").status_code == 200


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_has_no_connection_to_give_is_503(
    small: App, database_url: str, postgresql: psycopg.Connection
) -> None:
    ada = small.person()
    ada.account("1")
    engine_of(small).dispose()
    name = sql.Identifier(database_url.rpartition("/")[2])
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    postgresql.execute(allow.format(name, sql.SQL("false")))
    assert_unavailable(ada)
    postgresql.execute(allow.format(name, sql.SQL("true")))
    assert ada.get("/balance-snapshots").status_code == 200


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_statement_runs_for_ever(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        limits = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("statement_timeout", "idle_in_transaction_session_timeout")
        }
    engine.dispose()
    assert set(limits.values()) == {"1min"}


@pytest.mark.parametrize("threads", [5, 10, 100])
def test_no_more_threads_work_than_there_are_connections(threads: int) -> None:
    assert sum(mount.Workers(threads).limits) < threads
