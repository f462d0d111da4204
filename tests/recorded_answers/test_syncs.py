import shutil
from datetime import timedelta
from threading import Event
from typing import Any

from dashtam.application.provider import ProviderFailed, ProviderRateLimited, Report
from recorded_answers.caller import Caller, RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from recorded_answers.event_stream import follow
from scripted_provider import Answer, account, position, problem

FORCED = {"force": True}
LATER = {"Prefer": "respond-async"}


def test_syncs_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("syncs") as app:
        ada = app.open().person()
        ada("GET", "/syncs", "none yet")
        told = position("WRLD", "80.00", app.clock())
        app.provider.usual = Report([account("100.00", positions=[told]), account("2.00", "2")])
        connection = ada.connect()["id"]
        accounts = ada.quietly("GET", "/accounts")["accounts"]
        posts: dict[str, dict[str, Any]] = {
            f"/connections/{connection}/syncs": {},
            "/accounts/syncs": {"connection_id": connection},
            f"/accounts/{accounts[0]['id']}/holdings/syncs": {},
        }
        for path, body in posts.items():
            record_post(app, path, body)
            record_provider_errors(app, path, body)
        record_reading(app, connection)
        record_events(app, connection)
        record_retracting(app)
        record_foreign(app, connection, posts)
        record_clock_behind(app, posts)
        record_lost_keys(app, posts)
        record_errors(app, "syncs")


def record_post(app: RecordedApp, path: str, body: dict[str, Any]) -> None:
    app.clock.advance(hours=2)
    ada = app.sign_in()
    ada("POST", path, "done", json=body)
    ada("POST", path, "too soon", json=body)
    ada("POST", path, "forced", json=body | FORCED)
    key = {"Idempotency-Key": path.strip("/").replace("/", ":")}
    ada("POST", path, "by a key", json=body | FORCED, headers=key)
    ada("POST", path, "by the key again", json=body | FORCED, headers=key)
    ada("POST", path, "another by the key", json=body, headers=key)
    app.clock.advance(minutes=2)
    run, let_go = start_slowly(app, ada, path, body, "respond-async")
    ada("POST", path, "while one runs", json=body | FORCED)
    let_go.set()
    wait_for(ada, run)


def start_slowly(
    app: RecordedApp, ada: Caller, path: str, body: dict[str, Any], note: str
) -> tuple[str, Event]:
    """Start a run that goes on until the event is set."""
    let_go = Event()

    def answer() -> Report:
        assert let_go.wait(60)
        return Report([account("7.00")])

    app.provider.script = [answer]
    run = ada("POST", path, note, json=body | FORCED, headers=LATER)
    return run["id"], let_go


def wait_for(caller: Caller, run: str) -> None:
    assert caller.send("GET", f"/syncs/{run}/events").is_success


def record_provider_errors(app: RecordedApp, path: str, body: dict[str, Any]) -> None:
    app.clock.advance(minutes=2)
    ada = app.sign_in()
    answers: dict[str, Answer] = {
        "a part of it": Report([account("1.00"), account(None, "2", problems=[problem()])]),
        "one account of two": Report([account("1.00")]),
        "the provider fails": ProviderFailed("The bank is closed."),
        "the provider breaks": RuntimeError("secret"),
        "the provider wants to be left alone": ProviderRateLimited("Later.", timedelta(hours=1)),
    }
    for note, answer in answers.items():
        app.provider.script = [answer]
        ada("POST", path, note, json=body | FORCED)
    ada("POST", path, "while the provider wants to be left alone", json=body | FORCED)


def record_reading(app: RecordedApp, connection: str) -> None:
    app.clock.advance(hours=2)
    ada = app.sign_in()
    for path in ("/syncs", f"/connections/{connection}/syncs"):
        ada("GET", path)
        ada("HEAD", path)
        page = ada("GET", f"{path}?limit=2", "first page")
        ada("GET", f"{path}?limit=2&cursor={page['next_cursor']}", "second page")
    run = ada.quietly("GET", "/syncs?limit=1")["syncs"][0]["id"]
    ada("GET", f"/syncs/{run}")
    ada("HEAD", f"/syncs/{run}")
    ada("GET", f"/syncs/{run}/events", "of one that has ended")
    ada("HEAD", f"/syncs/{run}/events", "of one that has ended")


def record_events(app: RecordedApp, connection: str) -> None:
    ada, path = app.sign_in(), f"/connections/{connection}/syncs"
    run, let_go = start_slowly(app, ada, path, {}, "one to follow")
    ada("GET", f"/syncs/{run}", "running")
    ada("DELETE", f"/syncs/{run}", "running")
    ada("HEAD", f"/syncs/{run}/events", "of one that runs")
    events = f"/syncs/{run}/events"

    def disconnect() -> None:
        ada.quietly("DELETE", f"/connections/{connection}")

    answer = follow(ada, events, disconnect)
    app.recording.add(f"GET /api/v1{events} (of one that is ended meanwhile)", answer)
    let_go.set()
    ada("POST", path, "disconnected", json={})
    body = {"credentials": {"token": "good"}}
    ada.quietly("PATCH", f"/connections/{connection}", json=body)


def record_retracting(app: RecordedApp) -> None:
    ada = app.sign_in()
    live = ada.quietly("GET", "/syncs?limit=1")["syncs"][0]["id"]
    ada("DELETE", f"/syncs/{live}", "a live sync")
    ada("GET", f"/syncs/{live}", "a live sync that was retracted")
    ada.account("House", "1.00")
    typed = ada.quietly("GET", "/syncs?limit=1")["syncs"][0]
    ada("DELETE", f"/syncs/{typed['id']}")
    ada("DELETE", f"/syncs/{typed['id']}", "again")
    ada("GET", f"/syncs/{typed['id']}", "retracted")
    by_hand = f"/connections/{typed['connection_id']}/syncs"
    ada("POST", by_hand, "no provider feeds it", json={})


def record_foreign(app: RecordedApp, connection: str, posts: dict[str, dict[str, Any]]) -> None:
    run = app.sign_in().quietly("GET", "/syncs?limit=1")["syncs"][0]["id"]
    eve = app.person("eve@example.org")
    for path, body in posts.items():
        eve("POST", path, "another's", json=body)
    eve("GET", f"/connections/{connection}/syncs", "another's")
    eve("GET", f"/syncs/{run}", "another's")
    eve("GET", f"/syncs/{run}/events", "another's")
    eve("DELETE", f"/syncs/{run}", "another's")
    app.provider.usual = Report([account()])
    path = f"/connections/{eve.connect()['id']}/syncs"
    app.provider.script = [Report([])]
    eve("POST", path, "nothing at all", json=FORCED)


def record_clock_behind(app: RecordedApp, posts: dict[str, dict[str, Any]]) -> None:
    app.clock.advance(hours=1)
    app.sign_in().quietly("POST", next(iter(posts)), json=FORCED)
    # The rate limits, which count by the clock too, are those of a new process.
    app.clock.advance(minutes=-30)
    ada = app.open().sign_in()
    for path, body in posts.items():
        ada("POST", path, "the clock went back", json=body | FORCED)
    app.clock.advance(hours=1)


def record_lost_keys(app: RecordedApp, posts: dict[str, dict[str, Any]]) -> None:
    app.close()
    shutil.rmtree(app.applications.folder)
    ada = app.open().sign_in()
    for path, body in posts.items():
        ada("POST", path, "the keys are lost", json=body | FORCED)
