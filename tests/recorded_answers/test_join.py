from dataclasses import replace

from dashtam.application.provider import AccountReport, Report
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from scripted_provider import account


def renumbered(number: str) -> AccountReport:
    """Return a report of the same account under another id."""
    report = account("100.00", number)
    return replace(report, identity=replace(report.identity, name="Everyday"))


def test_joins_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("join") as app:
        ada = app.open().person()
        app.provider.usual = Report([renumbered("1")])
        connection = ada.connect()["id"]
        (first,) = ada("GET", "/accounts")["accounts"]
        ada("PATCH", f"/accounts/{first['id']}", "its owner's name", json={"name": "Mine"})
        app.clock.advance(minutes=5)
        app.provider.usual = Report([renumbered("2")])
        ada("POST", f"/connections/{connection}/syncs", "a join is proposed", json={})
        found = ada("GET", "/accounts", "one waits for its owner")["accounts"]
        new, old = sorted(found, key=lambda one: one["join_proposed_to"] is None)
        ada("GET", "/balance-snapshots", "the new one does not count")
        eve = app.person("eve@example.org")
        body = {"account_id": new["id"]}
        eve("POST", f"/accounts/{old['id']}/join", "another's", json=body)
        ada("POST", f"/accounts/{old['id']}/join", "to itself", json={"account_id": old["id"]})
        ada("POST", f"/accounts/{old['id']}/join", "one history", json=body)
        ada("GET", "/balance-snapshots", "one account")
        eve("DELETE", f"/accounts/{old['id']}/join", "another's")
        ada("DELETE", f"/accounts/{old['id']}/join", "two histories again")
        ada("DELETE", f"/accounts/{old['id']}/join", "nothing to undo")
        record_errors(app, "join")
