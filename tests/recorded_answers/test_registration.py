from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors


def test_registration_is_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("registration") as app:
        through_a_proxy = {"X-Forwarded-For": "203.0.113.9"}
        for registration in ("closed", "open", "first_user"):
            nobody = app.open(registration=registration).nobody
            nobody("GET", "/registration", f"{registration}, nobody yet")
            note = f"{registration}, nobody yet, through a proxy"
            nobody("GET", "/registration", note, headers=through_a_proxy)
        app.nobody("HEAD", "/registration")
        app.person()
        app.nobody("GET", "/registration", "first_user, somebody is here")
        app.open()
        record_errors(app, "registration")
