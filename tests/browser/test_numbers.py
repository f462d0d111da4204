"""The numbers of the page are those of the API, to the last digit."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.driver import DESKTOP, PHONE, Opening, Person, Served, plain

ACCOUNTS = {
    "Yen": ("JPY", ["123456", "1234567", "0", "500"]),
    "Dinar": ("KWD", ["1.250", "0.001", "12345.678"]),
    "Debt": ("USD", ["-1234567.89", "-0.05", "-999999999999999999.99"]),
    "Fortune": ("EUR", ["1.00", "123456789012345678.90", "123456789012345678.91"]),
    "Fine": ("CHF", ["100.123456789012345678", "100.123456789012345679"]),
}


@pytest.fixture
def ids(served: Served) -> dict[str, str]:
    served.register()
    return {
        name: served.account(name, currency, *balances)
        for name, (currency, balances) in ACCOUNTS.items()
    }


def percent_text(percent: float | None, change: str) -> str:
    if percent is None or not change.strip("-0."):
        return ""
    signed = f"{percent:+,.2f}%" if percent else "0.00%"
    return signed.replace("-", "\N{MINUS SIGN}")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_digit_of_the_api_is_on_the_page(
    opening: Opening, ids: dict[str, str], size: tuple[int, int]
) -> None:
    person = opening(size=size)
    page, served = person.page, person.served
    person.sign_in()
    latest = served.ask("GET", "/balance-snapshots")
    for row in latest["snapshots"]:
        name = next(name for name, account_id in ids.items() if account_id == row["account_id"])
        shown = page.get_by_role("row").filter(has_text=name).locator(".account-balance data")
        expect(shown).to_have_attribute("value", row["balance"])
        assert plain(shown.inner_text()) == row["balance"]
    shown_totals = page.locator(".total > button > data")
    expect(shown_totals).to_have_count(len(latest["total_balance_by_currency"]))
    totals = shown_totals.all()
    assert {total.get_attribute("value") for total in totals} == set(
        latest["total_balance_by_currency"].values()
    )
    assert [plain(total.inner_text()) for total in totals] == [
        total.get_attribute("value") for total in totals
    ]
    assert person.overflow() <= 0


@pytest.mark.parametrize("name", ACCOUNTS)
def test_changes_and_percents_are_the_api_s(
    opening: Opening, ids: dict[str, str], name: str
) -> None:
    person = opening()
    page = person.page
    person.sign_in()
    history = history_on(person, ids[name])
    for index, snapshot in enumerate(reversed(history["snapshots"])):
        row = page.locator(".data-table tbody tr").nth(index)
        balance = row.locator("td").nth(0).locator("data")
        assert plain(balance.inner_text()) == snapshot["balance"]
        change = snapshot["change_amount"]
        if change is None:
            assert row.locator("td").nth(1).inner_text() == ""
            continue
        shown = row.locator("td").nth(1)
        assert plain(shown.locator("data").inner_text()) == change
        expected = percent_text(snapshot["change_percent"], change)
        assert "".join(shown.locator(".percent").all_inner_texts()) == expected
    person.settle()
    # The account begins within the range, so that the change is that between its snapshots.
    query = f"start_date=1900-01-01&end_date=9999-12-31&account_id={ids[name]}&group_by=account"
    [own] = person.served.ask("GET", f"/balance-history?{query}&interval=month")["accounts"]
    change = own["change"]
    assert change["change_amount"] == history["total_change_amount"]
    readout = page.locator(".readout-value")
    assert plain(readout.locator("data").inner_text()) == change["change_amount"]
    expected = percent_text(change["change_percent"], change["change_amount"])
    [percent] = readout.locator(".percent").all_inner_texts() or [""]
    assert percent.startswith("no %") if change["change_percent_reason"] else percent == expected


def history_on(person: Person, account_id: str) -> Any:  # noqa: ANN401 - JSON
    """Open the account, and return the very answer that the page draws."""
    person.settle()
    path = f"/accounts/{account_id}/balance-history"
    with person.page.expect_response(lambda answer: path in answer.url) as answered:
        person.open(f"/accounts/{account_id}")
    person.page.locator(".data-table tbody tr").first.wait_for()
    return json.loads(answered.value.text())


def test_hidden_amounts_are_nowhere(opening: Opening, ids: dict[str, str]) -> None:
    person = opening()
    page = person.page
    person.sign_in()
    hiding = page.get_by_role("button", name="Hide amounts")
    hiding.click()
    expect(hiding).to_have_attribute("aria-pressed", "true")
    for path in ("/", f"/accounts/{ids['Debt']}", "/connections", "/settings"):
        person.open(path)
        page.get_by_role("heading", level=1).wait_for()
        person.settle()
        whole = page.content()
        for _, balances in ACCOUNTS.values():
            for balance in balances:
                digits = balance.lstrip("-").split(".")[0]
                assert len(digits) < 4 or f"{int(digits):,}" not in whole
                assert len(digits) < 4 or digits not in whole
        expect(page.locator("data")).to_have_count(0)
    person.open(f"/accounts/{ids['Debt']}")
    slider = page.get_by_role("slider")
    slider.focus()
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("amount hidden"))
    assert person.field_errors() == []
