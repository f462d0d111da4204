"""A sync fills the days on which none ran, from the days that the provider reports."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from application import UNLIMITED, App, Applications, Person
from dashtam.application.ports import Services
from dashtam.application.provider import HttpAnswer
from providers.flex_server import statement, success, value

DAY = timedelta(days=1)
FIRST = date(2026, 11, 16)
CREDENTIALS = {
    "alpaca": {"key_id": "AKTEST", "secret_key": "s"},
    "ibkr_flex": {"token": "t", "query_id": "8512"},
}


@dataclass
class Broker:
    """Both brokers' services: each reports the days from the first to today, by the clock."""

    clock: Callable[[], datetime]
    statuses: dict[str, int] = field(default_factory=dict)
    totals: dict[date, str] = field(default_factory=dict)

    def days(self) -> list[date]:
        count = (self.clock().date() - FIRST).days
        return [FIRST + DAY * number for number in range(count + 1)]

    def total(self, day: date) -> str:
        return self.totals.get(day, f"{1000 + (day - FIRST).days}.5")

    def request(self, method: str, url: str, **_options: object) -> HttpAnswer:
        del method
        name = url.rpartition("/")[2]
        content: object = []
        if name == "account":
            content = {"id": "one", "account_number": "1234", "currency": "USD", "cash": "2000.25",
                       "equity": "2000.25", "created_at": f"{FIRST}T10:00:00Z"}  # fmt: skip
        elif name == "history":
            midnights = [datetime.combine(day + DAY, time(5), UTC) for day in self.days()]
            # The bar of today changes until the day has ended.
            equity = [self.total(day) for day in self.days()[:-1]] + ["999"]
            stamps = [int(at.timestamp()) for at in midnights]
            content = {"timestamp": stamps, "equity": list(map(float, equity))}
        elif name == "SendRequest":
            return HttpAnswer(200, {}, success().encode())
        elif name == "GetStatement":
            # The newest report is of yesterday.
            rows = [value(f"{day:%Y%m%d}", self.total(day)) for day in self.days()[:-1]]
            return HttpAnswer(200, {}, statement(*rows).encode())
        return HttpAnswer(self.statuses.get(name, 200), {}, json.dumps(content).encode())


@pytest.fixture
def broker(applications: Applications) -> Broker:
    return Broker(applications.clock)


@pytest.fixture
def app(applications: Applications, broker: Broker) -> App:
    def stub(services: Services) -> Services:
        return replace(services, http_for=lambda _count: broker)

    return applications.open(stub, registration="open", rate_limits=UNLIMITED)


def connect(ada: Person, slug: str) -> tuple[str, str]:
    """Return the ids of a new connection and of its account."""
    body = {"provider": slug, "credentials": CREDENTIALS[slug]}
    made = ada.post("/connections", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["state"] == "active", made.text
    (account,) = ada.get("/accounts").json()["accounts"]
    return made.json()["id"], account["id"]


def sync(ada: Person, connection_id: str) -> Any:  # noqa: ANN401 - JSON
    done = ada.post(f"/connections/{connection_id}/syncs", json={"force": True})
    assert done.status_code == 201, done.text
    return done.json()


def days(ada: Person, account_id: str, source: str | None = None) -> dict[str, str]:
    """Return the balances of days, by day."""
    snapshots = ada.history(account_id, detail="evidence")["snapshots"]
    return {
        one["captured_at"][:10]: one["balance"]
        for one in snapshots
        if one["evidence"]["precision"] == "day" and source in {None, one["source"]}
    }


def expected(broker: Broker, of: Sequence[date]) -> dict[str, str]:
    return {str(day): f"{broker.total(day)}0" for day in of}


@pytest.mark.parametrize("slug", CREDENTIALS)
def test_five_missed_days_leave_no_hole(app: App, ada: Person, broker: Broker, slug: str) -> None:
    connection_id, account_id = connect(ada, slug)
    before = broker.days()[:-1]
    assert days(ada, account_id) == expected(broker, before)
    app.clock.advance(days=6)
    run = sync(ada, connection_id)
    assert run["state"] == "succeeded", run
    assert days(ada, account_id) == expected(broker, broker.days()[:-1])
    filled = [day for day in broker.days()[:-1] if day not in before]
    assert days(ada, account_id, "manual_sync") == expected(broker, filled)
    assert len(filled) == 6


@pytest.mark.parametrize("slug", CREDENTIALS)
def test_a_repeated_sync_records_no_day_again(
    app: App, ada: Person, broker: Broker, slug: str
) -> None:
    connection_id, account_id = connect(ada, slug)
    live = 1 if slug == "alpaca" else 0
    for _ in range(3):
        app.clock.advance(minutes=1)
        assert sync(ada, connection_id)["recorded"] == live
    assert days(ada, account_id) == expected(broker, broker.days()[:-1])


@pytest.mark.parametrize("slug", CREDENTIALS)
def test_a_daily_sync_fills_the_day_before(
    app: App, ada: Person, broker: Broker, slug: str
) -> None:
    connection_id, account_id = connect(ada, slug)
    for _ in range(10):
        next_sync_at = app.connection(connection_id).next_sync_at
        assert next_sync_at is not None
        app.clock.now = next_sync_at
        assert [run.state for run in app.sync_due()] == ["succeeded"]
    # The day ends five hours later in New York, where Alpaca is.
    hours = 5 if slug == "alpaca" else 0
    today = (app.clock.now - timedelta(hours=hours)).date()
    ended = [day for day in broker.days() if day < today]
    assert days(ada, account_id) == expected(broker, ended)
    assert ada.get(f"/accounts/{account_id}/revisions").json()["revisions"] == []


def test_a_day_that_its_provider_changes_is_recorded_again(
    app: App, ada: Person, broker: Broker
) -> None:
    connection_id, account_id = connect(ada, "ibkr_flex")
    newest = broker.days()[-2]
    broker.totals[newest] = "1007.5"
    app.clock.advance(days=1)
    assert sync(ada, connection_id)["recorded"] == 2
    assert days(ada, account_id)[str(newest)] == "1007.50"


def test_days_are_filled_after_a_failure_of_the_history(
    app: App, ada: Person, broker: Broker
) -> None:
    connection_id, account_id = connect(ada, "alpaca")
    for status in (500, 200):
        app.clock.advance(days=2)
        broker.statuses = {"history": status}
        assert sync(ada, connection_id)["state"] == ("succeeded" if status == 200 else "partial")
    assert days(ada, account_id) == expected(broker, broker.days()[:-1])


def test_a_held_day_stays_held_until_a_later_day_says_the_same(
    app: App, ada: Person, broker: Broker
) -> None:
    app.clock.advance(days=40)
    connection_id, account_id = connect(ada, "ibkr_flex")
    zero = app.clock.now.date()
    broker.totals |= {zero: "0.0", zero + DAY: "0.0"}
    app.clock.advance(days=1)
    assert [one["code"] for one in sync(ada, connection_id)["accounts"]] == ["held"]
    app.clock.advance(minutes=5)
    assert sync(ada, connection_id)["recorded"] == 0
    assert str(zero) not in days(ada, account_id)
    app.clock.advance(days=1)
    assert sync(ada, connection_id)["recorded"] == 1
    found = days(ada, account_id)
    assert (found[str(zero)], found[str(zero + DAY)]) == ("0.00", "0.00")


def test_an_account_that_reports_business_days_is_not_stale_on_a_monday(
    app: App, ada: Person, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_day = broker.days
    monkeypatch.setattr(
        broker, "days", lambda: [day for day in every_day() if day.weekday() < 5] + [date.max]
    )
    app.clock.now = datetime(2026, 12, 18, 23, tzinfo=UTC)
    _, account_id = connect(ada, "ibkr_flex")
    for until, is_stale in ((21, False), (23, True)):
        app.clock.now = datetime(2026, 12, until, 23, tzinfo=UTC)
        assert ada.get(f"/accounts/{account_id}").json()["is_stale"] is is_stale
