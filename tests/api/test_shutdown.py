"""An installation that closes leaves nothing open, and cuts nothing short."""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from uuid import UUID

import psycopg
import pytest
from starlette.testclient import TestClient

from application import Api
from dashtam.bootstrap import Installation
from dashtam.domain.user import ApiTokenId


@pytest.fixture
def connected(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> Callable[[], bool]:
    """Tell whether anybody is connected to the database."""
    if database_url.startswith("sqlite"):
        # Who leaves last takes the log along.
        return (tmp_path / "dashtam.db-wal").exists
    server: psycopg.Connection = request.getfixturevalue("postgresql")
    name = database_url.rpartition("/")[2]
    asked = "SELECT FROM pg_stat_activity WHERE datname = %s"
    return lambda: server.execute(asked, (name,)).fetchone() is not None


def test_it_waits_for_what_it_still_writes_and_leaves_no_connection(
    start_api: Callable[..., Api], connected: Callable[[], bool]
) -> None:
    api, other = start_api(), start_api()
    ada = api.person()
    made = ada.post("/access-tokens", json={"name": "dashboard"}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    closing = Thread(target=api.installation.close)
    with other.services.database.write() as work:
        work.api_tokens.mark_used(ApiTokenId(UUID(made["id"])), work.now)
        assert api.client.get("/api/v1/accounts", headers=headers).status_code == 200
        closing.start()
        closing.join(0.5)
        assert closing.is_alive()
    closing.join()
    other.installation.close()
    assert_left(connected)


def test_who_reads_what_lies_ready_leaves_no_connection(
    database_url: str, tmp_path: Path, connected: Callable[[], bool]
) -> None:
    installation = Installation.open({"data": tmp_path / "data", "database_url": database_url})
    with TestClient(installation.app(), "http://127.0.0.1:8000") as client:
        ada = Api(installation, client).person()
        ada.account("5")
        assert ada.get("/balance-snapshots").json()["total_count"] == 1
    assert_left(connected)


def assert_left(connected: Callable[[], bool]) -> None:
    gc.collect()
    closed_by = time.monotonic() + 60
    while connected():
        assert time.monotonic() < closed_by
        time.sleep(0.05)
