"""The application on each database, and someone who is signed in."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from application import Api, Person
from dashtam.bootstrap import Installation, now


@pytest.fixture
def start_api(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Api]]:
    """Start the application with settings of the test's own."""
    opened: list[TestClient] = []

    def start(clock: Callable[[], datetime] = now, **settings: object) -> Api:
        given = {"data": tmp_path / "data", "database_url": database_url, **settings}
        installation = Installation.open(given, clock=clock)
        client = TestClient(
            installation.app(), base_url="http://127.0.0.1:8000", raise_server_exceptions=False
        )
        opened.append(client.__enter__())
        return Api(installation, client)

    yield start
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def api(start_api: Callable[..., Api]) -> Api:
    """The application as it is by default, its limits out of the way."""
    policies = ("API_READ", "API_WRITE", "SYNC", "AUTH")
    return start_api(rate_limits=dict.fromkeys(policies, "100000/100000"))


@pytest.fixture
def ada(api: Api) -> Person:
    """Someone who is signed in."""
    return api.person()
