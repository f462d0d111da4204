"""An installation that closes leaves nothing open, and cuts nothing short."""

import gc
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from uuid import UUID

import psycopg
import pytest

from application import Applications
from concurrency import wait_until
from dashtam.domain.user import ApiTokenId


@pytest.fixture
def connected(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> Callable[[], bool]:
    """Tell whether anybody is connected to the database."""
    if database_url.startswith("sqlite"):
        # The last connection removes the log.
        return (tmp_path / "dashtam.db-wal").exists
    server: psycopg.Connection = request.getfixturevalue("postgresql")
    name = database_url.rpartition("/")[2]
    asked = "SELECT FROM pg_stat_activity WHERE datname = %s"
    return lambda: server.execute(asked, (name,)).fetchone() is not None


def test_it_waits_for_its_last_write_and_leaves_no_connection(
    applications: Applications, connected: Callable[[], bool]
) -> None:
    app, other = applications.open(), applications.open()
    ada = app.person()
    made = ada.post("/access-tokens", json={"name": "dashboard"}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    closing = Thread(target=app.installation.close)
    with other.services.database.write() as work:
        work.api_tokens.mark_used(ApiTokenId(UUID(made["id"])), work.now)
        assert app.client.get("/api/v1/accounts", headers=headers).status_code == 200
        closing.start()
        closing.join(0.5)
        assert closing.is_alive()
    closing.join()
    other.installation.close()
    assert_left(connected)


def test_readers_of_the_history_cache_leave_no_connection(
    applications: Applications, connected: Callable[[], bool]
) -> None:
    ada = applications.open().person()
    ada.account("5")
    assert ada.get("/balance-snapshots").json()["total_count"] == 1
    applications.close()
    assert_left(connected)


def assert_left(connected: Callable[[], bool]) -> None:
    gc.collect()
    wait_until(lambda: not connected())
