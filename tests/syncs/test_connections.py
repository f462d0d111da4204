"""Connecting, connecting again and disconnecting, through the API."""

from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from application import App, Person
from dashtam.application.provider import (
    CredentialsRefused,
    ProviderFailed,
    ProviderRateLimited,
    Report,
)
from dashtam.domain.statement import Reading
from scripted_provider import ACCESS, SECRET, account, problem


def snapshots(person: Person, **query: str) -> list[Any]:
    found = []
    for account_ in person.get("/accounts").json()["accounts"]:
        found += person.history(account_["id"], **query)["snapshots"]
    return found


def test_the_provider_list_names_the_credentials_of_each(app: App, ada: Person) -> None:
    del app
    known = {one["slug"]: one for one in ada.get("/providers").json()["providers"]}
    assert known["scripted"] == {
        "slug": "scripted",
        "name": "Scripted Bank",
        "kind": "api",
        "credentials": [
            {
                "name": "token",
                "title": "Token",
                "secret": True,
                "optional": False,
                "multiline": False,
            }
        ],
        "uses_browser": False,
        "help_url": None,
    }
    assert (known["ofx"]["kind"], known["manual"]["kind"]) == ("file", "manual")


def test_connecting_runs_the_first_sync_with_older_balances(app: App, ada: Person) -> None:
    now = app.clock().replace(microsecond=0)
    older = [Reading(now - timedelta(days=days), account().current.balance) for days in (3, 2, 1)]  # type: ignore[union-attr]
    app.provider.usual = Report([account(history=older), account("7", "2", "EUR")])
    made = app.connect(ada, name="My bank")
    assert made.status_code == 201
    shown = made.json()
    assert made.headers["location"] == f"/api/v1/connections/{shown['id']}"
    assert (shown["name"], shown["state"], shown["detail"]) == ("My bank", "active", None)
    assert shown["accounts_found"] == 2
    assert shown["next_sync_at"] > shown["last_synced_at"]
    assert app.provider.fetches == [True]
    recorded = snapshots(ada)
    assert {one["source"] for one in recorded} == {"initial_connection"}
    assert len(recorded) == 5
    run = ada.get(f"/syncs/{shown['sync_id']}").json()
    assert (run["state"], run["recorded"], len(run["accounts"])) == ("succeeded", 5, 2)


def test_rejected_credentials_leave_nothing_but_a_line_in_the_audit_log(
    app: App, ada: Person
) -> None:
    app.provider.refused.add(SECRET)
    refused = app.connect(ada)
    assert refused.status_code == 422
    detail = refused.json()["detail"]
    assert detail == "The token … was used at https://bank.example !"
    assert ada.get("/connections").json()["total_count"] == 0
    assert app.query("SELECT count(*) FROM syncs") == [(0,)]
    assert app.events() == ["connection_refused"]


def test_credentials_that_the_first_sync_finds_wrong_are_not_kept(app: App, ada: Person) -> None:
    app.provider.script = [CredentialsRefused(f"No: {ACCESS}-{SECRET}")]
    refused = app.connect(ada)
    assert (refused.status_code, refused.json()["detail"]) == (422, "No: …")
    assert refused.json()["errors"][0]["pointer"] == "/credentials/token"
    assert ada.get("/connections").json()["total_count"] == 0
    assert app.query("SELECT count(*) FROM syncs") == [(0,)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"provider": "none", "credentials": {}}, "/provider"),
        ({"provider": "ofx", "credentials": {}}, "/provider"),
        ({"provider": "scripted", "credentials": {}}, "/credentials/token"),
        ({"provider": "scripted", "credentials": {"token": " "}}, "/credentials/token"),
        ({"provider": "scripted", "credentials": {"token": "a", "x": "b"}}, "/credentials/x"),
        ({"provider": "scripted", "credentials": {"token": "a", "/~": "b"}}, "/credentials/~1~0"),
        ({"provider": "scripted", "credentials": {"token": "a" * 8193}}, "/credentials"),
    ],
)
def test_a_request_that_fits_no_provider_is_refused(
    ada: Person, body: dict[str, Any], pointer: str
) -> None:
    refused = ada.post("/connections", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ProviderFailed("It is down."), "failing"),
        (ProviderRateLimited("Later.", timedelta(minutes=30)), "rate_limited"),
        (ZeroDivisionError("canary-in-a-bug"), "failing"),
    ],
)
def test_a_first_sync_that_fails_is_tried_again(
    app: App, ada: Person, error: Exception, state: str
) -> None:
    app.provider.script = [error]
    made = app.connect(ada)
    assert made.status_code == 201
    assert made.json()["state"] == state
    assert made.json()["detail"].endswith(".")
    assert "canary" not in made.text
    assert app.sync_due() == []
    app.clock.advance(hours=1)
    (run,) = app.sync_due()
    assert (run.state, run.source) == ("succeeded", "initial_connection")
    assert app.provider.fetches == [True, True]
    assert ada.get(f"/connections/{made.json()['id']}").json()["state"] == "active"


def test_a_connection_that_is_made_in_the_background_is_202_with_its_run(
    app: App, ada: Person
) -> None:
    may_end = Event()

    def slowly() -> Report:
        assert may_end.wait(60)
        return Report([account("5.00")])

    app.provider.script = [slowly]
    headers = {"Prefer": "respond-async", "Idempotency-Key": "once"}
    made = app.connect(ada, headers=headers)
    again = app.connect(ada, headers=headers)
    assert (made.status_code, made.json()) == (again.status_code, again.json())
    assert made.status_code == 202
    place = made.headers["Location"].removeprefix("/api/v1")
    shown = made.json()
    assert (place, shown["accounts_found"]) == (f"/syncs/{shown['sync_id']}", 0)
    assert ada.get(place).json()["state"] == "running"
    may_end.set()
    assert '"state":"succeeded"' in ada.get(f"{place}/events").text
    assert app.connection(shown["id"]).state == "active"
    assert ada.get("/balance-snapshots").json()["total_count"] == 1


def test_credentials_that_are_refused_in_the_background_can_be_entered_again(
    app: App, ada: Person
) -> None:
    app.provider.script = [CredentialsRefused("The token is not known.")]
    later = {"Prefer": "respond-async"}
    made = app.connect(ada, headers=later)
    place = made.headers["Location"].removeprefix("/api/v1")
    assert ada.get(f"{place}/events").text.endswith("\n\n")
    run = ada.get(place).json()
    assert (run["state"], run["code"]) == ("failed", "credentials_refused")
    path = f"/connections/{made.json()['id']}"
    assert ada.get(path).json()["state"] == "needs_reauthentication"
    patched = ada.patch(path, json={"credentials": {"token": "better"}})
    assert (patched.status_code, patched.json()["state"]) == (200, "active")
    # Those that are refused at once leave nothing.
    app.provider.refused = {"used"}
    assert app.connect(ada, "used", headers=later).status_code == 422
    assert ada.get("/connections").json()["total_count"] == 1


def test_a_provider_that_cannot_be_asked_for_credentials_is_502(app: App, ada: Person) -> None:
    app.provider.connecting = ProviderFailed(f"Down for {SECRET}.")
    answer = app.connect(ada)
    assert (answer.status_code, answer.json()["detail"]) == (502, "Down for ….")
    assert ada.get("/connections").json()["total_count"] == 0


def test_disconnecting_destroys_the_credentials_and_keeps_the_history(
    app: App, ada: Person
) -> None:
    connection = app.connected(ada)
    place = f"/connections/{connection['id']}"
    assert ada.delete(place).status_code == 204
    assert ada.delete(place).status_code == 204
    shown = ada.get(place).json()
    assert (shown["state"], shown["next_sync_at"]) == ("disconnected", None)
    assert app.query("SELECT credentials FROM connections") == [(None,)]
    assert len(snapshots(ada)) == 1
    assert ada.post(f"{place}/syncs").status_code == 409
    app.clock.advance(days=10)
    assert app.sync_due() == []


def test_disconnecting_ends_the_run_that_is_under_way(app: App, ada: Person) -> None:
    connection = app.connected(ada)

    def disconnected_meanwhile() -> Report:
        assert ada.delete(f"/connections/{connection['id']}").status_code == 204
        return Report([account("5")])

    app.provider.script = [disconnected_meanwhile]
    answer = ada.post(f"/connections/{connection['id']}/syncs")
    assert answer.status_code == 503
    run = ada.get(answer.headers["location"].removeprefix("/api/v1")).json()
    assert (run["state"], run["code"], run["recorded"]) == ("failed", "disconnected", 0)
    assert len(snapshots(ada)) == 1


def test_connecting_the_same_again_continues_the_same_accounts(app: App, ada: Person) -> None:
    first = app.connected(ada)
    before = ada.get("/accounts").json()["accounts"]
    assert ada.delete(f"/connections/{first['id']}").status_code == 204
    app.clock.advance(days=1)
    second = app.connected(ada)
    after = ada.get("/accounts").json()["accounts"]
    assert [one["id"] for one in after] == [one["id"] for one in before]
    assert after[0]["connection_id"] == second["id"]
    assert len(snapshots(ada)) == 2
    assert "account_continued" in app.events()


def test_new_credentials_connect_a_disconnected_one_again(app: App, ada: Person) -> None:
    connection = app.connected(ada)
    place = f"/connections/{connection['id']}"
    ada.delete(place)
    changed = ada.patch(place, json={"credentials": {"token": "another"}, "name": "Again"})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["state"], changed.json()["name"]) == ("active", "Again")
    assert app.provider.kept == {"access": f"{ACCESS}-another"}
    assert [one["source"] for one in snapshots(ada)] == ["initial_connection", "manual_sync"]


def test_replacing_credentials_by_wrong_ones_leaves_those_before(app: App, ada: Person) -> None:
    connection = app.connected(ada)
    place = f"/connections/{connection['id']}"
    app.provider.refused.add("wrong")
    assert ada.patch(place, json={"credentials": {"token": "wrong"}}).status_code == 422
    app.provider.script = [CredentialsRefused("No.")]
    assert ada.patch(place, json={"credentials": {"token": "late"}}).status_code == 422
    assert ada.get(place).json()["state"] == "active"
    assert ada.post(f"{place}/syncs").status_code == 201
    assert app.provider.kept == {"access": f"{ACCESS}-{SECRET}"}


def test_an_account_that_another_connection_feeds_is_not_forked(app: App, ada: Person) -> None:
    app.connected(ada)
    again = app.connect(ada, "second-token")
    assert (again.status_code, again.json()["state"]) == (201, "failing")
    assert "already" in again.json()["detail"]
    assert len(snapshots(ada)) == 1


def test_the_same_account_of_two_people_is_two_accounts(app: App, ada: Person) -> None:
    bob = app.person("bob@example.com")
    app.connected(ada)
    app.connected(bob)
    mine, his = (one.get("/accounts").json()["accounts"] for one in (ada, bob))
    assert len(mine) == len(his) == 1
    assert mine[0]["id"] != his[0]["id"]


def test_another_users_connection_is_not_there(app: App, ada: Person) -> None:
    bob = app.person("bob@example.com")
    connection = app.connected(ada)
    place = f"/connections/{connection['id']}"
    run = ada.get(f"{place}/syncs").json()["syncs"][0]["id"]
    assert bob.post(f"{place}/syncs").status_code == 404
    assert bob.patch(place, json={"name": "x"}).status_code == 404
    assert bob.delete(place).status_code == 404
    assert bob.get(f"/syncs/{run}/events").status_code == 404
    body = {"connection_id": connection["id"]}
    assert bob.post("/accounts/syncs", json=body).status_code == 404
    account_id = ada.get("/accounts").json()["accounts"][0]["id"]
    assert bob.post(f"/accounts/{account_id}/holdings/syncs").status_code == 403


def test_planted_secrets_are_in_no_table_and_no_answer(
    app: App, ada: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    app.provider.usual = Report(
        [account(problems=[problem(f"https://u:{SECRET}@bank.example said {ACCESS}-{SECRET}")])],
        [f"Warned about {ACCESS}-{SECRET}."],
    )
    connection = app.connected(ada)
    texts = [ada.get(f"/connections/{connection['id']}").text, ada.get("/syncs").text]
    app.provider.script = [ProviderFailed(f"Failed at {ACCESS}-{SECRET}")]
    texts.append(ada.post(f"/connections/{connection['id']}/syncs").text)
    tables = ("connections", "syncs", "accounts", "audit_log", "idempotency_keys")
    texts += [_everything(app, table) for table in tables]
    out, err = capfd.readouterr()
    assert "canary" not in "".join([*texts, out, err])
    assert app.query("SELECT credentials FROM connections")[0][0]


def _everything(app: App, table: str) -> str:
    rows = app.query(f"SELECT * FROM {table}")
    return repr(
        [[bytes(one) if isinstance(one, memoryview) else one for one in row] for row in rows]
    )
