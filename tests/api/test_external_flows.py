"""Money and securities that came into investment accounts or left them."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api.test_holdings import imported
from application import App, Person
from dashtam.application.history.verification import verify
from dashtam.application.imports import file_import
from dashtam.application.provider import Report
from dashtam.domain.money import Currency
from dashtam.domain.statement import Flow, FlowKind
from scripted_provider import account

USD = Currency.of("USD")
ALL = {"start_date": "2020-01-01", "end_date": "2030-12-31"}
STATEMENT = """<OFX><SIGNONMSGSRSV1><SONRS><FI><ORG>Harbour<FID>12</FI></SONRS></SIGNONMSGSRSV1>
<INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><DTASOF>{day}<CURDEF>USD
<INVACCTFROM><BROKERID>harbour<ACCTID>990</INVACCTFROM><INVTRANLIST>{transactions}</INVTRANLIST>
<INVBAL><AVAILCASH>5.00</INVBAL></INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1></OFX>
"""
PAYMENT = (
    "<INVBANKTRAN><STMTTRN><TRNTYPE>{kind}<DTPOSTED>{day}<TRNAMT>{amount}{id}"
    "<NAME>Payment</STMTTRN><SUBACCTFUND>CASH</INVBANKTRAN>"
)
INCOME = (
    "<INCOME><INVTRAN><FITID>{id}<DTTRADE>{day}</INVTRAN><SECID><UNIQUEID>1<UNIQUEIDTYPE>CUSIP"
    "</SECID><INCOMETYPE>{kind}<TOTAL>{amount}<SUBACCTSEC>CASH</INCOME>"
)


def payment(day: str, amount: str, kind: str = "DEP", number: str = "") -> str:
    own = f"<FITID>{number}" if number else ""
    return PAYMENT.format(day=day, amount=amount, kind=kind, id=own)


def statement(day: str, *transactions: str) -> str:
    return STATEMENT.format(day=day, transactions="".join(transactions))


def flow(day: int, amount: str, number: str | None = None) -> Flow:
    return Flow(date(2026, 11, day), Decimal(amount), USD, FlowKind.DEPOSIT, number)


def sync(app: App, person: Person, *flows: Flow) -> Any:  # noqa: ANN401 - JSON
    app.provider.usual = Report([account("100.00", flows=flows)])
    app.clock.advance(days=1)
    (connection,) = person.get("/connections").json()["connections"]
    done = person.post(f"/connections/{connection['id']}/syncs", json={"force": True})
    assert done.status_code == 201, done.text
    return done.json()


def flows_of(person: Person, **query: str) -> list[Any]:
    account_id = person.get("/accounts").json()["accounts"][0]["id"]
    found = person.get(f"/accounts/{account_id}/flows", params=ALL | query)
    assert found.status_code == 200, found.text
    assert found.json()["total_count"] >= len(found.json()["flows"])
    flows: list[Any] = found.json()["flows"]
    return flows


def amounts(person: Person, **query: str) -> list[str]:
    return [one["amount"] for one in flows_of(person, **query)]


def test_a_flow_that_is_reported_twice_is_recorded_once(app: App, ada: Person) -> None:
    app.connected(ada)
    sync(app, ada, flow(1, "5", "a"), flow(2, "7"))
    sync(app, ada, flow(1, "5", "a"), flow(2, "7"), flow(2, "7"), flow(3, "5", "b"))
    # Booked anew under the same id.
    sync(app, ada, flow(4, "5.00", "a"), flow(2, "7.00"), flow(2, "7"))
    assert amounts(ada) == ["5", "7", "7", "5"]
    assert [one["external_id"] for one in flows_of(ada)] == ["a", None, None, "b"]
    report = verify(app.services.database)
    assert (report.found, report.external_flows) == (0, 4)


def test_statements_that_overlap_have_each_flow_once(ada: Person) -> None:
    first = (payment("20250105", "100.00"), payment("20250105", "100.00"))
    income = INCOME.format(day="20250110", amount="3.50", kind="DIV", id="9")
    imported(ada, statement("20250131", *first, income))
    imported(ada, statement("20250228", *first, income, payment("20250203", "-40.00", "DEBIT")))
    found = flows_of(ada)
    assert [(one["booked_on"], one["amount"], one["kind"]) for one in found] == [
        ("2025-01-05", "100.00", "deposit"),
        ("2025-01-05", "100.00", "deposit"),
        ("2025-01-10", "3.50", "dividend"),
        ("2025-02-03", "-40.00", "withdrawal"),
    ]
    assert found[2]["external_id"] == "9"


@pytest.mark.parametrize(
    ("code", "amount", "kind"),
    [
        ("CREDIT", "1", "deposit"),
        ("CHECK", "-1", "withdrawal"),
        ("XFER", "1", "transfer_in"),
        ("XFER", "-1", "transfer_out"),
        ("INT", "1", "interest"),
        ("SRVCHG", "-1", "fee"),
        ("OTHER", "1", "other"),
    ],
)
def test_each_type_of_payment_has_its_kind(ada: Person, code: str, amount: str, kind: str) -> None:
    imported(ada, statement("20250131", payment("20250105", amount, code, "7")))
    (found,) = flows_of(ada)
    assert (found["kind"], found["external_id"]) == (kind, "7")


def test_a_retraction_takes_the_flows_of_its_run_out(app: App, ada: Person) -> None:
    app.connected(ada)
    run = sync(app, ada, flow(1, "5", "a"))
    known_at = app.clock().isoformat()
    before = (app.clock() - timedelta(hours=1)).isoformat()
    app.clock.advance(hours=1)
    assert ada.delete(f"/syncs/{run['id']}").status_code == 204
    assert amounts(ada) == []
    assert amounts(ada, known_at=known_at) == ["5"]
    assert amounts(ada, known_at=before) == []
    sync(app, ada, flow(1, "5", "a"))
    assert amounts(ada) == ["5"]
    exported = ada.get("/export").json()["external_flows"]
    assert [one["number"] for one in exported] == [1, 2]
    past = ada.get("/export", params={"known_at": known_at}).json()["external_flows"]
    assert [one["number"] for one in past] == [1]


def test_flows_are_listed_by_day_in_pages(app: App, ada: Person) -> None:
    app.connected(ada)
    sync(app, ada, flow(3, "3"), flow(1, "1"), flow(2, "2"), flow(1, "1"))
    assert amounts(ada) == ["1", "1", "2", "3"]
    assert amounts(ada, start_date="2026-11-02", end_date="2026-11-02") == ["2"]
    account_id = ada.get("/accounts").json()["accounts"][0]["id"]
    path, found, cursor = f"/accounts/{account_id}/flows", [], None
    while True:
        more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        page = ada.get(path, params=ALL | {"limit": "1"} | more).json()
        found += [one["amount"] for one in page["flows"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ["1", "1", "2", "3"]
    other = ada.get("/syncs", params={"limit": 1}).json()["next_cursor"]
    assert ada.get(path, params=ALL | {"cursor": other}).status_code == 400


def test_an_account_without_a_balance_has_no_flows(app: App, ada: Person) -> None:
    app.connected(ada)
    app.provider.usual = Report([account(None, flows=[flow(1, "5")])])
    app.clock.advance(days=1)
    (connection,) = ada.get("/connections").json()["connections"]
    ada.post(f"/connections/{connection['id']}/syncs", json={"force": True})
    assert amounts(ada) == []


def test_a_long_file_has_its_flows_once_it_is_complete(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_import, "_PIECE", 1)
    one = statement("20250131", payment("20250105", "1.00"))
    two = statement("20250228", payment("20250105", "1.00"), payment("20250203", "2.00"))
    begin, end = "<INVSTMTTRNRS>", "</INVSTMTTRNRS>"
    second = begin + two.split(begin)[1].split(end)[0] + end
    imported(ada, one.replace(end, end + second))
    assert amounts(ada) == ["1.00", "2.00"]
