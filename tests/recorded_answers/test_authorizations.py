from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from dashtam.application.provider import CredentialsRefused, ProviderFailed, Report
from recorded_answers.caller import Caller
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from recorded_answers.recording import NOBODYS_ID
from scripted_provider import account

NEW: dict[str, Any] = {"provider": "scripted", "credentials": {"token": "good"}}
COMPLETIONS = "/authorizations/completions"


def test_authorizations_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("authorizations") as app:
        ada = app.open().person()
        by_hand = ada.account("House", "1.00")
        assert by_hand
        ada("POST", "/authorizations", "a provider without a browser", json=NEW)
        app.provider.uses_browser = True
        ada("POST", "/connections", "a provider with a browser", json=NEW)
        ada("POST", "/authorizations", "a sign-in", json=NEW)
        assert app.provider.return_to is not None
        parameters = {"state": app.provider.return_to.token, "code": "c0de"}
        wrong = {"parameters": parameters | {"state": "another"}}
        ada("POST", COMPLETIONS, "a state that is unknown", json=wrong)
        made = ada("POST", COMPLETIONS, "back from the bank", json={"parameters": parameters})
        ada("POST", COMPLETIONS, "back a second time", json={"parameters": parameters})
        record_renewals(ada, made["id"])
        record_refusals(app, ada)
        record_one_at_a_time(app, ada)
        record_errors(app, "authorizations")


def record_renewals(ada: Caller, connection_id: str) -> None:
    renewal = {"connection_id": connection_id}
    ada("POST", "/authorizations", "a renewal", json=renewal)
    foreign = {"connection_id": NOBODYS_ID}
    ada("POST", "/authorizations", "a connection that nobody has", json=foreign)
    (manual,) = (
        one["id"]
        for one in ada.quietly("GET", "/connections")["connections"]
        if one["provider"] == "manual"
    )
    ada("POST", "/authorizations", "a connection by hand", json={"connection_id": manual})
    elsewhere = NEW | {"return_to": "https://elsewhere.example/"}
    ada("POST", "/authorizations", "a return to elsewhere", json=elsewhere)


def record_refusals(app: Any, ada: Caller) -> None:  # noqa: ANN401 - the recorded one
    for note, error in {
        "the bank is closed": ProviderFailed("The bank is closed."),
        "the sign-in was refused": CredentialsRefused("It was not completed."),
    }.items():
        app.clock.advance(minutes=1)
        ada.quietly("POST", "/authorizations", json=NEW)
        parameters = {"state": app.provider.return_to.token, "code": "c0de"}
        app.provider.connecting = error
        ada("POST", COMPLETIONS, note, json={"parameters": parameters})
    app.provider.connecting = None
    app.provider.sign_in_at = "http://bank.example"
    ada("POST", "/authorizations", "an address that is not safe", json=NEW)
    app.provider.sign_in_at = "https://bank.example"


def record_one_at_a_time(app: Any, ada: Caller) -> None:  # noqa: ANN401 - the recorded one
    asked, let_go = Event(), Event()

    def answer() -> Report:
        asked.set()
        assert let_go.wait(60)
        return Report([account("6.00", "6")])

    ada.quietly("POST", "/authorizations", json=NEW)
    parameters = {"state": app.provider.return_to.token, "code": "c0de"}
    app.provider.script = [answer]
    options: dict[str, Any] = {
        "json": {"parameters": parameters},
        "headers": {"Idempotency-Key": "slow"},
    }
    with ThreadPoolExecutor() as threads:
        first = threads.submit(ada.quietly, "POST", COMPLETIONS, **options)
        assert asked.wait(60)
        options["json"] = {"parameters": parameters}
        ada("POST", COMPLETIONS, "while the first by the key runs", **options)
        let_go.set()
        first.result()
