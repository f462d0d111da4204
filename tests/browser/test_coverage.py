"""The page tells a change from an account that was added, and draws a balance that still stands."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from browser.driver import LOOKS, TODAY, Opening, Served, choose


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_an_account_that_was_added_is_no_gain(
    opening: Opening, served: Served, look: tuple[str, tuple[int, int]]
) -> None:
    served.register()
    long_ago, lately = TODAY - timedelta(days=800), TODAY - timedelta(days=100)
    rows = f"{long_ago},1000,Giro,EUR\n{lately},1100,Giro,EUR\n{lately},25000,Depot,EUR\n"
    served.import_file("two.csv", f"Date,Balance,Account,Currency\n{rows}".encode())
    person = opening(*look)
    page = person.page
    person.sign_in()
    total = page.locator(".total")
    expect(total.locator(".change")).to_contain_text("+€100.00")
    expect(total.locator(".percent")).to_have_text("+10.00%")
    expect(total).to_contain_text("+€25,000.00 by 1 account added")
    assert person.field_errors() == []
    assert person.overflow() <= 0

    choose(page, "everything")
    expect(total).to_contain_text("2 accounts added")
    reason = "several accounts begin in this range"
    expect(total.locator(".no-percent")).to_have_attribute("title", f"No percent: {reason}")

    page.get_by_role("link", name="Giro").click()
    choose(page, "one week")
    slider = page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("€1,100.00"))
    expect(page.locator(".readout-value")).to_have_text("€0.00")
    choose(page, "one year")
    expect(page.locator(".readout-value")).to_contain_text("+€100.00")
    assert person.field_errors() == []
