"""The fixtures of every test in a browser."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from browser.driver import (
    ANSWERS_WITHIN_S,
    DESKTOP,
    PHONE,
    ZONE,
    BrowserMissingError,
    Opening,
    Person,
    Served,
    launch,
    serving,
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=ANSWERS_WITHIN_S * 1000)
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
            theme: str = "light", size: tuple[int, int] = DESKTOP, zone: str = ZONE
        ) -> Person:
            context = browser.new_context(
                color_scheme="dark" if theme == "dark" else "light",
                viewport={"width": size[0], "height": size[1]},
                has_touch=size == PHONE,
                locale="en-US",
                timezone_id=zone,
                accept_downloads=True,
            )
            context.set_default_timeout(ANSWERS_WITHIN_S * 1000)
            stack.callback(context.close)
            people.append(Person(context.new_page(), served))
            return people[-1]

        yield open_window
        complaints = [complaint for person in people for complaint in person.complaints]
    assert complaints == []
