from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors


def test_revisions_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("revisions") as app:
        ada = app.open().person()
        giro = ada.account("Giro", "20000.00")
        path = f"/accounts/{giro}/revisions"
        ada("GET", path, "none yet")
        app.clock.advance(minutes=1)
        ada.quietly("PATCH", f"/accounts/{giro}", json={"is_hidden": True})
        app.clock.advance(minutes=1)
        snapshots = f"/accounts/{giro}/balance-snapshots"
        wrong = ada.quietly("GET", snapshots)["snapshots"][0]["id"]
        body = {"balance": "200.00", "reason": "The bank reported cents."}
        ada.quietly("POST", f"{snapshots}/{wrong}/correction", json=body)
        ada("GET", path)
        ada("HEAD", path)
        page = ada("GET", f"{path}?limit=1", "first page")
        ada("GET", f"{path}?limit=1&cursor={page['next_cursor']}", "second page")
        eve = app.person("eve@example.org")
        eve("GET", path, "another's")
        record_errors(app, "revisions")
