from datetime import date, timedelta
from decimal import Decimal

from dashtam.application.provider import Report
from dashtam.domain.money import Currency
from dashtam.domain.statement import Flow, FlowKind
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from scripted_provider import account

SPAN = "start_date=2026-01-01&end_date=2026-12-31"
USD = Currency.of("USD")
FIRST = date(2026, 11, 3)


def test_flows_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("flows") as app:
        ada = app.open().person()
        told = [
            Flow(FIRST, Decimal("500.00"), USD, FlowKind.DEPOSIT, "a-1"),
            Flow(FIRST, Decimal("-2.5"), USD, FlowKind.FEE),
            Flow(FIRST + timedelta(days=1), Decimal(7), USD, FlowKind.DIVIDEND, "a-2"),
        ]
        app.provider.usual = Report([account("100.00", flows=told), account("2.00", "2")])
        ada.connect()
        broker, other = (one["id"] for one in ada.quietly("GET", "/accounts")["accounts"])
        path = f"/accounts/{broker}/flows?{SPAN}"
        ada("GET", path)
        ada("HEAD", path)
        page = ada("GET", f"{path}&limit=2", "first page")
        ada("GET", f"{path}&limit=2&cursor={page['next_cursor']}", "second page")
        ada("GET", f"/accounts/{broker}/flows?start_date=2026-11-04&end_date=2026-11-04", "a day")
        ada("GET", f"/accounts/{other}/flows?{SPAN}", "an account without any")
        eve = app.person("eve@example.org")
        eve("GET", path, "another's")
        record_errors(app, "flows")
