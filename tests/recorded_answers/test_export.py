from dashtam.application.provider import Report
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from scripted_provider import account, position


def test_the_export_is_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("export") as app:
        ada = app.open().person()
        ada("GET", "/export", "nothing yet")
        told = position("WRLD", "80.00", app.clock())
        app.provider.usual = Report([account("100.00", positions=[told])])
        ada.connect()
        house = ada.account("House", "410000.00")
        ada.type(house, "400000.00", "2026-11-02", cash_value="1", available_balance="2")
        app.clock.advance(minutes=1)
        ada.type(house, "1.00", "2026-11-03")
        mistyped = ada.quietly("GET", "/syncs?limit=1")["syncs"][0]["id"]
        ada.quietly("DELETE", f"/syncs/{mistyped}")
        ada("GET", "/export")
        ada("HEAD", "/export")
        app.person("eve@example.org")("GET", "/export", "nothing of another's")
        record_errors(app, "export")
