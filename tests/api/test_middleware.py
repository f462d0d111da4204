"""Large bodies that are refused before a handler runs, and preflights of other pages."""

import json
from collections.abc import Iterator

import pytest

from api.problem_assertions import assert_problem
from application import App, Applications

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LARGE = b'"' + b"x" * (1024 * 1024) + b'"'
JSON = {"Content-Type": "application/json"}
ORIGIN = "https://page.example"


def in_chunks() -> Iterator[bytes]:
    for start in range(0, len(LARGE), 65_536):
        yield LARGE[start : start + 65_536]


def test_a_413_of_a_limited_route_tells_its_limits_and_spends(
    applications: Applications,
) -> None:
    ada = applications.open(rate_limits={"API_WRITE": "10/1"}).person()
    for content, left in ((LARGE, "9"), (in_chunks(), "8")):
        answer = ada.post("/accounts", content=content, headers=JSON)
        assert_problem(answer, 413, "payload_too_large")
        assert answer.headers["X-RateLimit-Remaining"] == left
    answer = ada.post("/imports", files={"file": ("b.csv", b"x" * 11 * 1024 * 1024)})
    assert_problem(answer, 413, "payload_too_large")


def test_a_missing_token_is_401_before_the_body_is_measured(app: App) -> None:
    answer = app.client.post("/api/v1/accounts", content=LARGE, headers=JSON)
    assert_problem(answer, 401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/nowhere"), ("GET", "/api/v1/accounts"), ("PUT", "/api/v1/accounts"),
     ("POST", "/livez"), ("DELETE", "/api/v1/sessions/current")],
)  # fmt: skip
def test_a_large_body_for_nobody_is_413_at_once(app: App, method: str, path: str) -> None:
    answer = app.client.request(method, path, content=LARGE, headers=JSON)
    assert_problem(answer, 413, "payload_too_large", limited=False)


@pytest.mark.parametrize(
    "asked",
    [
        {"Origin": "https://evil.example"},
        {"Origin": ORIGIN, "Access-Control-Request-Headers": "x-foreign"},
        {"Origin": ORIGIN, "Access-Control-Request-Method": "BREW"},
    ],
)
def test_a_preflight_that_is_not_allowed_is_told_nothing(
    applications: Applications, asked: dict[str, str]
) -> None:
    client = applications.open(cors_origins=ORIGIN).client
    headers = {"Access-Control-Request-Method": "GET"} | asked
    answer = client.options("/api/v1/accounts", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_preflight_of_a_page_that_may_call_is_told_so(applications: Applications) -> None:
    client = applications.open(cors_origins=ORIGIN).client
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, idempotency-key, prefer, if-match",
    }
    answer = client.options("/api/v1/accounts", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    refused = client.get("/api/v1/accounts", headers={"Origin": ORIGIN})
    assert json.loads(refused.content)["status"] == 401
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
