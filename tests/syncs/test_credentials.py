"""Credentials: kept before anything can fail, given back when others are refused, destroyed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from application import Person
from dashtam.application.connections import connect
from dashtam.application.connections.connect import NewConnection
from dashtam.application.provider import CredentialsRefused, ProviderRateLimited, Report
from dashtam.database.unit_of_work import Database, UnitOfWork
from dashtam.domain.errors import Unavailable
from dashtam.security import key_ring
from dashtam.security.cipher import KeyRingCipher
from dashtam.security.key_ring import LiveKeyRing
from scripted_provider import ACCESS, SECRET, account
from syncs.sync_services import Scene


@dataclass
class Faltering(Database):
    """A database that is away for some writes, which it does or not before it says so."""

    inner: Database
    away_for: int = 0
    does_them: bool = False

    def read(self) -> Any:  # noqa: ANN401 - a context manager
        return self.inner.read()

    @contextmanager
    def write(self, address: str = "") -> Iterator[UnitOfWork]:
        is_away, self.away_for = self.away_for > 0, max(0, self.away_for - 1)
        if is_away and not self.does_them:
            raise Unavailable
        with self.inner.write(address) as work:
            yield work
        if is_away:
            raise Unavailable


@pytest.fixture
def faltering(scene: Scene) -> Faltering:
    """The scene's database, away from the moment at which the provider hands something out."""
    database = Faltering(scene.services.database)
    scene.services = replace(scene.services, database=database)
    return database


@pytest.mark.parametrize("does_them", [False, True])
def test_credentials_issued_once_are_kept_though_the_database_is_away_for_a_moment(
    scene: Scene, ada: Person, faltering: Faltering, *, does_them: bool
) -> None:
    faltering.does_them = does_them
    scene.provider.handed_out = lambda: setattr(faltering, "away_for", 1 if does_them else 2)
    new = NewConnection("scripted", {"token": SECRET})
    made = connect.connect(scene.services, ada.id, new)
    assert made.sync.state == "succeeded"
    assert ada.get("/connections").json()["total_count"] == 1
    assert scene.query("SELECT count(*) FROM syncs") == [(1,)]
    scene.provider.handed_out = lambda: setattr(faltering, "away_for", 1)
    again = connect.reconnect(scene.services, made.connection, {"token": "another"})
    assert again.sync.state == "succeeded"
    assert scene.provider.kept == {"access": f"{ACCESS}-another"}
    assert scene.query("SELECT count(*) FROM syncs WHERE state = 'running'") == [(0,)]


def test_refused_credentials_give_back_those_before_with_name_pause_and_budget(
    scene: Scene, ada: Person
) -> None:
    place = f"/connections/{scene.connected(ada)['id']}"
    forced = {"force": True}
    scene.provider.requests_each = 10
    assert ada.post(f"{place}/syncs", json=forced).status_code == 201
    assert scene.query("SELECT requests FROM connections") == [(12,)]
    scene.provider.script = [ProviderRateLimited("Slow.", timedelta(hours=2))]
    assert ada.post(f"{place}/syncs", json=forced).status_code == 502

    def renamed_meanwhile() -> Report:
        assert ada.patch(place, json={"name": "Renamed"}).status_code == 200
        detail = "No."
        raise CredentialsRefused(detail)

    scene.provider.requests_each = 1
    scene.provider.script = [renamed_meanwhile]
    assert ada.patch(place, json={"credentials": {"token": "wrong"}}).status_code == 422
    shown = ada.get(place).json()
    assert (shown["name"], shown["state"]) == ("Renamed", "rate_limited")
    assert scene.query("SELECT requests FROM connections") == [(22,)]
    refused = ada.post(f"{place}/syncs", json=forced)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7200")


def test_the_same_credentials_again_buy_no_new_budget(scene: Scene, ada: Person) -> None:
    place = f"/connections/{scene.connected(ada)['id']}"
    again = {"credentials": {"token": SECRET}}
    assert ada.patch(place, json=again).status_code == 200
    # Each time one request to be handed something out, and one to fetch by it.
    assert scene.query("SELECT requests FROM connections") == [(4,)]
    scene.provider.script = [ProviderRateLimited("Slow.", timedelta(hours=2))]
    assert ada.post(f"{place}/syncs", json={"force": True}).status_code == 502
    assert ada.patch(place, json=again).status_code == 429
    assert ada.get(place).json()["state"] == "rate_limited"
    other = {"credentials": {"token": "another"}}
    assert ada.patch(place, json=other).status_code == 200
    assert scene.query("SELECT requests FROM connections") == [(2,)]


def test_a_key_that_is_gone_asks_for_nothing_and_heals_when_it_is_back(
    scene: Scene, ada: Person, tmp_path: Path
) -> None:
    place = f"/connections/{scene.connected(ada)['id']}"
    key_ring.create(tmp_path / "other.json", scene.clock())
    requests, cipher = scene.query("SELECT requests FROM connections"), scene.services.cipher
    other = KeyRingCipher(LiveKeyRing.at(tmp_path / "other.json"))
    scene.services = replace(scene.services, cipher=other)
    scene.clock.pass_(days=1)
    (run,) = scene.work_off()
    assert (run.state, run.code) == ("failed", "key_missing")
    shown = ada.get(place).json()
    assert shown["state"] == "failing"
    assert shown["next_sync_at"] is not None
    assert scene.query("SELECT requests FROM connections") == requests
    scene.services = replace(scene.services, cipher=cipher)
    scene.clock.pass_(days=1)
    assert [run.state for run in scene.work_off()] == ["succeeded"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_destroyed_credentials_are_in_no_page_of_the_database(scene: Scene, ada: Person) -> None:
    # Longer than a page, so that they fill pages of their own.
    place = f"/connections/{scene.connect(ada, SECRET * 400).json()['id']}"
    sealed = scene.query("SELECT credentials FROM connections")[0][0]
    parts = [sealed[at : at + 64] for at in range(0, len(sealed) - 64, 512)]
    assert sum(part in pages_of(scene) for part in parts) == len(parts)
    assert ada.delete(place).status_code == 204
    assert not any(part in pages_of(scene) for part in parts)


def pages_of(scene: Scene) -> bytes:
    """Return the database's file, once its write-ahead log is in it."""
    assert scene.query("PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0
    return Path(scene.database_url.removeprefix("sqlite:///")).read_bytes()


def test_connecting_and_disconnecting_are_in_the_audit_log_with_the_address(
    scene: Scene, ada: Person
) -> None:
    place = f"/connections/{scene.connected(ada)['id']}"
    scene.provider.script = [CredentialsRefused("No.")]
    assert ada.patch(place, json={"credentials": {"token": "late"}}).status_code == 422

    def disconnected_meanwhile() -> Report:
        assert ada.delete(place).status_code == 204
        return Report([account("5")])

    scene.provider.script = [disconnected_meanwhile]
    assert ada.post(f"{place}/syncs").status_code == 503
    scene.provider.refused.add(SECRET)
    assert scene.connect(ada).status_code == 422
    with scene.services.database.read() as work:
        lines = list(reversed(work.audit_log.newest(100)))
    assert [line.event for line in lines] == [
        "connection_created",
        "account_created",
        "sync_succeeded",
        "connection_reconnected",
        "sync_failed",
        "connection_refused",
        "sync_failed",
        "connection_disconnected",
        "connection_refused",
    ]
    assert {(line.user_id, line.address) for line in lines} == {(ada.id, "testclient")}
