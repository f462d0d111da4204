from recorded_answers.caller import Caller, RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors


def test_access_tokens_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("access-tokens") as app:
        ada = app.open().person()
        ada("GET", "/access-tokens", "none yet")
        record_making(ada)
        record_lists(app, ada)
        record_use(app, ada)
        record_errors(app, "access-tokens")


def record_making(ada: Caller) -> None:
    for note, body in {
        "for ever": {"name": "Script"},
        "for a month": {"name": "Dashboard", "expires_in_days": 30},
        "no name": {"name": ""},
        "a name that cannot be printed": {"name": "a\tb"},
        "a name too long": {"name": "x" * 201},
        "no day": {"name": "Script", "expires_in_days": 0},
        "too many days": {"name": "Script", "expires_in_days": 3651},
        "days that are no number": {"name": "Script", "expires_in_days": "30"},
        "an unknown field": {"name": "Script", "scope": "write"},
    }.items():
        ada("POST", "/access-tokens", note, json=body)
        ada.app.clock.advance(seconds=1)
    key = {"Idempotency-Key": "a-token"}
    ada("POST", "/access-tokens", "by a key", json={"name": "Keyed"}, headers=key)
    ada("POST", "/access-tokens", "by the key again", json={"name": "Keyed"}, headers=key)
    ada("POST", "/access-tokens", "another by the key", json={"name": "Other"}, headers=key)


def record_lists(app: RecordedApp, ada: Caller) -> None:
    app.clock.advance(minutes=1)
    ada("GET", "/access-tokens")
    ada("HEAD", "/access-tokens")
    page = ada("GET", "/access-tokens?limit=2", "first page")
    ada("GET", f"/access-tokens?limit=2&cursor={page['next_cursor']}", "second page")
    token = page["access_tokens"][0]["id"]
    eve = app.person("eve@example.org")
    eve("DELETE", f"/access-tokens/{token}", "another's")
    ada("DELETE", f"/access-tokens/{token}")
    ada("DELETE", f"/access-tokens/{token}", "again")


def record_use(app: RecordedApp, ada: Caller) -> None:
    """Record which answers a token gets, here for the signed-in user."""
    body = {"name": "Used", "expires_in_days": 1}
    made = ada.quietly("POST", "/access-tokens", json=body)
    script = Caller(app, made["token"])
    script("GET", "/users/me", "by a read-only token")
    # Its use is noted while nobody waits for it; closing waits.
    ada = app.open().sign_in()
    ada("GET", "/access-tokens?limit=1", "one that was used")
    script("POST", "/accounts", "by a read-only token", json={})
    app.clock.advance(days=2)
    script("GET", "/users/me", "by a read-only token that has ended")
    ada = app.sign_in()
    ada("GET", "/access-tokens?limit=1", "without the one that has ended")
