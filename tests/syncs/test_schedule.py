"""The schedule: each slot once, back-off, catching up, leases and fences."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event, Thread
from threading import enumerate as enumerate_threads
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from structlog import get_logger
from structlog.testing import capture_logs

from application import App, Person
from concurrency import wait_until
from dashtam.application.provider import Pace, ProviderFailed, ProviderRateLimited, Report
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs.schedule import Anchor
from dashtam.bootstrap.worker import Worker, WorkerOptions
from dashtam.database.engine import open_engine
from dashtam.domain.sync import SyncState
from proofs import Proof
from scripted_provider import account

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
DAILY = Pace(timedelta(days=1), 24)
CHANCES = st.floats(0, 1, exclude_max=True)
LEASE = timedelta(seconds=61)


ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Pacific/Auckland", "Asia/Kathmandu")


def anchor(number: int, zone: str = "UTC", pace: Pace = DAILY) -> Anchor:
    return Anchor(number, ZoneInfo(zone), pace)


@given(CHANCES, st.integers(0, 1 << 48), st.sampled_from(ZONES), st.timedeltas(-YEAR, YEAR))
def test_the_next_slot_is_tomorrow_at_the_latest_about_a_minute_of_the_day(
    chance: float, number: int, zone: str, span: timedelta
) -> None:
    now = NOW + span
    found = anchor(number, zone).next_slot(now, chance)
    days = found.astimezone(ZoneInfo(zone)).date() - now.astimezone(ZoneInfo(zone)).date()
    assert days <= timedelta(days=1)
    assert found - now > timedelta(minutes=30)
    middle = anchor(number, zone).next_slot(now, 0.5)
    assert abs(found - middle) <= timedelta(minutes=15)


@given(CHANCES, st.integers(0, 1 << 48), st.timedeltas(timedelta(), YEAR))
def test_a_shorter_interval_keeps_its_anchor_too(
    chance: float, number: int, span: timedelta
) -> None:
    pace = Pace(timedelta(minutes=5), 1000)
    found = anchor(number, pace=pace).next_slot(NOW + span, chance)
    assert timedelta(minutes=2) < found - NOW - span < timedelta(minutes=8)
    steps = (anchor(number, pace=pace).next_slot(NOW, 0.5) - found) / pace.every
    assert abs(steps - round(steps)) < 0.03


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
def test_a_slot_keeps_its_minute_of_the_day_over_a_year(zone: str) -> None:
    one, now, minutes = anchor(500, zone), NOW, set()
    for _ in range(365):
        now = one.next_slot(now, 0.5)
        local = now.astimezone(ZoneInfo(zone))
        minutes.add((local.hour, local.minute))
    assert minutes == {(9, 20)}
    assert timedelta(days=364) < now - NOW < timedelta(days=366)


def test_no_day_of_a_year_is_without_a_run_but_where_the_provider_was_away() -> None:
    """400 connections; each run begins up to 5 minutes late, and each provider fails at times."""
    chance = Random(20261122)  # noqa: S311 - the same in every run
    missed = without = 0
    for number in range(400):
        zone = ZoneInfo(ZONES[number % len(ZONES)])
        one, now, failures = anchor(chance.getrandbits(48), zone.key), NOW, 0
        away_from = NOW + timedelta(days=chance.uniform(1, 360))
        away = away_from, away_from + timedelta(hours=chance.uniform(1, 80))
        done = {now.astimezone(zone).date()}
        at = one.next_slot(now, chance.random())
        while at < NOW + YEAR:
            now = at + timedelta(minutes=5 * chance.random())
            if away[0] <= now <= away[1] or chance.random() < 0.01:
                failures += 1
                at = one.retry_at(failures, now, None, chance.random())
            else:
                failures = 0
                done.add(now.astimezone(zone).date())
                at = one.next_slot(now, chance.random())
        days = [NOW.astimezone(zone).date() + timedelta(days=day) for day in range(365)]
        away_days = [moment.astimezone(zone).date() for moment in away]
        missing = [day for day in days if day not in done]
        without += len(missing)
        missed += sum(not away_days[0] <= day <= away_days[1] for day in missing)
    assert (missed, without > 0) == (0, True)


@given(CHANCES, st.integers(1, 1000), st.integers(0, 1 << 48))
def test_failures_are_retried_later_and_later_but_at_the_next_slot_at_least(
    chance: float, failures: int, number: int
) -> None:
    found = anchor(number).retry_at(failures, NOW, None, chance)
    assert timedelta(minutes=7) < found - NOW
    soonest = NOW + timedelta(minutes=7.5)
    assert found <= max(anchor(number).first_slot(NOW), soonest)


@given(CHANCES, st.integers(1, 20), st.timedeltas(timedelta(), timedelta(days=7)))
def test_no_retry_comes_before_the_pause_ends(
    chance: float, failures: int, pause: timedelta
) -> None:
    assert anchor(7).retry_at(failures, NOW, NOW + pause, chance) >= NOW + pause


def test_a_connection_is_synced_once_a_day(app: App, ada: Person) -> None:
    app.connected(ada)
    assert app.sync_due() == []
    runs = []
    for _ in range(60):
        app.clock.advance(hours=4)
        runs += app.sync_due()
    assert 9 <= len(runs) <= 11
    assert {run.source for run in runs} == {"scheduled_sync"}
    assert len({run.due_at for run in runs}) == len(runs)


def test_a_week_of_downtime_is_one_sync_for_each_spread_over_an_hour(app: App, ada: Person) -> None:
    app.provider.usual = lambda: Report([account(number=app.provider.kept["access"])])
    for number in range(20):
        assert app.connect(ada, f"token-{number}").status_code == 201
    app.clock.advance(days=7)
    assert claims.spread_overdue(app.services) == 20
    assert len(app.sync_due()) <= 1
    waves = []
    for _ in range(6):
        app.clock.advance(minutes=10)
        waves.append(len(app.sync_due()))
    assert sum(waves) in {19, 20}
    assert max(waves) <= 12
    assert claims.spread_overdue(app.services) == 0


def test_failures_back_off_and_a_success_ends_it(app: App, ada: Person) -> None:
    made = app.connected(ada)
    app.provider.usual = ProviderFailed("Down.")
    slot = app.connection(made["id"]).next_sync_at
    assert slot is not None
    app.clock.now = slot
    gaps = []
    for _ in range(6):
        assert len(app.sync_due()) == 1
        next_sync_at = app.connection(made["id"]).next_sync_at
        assert next_sync_at is not None
        gaps.append((next_sync_at - app.clock()) / timedelta(minutes=15))
        app.clock.now = next_sync_at
    assert all(0.75 * 2**n <= gap <= 1.25 * 2**n for n, gap in enumerate(gaps))
    app.provider.usual = Report([account()])
    (run,) = app.sync_due()
    assert run.state is SyncState.SUCCEEDED
    assert app.query("SELECT failures FROM connections") == [(0,)]


def test_retry_after_is_kept_in_the_database(app: App, ada: Person) -> None:
    made = app.connected(ada)
    app.provider.script = [ProviderRateLimited("Slow.", timedelta(hours=30))]
    app.clock.advance(days=1)
    assert len(app.sync_due()) == 1
    app.clock.advance(hours=29)
    assert app.sync_due() == []
    app.clock.advance(hours=2)
    assert [run.state for run in app.sync_due()] == ["succeeded"]
    assert app.connection(made["id"]).state == "active"


def test_a_spent_budget_moves_the_slot_to_tomorrow(app: App, ada: Person) -> None:
    made = app.connected(ada)
    app.clock.advance(days=1)
    app.provider.requests_each = 24
    assert ada.post(f"/connections/{made['id']}/syncs").status_code == 201
    app.clock.advance(hours=11)
    assert app.sync_due() == []
    app.clock.advance(hours=3)
    assert len(app.sync_due()) == 1


def test_a_connection_without_its_provider_says_so(app: App, ada: Person) -> None:
    made = app.connected(ada)
    app.services = replace(app.services, providers={})
    app.clock.advance(days=1)
    assert app.sync_due() == []
    shown = app.connection(made["id"])
    assert (shown.state, shown.detail) == (
        "failing",
        "The provider 'scripted' is not installed here any more.",
    )


def test_an_expired_lease_is_an_interrupted_run(app: App, ada: Person) -> None:
    made = app.connected(ada)
    claim = app.claim(made["id"])
    place = f"/syncs/{claim.sync.id}"
    assert ada.get(place).json()["state"] == "running"
    app.clock.now += LEASE
    shown = ada.get(place).json()
    assert (shown["state"], shown["code"]) == ("failed", "interrupted")
    with app.services.database.write() as work:
        assert claims.end_expired(work, app.services) == 1
        assert claims.end_expired(work, app.services) == 0
    assert app.query("SELECT count(*) FROM syncs WHERE state = 'running'") == [(0,)]
    assert ada.post(f"/connections/{made['id']}/syncs").status_code == 201


def test_a_sync_that_lost_its_lease_writes_nothing(app: App, ada: Person) -> None:
    made = app.connected(ada)
    slow = app.claim(made["id"])
    app.clock.now += LEASE
    ended = sync_run.complete(app.services, slow)
    assert (ended.state, ended.code) == (SyncState.FAILED, "interrupted")
    assert app.query("SELECT count(*) FROM balance_snapshots") == [(1,)]


def test_a_sync_that_was_overtaken_writes_and_requests_nothing_more(app: App, ada: Person) -> None:
    made = app.connected(ada)
    slow = app.claim(made["id"])
    app.clock.now += LEASE
    quick = app.claim(made["id"])
    requests = app.query("SELECT requests FROM connections")
    assert sync_run.complete(app.services, slow).code == "interrupted"
    assert app.query("SELECT requests FROM connections") == requests
    assert sync_run.complete(app.services, quick).state is SyncState.SUCCEEDED
    assert app.query("SELECT count(*) FROM balance_snapshots") == [(2,)]


def test_a_released_slot_is_served_at_once_by_another(app: App, ada: Person) -> None:
    app.connected(ada)
    app.clock.advance(days=1)
    claim = claims.claim_due(app.services)
    assert claim is not None
    assert claims.claim_due(app.services) is None
    with app.services.database.write() as work:
        claims.release(work, claim)
    (run,) = app.sync_due()
    assert run.due_at == claim.sync.due_at


def test_a_worker_goes_on_after_an_unforeseen_error(app: App, ada: Person) -> None:
    app.connected(ada)
    app.clock.advance(days=1)
    worker = Worker(app.services, get_logger(), WorkerOptions(poll_s=0.01))
    connections = app.query("SELECT next_sync_at FROM connections")
    engine = open_engine(app.installation.settings.database)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE connections RENAME COLUMN fence TO fences"))
    thread = Thread(target=worker.run)
    with capture_logs() as lines:
        thread.start()
        wait_until(lambda: any(line["event"] == "worker_failed" for line in lines))
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE connections RENAME COLUMN fences TO fence"))
        engine.dispose()
        wait_until(lambda: app.query("SELECT next_sync_at FROM connections") != connections)
        worker.stop()
        thread.join()
    assert lines[-1]["event"] == "worker_stopped"


@pytest.mark.parametrize("is_in_time", [True, False])
def test_a_worker_that_is_stopped_finishes_its_sync_or_gives_it_back(
    app: App, ada: Person, *, is_in_time: bool
) -> None:
    app.connected(ada)
    app.clock.advance(days=1)
    asked, may_answer = Event(), Event()

    def slowly() -> Report:
        asked.set()
        assert may_answer.wait(60)
        return Report([account("7.00")])

    app.provider.script = [slowly]
    options = WorkerOptions(poll_s=0.01, shutdown_timeout_s=60 if is_in_time else 0.01)
    # It has polled before, so that due connections are not spread as after downtime.
    worker = Worker(app.services, get_logger(), options, last_poll_at=app.clock())
    thread = Thread(target=worker.run)
    thread.start()
    assert asked.wait(60)
    worker.stop()
    if is_in_time:
        may_answer.set()
    thread.join(60)
    assert not thread.is_alive()
    source = "SELECT state, code FROM syncs WHERE due_at IS NOT NULL"
    ended = ("succeeded", None) if is_in_time else ("failed", "interrupted")
    assert app.query(source) == [ended]
    may_answer.set()
    for left in enumerate_threads():
        if left.name.startswith("sync "):
            left.join(60)
    # An answer too late finds that the run was given back; the slot is due for others.
    assert [run.state for run in app.sync_due()] == ([] if is_in_time else ["succeeded"])
    assert app.query("SELECT count(*) FROM balance_snapshots") == [(2,)]


def test_an_erased_user_has_no_sync_that_ends(app: App, ada: Person) -> None:
    made = app.connected(ada)
    claim = app.claim(made["id"])
    with app.services.database.write() as work:
        work.users.erase(ada.id, work.now)
    assert sync_run.complete(app.services, claim).state is SyncState.FAILED
    assert app.query("SELECT count(*) FROM syncs") == [(0,)]


def test_an_answer_of_ten_thousand_accounts_is_recorded_whole(
    app: App, ada: Person, proof: Proof
) -> None:
    told = proof(10_000)
    app.provider.usual = Report([account(number=str(number)) for number in range(told)])
    assert app.connected(ada)["accounts_found"] == told
    assert app.query("SELECT count(*) FROM balance_snapshots") == [(told,)]


def test_there_is_nothing_to_disconnect_from_a_manual_account(ada: Person) -> None:
    ada.account()
    (manual,) = ada.get("/connections").json()["connections"]
    assert ada.delete(f"/connections/{manual['id']}").status_code == 409
