"""Compressed responses: every client reads the same content, and gets the coding it asks for."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import aiohttp
import httpx2
import pytest
import requests

from application import UNLIMITED, App, Applications, Person
from dashtam.presentation.http.content_coding import accepts_gzip
from dashtam.presentation.http.http_protocol import Timeouts
from http_server import running

Read = Callable[[str, dict[str, str]], bytes]
START = datetime(2024, 1, 1, tzinfo=UTC)


def read_by_httpx(url: str, headers: dict[str, str]) -> bytes:
    return httpx2.get(url, headers=headers).content


def read_by_requests(url: str, headers: dict[str, str]) -> bytes:
    return requests.get(url, headers=headers, timeout=10).content


def read_by_aiohttp(url: str, headers: dict[str, str]) -> bytes:
    async def read() -> bytes:
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return await answer.read()

    return asyncio.run(read())


def read_by_curl(url: str, headers: dict[str, str]) -> bytes:
    words = [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]
    command = ["curl", "--silent", "--fail", "--compressed", *words, url]
    return subprocess.run(command, check=True, capture_output=True).stdout


CLIENTS: list[Read] = [read_by_httpx, read_by_requests, read_by_aiohttp]
if shutil.which("curl"):
    CLIENTS.append(read_by_curl)


@pytest.fixture
def account_id(ada: Person) -> str:
    """An account with a history of several chunks."""
    found = ada.account("0", captured_at=START.isoformat())
    rows = [f"{START + timedelta(days=day):%Y-%m-%d},{day}.{day % 97:02}" for day in range(1, 400)]
    file = "\n".join(["Date,Balance", *rows]).encode()
    sent = ada.post("/imports", files={"file": ("b.csv", file)}, data={"account_id": found})
    assert sent.status_code == 201, sent.text
    return found


@pytest.fixture
def port(applications: Applications) -> Iterator[int]:
    installation = applications.installation(rate_limits=UNLIMITED)
    with running(Timeouts(), installation.app()) as found:
        yield found


def paths_of(account_id: str) -> list[str]:
    history = f"/accounts/{account_id}/balance-history?start_date="
    return [
        f"{history}2024-01-01&end_date=2026-01-01",
        f"{history}2024-02-07&end_date=2024-12-25",
        f"{history}2024-01-01&end_date=2026-01-01&source=account_sync",
        f"/accounts/{account_id}/balance-snapshots?limit=100",
    ]


@pytest.mark.parametrize("read", CLIENTS, ids=lambda read: read.__name__.removeprefix("read_by_"))
def test_every_client_reads_a_compressed_response(
    port: int, ada: Person, account_id: str, read: Read
) -> None:
    authorization = {"Authorization": f"Bearer {ada.token}"}
    for path in paths_of(account_id):
        url = f"http://127.0.0.1:{port}/api/v1{path}"
        plain = requests.get(
            url, headers=authorization | {"Accept-Encoding": "identity"}, timeout=9
        )
        assert plain.status_code == 200, plain.text
        assert "Content-Encoding" not in plain.headers
        assert read(url, authorization) == plain.content


def test_a_year_takes_a_tenth_of_its_bytes(port: int, ada: Person, account_id: str) -> None:
    authorization = {"Authorization": f"Bearer {ada.token}"}
    url = f"http://127.0.0.1:{port}/api/v1{paths_of(account_id)[0]}"
    answer = requests.get(url, headers=authorization, timeout=9, stream=True)
    assert answer.headers["Content-Encoding"] == "gzip"
    sent = len(answer.raw.read(decode_content=False))
    assert sent == int(answer.headers["Content-Length"])
    assert sent < len(requests.get(url, headers=authorization, timeout=9).content) / 8


@pytest.mark.parametrize(
    ("accept_encoding", "is_compressed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.1", True),
        ("*", True),
        ("GZIP", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("gzipped", False),
        ("", False),
    ],
)
def test_a_client_gets_the_coding_that_it_takes(
    app: App,
    ada: Person,
    account_id: str,
    accept_encoding: str,
    is_compressed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert accepts_gzip(accept_encoding) is is_compressed
    for path in paths_of(account_id):
        headers = {"Accept-Encoding": accept_encoding}
        answer = ada.get(path, headers=headers)
        assert (answer.headers.get("Content-Encoding") == "gzip") is is_compressed
        assert answer.headers["Vary"] == "Accept-Encoding"
        etag = answer.headers["ETag"]
        assert etag.endswith('-gzip"') is is_compressed
        again = ada.get(path, headers=headers | {"If-None-Match": etag})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
        assert (again.headers["Vary"], again.headers.get("Content-Encoding")) == (
            "Accept-Encoding", None,
        )  # fmt: skip
        other = "identity" if is_compressed else "gzip"
        assert ada.get(
            path, headers={"Accept-Encoding": other, "If-None-Match": etag}
        ).status_code == 200  # fmt: skip
    for path in ("/openapi.json", "/docs"):
        answer = app.client.get(path, headers={"Accept-Encoding": accept_encoding})
        assert (answer.headers.get("Content-Encoding") == "gzip") is is_compressed, path


def test_short_responses_and_event_streams_are_not_compressed(app: App, ada: Person) -> None:
    ada.account("1")
    for path in ("/balance-snapshots", "/users/me"):
        answer = ada.get(path)
        assert "Content-Encoding" not in answer.headers, path
    bank = app.connected(ada)
    run = ada.get(f"/connections/{bank['id']}/syncs").json()["syncs"][0]
    events = ada.get(f"/syncs/{run['id']}", headers={"Accept": "text/event-stream"})
    assert "Content-Encoding" not in events.headers
