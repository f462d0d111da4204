"""Pages whose parts must stand in line, and controls that fit their places."""

from datetime import timedelta

import pytest
from playwright.sync_api import Locator, expect

from browser.driver import DESKTOP, PHONE, TODAY, Opening, Served, payload, statement

SIZES = [DESKTOP, PHONE]
LATIN = "Tag;Währung;Betrag\n01/02/2026;EUR;1,50\n".encode("latin-1")


def edges(part: Locator) -> tuple[float, float, float, float]:
    """Return the left, the top, the right and the bottom edge of what is written there."""
    left, top, right, bottom = part.evaluate(
        "(part) => { const range = document.createRange(); range.selectNodeContents(part);"
        " const box = range.getBoundingClientRect();"
        " return [box.left, box.top, box.right, box.bottom]; }"
    )
    return left, top, right, bottom


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_an_import_is_laid_out_in_lines(
    opening: Opening, served: Served, size: tuple[int, int]
) -> None:
    served.register()
    person = opening(size=size)
    person.expected.append("422")
    page = person.page
    person.sign_in()
    person.visit("Import")
    page.locator("input[type=file]").set_input_files(
        [payload("balances-of-the-year.csv", statement(30, TODAY)), payload("latin.csv", LATIN)]
    )
    card = page.get_by_role("region", name="balances-of-the-year.csv")
    expect(card.get_by_text("30 balances to record")).to_be_visible()
    buttons = [
        card.get_by_role("button", name="Import", exact=True),
        card.get_by_role("button", name="Remove"),
    ]
    boxes = [button.bounding_box() for button in buttons]
    middles = [box["y"] + box["height"] / 2 for box in boxes if box]
    assert middles[0] == pytest.approx(middles[1], abs=1)
    figures = card.locator("tbody td")
    sizes = figures.evaluate_all("(cells) => cells.map((cell) => getComputedStyle(cell).fontSize)")
    assert len(set(sizes)) == 1
    heading, figure = card.locator("th").nth(3), figures.nth(2)
    assert edges(heading)[2] == pytest.approx(edges(figure)[2], abs=1)
    preview = page.get_by_role("region", name="The first rows of the file")
    expect(preview.locator("tr").first.locator("td")).to_have_text(["Tag", "Währung", "Betrag"])
    chosen = page.get_by_label("Record into")
    spare = chosen.evaluate(
        "(select) => { const text = document.createElement('span');"
        " text.style.position = 'absolute'; text.style.whiteSpace = 'nowrap';"
        " text.textContent = select.selectedOptions[0].text; select.parentNode.append(text);"
        " const width = text.getBoundingClientRect().width; text.remove();"
        " const style = getComputedStyle(select);"
        " return select.clientWidth - parseFloat(style.paddingLeft)"
        " - parseFloat(style.paddingRight) - width; }"
    )
    assert spare >= 0


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_theme_fits_its_segment(
    opening: Opening, served: Served, size: tuple[int, int]
) -> None:
    served.register()
    person = opening(size=size)
    person.sign_in()
    person.visit("Settings")
    for theme in ("system", "light", "dark"):
        segment = person.page.locator(".setting label").filter(
            has=person.page.get_by_role("radio", name=theme)
        )
        box = segment.bounding_box()
        left, _, right, _ = edges(segment.locator("span"))
        assert box
        assert min(left - box["x"], box["x"] + box["width"] - right) >= 8


def test_a_hundred_balances_are_all_of_them(opening: Opening, served: Served) -> None:
    served.register()
    served.import_file("everyday.csv", statement(355, TODAY - timedelta(days=1)))
    person = opening()
    page = person.page
    person.sign_in()
    page.get_by_role("link", name="Everyday").click()
    expect(page.get_by_text("355 balances in this range.")).to_be_visible()
    person.settle()
    expect(page.get_by_text("355 balances in this range.")).to_be_visible()
    expect(page.get_by_role("button", name="Load every balance")).to_have_count(0)
