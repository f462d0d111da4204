"""A real server, a real browser, and a person in front of it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    FilePayload,
    Page,
    Playwright,
    Response,
    expect,
)
from playwright.sync_api import Request as Sent

from debian_packages import find_or_install

EMAIL: Final = "ann@example.org"
PASSWORD: Final = "a pelican under nine bridges"  # noqa: S105 - of nobody
STARTS_WITHIN_S: Final = 60
ANSWERS_WITHIN_S: Final = 60
"""How long a page may take for what it owes; generous, because others may need the machine."""
ZONE: Final = "America/New_York"
TODAY: Final = datetime.now(ZoneInfo(ZONE)).date()  # noqa: TID251 - the browser's clock is the real one
AXE: Final = Path(__file__).parents[2] / "dashboard/node_modules/axe-core/axe.min.js"
FLAGS: Final = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
).split()
CHROMIUMS: Final = ("chromium", "chromium-browser", "google-chrome")
CALM_ROUNDS: Final = 5
MINUS: Final = "\N{MINUS SIGN}"
DESKTOP: Final = (1280, 900)
PHONE: Final = (360, 780)
LOOKS: Final = [(theme, size) for theme in ("light", "dark") for size in (DESKTOP, PHONE)]


class BrowserMissingError(Exception):
    """There is no Chromium; the message says how to get one."""


def chromium() -> str:
    """Return where Chromium is, and install Debian's first where that can be done."""
    found = find_or_install(_installed_chromium, "chromium")
    if found is None:
        msg = (
            "The dashboard's tests drive Chromium, and there is none."
            " On Debian and Ubuntu: apt-get install chromium."
        )
        raise BrowserMissingError(msg)
    return found


def _installed_chromium() -> str | None:
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=chromium(), args=FLAGS)


@dataclass(slots=True)
class Served:
    """A running installation, spoken to as a program would."""

    url: str
    token: str = ""

    def ask(
        self, method: str, path: str, sent: object = None, headers: Mapping[str, str] | None = None
    ) -> Any:  # noqa: ANN401 - JSON
        """Send one request and return the JSON of its answer, None where it is empty."""
        own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        own |= {"Content-Type": "application/json"} | dict(headers or {})
        body = sent if isinstance(sent, bytes) or sent is None else json.dumps(sent).encode()
        request = Request(f"{self.url}/api/v1{path}", body, own, method=method)  # noqa: S310 - ours
        with urlopen(request, timeout=STARTS_WITHIN_S) as answer:  # noqa: S310 - ours
            return json.loads(answer.read() or b"null")

    def register(self) -> None:
        """Make the first user, and speak as that one from now on."""
        self.ask("POST", "/users", {"email": EMAIL, "password": PASSWORD})
        pair = self.ask("POST", "/sessions", {"email": EMAIL, "password": PASSWORD})
        self.token = pair["access_token"]

    def account(self, name: str, currency: str, *balances: str, kind: str = "checking") -> str:
        """Make a manual account with a balance every 30 days, the last one today's."""
        days = [TODAY - timedelta(days=30 * back) for back in range(len(balances))][::-1]
        described = {"name": name, "account_type": kind, "currency": currency}
        first = {"balance": balances[0], "captured_at": days[0].isoformat()}
        account_id: str = self.ask("POST", "/accounts", described | first)["id"]
        for day, balance in zip(days[1:], balances[1:], strict=True):
            typed = {"balance": balance, "captured_at": day.isoformat()}
            self.ask("POST", f"/accounts/{account_id}/balance-snapshots", typed)
        return account_id

    def import_file(self, name: str, content: bytes) -> Any:  # noqa: ANN401 - JSON
        """Import a statement."""
        edge = "of-the-form"
        described = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        before = f"--{edge}\r\n{described}\r\n\r\n".encode()
        body = before + content + f"\r\n--{edge}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        return self.ask("POST", "/imports", body, kind)


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[Served]:
    """Run ``dashtam serve`` with a new database."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dashtam", "serve", "--data", str(data), "--port", str(port)]
    environment = dict(os.environ) | {"DASHTAM_LOG_LEVEL": "warning"} | settings  # noqa: TID251 - a child's
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        served = Served(f"http://127.0.0.1:{port}")
        try:
            _wait_for(f"{served.url}/readyz")
            yield served
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - ours
                return
        except (URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@dataclass  # without slots: Playwright stores attributes on its listeners
class Person:
    """Somebody in front of a browser, and the errors behind the page."""

    page: Page
    served: Served
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    under_way: set[Sent] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._watch)
        self.page.on("response", self._answer)
        self.page.on("requestfinished", self._end)
        self.page.on("requestfailed", self._end)

    def _hear(self, message: ConsoleMessage) -> None:
        is_expected = any(part in message.text for part in self.expected)
        if message.type in {"error", "warning"} and not is_expected:
            self.complaints.append(f"{message.type}: {message.text}")

    def _answer(self, response: Response) -> None:
        # The answer to a change is not always read to its end.
        if response.request.method != "GET":
            self.under_way.discard(response.request)

    def _end(self, request: Sent) -> None:
        self.under_way.discard(request)

    def _watch(self, request: Sent) -> None:
        self.under_way.add(request)
        if not request.url.startswith((self.served.url, "blob:", "data:")):
            self.complaints.append(f"left the origin: {request.url}")

    def open(self, path: str = "/") -> None:
        self.page.goto(self.served.url + path)

    def sign_in(self) -> None:
        self.open()
        self.page.get_by_label("E-mail").fill(EMAIL)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def visit(self, title: str) -> None:
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=title).click()
        self.page.get_by_role("heading", name=title, exact=True).wait_for()

    def settle(self) -> None:
        """Wait until every answer is there and nothing moves.

        The page's own state of that name tells of its first load alone.
        """
        until = time.monotonic() + ANSWERS_WITHIN_S
        calm = 0
        while calm < CALM_ROUNDS:
            assert time.monotonic() < until, [request.url for request in self.under_way]
            self.page.wait_for_timeout(100)
            calm = 0 if self.under_way else calm + 1
        self.page.evaluate(
            "Promise.allSettled(document.getAnimations()"
            ".filter((one) => one.effect.getTiming().iterations !== Infinity)"
            ".map((one) => one.finished))"
        )
        self.page.wait_for_timeout(300)

    def field_errors(self) -> list[str]:
        """Return the findings of axe-core on the page."""
        self.settle()
        self.page.evaluate(AXE.read_text("utf-8") + ";window.axe = axe; undefined")
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width


Opening = Callable[..., Person]


def payload(name: str, content: bytes) -> FilePayload:
    """Return a file as somebody chooses it."""
    return FilePayload(name=name, mimeType="text/csv", buffer=content)


def choose(page: Page, option: str) -> None:
    """Choose one of a few by its label; the button itself lies unseen beneath."""
    button = page.get_by_role("radio", name=option)
    page.locator("label").filter(has=button).click()
    expect(button).to_be_checked()


def plain(shown: str) -> str:
    """Return an amount as the API writes it: digits, a point, and the sign."""
    sign = "-" if MINUS in shown or "-" in shown else ""
    return sign + re.sub(r"[^0-9.]", "", shown)


def statement(days: int, last: date) -> bytes:
    """Return a balance for each of so many days, the last of them given."""
    lines = ["Date,Balance,Account"]
    for index in range(days):
        day = last - timedelta(days=days - 1 - index)
        cents = 1_000_000 + index * 1_234 + (index * 7919) % 50_000
        lines.append(f"{day.isoformat()},{cents // 100}.{cents % 100:02},Everyday")
    return "\n".join([*lines, ""]).encode()


def balance_in(content: bytes, day: date) -> str:
    """Return the statement's line of a day."""
    for line in content.decode().splitlines():
        if line.startswith(day.isoformat()):
            return line.split(",")[1]
    raise KeyError(day)
