from dashtam.application.provider import Report
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from scripted_provider import account, position


def test_holdings_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("holdings") as app:
        ada = app.open().person()
        ada("GET", "/holdings", "none yet")
        told = [position(symbol, value, app.clock()) for symbol, value in POSITIONS.items()]
        app.provider.usual = Report(
            [account("100.00", positions=told[:3]), account("2.00", "2", positions=told[3:])]
        )
        ada.connect()
        broker, other = (one["id"] for one in ada.quietly("GET", "/accounts")["accounts"])
        for path in ("/holdings", f"/accounts/{broker}/holdings"):
            ada("GET", path)
            ada("HEAD", path)
            page = ada("GET", f"{path}?limit=2", "first page")
            ada("GET", f"{path}?limit=2&cursor={page['next_cursor']}", "second page")
        ada("GET", f"/accounts/{other}/holdings", "another account")
        house = ada.account("House", "1.00")
        ada("GET", f"/accounts/{house}/holdings", "an account without any")
        eve = app.person("eve@example.org")
        eve("GET", f"/accounts/{broker}/holdings", "another's")
        record_errors(app, "holdings")


POSITIONS = {"AAA": "1000.50", "BBB": "0.10", "CCC": "7", "DDD": "-5.00"}
