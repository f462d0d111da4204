"""What every test in a browser stands on."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from browser.browsing import (
    DESKTOP,
    PHONE,
    BrowserMissingError,
    Opening,
    Person,
    Served,
    launch,
    serving,
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            launched = launch(playwright)
        except BrowserMissingError as missing:
            pytest.fail(str(missing), pytrace=False)
        yield launched
        launched.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data") as running:
        yield running


@pytest.fixture
def opening(browser: Browser, served: Served) -> Iterator[Opening]:
    """Open windows; at the end nothing may have complained in any of them."""
    people: list[Person] = []
    with ExitStack() as stack:

        def open_window(
            theme: str = "light", size: tuple[int, int] = DESKTOP, zone: str = "America/New_York"
        ) -> Person:
            context = browser.new_context(
                color_scheme="dark" if theme == "dark" else "light",
                viewport={"width": size[0], "height": size[1]},
                has_touch=size == PHONE,
                locale="en-US",
                timezone_id=zone,
                accept_downloads=True,
            )
            stack.callback(context.close)
            people.append(Person(context.new_page(), served))
            return people[-1]

        yield open_window
        complaints = [complaint for person in people for complaint in person.complaints]
    assert complaints == []
