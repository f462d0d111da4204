"""Sign-ins in a browser, renewed credentials, consents and base addresses, through the API."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application import UNLIMITED, App, Applications, Person
from dashtam.application.provider import (
    CredentialField,
    CredentialsRefused,
    ProviderFailed,
    Report,
    base_url_field,
)
from dashtam.domain.money import Currency
from scripted_provider import ACCESS, SECRET, account

COMPLETIONS = "/authorizations/completions"


@pytest.fixture(autouse=True)
def _browser(applications: Applications) -> None:
    applications.provider.uses_browser = True


def begin(person: Person, **more: Any) -> Any:  # noqa: ANN401 - a response
    body = {"provider": "scripted", "credentials": {"token": SECRET}} | more
    return person.post("/authorizations", json=body)


def token_of(begun: Any) -> str:  # noqa: ANN401 - a response
    assert begun.status_code == 201, begun.text
    return str(begun.json()["url"].partition("state=")[2])


def complete(person: Person, state: str, **more: str) -> Any:  # noqa: ANN401 - a response
    return person.post(COMPLETIONS, json={"parameters": {"state": state, "code": "c0de"} | more})


def test_a_sign_in_connects_and_syncs(app: App, ada: Person) -> None:
    token = token_of(begin(ada, name="Mine"))
    assert app.provider.return_to is not None
    assert app.provider.return_to.url == "http://127.0.0.1:8000/connections/return"
    assert app.provider.return_to.code_verifier not in token
    made = complete(ada, token, more="kept")
    assert made.status_code == 201, made.text
    assert (made.json()["name"], made.json()["accounts_found"]) == ("Mine", 1)
    assert app.provider.returned == {"state": token, "code": "c0de", "more": "kept"}
    assert app.provider.kept["access"] == f"{ACCESS}-c0de"
    assert app.provider.kept["verifier"] == app.provider.return_to.code_verifier
    assert app.query("SELECT count(*) FROM authorizations") == [(0,)]


def test_a_sign_in_is_good_once(app: App, ada: Person) -> None:
    token = token_of(begin(ada))
    app.provider.connecting = ProviderFailed("It is down.")
    assert complete(ada, token).status_code == 502
    app.provider.connecting = None
    assert complete(ada, token).status_code == 422


def test_a_wrong_state_is_refused_and_spends_no_sign_in(app: App, ada: Person) -> None:
    token = token_of(begin(ada))
    for wrong in ("", "x", token[:-1], token + "A"):
        refused = complete(ada, wrong)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/parameters/state"
    assert app.provider.returned == {}
    assert complete(ada, token).status_code == 201


def test_another_session_and_another_person_cannot_complete_it(app: App, ada: Person) -> None:
    token = token_of(begin(ada))
    for other in (app.session_of(ada.id), app.person("bob@example.com")):
        assert complete(other, token).status_code == 422
    assert complete(ada, token).status_code == 201


def test_a_sign_in_ends_after_ten_minutes(app: App, ada: Person) -> None:
    first, second = (token_of(begin(ada)) for _ in range(2))
    app.clock.advance(minutes=9, seconds=59)
    assert complete(ada, first).status_code == 201
    app.clock.advance(seconds=1)
    assert complete(ada, second).status_code == 422


def test_a_refused_sign_in_says_so_and_shows_no_secret(app: App, ada: Person) -> None:
    token = token_of(begin(ada))
    app.provider.connecting = CredentialsRefused(f"No: {SECRET} c0de-c0de.")
    refused = complete(ada, token, code="c0de-c0de")
    assert refused.status_code == 422
    assert SECRET not in refused.text
    assert "c0de" not in refused.text
    assert ada.get("/connections").json()["total_count"] == 0


@pytest.mark.parametrize(
    "return_to",
    ["https://evil.example/", "http://127.0.0.1:8000.evil.example/", "http://127.0.0.1:8000/?a=b"],
)
def test_the_browser_returns_to_our_own_pages_alone(ada: Person, return_to: str) -> None:
    refused = begin(ada, return_to=return_to)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/return_to"


def test_a_sign_in_renews_a_connection_with_the_credentials_that_it_has(
    app: App, ada: Person
) -> None:
    made = complete(ada, token_of(begin(ada))).json()
    renewing = begin(ada, provider=None, credentials=None, connection_id=made["id"])
    renewed = complete(ada, token_of(renewing), code="second")
    assert renewed.status_code == 201, renewed.text
    assert renewed.json()["id"] == made["id"]
    assert app.provider.kept["access"] == f"{ACCESS}-second"
    assert app.provider.kept["token"] == SECRET
    bob = app.person("bob@example.com")
    assert begin(bob, connection_id=made["id"]).status_code == 404


def test_each_form_points_to_the_route_that_it_needs(app: App, ada: Person) -> None:
    refused = app.connect(ada)
    assert (refused.status_code, "POST /authorizations" in refused.text) == (422, True)
    app.provider.uses_browser = False
    refused = begin(ada)
    assert (refused.status_code, "POST /connections" in refused.text) == (422, True)


def test_pending_secrets_are_sealed(app: App, ada: Person) -> None:
    begin(ada)
    (row,) = app.query("SELECT * FROM authorizations")
    stored = b"".join(bytes(one) for one in row if isinstance(one, (bytes, memoryview)))
    assert SECRET.encode() not in stored
    assert app.provider.return_to is not None
    assert app.provider.return_to.token.encode() not in stored


def connected(app: App, person: Person) -> Any:  # noqa: ANN401 - JSON
    app.provider.uses_browser = False
    return app.connected(person)


def test_renewed_credentials_are_stored_with_the_result(app: App, ada: Person) -> None:
    app.provider.usual = Report([account()], credentials={"access": "second"})
    place = f"/connections/{connected(app, ada)['id']}"
    assert ada.post(f"{place}/syncs").status_code == 201
    assert app.provider.kept == {"access": "second"}


def test_credentials_that_are_issued_once_outlive_a_failed_fetch(app: App, ada: Person) -> None:
    place = f"/connections/{connected(app, ada)['id']}"
    app.provider.renewed = {"access": "rotated-secret"}
    app.provider.script = [ProviderFailed("After rotated-secret.")]
    failed = ada.post(f"{place}/syncs")
    assert (failed.status_code, "rotated-secret" in failed.text) == (502, False)
    app.provider.renewed = None
    assert ada.post(f"{place}/syncs").status_code == 201
    assert app.provider.kept == {"access": "rotated-secret"}


def test_renewed_credentials_do_not_bring_a_disconnected_one_back(app: App, ada: Person) -> None:
    place = f"/connections/{connected(app, ada)['id']}"
    app.provider.renewed = {"access": "rotated"}
    renewing = app.provider.fetch

    def fetch(*positional: Any, **named: Any) -> Report:  # noqa: ANN401 - as fetch
        assert ada.delete(place).status_code == 204
        return renewing(*positional, **named)

    app.provider.fetch = fetch  # type: ignore[method-assign]
    assert ada.post(f"{place}/syncs").status_code == 503
    assert app.query("SELECT credentials FROM connections") == [(None,)]


def test_the_end_of_a_consent_is_shown_and_warned_of_14_days_before(app: App, ada: Person) -> None:
    ends_at = app.clock().replace(microsecond=0) + timedelta(days=15)
    app.provider.usual = Report([account()], expires_at=ends_at)
    made = connected(app, ada)
    assert (made["expires_at"], made["detail"]) == (f"{ends_at:%Y-%m-%dT%H:%M:%SZ}", None)
    app.clock.advance(days=1)
    ada.post(f"/connections/{made['id']}/syncs")
    shown = ada.get(f"/connections/{made['id']}").json()
    assert (
        shown["detail"] == f"The consent ends on {ends_at.date()}: sign in again before that day."
    )
    assert shown["state"] == "active"


def test_an_account_keeps_its_history_when_the_provider_moves_it(app: App, ada: Person) -> None:
    place = f"/connections/{connected(app, ada)['id']}"
    (before,) = ada.get("/accounts").json()["accounts"]
    app.provider.usual = Report([account("120.00", "new", predecessor="1")])
    run = ada.post(f"{place}/syncs").json()
    assert run["state"] == "succeeded"
    (after,) = ada.get("/accounts").json()["accounts"]
    assert after["id"] == before["id"]
    assert len(ada.history(after["id"])["snapshots"]) == 2


def test_what_is_not_money_of_iso_4217_is_named_and_left_out(app: App, ada: Person) -> None:
    other = account("1", "2")
    other = replace(other, identity=replace(other.identity, currency=Currency("BTC", 8)))
    app.provider.usual = Report([account(), other])
    made = connected(app, ada)
    assert made["accounts_found"] == 1
    assert "(BTC)" in made["detail"]


def test_the_operators_limit_of_syncs_a_day_holds(app: App, ada: Person) -> None:
    app.provider.pace = replace(app.provider.pace, daily_syncs=2)
    place = f"/connections/{connected(app, ada)['id']}"
    forced = {"json": {"force": True}}
    assert ada.post(f"{place}/syncs", **forced).status_code == 201
    assert ada.post(f"{place}/syncs", **forced).status_code == 429
    app.clock.advance(days=1)
    assert ada.post(f"{place}/syncs", **forced).status_code == 201


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("https://nas.lan:8443/api/", 201),
        ("https://api.bank.example", 201),
        ("", 201),
        ("https://nas.lan/api", 422),
        ("https://other.lan:8443", 422),
        ("http://nas.lan:8443", 422),
        ("https://nas.lan:8443@evil.example", 422),
        ("https://nas.lan:8443?x", 422),
        ("https://[", 422),
    ],
)
def test_only_the_operator_allows_another_address(
    applications: Applications, address: str, status: int
) -> None:
    app = applications.open(rate_limits=UNLIMITED, outbound_hosts="nas.lan:8443")
    ada = app.person()
    app.provider.uses_browser = False
    app.provider.credentials = (
        CredentialField("token", "Token"),
        base_url_field("https://api.bank.example"),
    )
    body = {"provider": "scripted", "credentials": {"token": SECRET, "base_url": address}}
    answer = ada.post("/connections", json=body)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["errors"][0]["pointer"] == "/credentials/base_url"
    elif "nas" in address:
        assert app.provider.kept["base_url"] == "https://nas.lan:8443/api"
    else:
        assert "base_url" not in app.provider.kept
