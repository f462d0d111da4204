from typing import Any

from application import PASSWORD
from recorded_answers.caller import RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors

OWN = {"Origin": "http://127.0.0.1:8000"}


def test_tokens_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("tokens") as app:
        app.open().person()
        record_refreshing(app)
        record_cookies(app)
        record_errors(app, "tokens")


def refresh(app: RecordedApp, note: str, body: Any, **headers: str) -> Any:  # noqa: ANN401 - JSON
    return app.nobody("POST", "/tokens", note, json=body, headers=headers)


def record_refreshing(app: RecordedApp) -> None:
    body = {"email": "ada@example.org", "password": PASSWORD}
    first = app.nobody.quietly("POST", "/sessions", json=body)["refresh_token"]
    second = refresh(app, "refreshed", {"refresh_token": first})["refresh_token"]
    app.clock.advance(seconds=10)
    refresh(app, "the same within ten seconds", {"refresh_token": first})
    refresh(app, "the successor", {"refresh_token": second})
    refresh(app, "one whose successor was used", {"refresh_token": first})
    refresh(app, "one of a session that was ended by that", {"refresh_token": second})
    spent = app.nobody.quietly("POST", "/sessions", json=body)["refresh_token"]
    app.nobody.quietly("POST", "/tokens", json={"refresh_token": spent})
    app.clock.advance(seconds=11)
    refresh(app, "the same after ten seconds", {"refresh_token": spent})
    late = app.nobody.quietly("POST", "/sessions", json=body)["refresh_token"]
    app.clock.advance(days=31)
    refresh(app, "after a month", {"refresh_token": late})
    refresh(app, "one that was made up", {"refresh_token": f"dtr_{'A' * 91}"})
    refresh(app, "one that is none", {"refresh_token": "nonsense"})
    refresh(app, "one that is a number", {"refresh_token": 1})
    refresh(app, "none and no cookie", {})


def record_cookies(app: RecordedApp) -> None:
    app.clock.advance(minutes=1)
    body = {"email": "ada@example.org", "password": PASSWORD, "cookie": True}
    for note, headers in {
        "a cookie from our own page": OWN,
        "a cookie without an origin": {},
        "a cookie from another page": {"Origin": "https://elsewhere.example"},
    }.items():
        answer = app.nobody.send("POST", "/sessions", json=body)
        cookie = answer.headers["set-cookie"].partition(";")[0]
        refresh(app, note, {}, Cookie=cookie, **headers)
    refresh(app, "an empty cookie", {}, Cookie="dashtam_refresh=", **OWN)
    refresh(app, "a cookie that is nonsense", {}, Cookie="dashtam_refresh=nonsense", **OWN)
