"""A balance is corrected or taken back where it is shown, and the page tells that afterwards."""

import re

import pytest
from playwright.sync_api import Locator, expect

from browser.driver import LOOKS, Opening, Person, Served

NAME = "House"


def first_row(person: Person) -> Locator:
    return person.page.locator(".data-table tbody tr").first


def open_actions(person: Person) -> None:
    first_row(person).get_by_role("button", name="Correct or take back").press("Enter")


def correct(person: Person) -> None:
    page = person.page
    open_actions(person)
    page.get_by_role("button", name="Correct …").click()
    page.get_by_label("Right balance in EUR").fill("1,200.50")
    page.get_by_label("Reason").fill("The bank reported cents.")
    assert person.field_errors() == []
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.get_by_text("You typed €1,200.50")).to_be_visible()
    page.get_by_role("button", name="Yes, correct it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def take_back(person: Person) -> None:
    page = person.page
    open_actions(person)
    expect(page.get_by_text("It stands in place of another balance.")).to_be_visible()
    page.get_by_role("button", name="Take back …").click()
    assert person.field_errors() == []
    page.get_by_role("button", name="Take it back").click()


def read_revisions(person: Person) -> None:
    page = person.page
    page.get_by_role("link", name="The past changed").click()
    expect(page).to_have_url(re.compile("/accounts/[0-9a-f-]+/revisions$"))
    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("row").nth(1)).to_contain_text("A balance was taken back.")
    expect(page.get_by_role("row").nth(2)).to_contain_text("The bank reported cents.")
    assert person.field_errors() == []
    assert person.overflow() == 0
    page.reload()
    expect(page.get_by_role("row")).to_have_count(3)


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_balance_is_corrected_and_taken_back(
    opening: Opening, served: Served, look: tuple[str, tuple[int, int]]
) -> None:
    served.register()
    account_id = served.account(NAME, "EUR", "1000.00", "1100.00", "120000.00")
    person = opening(*look)
    page = person.page
    person.sign_in()
    page.get_by_role("link", name=NAME, exact=True).click()
    newest = first_row(person).locator("data").first
    expect(newest).to_have_attribute("value", "120000.00")
    expect(page.get_by_text("The past changed")).to_have_count(0)
    correct(person)
    expect(newest).to_have_attribute("value", "1200.50")
    take_back(person)
    expect(newest).to_have_attribute("value", "1100.00")
    assert served.ask("GET", f"/accounts/{account_id}")["balance"] == "1100.00"
    read_revisions(person)
    page.get_by_role("main").get_by_role("link", name=NAME).click()
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
