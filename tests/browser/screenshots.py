"""Photographs the dashboard for the documentation: ``screenshots.py FOLDER``.

What stands there is the demonstration's: one invented household.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.driver import DESKTOP, launch

PHONE: Final = (390, 844)
PORT: Final = 8899
SHARPNESS: Final = 1.5


@contextmanager
def demonstration() -> Iterator[dict[str, Any]]:
    """Serve the samples from a folder of their own, and give the credentials to sign in with."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "dashtam", "demo", "--json"]
        command += ["--data", data, "--port", str(PORT)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield json.loads(process.stdout.readline())
            finally:
                process.terminate()


def photograph(browser: Browser, told: dict[str, Any], folder: Path, theme: str) -> None:
    """Take the overview on a desk, and one account in a hand."""
    for name, (width, height) in (("desktop", DESKTOP), ("phone", PHONE)):
        context = browser.new_context(
            color_scheme="dark" if theme == "dark" else "light",
            viewport={"width": width, "height": height},
            device_scale_factor=SHARPNESS,
            locale="en-US",
            timezone_id="America/New_York",
        )
        page = context.new_page()
        sign_in(page, told)
        if name == "phone":
            compare(page)
        page.screenshot(path=folder / f"{theme}-{name}.png")
        context.close()


def compare(page: Page) -> None:
    """Open an account, and lay the year before beneath its line."""
    page.get_by_role("link", name="Everyday checking", exact=True).click()
    page.locator(".data-table").wait_for()
    page.get_by_role("button", name="Compare").click()
    page.locator(".readout-row data").first.wait_for()
    page.wait_for_timeout(800)


def sign_in(page: Page, told: dict[str, Any]) -> None:
    """Open the overview, and wait until its line is drawn."""
    page.goto(told["url"])
    page.get_by_label("E-mail").fill(told["email"])
    page.get_by_label("Password").fill(told["password"])
    page.get_by_role("button", name="Sign in").click()
    page.locator(".canvas canvas").wait_for()
    page.locator(".sparkline").first.wait_for()
    page.wait_for_timeout(800)


def main(folder: Path) -> None:
    """Take all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with demonstration() as told, sync_playwright() as playwright:
        browser = launch(playwright)
        for theme in ("light", "dark"):
            photograph(browser, told, folder, theme)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
