from dashtam.application.provider import Report
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from scripted_provider import account


def test_holds_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("holds") as app:
        ada = app.open().person()
        ada("GET", "/holds", "nothing is held")
        app.provider.usual = Report([account("100.00"), account("50.00", "2")])
        connection = ada.connect()["id"]
        app.clock.advance(minutes=5)
        app.provider.usual = Report([account("10000.00"), account("-50.00", "2")])
        ada("POST", f"/connections/{connection}/syncs", "two balances are held", json={})
        ada("HEAD", "/holds")
        first, second = (one["id"] for one in ada("GET", "/holds")["holds"])
        eve = app.person("eve@example.org")
        release, reject = ({"decision": decision} for decision in ("release", "reject"))
        eve("POST", f"/holds/{first}/decision", "another's", json=release)
        for note in ("it is right", "it is right, again"):
            ada("POST", f"/holds/{first}/decision", note, json=release)
        ada("POST", f"/holds/{first}/decision", "the opposite was decided", json=reject)
        ada("POST", f"/holds/{second}/decision", "it is wrong", json=reject)
        ada("GET", "/holds", "all are decided")
        ada("GET", "/balance-snapshots", "the released one counts")
        record_errors(app, "holds")
