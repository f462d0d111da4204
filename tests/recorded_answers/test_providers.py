from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors


def test_providers_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("providers") as app:
        ada = app.open().person()
        ada("GET", "/providers")
        ada("HEAD", "/providers")
        record_errors(app, "providers")
