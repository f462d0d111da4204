from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

from dashtam.application.provider import (
    CredentialsRefused,
    ProviderFailed,
    ProviderRateLimited,
    Report,
)
from recorded_answers.caller import Caller, RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from scripted_provider import Answer, account, problem

REFUSED = "a-token-that-is-refused"
NEW: dict[str, Any] = {"provider": "scripted", "credentials": {"token": "good"}}


def test_connections_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("connections") as app:
        ada = app.open().person()
        ada("GET", "/connections", "none yet")
        made = record_connecting(app, ada)
        record_failures_at_first(app, ada)
        record_one_at_a_time(app, ada)
        record_asynchronous(app, ada)
        record_lists(app, ada, made)
        record_changes(app, made)
        record_ends(app, made)
        record_foreign(app, made)
        record_errors(app, "connections")


def record_connecting(app: RecordedApp, ada: Caller) -> str:
    app.provider.script = [Report([account("1.00"), account("2.00", "2", "EUR")])]
    made: dict[str, str] = ada("POST", "/connections", "two accounts", json=NEW)
    app.clock.advance(minutes=1)
    key = {"Idempotency-Key": "a-connection"}
    keyed = NEW | {"name": "Keyed"}
    app.provider.script = [Report([account("3.00", "3")])]
    ada("POST", "/connections", "by a key", json=keyed, headers=key)
    ada("POST", "/connections", "by the key again", json=keyed, headers=key)
    ada("POST", "/connections", "another by the key", json=NEW, headers=key)
    for note, wrong in WRONG.items():
        ada("POST", "/connections", note, json=NEW | wrong)
    app.clock.advance(minutes=2)
    return made["id"]


WRONG: dict[str, dict[str, Any]] = {
    "a provider that is none": {"provider": "attic"},
    "a provider of files": {"provider": "ofx"},
    "a credential that is missing": {"credentials": {}},
    "a credential that is not asked for": {"credentials": {"token": "x", "pin": "1"}},
    "a credential that is a number": {"credentials": {"token": 1}},
}


def record_failures_at_first(app: RecordedApp, ada: Caller) -> None:
    app.provider.refused = {REFUSED}
    refused = NEW | {"credentials": {"token": REFUSED}}
    ada("POST", "/connections", "credentials that are refused", json=refused)
    app.provider.connecting = ProviderFailed("The bank is closed.")
    ada("POST", "/connections", "a provider that cannot be reached", json=NEW)
    app.provider.connecting = RuntimeError("secret")
    ada("POST", "/connections", "a provider that breaks", json=NEW)
    app.provider.connecting = None
    answers: dict[str, Answer] = {
        "refused at the first sync": CredentialsRefused("The token is not known."),
        "failing at the first sync": ProviderFailed("The bank is closed."),
        "too early for the first sync": ProviderRateLimited("Later.", timedelta(hours=1)),
        "broken at the first sync": RuntimeError("secret"),
        "an account that cannot be read": Report(
            [account(None, "4", problems=[problem()]), account("5.00", "5")],
            ["Part of it is late."],
        ),
    }
    for note, answer in answers.items():
        app.provider.script = [answer]
        ada("POST", "/connections", note, json=NEW | {"name": note.capitalize()})
    app.clock.advance(minutes=2)


def record_one_at_a_time(app: RecordedApp, ada: Caller) -> None:
    asked, let_go = Event(), Event()

    def answer() -> Report:
        asked.set()
        assert let_go.wait(60)
        return Report([account("6.00", "6")])

    app.provider.script = [answer]
    key = {"Idempotency-Key": "slow"}
    options: dict[str, Any] = {"json": NEW | {"name": "Slow"}, "headers": key}
    with ThreadPoolExecutor() as threads:
        first = threads.submit(ada.quietly, "POST", "/connections", **options)
        assert asked.wait(60)
        ada("POST", "/connections", "while the first by the key runs", **options)
        let_go.set()
        first.result()


def record_asynchronous(app: RecordedApp, ada: Caller) -> None:
    let_go = Event()

    def answer() -> Report:
        assert let_go.wait(60)
        return Report([account("7.00", "7")])

    app.provider.script = [answer]
    made = ada(
        "POST",
        "/connections",
        "respond-async",
        json=NEW | {"name": "Later"},
        headers={"Prefer": "respond-async"},
    )
    let_go.set()
    assert ada.send("GET", f"/syncs/{made['sync_id']}/events").is_success


def record_lists(app: RecordedApp, ada: Caller, connection_id: str) -> None:
    app.clock.advance(minutes=1)
    ada.account("House", "1.00")
    ada("GET", "/connections")
    ada("HEAD", "/connections")
    page = ada("GET", "/connections?limit=2", "first page")
    ada("GET", f"/connections?limit=2&cursor={page['next_cursor']}", "second page")
    ada("GET", f"/connections/{connection_id}")
    ada("HEAD", f"/connections/{connection_id}")


def record_changes(app: RecordedApp, connection_id: str) -> None:
    ada, path = app.sign_in(), f"/connections/{connection_id}"
    app.clock.advance(minutes=1)
    for note, body in {
        "rename": {"name": "My bank"},
        "nothing": {},
        "other credentials": {"credentials": {"token": "better"}},
        "a name and credentials": {"name": "Our bank", "credentials": {"token": "best"}},
        "credentials that are refused": {"credentials": {"token": REFUSED}},
        "a credential that is missing": {"credentials": {}},
        "a name that is empty": {"name": ""},
    }.items():
        ada("PATCH", path, note, json=body)
    app.provider.connecting = ProviderFailed("The bank is closed.")
    body = {"credentials": {"token": "new"}}
    ada("PATCH", path, "a provider that cannot be reached", json=body)
    app.provider.connecting = None
    by_hand = by_name(ada, "Typed by hand")
    ada("PATCH", f"/connections/{by_hand}", "credentials where there are none", json=body)


def record_ends(app: RecordedApp, connection_id: str) -> None:
    ada, path = app.sign_in(), f"/connections/{connection_id}"
    app.clock.advance(minutes=1)
    ada("DELETE", path)
    ada("DELETE", path, "again")
    ada("GET", path, "disconnected")
    ada("PATCH", path, "connected again", json={"credentials": {"token": "good"}})
    ada("DELETE", f"/connections/{by_name(ada, 'Typed by hand')}", "nothing to disconnect")


def by_name(caller: Caller, name: str) -> str:
    found = caller.quietly("GET", "/connections")["connections"]
    (connection_id,) = (one["id"] for one in found if one["name"] == name)
    return str(connection_id)


def record_foreign(app: RecordedApp, connection_id: str) -> None:
    eve, path = app.person("eve@example.org"), f"/connections/{connection_id}"
    eve("GET", path, "another's")
    eve("PATCH", path, "another's", json={"name": "Mine"})
    eve("DELETE", path, "another's")
