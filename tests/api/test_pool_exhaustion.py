"""A request that finds every connection or every thread taken is told so, and waits no longer."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from threading import Event, Semaphore

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, text

from api.problem_assertions import assert_problem
from application import UNLIMITED, App, Applications, Person
from dashtam.application.ports import Services
from dashtam.application.rate_limits import Buckets, RateLimitResult, RatePolicy
from dashtam.database.engine import open_engine
from dashtam.domain.user import UserId
from dashtam.presentation.routers.api.v1.routes import mount

POOL = 4


def engine_of(app: App) -> Engine:
    return app.installation.engine


@pytest.fixture
def small(applications: Applications, monkeypatch: pytest.MonkeyPatch) -> App:
    """The application with few connections, for which requests wait a moment instead of seconds."""
    app = applications.open(database_pool=POOL, rate_limits=UNLIMITED)
    monkeypatch.setattr(engine_of(app).pool, "_timeout", 0.5)
    monkeypatch.setattr(mount, "_WITHIN_S", 1.0)
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


@dataclass
class GatedBuckets:
    """Buckets that keep the requests of one user waiting until a gate opens."""

    inner: Buckets
    user_id: UserId | None = None
    gate: Event = field(default_factory=Event)
    waiting: Semaphore = field(default_factory=lambda: Semaphore(0))
    may_wait: bool = True

    def spend(self, policy: RatePolicy, key: str, tokens: int = 1) -> RateLimitResult:
        if key == f"user:{self.user_id}":
            self.waiting.release()
            assert self.gate.wait(60)
        return self.inner.spend(policy, key, tokens)


def test_many_requests_of_one_user_keep_nobody_else_waiting(applications: Applications) -> None:
    made: list[GatedBuckets] = []

    def gated(services: Services) -> Services:
        made.append(GatedBuckets(services.buckets))
        return replace(services, buckets=made[-1])

    app = applications.open(gated, database_pool=10, rate_limits=UNLIMITED)
    ada, bob = app.person("ada@example.com"), app.person("bob@example.com")
    buckets = made[-1]
    buckets.user_id = ada.id
    readers, _, _ = mount.Workers(10).limits
    with ThreadPoolExecutor(20) as crowd:
        asked = [crowd.submit(ada.get, "/accounts") for _ in range(20)]
        for _ in range(int(readers) // 2):
            assert buckets.waiting.acquire(timeout=30)
        # Half of the readers are hers, and none of them gets further.
        assert [bob.get("/accounts").status_code for _ in range(5)] == [200] * 5
        assert not buckets.waiting.acquire(timeout=0.1)
        buckets.gate.set()
        assert [answer.result(60).status_code for answer in asked] == [200] * 20
