from application import PASSWORD
from recorded_answers.caller import Caller, RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors

ADA = {"email": "ada@example.org", "password": PASSWORD}


def test_sessions_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("sessions") as app:
        app.open().person()
        record_signing_in(app)
        record_lists(app)
        record_ends(app)
        record_bad_tokens(app)
        record_errors(app, "sessions")
        record_failed_attempts(app)
        record_public_url(app)


def record_signing_in(app: RecordedApp) -> None:
    app.clock.advance(minutes=1)
    nobody = app.nobody
    for note, body in {
        "signed in": ADA,
        "the e-mail in capitals": ADA | {"email": "ADA@Example.org"},
        "by a cookie": ADA | {"cookie": True},
        "a wrong password": ADA | {"password": "a pelican under ten bridges"},
        "an unknown e-mail": ADA | {"email": "nobody@example.org"},
        "an e-mail that is none": ADA | {"email": "ada"},
        "a password that is a number": ADA | {"password": 12},
        "no password": {"email": "ada@example.org"},
    }.items():
        nobody("POST", "/sessions", note, json=body)
        app.clock.advance(seconds=1)


def record_lists(app: RecordedApp) -> None:
    app.clock.advance(minutes=1)
    ada = app.sign_in()
    ada("GET", "/sessions")
    ada("HEAD", "/sessions")
    page = ada("GET", "/sessions?limit=2", "first page")
    ada("GET", f"/sessions?limit=2&cursor={page['next_cursor']}", "second page")


def record_ends(app: RecordedApp) -> None:
    app.clock.advance(minutes=1)
    ada, other = app.sign_in(), app.sign_in()
    listed = ada.quietly("GET", "/sessions?limit=2")["sessions"]
    (theirs,) = (one["id"] for one in listed if not one["is_current"])
    app.person("eve@example.org")("DELETE", f"/sessions/{theirs}", "another's")
    ada("DELETE", f"/sessions/{theirs}")
    ada("DELETE", f"/sessions/{theirs}", "again")
    other("GET", "/sessions", "by a session that was ended")
    ada("DELETE", "/sessions/current")
    ada("DELETE", "/sessions/current", "again")


def record_bad_tokens(app: RecordedApp) -> None:
    good = app.sign_in().token
    assert good is not None
    head, payload, _ = good.split(".")
    for note, token in {
        "a token that is none": "nonsense",
        "a token signed by somebody else": f"{head}.{payload}.{'A' * 86}",
        "a token without a signature": f"{head}.{payload}.",
        "a token of another kind": f"dta_{'A' * 43}",
        "an empty token": "",
    }.items():
        Caller(app, token)("GET", "/sessions", note)
    nobody = app.nobody
    nobody("GET", "/sessions", "another scheme", headers={"Authorization": "Basic YTpi"})
    lower = {"Authorization": f"bearer {good}"}
    nobody("GET", "/sessions?limit=1", "the scheme in small letters", headers=lower)
    app.clock.advance(minutes=15)
    Caller(app, good)("GET", "/sessions", "a token that has expired")


def record_failed_attempts(app: RecordedApp) -> None:
    """Record the limit on failures of one e-mail at one address."""
    app.clock.advance(minutes=2)
    wrong = ADA | {"password": "a pelican under ten bridges"}
    while app.nobody.send("POST", "/sessions", json=wrong).status_code == 401:
        pass
    app.nobody("POST", "/sessions", "too many failed", json=ADA)
    other = ADA | {"email": "eve@example.org"}
    app.nobody("POST", "/sessions", "too many failed for another", json=other)


def record_public_url(app: RecordedApp) -> None:
    app.open(public_url="https://money.example/dashtam")
    body = ADA | {"cookie": True}
    app.nobody("POST", "/sessions", "by a cookie, behind a proxy", json=body)
    ada = app.sign_in()
    house = {"name": "House", "account_type": "other", "currency": "USD", "balance": "1"}
    ada("POST", "/accounts", "behind a proxy", json=house)
    ada("DELETE", "/sessions/current", "behind a proxy")
