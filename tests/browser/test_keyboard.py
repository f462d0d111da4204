"""Everything with the keys alone."""

from datetime import timedelta

from playwright.sync_api import expect

from browser.driver import EMAIL, PASSWORD, TODAY, Opening, Person, balance_in, statement

MOST_STEPS = 80


def step_to(person: Person, name: str) -> None:
    """Press Tab until the element of this name has the focus, which must be visible."""
    for _ in range(MOST_STEPS):
        person.page.keyboard.press("Tab")
        found = person.page.evaluate(
            """() => {
                const here = document.activeElement;
                if (here.matches("body, main, dialog")) return ["", "", "", false];
                const label = here.labels?.[0]?.innerText ?? "";
                const style = getComputedStyle(here);
                const seen = getComputedStyle(here, "::after");
                const ring = [style, seen].some((one) => one.outlineStyle !== "none")
                    || here.closest("label, .drop-zone, .segmented") !== null;
                return [here.ariaLabel ?? "", here.innerText ?? "", label, ring];
            }"""
        )
        if any(name in text for text in found[:3]):
            assert found[3], f"{name} has the focus, and nothing shows it"
            return
    raise AssertionError(name)


def sign_up(person: Person) -> bytes:
    page, keys = person.page, person.page.keyboard
    person.open()
    page.get_by_label("E-mail").wait_for()
    keys.type(EMAIL)
    step_to(person, "Password")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.get_by_role("heading", name="Your history begins here").wait_for()

    person.served.token = person.served.ask(
        "POST", "/sessions", {"email": EMAIL, "password": PASSWORD}
    )["access_token"]
    content = statement(400, TODAY)
    person.served.import_file("everyday.csv", content)
    page.reload()
    page.get_by_role("link", name="Everyday").wait_for()
    return content


def read_history(person: Person, content: bytes) -> None:
    page, keys = person.page, person.page.keyboard
    step_to(person, "Skip to the page")
    keys.press("Enter")
    step_to(person, "Everyday")
    keys.press("Enter")
    page.get_by_role("heading", name="Everyday").wait_for()
    page.locator(".data-table").wait_for()
    slider = page.get_by_role("slider")
    slider.wait_for()

    step_to(person, "Move through the balances")
    keys.press("ArrowLeft")
    keys.press("ArrowLeft")
    expected = balance_in(content, TODAY - timedelta(days=2))
    expect(page.locator(".readout data").first).to_have_attribute("value", expected)
    keys.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    keys.press("Escape")

    step_to(person, "one year")
    keys.press("ArrowRight")
    expect(page.get_by_role("radio", name="five years")).to_be_checked()
    step_to(person, "Compare")
    keys.press("Space")
    expect(page.get_by_text("A year earlier", exact=True)).to_be_visible()


def take_it_back(person: Person) -> None:
    page, keys = person.page, person.page.keyboard
    step_to(person, "Correct or take back")
    keys.press("Enter")
    page.get_by_role("button", name="Retract this import").wait_for()
    step_to(person, "Retract this import")
    keys.press("Enter")
    page.get_by_role("button", name="Keep it").wait_for()
    step_to(person, "Retract")
    keys.press("Enter")
    expect(page.get_by_text("Nothing was recorded in this range")).to_be_visible()
    keys.press("Tab")
    keys.press("Shift+Tab")
    step_to(person, "Hide amounts")
    keys.press("Space")
    expect(page.get_by_role("button", name="Hide amounts")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_all_of_it_works_without_a_pointer(opening: Opening) -> None:
    person = opening()
    read_history(person, sign_up(person))
    take_it_back(person)
    assert person.field_errors() == []
