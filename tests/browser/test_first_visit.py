"""Somebody who has never seen it: from signing up to taking a wrong import back."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from browser.driver import (
    EMAIL,
    LOOKS,
    PASSWORD,
    TODAY,
    Opening,
    Person,
    balance_in,
    choose,
    payload,
    plain,
    statement,
)

DAYS = 800


def sign_up(person: Person) -> None:
    page = person.page
    person.open()
    expect(page.get_by_role("heading", name="Welcome to Dashtam")).to_be_visible()
    assert person.field_errors() == []
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", name="Your history begins here")).to_be_visible()
    assert person.field_errors() == []


def import_statement(person: Person, content: bytes) -> None:
    page = person.page
    page.get_by_role("link", name="Import a statement").click()
    expect(page.get_by_text("Choose files")).to_be_visible()
    assert person.field_errors() == []
    page.locator("input[type=file]").set_input_files(payload("everyday.csv", content))
    expect(page.get_by_text(f"{DAYS} balances to record")).to_be_visible()
    assert person.field_errors() == []
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text(f"{DAYS} balances recorded")).to_be_visible()
    page.get_by_role("link", name="See the overview").click()


def find_balance(person: Person, day: date, balance: str) -> None:
    page = person.page
    page.get_by_label("Balance on").fill(day.isoformat())
    answer = page.locator(".balance-on-day-result data")
    expect(answer).to_have_attribute("value", balance)
    assert plain(answer.inner_text()) == balance


def see_which_sync_recorded_it(person: Person) -> None:
    page, served = person.page, person.served
    page.get_by_role("button", name="How it was recorded", exact=True).click()
    dialog = page.get_by_role("dialog")
    pair = served.ask("POST", "/sessions", {"email": EMAIL, "password": PASSWORD})
    served.token = pair["access_token"]
    (sync,) = served.ask("GET", "/syncs")["syncs"]
    expect(dialog.get_by_text(sync["id"])).to_be_visible()
    expect(dialog.get_by_text(f"{DAYS} balances")).to_be_visible()
    expect(dialog.get_by_text("everyday.csv, CSV, ")).to_be_visible()
    assert person.field_errors() == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def take_it_back(person: Person) -> None:
    page = person.page
    person.visit("Connections")
    expect(page.get_by_text("everyday.csv", exact=True)).to_be_visible()
    assert person.field_errors() == []
    page.get_by_role("button", name="Retract the import").click()
    assert person.field_errors() == []
    page.get_by_role("button", name="Retract", exact=True).click()
    expect(page.get_by_text("Retracted")).to_be_visible()
    person.visit("Overview")
    expect(page.get_by_role("heading", name="No account is shown")).to_be_visible()
    assert person.served.ask("GET", "/balance-snapshots")["total_balance_by_currency"] == {}


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_stranger_finds_the_way_from_nothing_to_history_and_back(
    opening: Opening, look: tuple[str, tuple[int, int]]
) -> None:
    person = opening(*look)
    page, content = person.page, statement(DAYS, TODAY)
    sign_up(person)
    import_statement(person, content)

    total = page.locator(".total data").first
    expect(total).to_have_attribute("value", balance_in(content, TODAY))
    assert person.field_errors() == []
    assert person.overflow() <= 0
    page.get_by_role("link", name="Everyday").click()
    day = TODAY - timedelta(days=437)
    find_balance(person, day, balance_in(content, day))
    assert person.field_errors() == []
    assert person.overflow() <= 0

    see_which_sync_recorded_it(person)
    take_it_back(person)


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_this_year_lies_beside_the_last(
    opening: Opening, look: tuple[str, tuple[int, int]]
) -> None:
    person = opening(*look)
    page, content = person.page, statement(DAYS, TODAY)
    person.served.register()
    person.served.import_file("everyday.csv", content)
    person.sign_in()
    page.get_by_role("link", name="Everyday").click()
    choose(page, "this year so far")
    page.get_by_role("button", name="Compare").click()
    earlier = page.locator(".readout-row data").first
    # Where last year has no 29th of February, the day before stands for it.
    last_day = monthrange(TODAY.year - 1, TODAY.month)[1]
    a_year_ago = TODAY.replace(year=TODAY.year - 1, day=min(TODAY.day, last_day))
    expect(earlier).to_have_attribute("value", balance_in(content, a_year_ago))
    assert person.field_errors() == []


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_settings_change_an_account_and_the_look(
    opening: Opening, look: tuple[str, tuple[int, int]]
) -> None:
    person = opening(*look)
    page = person.page
    person.served.register()
    person.served.account("House", "USD", "250000.00", kind="property")
    person.sign_in()
    person.visit("Settings")
    assert person.field_errors() == []
    assert person.overflow() <= 0
    page.get_by_role("button", name="Change House").click()
    page.get_by_label("Name").fill("The house")
    page.get_by_label("Hide", exact=False).last.check()
    assert person.field_errors() == []
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The house")).to_be_visible()
    expect(page.get_by_text("Hidden", exact=True)).to_be_visible()
    other = "dark" if look[0] == "light" else "light"
    choose(page, other)
    expect(page.locator("html")).to_have_attribute("data-theme", other)
    page.reload()
    page.get_by_role("heading", name="Settings").wait_for()
    expect(page.locator("html")).to_have_attribute("data-theme", other)
