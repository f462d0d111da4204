"""A held balance waits on the page for its owner's word."""

import re

import pytest
from playwright.sync_api import Route, expect

from browser.driver import LOOKS, TODAY, Opening, Served

HOLD: dict[str, str | None] = {
    "id": "550e8400-e29b-41d4-a716-446655440009",
    "rule": "sudden_zero",
    "detail": "The balance is suddenly 0.",
    "balance": "0.00",
    "previous_balance": "1100.00",
    "currency": "EUR",
    "captured_at": f"{TODAY}T10:00:00Z",
    "held_at": f"{TODAY}T10:00:00Z",
    "decision": None,
    "decided_at": None,
}


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_held_balance_is_shown_with_its_rule_and_decided_with_one_touch(
    opening: Opening, served: Served, look: tuple[str, tuple[int, int]]
) -> None:
    served.register()
    served.import_file(
        "one.csv", f"Date,Balance,Account,Currency\n{TODAY},1100,Giro,EUR\n".encode()
    )
    person = opening(*look)
    page = person.page
    held: list[dict[str, str | None]] = []
    decisions: list[object] = []

    def answer_holds(route: Route) -> None:
        if route.request.method == "POST":
            decisions.append(route.request.post_data_json)
            decided, held[:] = held[0], []
            route.fulfill(status=201, json=decided | {"decision": "reject"})
        else:
            route.fulfill(json={"holds": held, "total_count": len(held)})

    page.route(re.compile("/api/v1/holds"), answer_holds)
    person.sign_in()
    expect(page.get_by_role("link", name="Giro")).to_be_visible()
    expect(page.locator(".holds")).to_have_count(0)
    account_id = page.get_by_role("link", name="Giro").get_attribute("href") or ""
    held.append(HOLD | {"account_id": account_id.rpartition("/")[2]})
    page.reload()
    card = page.get_by_role("region", name="Held balances")
    expect(card).to_contain_text("Giro: is €0.00 right?")
    expect(card).to_contain_text("The balance is suddenly 0.")
    expect(card).to_contain_text("Until then €1,100.00 stands.")
    assert person.overflow() <= 0
    page.get_by_role("link", name="Giro").click()
    expect(card).to_be_visible()
    card.get_by_role("button", name="It is wrong").click()
    expect(card).to_have_count(0)
    assert decisions == [{"decision": "reject"}]
