"""Accounts that are joined: their positions, their flows, and the signs of their balances."""

from decimal import Decimal
from typing import Any

import pytest

from application import App, Person
from dashtam.application.history.verification import verify
from dashtam.application.provider import Report
from dashtam.domain.money import Currency
from dashtam.domain.statement import Flow, FlowKind
from scripted_provider import account, position


def tell(app: App, number: str, balance: str, symbol: str) -> Report:
    """Report one account with a position of its whole balance and a deposit of today."""
    at = app.clock()
    flow = Flow(at.date(), Decimal(balance), Currency.of("USD"), FlowKind.DEPOSIT)
    held = [position(symbol, balance, at)]
    return Report([account(balance, number, positions=held, flows=[flow])])


@pytest.fixture
def joined(app: App, ada: Person) -> tuple[str, str]:
    """Two days under one id with VTI, two under another with BND; the ids of both accounts."""
    app.provider.usual = lambda: tell(app, "1", "1.00", "VTI")
    path = f"/connections/{app.connected(ada)['id']}/syncs"
    for number, balance, symbol in (
        ("1", "2.00", "VTI"),
        ("9", "3.00", "BND"),
        ("9", "4.00", "BND"),
    ):
        app.clock.advance(days=1)
        app.provider.script = [tell(app, number, balance, symbol)]
        assert ada.post(path).status_code == 201
    old, new = sorted(ada.get("/accounts").json()["accounts"], key=lambda one: one["created_at"])
    assert ada.post(f"/accounts/{old['id']}/join", json={"account_id": new["id"]}).is_success
    return old["id"], new["id"]


def balances(person: Person, account_id: str) -> list[str]:
    return [one["balance"] for one in person.history(account_id)["snapshots"]]


def test_a_joined_account_has_the_newest_positions_once(
    app: App, ada: Person, joined: tuple[str, str]
) -> None:
    def values(path: str, **query: str) -> list[tuple[str, str]]:
        found = ada.get(path, params=query).json()["holdings"]
        return [(one["symbol"], one["market_value"]) for one in found]

    old, new = joined
    for account_id in (old, new):
        assert values(f"/accounts/{account_id}/holdings") == [("BND", "4.00")]
        then = "2026-11-23T12:00:01Z"
        assert values(f"/accounts/{account_id}/holdings", at=then) == [("VTI", "2.00")]
    assert values("/holdings") == [("BND", "4.00")]
    assert ada.delete(f"/accounts/{new}/join").status_code == 204
    assert sorted(values("/holdings")) == [("BND", "4.00"), ("VTI", "2.00")]
    assert verify(app.services.database).found == 0


def test_a_joined_account_has_the_flows_of_both(ada: Person, joined: tuple[str, str]) -> None:
    def amounts(account_id: str) -> list[Any]:
        days = {"start_date": "2026-11-22", "end_date": "2026-11-25"}
        found = ada.get(f"/accounts/{account_id}/flows", params=days).json()["flows"]
        return sorted(one["amount"] for one in found)

    old, new = joined
    assert amounts(old) == amounts(new) == ["1.00", "2.00", "3.00", "4.00"]
    assert ada.delete(f"/accounts/{new}/join").status_code == 204
    assert (amounts(old), amounts(new)) == (["1.00", "2.00"], ["3.00", "4.00"])


def test_the_sign_of_a_joined_account_is_that_of_its_whole_history(
    app: App, ada: Person, joined: tuple[str, str]
) -> None:
    old, new = joined
    assert ada.patch(f"/accounts/{old}", json={"balance_sign": -1}).status_code == 200
    turned = ["-1.00", "-2.00", "-3.00", "-4.00"]
    assert balances(ada, old) == balances(ada, new) == turned
    history = ada.history(new)
    assert (history["start_balance"], history["total_change_amount"]) == ("-1.00", "-3.00")
    (latest,) = ada.get("/balance-snapshots").json()["snapshots"]
    assert (latest["balance"], latest["change_amount"]) == ("-4.00", "-1.00")
    assert ada.delete(f"/accounts/{new}/join").status_code == 204
    assert balances(ada, old) == ["-1.00", "-2.00"]
    assert verify(app.services.database).found == 0
