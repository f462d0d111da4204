"""The schedule: each slot once, back-off, catching up, leases and fences."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from structlog import get_logger
from structlog.testing import capture_logs

from application import Person
from dashtam.application.provider import Pace, ProviderFailed, ProviderRateLimited, Report
from dashtam.application.syncs import claims, schedule, sync_run
from dashtam.bootstrap.worker import Worker, WorkerOptions
from dashtam.database.engine import open_engine
from dashtam.domain.sync import SyncState
from scripted_provider import account
from syncs.sync_services import Scene

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAILY = Pace(timedelta(days=1), 24)
CHANCES = st.floats(0, 1, exclude_max=True)
LEASE = timedelta(seconds=61)


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


@given(CHANCES, st.timedeltas(timedelta(), timedelta(days=30)))
def test_the_next_slot_is_ahead_and_about_a_day_away(chance: float, late: timedelta) -> None:
    found = schedule.next_slot(NOW - late, DAILY, NOW, chance)
    assert timedelta(hours=11) < found - NOW < timedelta(hours=25)


@given(CHANCES, st.integers(1, 1000))
def test_failures_are_retried_later_and_later_but_daily_at_least(
    chance: float, failures: int
) -> None:
    found = schedule.retry_at(failures, DAILY, NOW, None, chance)
    assert timedelta(minutes=11) < found - NOW <= timedelta(days=1.25)


@given(CHANCES, st.integers(1, 20), st.timedeltas(timedelta(), timedelta(days=7)))
def test_no_retry_comes_before_the_pause_ends(
    chance: float, failures: int, pause: timedelta
) -> None:
    assert schedule.retry_at(failures, DAILY, NOW, NOW + pause, chance) >= NOW + pause


def test_a_connection_is_synced_once_a_day(scene: Scene, ada: Person) -> None:
    scene.connected(ada)
    assert scene.work_off() == []
    runs = []
    for _ in range(60):
        scene.clock.pass_(hours=4)
        runs += scene.work_off()
    assert 9 <= len(runs) <= 11
    assert {run.source for run in runs} == {"scheduled_sync"}
    assert len({run.due_at for run in runs}) == len(runs)


def test_a_week_of_downtime_is_one_sync_for_each_spread_over_an_hour(
    scene: Scene, ada: Person
) -> None:
    scene.provider.usual = lambda: Report([account(number=scene.provider.kept["access"])])
    for number in range(20):
        assert scene.connect(ada, f"token-{number}").status_code == 201
    scene.clock.pass_(days=7)
    assert claims.spread_overdue(scene.services) == 20
    assert len(scene.work_off()) <= 1
    waves = []
    for _ in range(6):
        scene.clock.pass_(minutes=10)
        waves.append(len(scene.work_off()))
    assert sum(waves) in {19, 20}
    assert max(waves) <= 12
    assert claims.spread_overdue(scene.services) == 0


def test_failures_back_off_and_a_success_ends_it(scene: Scene, ada: Person) -> None:
    made = scene.connected(ada)
    scene.provider.usual = ProviderFailed("Down.")
    scene.clock.pass_(days=1)
    gaps = []
    for _ in range(6):
        assert len(scene.work_off()) == 1
        next_sync_at = scene.connection(made["id"]).next_sync_at
        assert next_sync_at is not None
        gaps.append((next_sync_at - scene.clock()) / timedelta(minutes=15))
        scene.clock.now = next_sync_at
    assert all(0.75 * 2**n <= gap <= 1.25 * 2**n for n, gap in enumerate(gaps))
    scene.provider.usual = Report([account()])
    (run,) = scene.work_off()
    assert run.state is SyncState.SUCCEEDED
    assert scene.query("SELECT failures FROM connections") == [(0,)]


def test_retry_after_is_kept_in_the_database(scene: Scene, ada: Person) -> None:
    made = scene.connected(ada)
    scene.provider.script = [ProviderRateLimited("Slow.", timedelta(hours=30))]
    scene.clock.pass_(days=1)
    assert len(scene.work_off()) == 1
    scene.clock.pass_(hours=29)
    assert scene.work_off() == []
    scene.clock.pass_(hours=2)
    assert [run.state for run in scene.work_off()] == ["succeeded"]
    assert scene.connection(made["id"]).state == "active"


def test_a_spent_budget_moves_the_slot_to_tomorrow(scene: Scene, ada: Person) -> None:
    made = scene.connected(ada)
    scene.clock.pass_(days=1)
    scene.provider.requests_each = 24
    assert ada.post(f"/connections/{made['id']}/syncs").status_code == 201
    scene.clock.pass_(hours=11)
    assert scene.work_off() == []
    scene.clock.pass_(hours=3)
    assert len(scene.work_off()) == 1


def test_a_connection_whose_provider_is_gone_says_so(scene: Scene, ada: Person) -> None:
    made = scene.connected(ada)
    scene.services = replace(scene.services, providers={})
    scene.clock.pass_(days=1)
    assert scene.work_off() == []
    shown = scene.connection(made["id"])
    assert (shown.state, shown.detail) == (
        "failing",
        "The provider 'scripted' is not installed here any more.",
    )


def test_an_expired_lease_is_an_interrupted_run(scene: Scene, ada: Person) -> None:
    made = scene.connected(ada)
    claim = scene.claim(made["id"])
    place = f"/syncs/{claim.sync.id}"
    assert ada.get(place).json()["state"] == "running"
    scene.clock.now += LEASE
    shown = ada.get(place).json()
    assert (shown["state"], shown["code"]) == ("failed", "interrupted")
    with scene.services.database.write() as work:
        assert claims.end_expired(work, scene.services) == 1
        assert claims.end_expired(work, scene.services) == 0
    assert scene.query("SELECT count(*) FROM syncs WHERE state = 'running'") == [(0,)]
    assert ada.post(f"/connections/{made['id']}/syncs").status_code == 201


def test_who_lost_his_lease_writes_nothing(scene: Scene, ada: Person) -> None:
    made = scene.connected(ada)
    slow = scene.claim(made["id"])
    scene.clock.now += LEASE
    ended = sync_run.complete(scene.services, slow)
    assert (ended.state, ended.code) == (SyncState.FAILED, "interrupted")
    assert scene.query("SELECT count(*) FROM balance_snapshots") == [(1,)]


def test_who_was_overtaken_writes_nothing_and_asks_nothing_more(scene: Scene, ada: Person) -> None:
    made = scene.connected(ada)
    slow = scene.claim(made["id"])
    scene.clock.now += LEASE
    quick = scene.claim(made["id"])
    requests = scene.query("SELECT requests FROM connections")
    assert sync_run.complete(scene.services, slow).code == "interrupted"
    assert scene.query("SELECT requests FROM connections") == requests
    assert sync_run.complete(scene.services, quick).state is SyncState.SUCCEEDED
    assert scene.query("SELECT count(*) FROM balance_snapshots") == [(2,)]


def test_a_released_slot_is_served_at_once_by_another(scene: Scene, ada: Person) -> None:
    scene.connected(ada)
    scene.clock.pass_(days=1)
    claim = claims.claim_due(scene.services)
    assert claim is not None
    assert claims.claim_due(scene.services) is None
    with scene.services.database.write() as work:
        claims.release(work, claim)
    (run,) = scene.work_off()
    assert run.due_at == claim.sync.due_at


def test_a_worker_goes_on_after_what_nobody_foresaw(scene: Scene, ada: Person) -> None:
    scene.connected(ada)
    scene.clock.pass_(days=1)
    worker = Worker(scene.services, get_logger(), WorkerOptions(poll_s=0.01))
    connections = scene.query("SELECT next_sync_at FROM connections")
    engine = open_engine(scene.database_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE connections RENAME COLUMN fence TO fences"))
    thread = Thread(target=worker.run)
    with capture_logs() as lines:
        thread.start()
        wait_until(lambda: any(line["event"] == "worker_failed" for line in lines))
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE connections RENAME COLUMN fences TO fence"))
        engine.dispose()
        wait_until(lambda: scene.query("SELECT next_sync_at FROM connections") != connections)
        worker.stop()
        thread.join()
    assert lines[-1]["event"] == "worker_stopped"


@pytest.mark.parametrize("is_in_time", [True, False])
def test_a_worker_that_is_stopped_finishes_what_it_does_or_gives_it_back(
    scene: Scene, ada: Person, *, is_in_time: bool
) -> None:
    scene.connected(ada)
    scene.clock.pass_(days=1)
    asked, may_answer = Event(), Event()

    def slowly() -> Report:
        asked.set()
        assert may_answer.wait(60)
        return Report([account("7.00")])

    scene.provider.script = [slowly]
    options = WorkerOptions(poll_s=0.01, shutdown_timeout_s=60 if is_in_time else 0.01)
    # It has looked before, so that what is due is not spread as after downtime.
    worker = Worker(scene.services, get_logger(), options, last_poll_at=scene.clock())
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
    assert scene.query(source) == [ended]
    may_answer.set()
    for left in enumerate_threads():
        if left.name.startswith("sync "):
            left.join(60)
    # Whoever is answered too late finds that the run was given back; the slot is due for others.
    assert [run.state for run in scene.work_off()] == ([] if is_in_time else ["succeeded"])
    assert scene.query("SELECT count(*) FROM balance_snapshots") == [(2,)]


def test_an_erased_user_has_no_sync_that_ends(scene: Scene, ada: Person) -> None:
    made = scene.connected(ada)
    claim = scene.claim(made["id"])
    with scene.services.database.write() as work:
        work.users.erase(ada.id, work.now)
    assert sync_run.complete(scene.services, claim).state is SyncState.FAILED
    assert scene.query("SELECT count(*) FROM syncs") == [(0,)]


def test_an_answer_of_ten_thousand_accounts_is_recorded_whole(
    scene: Scene, ada: Person, proof: Callable[[int], int]
) -> None:
    told = proof(10_000)
    scene.provider.usual = Report([account(number=str(number)) for number in range(told)])
    assert scene.connected(ada)["accounts_found"] == told
    assert scene.query("SELECT count(*) FROM balance_snapshots") == [(told,)]


def test_there_is_nothing_to_disconnect_from_a_manual_account(ada: Person) -> None:
    ada.account()
    (manual,) = ada.get("/connections").json()["connections"]
    assert ada.delete(f"/connections/{manual['id']}").status_code == 409
