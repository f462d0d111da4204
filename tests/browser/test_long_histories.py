"""Ten years of daily balances on eight accounts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from browser.driver import TODAY, Opening, Person, Served, choose

DAYS = 3_650
ACCOUNTS = 8
# Of the processor's time, which the other tests on the same core cannot lengthen.
LONGEST_STALL_MS = 400
MOST_POINTS = 1_000


@pytest.fixture
def person(opening: Opening, served: Served) -> Person:
    """Somebody with ten years of it."""
    first = TODAY - timedelta(days=DAYS - 1)
    rows = [
        f"{first + timedelta(day)},{10_000 * number + day * 7 + day % 31}.25,No {number}"
        for number in range(1, ACCOUNTS + 1)
        for day in range(DAYS)
    ]
    served.register()
    served.import_file("ten-years.csv", "\n".join(["Date,Balance,Account", *rows, ""]).encode())
    return opening()


@contextmanager
def traced(page: Page) -> Iterator[list[float]]:
    """Give, once it is over, for how many milliseconds each task kept the page busy."""
    browser = page.context.browser
    assert browser is not None
    spent: list[float] = []
    browser.start_tracing(page=page, categories=["toplevel"])
    yield spent
    events = json.loads(browser.stop_tracing())["traceEvents"]
    pages = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    spent += [
        event["tdur"] / 1000
        for event in events
        if "tdur" in event and (event["pid"], event["tid"]) in pages
    ]


def histories(page: Page) -> list[Request]:
    """Return a list that grows by every history that the page is given."""
    given: list[Request] = []

    def look(request: Request) -> None:
        if "balance-history" in request.url:
            given.append(request)

    page.on("requestfinished", look)
    return given


def points_of(request: Request) -> list[int]:
    """Return how many points each series of an answer has."""
    response = request.response()
    assert response is not None
    answer: Any = response.json()
    series = [*answer.get("series", []), *answer.get("accounts", [])]
    return [len(one["points"]) for one in series] + [len(answer.get("snapshots", []))]


def open_account(person: Person) -> None:
    person.sign_in()
    choose(person.page, "everything")
    person.settle()
    person.page.get_by_role("link", name="No 3").click()
    choose(person.page, "everything")
    person.settle()
    choose(person.page, "one year")
    person.settle()


def test_they_open_and_pan_without_a_stutter(person: Person) -> None:
    page = person.page
    given = histories(page)
    with traced(page) as spent:
        open_account(person)
        page.locator(".canvas").hover()
        for _ in range(20):
            page.mouse.wheel(-60, 0)
            page.mouse.move(500, 400)
        person.settle()
    expect(page.locator(".canvas canvas")).to_be_visible()
    assert 0 < max(spent) < LONGEST_STALL_MS
    assert max(max(points_of(request)) for request in given) <= MOST_POINTS


def test_panning_asks_once_it_has_come_to_rest(person: Person) -> None:
    page = person.page
    given = histories(page)
    open_account(person)
    assert len(given) <= 13
    given.clear()
    with page.expect_event("requestfinished", lambda request: request in given):
        # In one go, so that no pause of a busy machine is taken for rest.
        page.locator(".canvas canvas").evaluate(
            """(canvas) => {
                for (let turn = 0; turn < 20; turn += 1) {
                    canvas.dispatchEvent(
                        new WheelEvent("wheel", { deltaX: -60, bubbles: true, cancelable: true }),
                    );
                }
            }"""
        )
    person.settle()
    # The change over the range, the balances, and others that tell whether these are all.
    assert len(given) == 3


def test_the_table_tells_its_hidden_rows_and_loads_them_all(person: Person) -> None:
    page = person.page
    person.sign_in()
    page.get_by_role("link", name="No 3").click()
    choose(page, "everything")
    expect(page.get_by_text("this range has more than 700")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    lines = saved.value.path().read_text("utf-8").splitlines()
    assert len(lines) == DAYS + 1
    page.get_by_role("button", name="Load every balance").click()
    expect(page.get_by_text(f"{DAYS:,} balances in this range")).to_be_visible()
    assert person.field_errors() == []
