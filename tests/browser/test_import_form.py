"""Tables of three countries are imported in the browser, and their line is seen before."""

import pytest
from playwright.sync_api import Page, expect

from browser.driver import DESKTOP, PHONE, Opening, Served, payload

GERMAN = (
    "Buchungstag;Verwendungszweck;Betrag;Saldo\n"
    "02.01.2025;Miete;-900,00;100,00\n"
    "03.01.2025;Lohn;2.000,00;2.100,00\n"
    "06.01.2025;Markt;-50,00;2.050,00\n"
)


def forget_the_table(page: Page) -> None:
    profiles = page.get_by_role("listitem").filter(has_text="Buchungstag, Verwendungszweck")
    expect(profiles).to_contain_text("konto.csv")
    profiles.get_by_role("button", name="Forget the table of konto.csv").click()
    expect(profiles).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_table_is_asked_for_and_seen_before_it_is_recorded(
    opening: Opening, served: Served, theme: str, size: tuple[int, int]
) -> None:
    served.register()
    person = opening(theme=theme, size=size)
    person.expected.append("422")
    person.sign_in()
    person.open("/import")
    page = person.page
    page.locator("#files").set_input_files(payload("konto.csv", GERMAN.encode()))
    expect(page.locator(".mapping")).to_contain_text("No column names the account.")
    expect(page.locator(".mapping")).not_to_contain_text("account_name")
    page.get_by_label("One account for all rows").fill("Kreditkarte")
    page.get_by_label("One currency for all rows").fill("EUR")
    assert person.field_errors() == []
    assert person.overflow() == 0
    page.get_by_role("button", name="Read it like this").click()
    page.locator(".import-preview").wait_for()
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
    page.get_by_label("Sign", exact=True).select_option("-1")
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_enabled()
    expect(page.locator(".import-preview .sparkline")).to_be_visible()
    page.get_by_text("The last 3 balances").click()
    assert person.field_errors() == []
    assert person.overflow() == 0
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("3 balances recorded").wait_for()
    forget_the_table(page)
    assert served.ask("GET", "/import-profiles")["total_count"] == 0


def test_a_long_account_number_stays_within_the_page(opening: Opening, served: Served) -> None:
    served.register()
    person = opening(size=PHONE)
    person.sign_in()
    person.open("/import")
    iban = "DE02120300000000202051\n"
    file = f"Konto;{iban}Währung;EUR\n\n{GERMAN}"
    person.page.locator("#files").set_input_files(payload("konto.csv", file.encode()))
    person.page.locator(".import-preview").wait_for()
    expect(person.page.get_by_role("rowheader").filter(has_text=iban.strip())).to_be_visible()
    assert person.overflow() == 0
