"""Credentials: kept before anything can fail, given back when others are refused, destroyed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from application import App, Person
from dashtam.application.connections import connect
from dashtam.application.connections.connect import NewConnection
from dashtam.application.provider import CredentialsRefused, ProviderRateLimited, Report
from dashtam.security import key_ring
from dashtam.security.cipher import KeyRingCipher
from dashtam.security.key_ring import LiveKeyRing
from faulty_database import FaultyDatabase, Outcome
from scripted_provider import ACCESS, SECRET, account


@pytest.mark.parametrize("does_them", [False, True])
def test_credentials_issued_once_are_kept_though_the_database_is_away_for_a_moment(
    app: App, ada: Person, *, does_them: bool
) -> None:
    database = FaultyDatabase(app.services.database)
    app.services = replace(app.services, database=database)
    outages: list[Outcome] = ["lost"] if does_them else ["refused", "refused"]
    app.provider.handed_out = lambda: database.next_writes.extend(outages)
    new = NewConnection("scripted", {"token": SECRET})
    made = connect.connect(app.services, ada.id, new)
    assert made.sync.state == "succeeded"
    assert ada.get("/connections").json()["total_count"] == 1
    assert app.query("SELECT count(*) FROM syncs") == [(1,)]
    app.provider.handed_out = lambda: database.next_writes.extend(outages[:1])
    again = connect.reconnect(app.services, made.connection, {"token": "another"})
    assert again.sync.state == "succeeded"
    assert app.provider.kept == {"access": f"{ACCESS}-another"}
    assert app.query("SELECT count(*) FROM syncs WHERE state = 'running'") == [(0,)]


def test_refused_credentials_give_back_those_before_with_name_pause_and_budget(
    app: App, ada: Person
) -> None:
    place = f"/connections/{app.connected(ada)['id']}"
    forced = {"force": True}
    app.provider.requests_each = 10
    assert ada.post(f"{place}/syncs", json=forced).status_code == 201
    assert app.query("SELECT requests FROM connections") == [(12,)]
    app.provider.script = [ProviderRateLimited("Slow.", timedelta(hours=2))]
    assert ada.post(f"{place}/syncs", json=forced).status_code == 502

    def renamed_meanwhile() -> Report:
        assert ada.patch(place, json={"name": "Renamed"}).status_code == 200
        detail = "No."
        raise CredentialsRefused(detail)

    app.provider.requests_each = 1
    app.provider.script = [renamed_meanwhile]
    assert ada.patch(place, json={"credentials": {"token": "wrong"}}).status_code == 422
    shown = ada.get(place).json()
    assert (shown["name"], shown["state"]) == ("Renamed", "rate_limited")
    assert app.query("SELECT requests FROM connections") == [(22,)]
    refused = ada.post(f"{place}/syncs", json=forced)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7200")


def test_the_same_credentials_again_buy_no_new_budget(app: App, ada: Person) -> None:
    place = f"/connections/{app.connected(ada)['id']}"
    again = {"credentials": {"token": SECRET}}
    assert ada.patch(place, json=again).status_code == 200
    # Each time one request to be handed something out, and one to fetch by it.
    assert app.query("SELECT requests FROM connections") == [(4,)]
    app.provider.script = [ProviderRateLimited("Slow.", timedelta(hours=2))]
    assert ada.post(f"{place}/syncs", json={"force": True}).status_code == 502
    assert ada.patch(place, json=again).status_code == 429
    assert ada.get(place).json()["state"] == "rate_limited"
    other = {"credentials": {"token": "another"}}
    assert ada.patch(place, json=other).status_code == 200
    assert app.query("SELECT requests FROM connections") == [(2,)]


def test_a_key_that_is_gone_asks_for_nothing_and_heals_when_it_is_back(
    app: App, ada: Person, tmp_path: Path
) -> None:
    place = f"/connections/{app.connected(ada)['id']}"
    key_ring.create(tmp_path / "other.json", app.clock())
    requests, cipher = app.query("SELECT requests FROM connections"), app.services.cipher
    other = KeyRingCipher(LiveKeyRing.at(tmp_path / "other.json"))
    app.services = replace(app.services, cipher=other)
    app.clock.advance(days=1)
    (run,) = app.sync_due()
    assert (run.state, run.code) == ("failed", "key_missing")
    shown = ada.get(place).json()
    assert shown["state"] == "failing"
    assert shown["next_sync_at"] is not None
    assert app.query("SELECT requests FROM connections") == requests
    app.services = replace(app.services, cipher=cipher)
    app.clock.advance(days=1)
    assert [run.state for run in app.sync_due()] == ["succeeded"]


@pytest.mark.proves(20, searches_of_stored_data=1)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_destroyed_credentials_are_in_no_page_of_the_database(app: App, ada: Person) -> None:
    # Longer than a page, so that they fill pages of their own.
    place = f"/connections/{app.connect(ada, SECRET * 400).json()['id']}"
    sealed = app.query("SELECT credentials FROM connections")[0][0]
    parts = [sealed[at : at + 64] for at in range(0, len(sealed) - 64, 512)]
    assert sum(part in pages_of(app) for part in parts) == len(parts)
    assert ada.delete(place).status_code == 204
    assert not any(part in pages_of(app) for part in parts)


def pages_of(app: App) -> bytes:
    """Return the database's file, once its write-ahead log is in it."""
    assert app.query("PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0
    return Path(app.installation.settings.database.removeprefix("sqlite:///")).read_bytes()


def test_connecting_and_disconnecting_are_in_the_audit_log_with_the_address(
    app: App, ada: Person
) -> None:
    place = f"/connections/{app.connected(ada)['id']}"
    app.provider.script = [CredentialsRefused("No.")]
    assert ada.patch(place, json={"credentials": {"token": "late"}}).status_code == 422

    def disconnected_meanwhile() -> Report:
        assert ada.delete(place).status_code == 204
        return Report([account("5")])

    app.provider.script = [disconnected_meanwhile]
    assert ada.post(f"{place}/syncs").status_code == 503
    app.provider.refused.add(SECRET)
    assert app.connect(ada).status_code == 422
    with app.services.database.read() as work:
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
