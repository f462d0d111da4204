"""Ten years of daily balances on eight accounts."""

from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Response, expect

from browser.browsing import Opening, Served

TODAY = datetime.now(UTC).date()  # noqa: TID251 - the browser's clock is the real one
DAYS = 3_650
ACCOUNTS = 8
# Generous: another test may be running on the same core.
LONGEST_STALL_MS = 400
MOST_POINTS = 1_000


def ten_years() -> bytes:
    first = TODAY - timedelta(days=DAYS - 1)
    rows = [
        f"{first + timedelta(day)},{10_000 * number + day * 7 + day % 31}.25,No {number}"
        for number in range(1, ACCOUNTS + 1)
        for day in range(DAYS)
    ]
    return "\n".join(["Date,Balance,Account", *rows, ""]).encode()


def points_of(answer: Any) -> list[int]:  # noqa: ANN401 - JSON
    """Return how many points each series of an answer has."""
    series = [*answer.get("series", []), *answer.get("accounts", [])]
    return [len(one["points"]) for one in series] + [len(answer.get("snapshots", []))]


def test_they_open_and_pan_without_a_stutter(opening: Opening, served: Served) -> None:
    served.register()
    served.import_file("ten-years.csv", ten_years())
    person = opening()
    page = person.page
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - Playwright keeps notes on what listens
    page.add_init_script(
        "window.stalls = [];"
        "new PerformanceObserver((list) => stalls.push(...list.getEntries().map((one) =>"
        " one.duration))).observe({ type: 'longtask', buffered: true });"
    )
    person.sign_in()
    page.get_by_role("radio", name="everything").click(force=True)
    person.settle()
    page.get_by_role("link", name="No 3").click()
    page.get_by_role("radio", name="everything").click(force=True)
    person.settle()
    page.get_by_role("radio", name="one year").click(force=True)
    page.locator(".canvas").hover()
    for _ in range(20):
        page.mouse.wheel(-60, 0)
        page.mouse.move(500, 400)
    person.settle()
    expect(page.locator(".canvas canvas")).to_be_visible()
    assert max(page.evaluate("stalls"), default=0) < LONGEST_STALL_MS
    drawn = [answer.json() for answer in answers if "balance-history" in answer.url]
    assert len(drawn) <= 8
    assert max(max(points_of(answer)) for answer in drawn) <= MOST_POINTS
