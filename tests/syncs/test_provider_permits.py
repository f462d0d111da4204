"""A provider that does not answer takes nobody else's place."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event, Semaphore, Thread
from typing import Any
from uuid import uuid4

from structlog import get_logger
from typing_extensions import override

from application import UNLIMITED, App, Applications, Person
from concurrency import wait_until
from dashtam.application.ports import Services
from dashtam.application.provider import Http, Renew, Report
from dashtam.application.provider_permits import ProviderPermits
from dashtam.application.syncs import sync_run
from dashtam.bootstrap.worker import Worker, WorkerOptions
from dashtam.domain.sync import SyncState
from dashtam.domain.user import UserId
from scripted_provider import Scripted, account

ENDED = ("scheduled_sync", "succeeded")


@dataclass
class Gated(Scripted):
    """Answers once its gate is open; ``asked`` counts the requests that it got."""

    slug: str = "gated"
    gate: Event = field(default_factory=Event)
    asked: Semaphore = field(default_factory=lambda: Semaphore(0))

    @override
    def fetch(
        self,
        kept: Mapping[str, str],
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        self.asked.release()
        assert self.gate.wait(120)
        return Report([account(number=kept["access"])])


def opened(applications: Applications, gated: Gated, permits: ProviderPermits) -> App:
    healthy = Gated(slug="healthy")
    healthy.gate.set()

    def stub(services: Services) -> Services:
        providers = {**services.providers, gated.slug: gated, healthy.slug: healthy}
        return replace(services, providers=providers, provider_permits=permits)

    return applications.open(stub, registration="open", rate_limits=UNLIMITED)


def connect(app: App, gated: Gated, person: Person, provider: str, count: int) -> list[str]:
    gated.gate.set()
    made = [app.connect(person, uuid4().hex, provider=provider) for _ in range(count)]
    gated.gate.clear()
    while gated.asked.acquire(blocking=False):
        pass
    return [f"/connections/{one.json()['id']}/syncs" for one in made]


def test_sixteen_hanging_syncs_of_four_users_keep_no_other_sync_waiting(
    applications: Applications,
) -> None:
    gated = Gated()
    app = opened(applications, gated, ProviderPermits())
    people = [app.person(f"{number}@example.com") for number in range(8)]
    hanging = [(one, path) for one in people[:4] for path in connect(app, gated, one, "gated", 4)]
    # Of those who wait for the other provider, and of others.
    healthy = [(one, path) for one in people for path in connect(app, gated, one, "healthy", 1)]
    with ThreadPoolExecutor(16) as crowd:
        asked: list[Future[Any]] = [crowd.submit(one.post, path) for one, path in hanging]
        for _ in hanging:
            assert gated.asked.acquire(timeout=60)
        assert [one.post(path).status_code for one, path in healthy] == [201] * 8
        # A request that continues after its answer has no other place.
        in_background = {"headers": {"Prefer": "respond-async"}, "json": {"force": True}}
        accepted = [one.post(path, **in_background) for one, path in healthy]
        assert [answer.status_code for answer in accepted] == [202] * 8
        for (one, _), answer in zip(healthy, accepted, strict=True):
            path = answer.headers["Location"].removeprefix("/api/v1")
            wait_until(lambda one=one, path=path: one.get(path).json()["state"] == "succeeded")  # type: ignore[misc]
        assert not any(answer.done() for answer in asked)
        gated.gate.set()
        assert [answer.result(60).status_code for answer in asked] == [201] * 16


def test_a_worker_leaves_the_connections_of_a_hanging_provider_for_later(
    applications: Applications,
) -> None:
    gated = Gated()
    app = opened(applications, gated, ProviderPermits(per_provider=2, per_user=3, in_all=4))
    people = [app.person("ada@example.com"), app.person("bob@example.com")]
    slow = [(one, path) for one in people for path in connect(app, gated, one, "gated", 2)]
    quick = [(one, path) for one in people for path in connect(app, gated, one, "healthy", 2)]
    app.clock.advance(days=1)
    options = WorkerOptions(poll_s=0.01)
    # It has polled before, so that due connections are not spread as after downtime.
    worker = Worker(app.services, get_logger(), options, last_poll_at=app.clock())

    def have_ended(paths: list[tuple[Person, str]]) -> bool:
        newest = [one.get(path).json()["syncs"][0] for one, path in paths]
        return all((one["source"], one["state"]) == ENDED for one in newest)

    with worker.running():
        wait_until(lambda: have_ended(quick))
        assert [gated.asked.acquire(timeout=60) for _ in range(2)] == [True, True]
        assert not gated.asked.acquire(blocking=False)
        gated.gate.set()
        wait_until(lambda: have_ended(slow))


def test_a_sync_waits_for_its_permit_and_begins_when_it_has_it(app: App, ada: Person) -> None:
    path = f"/connections/{app.connected(ada)['id']}/syncs"
    app.services = replace(app.services, provider_permits=ProviderPermits(per_user=1))
    before = app.services.provider_permits.request("other", ada.id)
    app.clock.advance(hours=1)
    claim = app.claim(path.split("/")[2])
    thread = Thread(target=sync_run.complete, args=(app.services, claim))
    thread.start()

    def detail() -> str:
        return str(ada.get(f"/syncs/{claim.sync.id}").json()["detail"])

    wait_until(lambda: "waits until" in detail())
    assert app.provider.fetches == [True]
    app.clock.advance(seconds=20)
    before.permits.release(before)
    thread.join()
    run = ada.get(f"/syncs/{claim.sync.id}").json()
    assert (run["state"], run["started_at"]) == ("succeeded", "2026-11-22T13:00:20.250000Z")
    (latest,) = ada.get("/balance-snapshots").json()["snapshots"]
    assert latest["captured_at"] == "2026-11-22T13:00:20Z"


def test_a_sync_without_a_permit_ends_and_nothing_is_said_of_its_connection(
    app: App, ada: Person
) -> None:
    made = app.connected(ada)
    app.services = replace(app.services, provider_permits=ProviderPermits(in_all=0))
    claim = app.claim(made["id"])
    ended = sync_run.complete(app.services, claim, within=timedelta(seconds=0.01))
    assert (ended.state, ended.code) == (SyncState.FAILED, "interrupted")
    assert "was not asked" in (ended.detail or "")
    assert app.connection(made["id"]).state == "active"
    assert app.services.provider_permits.find_limits().everyone


def test_those_at_a_limit_let_the_others_pass_and_keep_their_order() -> None:
    permits = ProviderPermits(per_provider=2, per_user=2, in_all=4)
    ada, bob, cleo = (UserId(uuid4()) for _ in range(3))
    order = [("a", ada), ("a", bob), ("a", cleo), ("b", ada), ("b", ada), ("b", cleo), ("c", bob)]
    asked = [permits.request(*one) for one in order]

    def granted() -> list[int]:
        return [number for number, one in enumerate(asked) if one.is_granted]

    # The third waits for its provider, the fifth for its user, the last for all.
    assert granted() == [0, 1, 3, 5]
    permits.release(asked[5])
    assert granted() == [0, 1, 3, 5, 6]
    with asked[0]:
        pass
    assert granted() == [0, 1, 2, 3, 5, 6]
    # One that gives up leaves the queue.
    assert not asked[4].wait(timedelta())
    with asked[4]:
        pass
    limits = permits.find_limits()
    assert (limits.everyone, limits.providers, limits.users) == (True, ["a"], [bob])
