from typing import Any

import pytest
from starlette.testclient import TestClient

from application import EMAIL, PASSWORD, URL, App, Applications
from concurrency import wait_until

API = "/api/v1"


@pytest.fixture
def client(app: App) -> TestClient:
    return app.client


@pytest.fixture
def ann(client: TestClient) -> TestClient:
    """Ann's client, signed in."""
    assert post(client, "/users", email=EMAIL, password=PASSWORD).status_code == 201
    client.headers["Authorization"] = f"Bearer {sign_in(client)['access_token']}"
    return client


def post(client: TestClient, path: str, **body: object) -> Any:  # noqa: ANN401 - the test client's answer
    return client.post(API + path, json=body)


def sign_in(client: TestClient) -> dict[str, Any]:
    answer = post(client, "/sessions", email=EMAIL, password=PASSWORD)
    assert answer.status_code == 201, answer.text
    pair: dict[str, Any] = answer.json()
    return pair


def test_a_user_registers_and_signs_in(client: TestClient) -> None:
    answer = post(client, "/users", email=EMAIL, password=PASSWORD)
    assert answer.status_code == 201
    assert list(answer.json()) == ["id", "email", "created_at", "time_zone"]
    assert answer.json()["created_at"] == "2026-11-22T12:00:00.250000Z"
    pair = sign_in(client)
    assert list(pair) == ["access_token", "refresh_token", "token_type", "expires_in"]
    assert (pair["token_type"], pair["expires_in"]) == ("bearer", 900)
    me = client.get(f"{API}/users/me", headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert me.json() == answer.json()
    assert post(client, "/users", email=EMAIL.upper(), password=PASSWORD).status_code == 409


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": EMAIL, "password": "short"}, "/password"),
        ({"email": "ann", "password": PASSWORD}, "/email"),
        ({"email": 1, "password": PASSWORD}, "/email"),
    ],
)
def test_a_registration_that_breaks_a_rule_is_422(
    client: TestClient, body: dict[str, object], pointer: str
) -> None:
    answer = post(client, "/users", **body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "192.0.2.1"}, {"Forwarded": "for=x"}])
def test_the_setup_code_is_asked_for_behind_a_proxy(
    applications: Applications, headers: dict[str, str]
) -> None:
    client = applications.open(setup_code="4711-0815-sesame").client
    client.headers.update(headers)
    plain = post(client, "/users", email=EMAIL, password=PASSWORD)
    assert plain.status_code == (403 if headers else 201)
    if headers:
        code = {"email": EMAIL, "password": PASSWORD, "setup_code": "4711-0815-sesame"}
        assert post(client, "/users", **code).status_code == 201


def test_a_wrong_password_is_401_and_then_429(ann: TestClient) -> None:
    wrong = {"email": EMAIL, "password": "not the password"}
    statuses = [post(ann, "/sessions", **wrong) for _ in range(11)]
    assert [answer.status_code for answer in statuses] == [401] * 10 + [429]
    assert int(statuses[-1].headers["Retry-After"]) >= 1
    assert statuses[0].headers["WWW-Authenticate"] == "Bearer"


def test_a_password_is_changed(ann: TestClient) -> None:
    body = {"password": PASSWORD, "new_password": "seven lanterns over the harbour"}
    assert ann.patch(f"{API}/users/me", json=body | {"password": "wrong"}).status_code == 422
    assert ann.patch(f"{API}/users/me", json=body).status_code == 200
    assert post(ann, "/sessions", email=EMAIL, password=PASSWORD).status_code == 401


def test_sessions_are_listed_and_ended(ann: TestClient) -> None:
    other = sign_in(ann)
    listed = ann.get(f"{API}/sessions").json()
    assert listed["total_count"] == 2
    assert [session["is_current"] for session in listed["sessions"]] == [False, True]
    assert list(listed["sessions"][0]) == [
        "id", "created_at", "last_used_at", "address", "user_agent", "is_current",
    ]  # fmt: skip
    ended = f"{API}/sessions/{listed['sessions'][0]['id']}"
    answer = ann.delete(ended)
    assert (answer.status_code, answer.content) == (204, b"")
    assert post(ann, "/tokens", refresh_token=other["refresh_token"]).status_code == 401
    assert ann.delete(f"{API}/sessions/{'0' * 8}-0000-4000-8000-{'0' * 12}").status_code == 404
    assert ann.delete(f"{API}/sessions/current").status_code == 204
    assert ann.get(f"{API}/users/me").status_code == 401


def test_tokens_are_refreshed_in_the_body(ann: TestClient) -> None:
    pair = sign_in(ann)
    answer = post(ann, "/tokens", refresh_token=pair["refresh_token"])
    assert answer.status_code == 201
    assert list(answer.json()) == list(pair)
    assert "set-cookie" not in answer.headers
    assert post(ann, "/tokens", refresh_token="x").status_code == 401  # noqa: S106 - nobody's
    assert post(ann, "/tokens").status_code == 401


def test_tokens_are_refreshed_by_the_cookie(ann: TestClient) -> None:
    answer = post(ann, "/sessions", email=EMAIL, password=PASSWORD, cookie=True)
    assert list(answer.json()) == ["access_token", "token_type", "expires_in"]
    assert answer.headers["set-cookie"].split("; ")[1:] == [
        "HttpOnly", "SameSite=Strict", "Path=/api/v1/tokens", "Max-Age=2592000",
    ]  # fmt: skip
    refreshed = ann.post(f"{API}/tokens", json={}, headers={"Origin": URL})
    assert refreshed.status_code == 201
    assert "refresh_token" not in refreshed.json()
    assert refreshed.headers["set-cookie"] != answer.headers["set-cookie"]
    ann.headers["Authorization"] = f"Bearer {refreshed.json()['access_token']}"
    ended = ann.delete(f"{API}/sessions/current")
    assert "dashtam_refresh=;" in ended.headers["set-cookie"]
    assert "Max-Age=0" in ended.headers["set-cookie"]
    assert not ann.cookies


@pytest.mark.parametrize("origin", [None, "null", "http://elsewhere.example", f"{URL}.example"])
def test_the_cookie_counts_for_our_own_pages_only(ann: TestClient, origin: str | None) -> None:
    post(ann, "/sessions", email=EMAIL, password=PASSWORD, cookie=True)
    headers = {} if origin is None else {"Origin": origin}
    assert ann.post(f"{API}/tokens", json={}, headers=headers).status_code == 403


def test_the_cookie_is_secure_where_people_come_by_https(applications: Applications) -> None:
    app = applications.open(registration="open", public_url="https://money.example/")
    app.register()
    client = TestClient(app.installation.app(), "https://money.example")
    answer = post(client, "/sessions", email=EMAIL, password=PASSWORD, cookie=True)
    assert answer.headers["set-cookie"].endswith("; Secure")
    headers = {"Origin": "https://money.example"}
    assert client.post(f"{API}/tokens", json={}, headers=headers).status_code == 201


def test_a_read_only_token_is_shown_once_reads_and_never_writes(ann: TestClient) -> None:
    key = {"Idempotency-Key": "one"}
    path = f"{API}/access-tokens"
    made = ann.post(path, json={"name": "script", "expires_in_days": 7}, headers=key)
    assert made.status_code == 201
    again = ann.post(path, json={"name": "script", "expires_in_days": 7}, headers=key)
    assert again.status_code == 409
    listed = ann.get(path).json()
    assert listed["total_count"] == 1
    assert list(listed["access_tokens"][0]) == [
        "id", "name", "created_at", "expires_at", "last_used_at",
    ]  # fmt: skip
    reader = {"Authorization": f"Bearer {made.json()['token']}"}
    assert ann.get(f"{API}/users/me", headers=reader).status_code == 200
    assert ann.post(path, json={"name": "more"}, headers=reader).status_code == 403
    wait_until(lambda: ann.get(path).json()["access_tokens"][0]["last_used_at"] is not None)
    assert ann.delete(f"{path}/{made.json()['id']}").status_code == 204
    assert ann.get(f"{API}/users/me", headers=reader).status_code == 401
