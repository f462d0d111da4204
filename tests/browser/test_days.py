"""The balance of a day is shown as that day in every time zone."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from browser.driver import Opening, Served

ZONES = ["Pacific/Auckland", "Pacific/Kiritimati", "America/Los_Angeles", "Etc/GMT+12"]
DAYS = [datetime.now(UTC).date() - timedelta(days=back) for back in (40, 2, 1)]  # noqa: TID251 - the browser's clock is the machine's


@pytest.mark.parametrize("zone", ZONES)
def test_a_statement_of_days_is_shown_by_its_days(
    opening: Opening, served: Served, zone: str
) -> None:
    served.register()
    rows = "".join(f"{day},{100 + number},Giro,EUR\n" for number, day in enumerate(DAYS))
    served.import_file("giro.csv", f"Date,Balance,Account,Currency\n{rows}".encode())
    person = opening(zone=zone)
    page = person.page
    person.sign_in()
    age = page.get_by_role("row").filter(has_text="Giro").locator(".account-date")
    expect(age).to_contain_text(re.compile("yesterday|2 days ago|today"))
    assert not re.search("hour|minute", age.inner_text())
    page.get_by_role("link", name="Giro").click()
    expected = [f"{day:%b} {day.day}, {day.year}" for day in DAYS]
    times = page.locator("tbody time")
    expect(times).to_have_text(expected[::-1])
    assert [one.get_attribute("title") for one in times.all()] == expected[::-1]
    slider = page.get_by_role("slider")
    for text in expected[1::-1]:
        slider.press("ArrowLeft")
        expect(slider).to_have_attribute("aria-valuetext", re.compile(f"^{text}: "))
    for number, day in enumerate(DAYS):
        page.get_by_label("Balance on").fill(day.isoformat())
        result = page.locator(".balance-on-day-result")
        expect(result).to_contain_text("recorded on that day")
        expect(result.locator("data")).to_have_attribute("value", f"{100 + number}.00")
    person.visit("Overview")
    person.settle()
    page.get_by_text("Show as a table").click()
    row = page.get_by_role("row").filter(has_text=expected[1])
    expect(row.locator("data").first).to_have_attribute("value", "101.00")
