from application import PASSWORD
from recorded_answers.caller import RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors

ADA = {"email": "Ada@example.org", "password": PASSWORD}
BETTER = "an albatross over ten bridges"


def test_users_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("users") as app:
        record_first_user(app)
        record_registering(app)
        record_password_changes(app)
        record_errors(app, "users")


def record_first_user(app: RecordedApp) -> None:
    app.open(registration="closed")
    app.nobody("POST", "/users", "registration is closed", json=ADA)
    app.open(registration="first_user", setup_code="sesame-opens-it")
    through_a_proxy = {"X-Forwarded-For": "203.0.113.9"}
    for note, body in {
        "the first, without the setup code": ADA,
        "the first, with a wrong setup code": ADA | {"setup_code": "sesame"},
        "the first, with the setup code": ADA | {"setup_code": "sesame-opens-it"},
    }.items():
        app.nobody("POST", "/users", note, json=body, headers=through_a_proxy)
    app.nobody("POST", "/users", "the second", json=ADA | {"email": "eve@example.org"})


def record_registering(app: RecordedApp) -> None:
    app.open()
    for note, body in {
        "registered": ADA | {"email": " eve@example.org "},
        "an e-mail that is taken": ADA | {"email": "ADA@example.org"},
        "an e-mail that is none": ADA | {"email": "ada"},
        "a password too short": ADA | {"password": "eleven char"},
        "a password too long": ADA | {"password": "x" * 257},
        "a password that is common": ADA | {"password": "password12345"},
        "everything wrong": {"email": "", "password": ""},
        "no password": {"email": "bob@example.org"},
        "an unknown field": ADA | {"name": "Ada"},
        "no object": [],
    }.items():
        app.nobody("POST", "/users", note, json=body)


def record_password_changes(app: RecordedApp) -> None:
    ada = app.sign_in()
    ada("GET", "/users/me")
    ada("HEAD", "/users/me")
    for note, body in {
        "a wrong password": {"password": BETTER, "new_password": BETTER},
        "a new password too short": {"password": PASSWORD, "new_password": "short"},
        "a new password that is common": {"password": PASSWORD, "new_password": "password12345"},
        "the password": {"password": PASSWORD, "new_password": BETTER},
        "the password before": {"password": PASSWORD, "new_password": BETTER},
        "an unknown field": {"password": BETTER, "email": "x@example.org"},
    }.items():
        ada("PATCH", "/users/me", note, json=body)
    ada.quietly("PATCH", "/users/me", json={"password": BETTER, "new_password": PASSWORD})
    wrong = {"password": BETTER, "new_password": BETTER}
    while ada.send("PATCH", "/users/me", json=wrong).status_code == 422:
        pass
    ada("PATCH", "/users/me", "too many failed", json=wrong)
