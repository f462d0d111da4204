"""The snapshots that each sync endpoint records, and its errors."""

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from application import UNLIMITED, App, Applications, Person
from dashtam.application.provider import (
    CredentialsRefused,
    ProviderFailed,
    ProviderRateLimited,
    Report,
)
from dashtam.application.syncs import sync_run
from dashtam.application.syncs.syncs import SyncFollower
from dashtam.domain.statement import Reading
from dashtam.rate_limit.token_bucket import MemoryBuckets
from scripted_provider import account, position, problem


@pytest.fixture
def bank(app: App, ada: Person) -> Any:  # noqa: ANN401 - JSON
    """A connection with one account, a day old."""
    made = app.connected(ada)
    app.clock.advance(days=1)
    return made


def only_account(person: Person) -> Any:  # noqa: ANN401 - JSON
    (found,) = person.get("/accounts").json()["accounts"]
    return found


def sources(person: Person) -> list[str]:
    account_id = only_account(person)["id"]
    return [one["source"] for one in person.history(account_id)["snapshots"]]


def order(person: Person, bank: Any, endpoint: str) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    if endpoint == "accounts":
        return "/accounts/syncs", {"connection_id": bank["id"]}
    if endpoint == "holdings":
        return f"/accounts/{only_account(person)['id']}/holdings/syncs", {}
    return f"/connections/{bank['id']}/syncs", {}


@pytest.mark.parametrize(
    ("endpoint", "source"),
    [("accounts", "account_sync"), ("holdings", "holdings_sync"), ("connections", "manual_sync")],
)
def test_each_endpoint_records_its_source(
    ada: Person, bank: dict[str, Any], endpoint: str, source: str
) -> None:
    path, body = order(ada, bank, endpoint)
    done = ada.post(path, json=body)
    assert done.status_code == 201, done.text
    run = done.json()
    assert done.headers["location"] == f"/api/v1/syncs/{run['id']}"
    assert (run["state"], run["source"], run["recorded"]) == ("succeeded", source, 1)
    assert ada.get(f"/syncs/{run['id']}").json() == run
    assert sources(ada) == ["initial_connection", source]


@pytest.mark.parametrize("endpoint", ["accounts", "holdings", "connections"])
def test_a_second_sync_within_a_quarter_of_an_hour_waits_or_is_forced(
    app: App, ada: Person, bank: dict[str, Any], endpoint: str
) -> None:
    path, body = order(ada, bank, endpoint)
    assert ada.post(path, json=body).status_code == 201
    app.clock.advance(minutes=5)
    refused = ada.post(path, json=body)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "600")
    assert ada.post(path, json=body | {"force": True}).status_code == 201
    app.clock.advance(minutes=15)
    assert ada.post(path, json=body).status_code == 201


def test_another_endpoint_and_the_first_sync_count_for_none(app: App, ada: Person) -> None:
    bank = app.connected(ada)
    for endpoint in ("accounts", "holdings", "connections"):
        path, body = order(ada, bank, endpoint)
        assert ada.post(path, json=body).status_code == 201


def test_holdings_are_spaced_by_account(app: App, ada: Person) -> None:
    app.provider.usual = Report([account("1", "1"), account("2", "2")])
    app.connected(ada)
    one, two = (found["id"] for found in ada.get("/accounts").json()["accounts"])
    assert ada.post(f"/accounts/{one}/holdings/syncs").status_code == 201
    assert ada.post(f"/accounts/{two}/holdings/syncs").status_code == 201
    assert ada.post(f"/accounts/{one}/holdings/syncs").status_code == 429
    assert [ada.history(each)["total_count"] for each in (one, two)] == [2, 2]


def test_a_sync_without_a_body_is_a_plain_one(ada: Person, bank: dict[str, Any]) -> None:
    assert ada.post(f"/connections/{bank['id']}/syncs").status_code == 201


def test_a_manual_account_has_nothing_to_sync(ada: Person, bank: dict[str, Any]) -> None:
    del bank
    manual = ada.account()
    assert ada.post(f"/accounts/{manual}/holdings/syncs").status_code == 409


def test_a_run_of_two_hundred_words_of_failure_is_kept(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    app.provider.script = [ProviderFailed("word " * 200)]
    failed = ada.post(f"/connections/{bank['id']}/syncs")
    assert (failed.status_code, failed.json()["title"]) == (502, "Provider Error")
    run = ada.get(failed.headers["location"].removeprefix("/api/v1")).json()
    assert run["id"] in failed.json()["detail"]
    assert (run["state"], run["code"], run["recorded"]) == ("failed", "provider_failed", 0)
    assert len(run["detail"]) <= 300
    assert sources(ada) == ["initial_connection"]
    # A failure is no success: the next one need not wait.
    assert ada.post(f"/connections/{bank['id']}/syncs").status_code == 201


@pytest.mark.parametrize(
    ("error", "state", "advice"),
    [
        (CredentialsRefused("Expired."), "needs_reauthentication", "Enter the credentials again."),
        (
            ProviderRateLimited("Slow."),
            "rate_limited",
            "the next sync waits for the end of the pause.",
        ),
        (ProviderFailed("Down."), "failing", "It is tried again by itself."),
    ],
)
def test_a_state_comes_with_advice(
    app: App, ada: Person, bank: dict[str, Any], error: Exception, state: str, advice: str
) -> None:
    app.provider.script = [error]
    assert ada.post(f"/connections/{bank['id']}/syncs").status_code == 502
    shown = ada.get(f"/connections/{bank['id']}").json()
    assert shown["state"] == state
    assert shown["detail"] == f"{error} {_capital(shown['detail'], advice)}"
    assert (shown["next_sync_at"] is None) == (state == "needs_reauthentication")


def _capital(detail: str, advice: str) -> str:
    assert detail.endswith(advice)
    return detail.partition(" ")[2]


def test_a_providers_pause_holds_even_when_forced(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    app.provider.script = [ProviderRateLimited("Slow.", timedelta(hours=2))]
    path = f"/connections/{bank['id']}/syncs"
    assert ada.post(path).status_code == 502
    refused = ada.post(path, json={"force": True})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7200")
    app.clock.advance(hours=2)
    assert ada.post(path).status_code == 201
    assert ada.get(f"/connections/{bank['id']}").json()["state"] == "active"


def test_the_budget_of_the_day_is_never_overdrawn(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    app.provider.requests_each = 10
    path, forced = f"/connections/{bank['id']}/syncs", {"force": True}
    assert ada.post(path, json=forced).status_code == 201
    assert ada.post(path, json=forced).status_code == 201
    assert ada.post(path, json=forced).status_code == 502
    assert ada.post(path, json=forced).status_code == 429
    assert app.query("SELECT requests FROM connections") == [(24,)]
    app.clock.advance(days=1)
    assert ada.post(path, json=forced).status_code == 201
    assert app.query("SELECT requests FROM connections") == [(10,)]


def test_a_failed_account_in_a_good_answer_is_a_warning(app: App, ada: Person) -> None:
    app.provider.usual = Report([account("1", "1"), account("2", "2"), account("3", "3")])
    bank = app.connected(ada)
    app.provider.usual = Report(
        [account("5", "1"), account(None, "2", problems=[problem("Its bank is away.")])],
        ["One bank is away."],
    )
    done = ada.post(f"/connections/{bank['id']}/syncs")
    assert done.status_code == 201
    run = done.json()
    assert (run["state"], run["recorded"]) == ("partial", 1)
    assert sorted(one["code"] or "" for one in run["accounts"]) == ["", "not_reported", "other"]
    assert "One bank is away." in run["detail"]
    balances = {one["name"]: one["balance"] for one in ada.get("/accounts").json()["accounts"]}
    assert balances == {"Account 1": "5.00", "Account 2": "2.00", "Account 3": "3.00"}
    assert all(one["closed_at"] is None for one in ada.get("/accounts").json()["accounts"])
    assert ada.get(f"/connections/{bank['id']}").json()["state"] == "active"


def test_accounts_that_are_not_reported_are_named_in_alphabetical_order(
    app: App, ada: Person
) -> None:
    app.provider.usual = Report([account("1", str(number)) for number in (5, 3, 1, 4, 2)])
    bank = app.connected(ada)
    app.provider.usual = Report([account("1", "1")])
    run = ada.post(f"/connections/{bank['id']}/syncs").json()
    missing = [one["detail"] for one in run["accounts"] if one["code"] == "not_reported"]
    assert [detail.partition(":")[0] for detail in missing] == [
        "Account 2", "Account 3", "Account 4", "Account 5",
    ]  # fmt: skip


def test_nothing_but_failed_accounts_is_a_failure(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    app.provider.script = [Report([account(None, problems=[problem()])])]
    assert ada.post(f"/connections/{bank['id']}/syncs").status_code == 502


def test_an_account_is_made_when_a_balance_is_seen(app: App, ada: Person) -> None:
    app.provider.usual = Report([account("1", "1"), account(None, "2")])
    bank = app.connected(ada)
    assert ada.get("/accounts").json()["total_count"] == 1
    run = ada.get(f"/connections/{bank['id']}/syncs").json()["syncs"][0]
    assert run["state"] == "partial"


def test_an_account_that_is_reported_twice_is_recorded_once(app: App, ada: Person) -> None:
    app.provider.usual = Report([account("1"), account("1")])
    app.connected(ada)
    assert only_account(ada)["balance"] == "1.00"
    assert ada.history(only_account(ada)["id"])["total_count"] == 1


def test_of_two_different_reports_of_an_account_neither_is_recorded(app: App, ada: Person) -> None:
    app.provider.script = [
        Report([account("1")]),
        Report([account("2"), account("3"), account("4", "2")]),
    ]
    bank = app.connected(ada)
    assert ada.post(f"/connections/{bank['id']}/syncs").status_code == 201
    run = ada.get(f"/connections/{bank['id']}/syncs").json()["syncs"][0]
    assert [one["code"] for one in run["accounts"]] == ["duplicate_account", None]
    balances = [one["balance"] for one in ada.get("/accounts").json()["accounts"]]
    assert sorted(balances) == ["1.00", "4.00"]


def test_more_than_ten_thousand_accounts_are_a_failure(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    app.provider.script = [Report([account("1", str(number)) for number in range(10_001)])]
    refused = ada.post(f"/connections/{bank['id']}/syncs")
    assert refused.status_code == 502
    assert "more than 10000 accounts" in refused.json()["detail"]


def test_several_currencies_and_institutions_are_several_accounts(app: App, ada: Person) -> None:
    app.provider.usual = Report(
        [account("1"), account("2", currency="EUR"), account("3", institution="other")]
    )
    app.connected(ada)
    assert ada.get("/accounts").json()["total_count"] == 3


def test_positions_are_kept_and_add_up(app: App, ada: Person, bank: dict[str, Any]) -> None:
    at = app.clock()
    positions = [position("VTI", "70.10", at), position("BND", "19.90", at)]
    app.provider.usual = Report([account("100.00", positions=positions)])
    app.provider.script = []
    path, body = order(ada, bank, "holdings")
    assert ada.post(path, json=body).status_code == 201
    account_id = only_account(ada)["id"]
    newest = ada.history(account_id)["snapshots"][-1]
    assert (newest["holdings_value"], newest["source"]) == ("90.00", "holdings_sync")
    held = ada.get(f"/accounts/{account_id}/holdings").json()["holdings"]
    assert [one["symbol"] for one in held] == ["BND", "VTI"]


def test_positions_in_another_currency_are_not_summed(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    positions = [position("VTI", "70", app.clock())]
    app.provider.script = [Report([account("1", "9", "EUR", positions=positions), account()])]
    assert ada.post(f"/connections/{bank['id']}/syncs").status_code == 201
    found = {one["currency"]: one for one in ada.get("/accounts").json()["accounts"]}
    assert ada.history(found["EUR"]["id"])["snapshots"][0]["holdings_value"] is None


def test_a_provider_that_reports_debts_as_sums_sets_the_sign(app: App, ada: Person) -> None:
    app.provider.usual = Report([account("250.00", balance_sign=-1)])
    app.connected(ada)
    assert (only_account(ada)["balance"], only_account(ada)["balance_sign"]) == ("-250.00", -1)


def test_changing_the_sign_negates_the_whole_history(app: App, ada: Person) -> None:
    app.provider.usual = Report([account("250.00")])
    app.connected(ada)
    before = app.query("SELECT * FROM balance_snapshots")
    assert ada.patch(f"/accounts/{only_account(ada)['id']}", json={"balance_sign": -1}).is_success
    totals = ada.get("/balance-snapshots").json()["total_balance_by_currency"]
    assert totals == {"USD": "-250.00"}
    assert app.query("SELECT * FROM balance_snapshots") == before


@pytest.fixture
def with_system_buckets(applications: Applications) -> App:
    """The application whose rate limits do not follow a clock that is set back."""
    return applications.open(
        lambda real: replace(real, buckets=MemoryBuckets()), rate_limits=UNLIMITED
    )


def test_live_snapshots_are_a_second_apart_even_when_the_clock_goes_back(
    with_system_buckets: App,
) -> None:
    app = with_system_buckets
    ada = app.person()
    bank = app.connected(ada)
    path, forced = f"/connections/{bank['id']}/syncs", {"force": True}
    assert ada.post(path, json=forced).status_code == 201
    app.clock.advance(minutes=-4)
    assert ada.post(path, json=forced).status_code == 201
    at = [one["captured_at"] for one in ada.history(only_account(ada)["id"])["snapshots"]]
    assert at == ["2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z", "2026-11-22T12:00:02Z"]


def test_a_clock_far_behind_fails_the_sync_with_a_reason(with_system_buckets: App) -> None:
    app = with_system_buckets
    ada = app.person()
    bank = app.connected(ada)
    app.clock.advance(minutes=-6)
    failed = ada.post(f"/connections/{bank['id']}/syncs", json={"force": True})
    assert failed.status_code == 503
    run = ada.get(failed.headers["location"].removeprefix("/api/v1")).json()
    assert (run["state"], run["code"]) == ("failed", "clock_behind")
    assert sources(ada) == ["initial_connection"]


def test_backfill_lies_at_its_own_instants_and_is_not_repeated(app: App, ada: Person) -> None:
    now = app.clock()
    past = [Reading(now - timedelta(days=days), Decimal(days)) for days in range(1, 31)]
    ahead = Reading(now + timedelta(days=2), Decimal(9))
    app.provider.usual = Report([account("50", history=[*past, past[0], ahead])])
    bank = app.connected(ada)
    run = ada.get(f"/syncs/{bank['sync_id']}").json()
    assert (run["recorded"], run["skipped"], run["state"]) == (31, 1, "partial")
    assert ada.post(f"/connections/{bank['id']}/syncs").json()["recorded"] == 1
    assert app.provider.fetches == [True, False]


def test_a_second_sync_is_refused_with_the_id_of_the_first(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slowly() -> Report:
        began.set()
        assert may_end.wait(30)
        return Report([account()])

    app.provider.script = [slowly]
    path = f"/connections/{bank['id']}/syncs"
    accepted = ada.post(path, headers={"Prefer": "respond-async"})
    assert (accepted.status_code, accepted.json()["state"]) == (202, "running")
    assert began.wait(30)
    running = accepted.headers["location"]
    for endpoint in ("accounts", "holdings", "connections"):
        other, body = order(ada, bank, endpoint)
        refused = ada.post(other, json=body | {"force": True})
        assert (refused.status_code, refused.headers["location"]) == (409, running)
    assert app.sync_due() == []
    once = {"Idempotency-Key": "while-it-runs"}
    for _ in range(2):
        refused = ada.post(path, json={"force": True}, headers=once)
        assert (refused.status_code, refused.headers["location"]) == (409, running)
    shown = ada.get(running.removeprefix("/api/v1")).json()
    assert (shown["state"], shown["detail"]) == ("running", "Scripted Bank is being asked.")
    may_end.set()
    events = ada.get(running.removeprefix("/api/v1") + "/events").text
    assert events.endswith("\n\n")
    assert '"state":"succeeded"' in events
    assert ada.get(running.removeprefix("/api/v1")).json()["recorded"] == 1


def test_an_idempotency_key_gets_the_first_answer(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    path, headers = f"/connections/{bank['id']}/syncs", {"Idempotency-Key": "once"}
    first = ada.post(path, json={"force": True}, headers=headers)
    again = ada.post(path, json={"force": True}, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len(app.provider.fetches) == 2
    app.provider.script = [ProviderFailed("Down.")]
    headers = {"Idempotency-Key": "twice"}
    assert ada.post(path, json={"force": True}, headers=headers).status_code == 502
    # A failure is not kept: the same request may be made again.
    assert ada.post(path, json={"force": True}, headers=headers).status_code == 201


def test_a_key_of_a_request_that_came_too_early_is_valid_later(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    path, headers = f"/connections/{bank['id']}/syncs", {"Idempotency-Key": "patient"}
    assert ada.post(path).status_code == 201
    refused = ada.post(path, headers=headers)
    assert refused.status_code == 429
    app.clock.advance(seconds=int(refused.headers["retry-after"]))
    assert ada.post(path, headers=headers).status_code == 201


def test_a_run_reports_its_progress(app: App, ada: Person, bank: dict[str, Any]) -> None:
    claim = app.claim(bank["id"])
    following, news = SyncFollower(app.services, ada.id, claim.sync.id), []

    def look() -> None:
        while seen := following.poll():
            news.append((seen.state, seen.detail))

    def answer() -> Report:
        look()
        app.clock.advance(seconds=2)
        return Report([account()])

    app.provider.script = [answer]
    sync_run.complete(app.services, claim, lambda _work, _ended: look())
    look()
    assert news == [
        ("running", "Scripted Bank is being asked."),
        ("running", "Scripted Bank answered: 1 account to record."),
        ("succeeded", None),
    ]


def test_the_audit_log_lists_connecting_and_syncs(
    app: App, ada: Person, bank: dict[str, Any]
) -> None:
    path = f"/connections/{bank['id']}"
    ada.post(f"{path}/syncs")
    ada.patch(path, json={"name": "Renamed"})
    ada.delete(path)
    assert app.events() == [
        "connection_created",
        "account_created",
        "sync_succeeded",
        "sync_succeeded",
        "connection_changed",
        "connection_disconnected",
    ]


def test_events_of_a_run_that_has_ended_are_its_end(ada: Person, bank: dict[str, Any]) -> None:
    answer = ada.get(f"/syncs/{bank['sync_id']}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith("event: sync\ndata: {")
    assert ada.request("HEAD", f"/syncs/{bank['sync_id']}/events").text == ""
