"""Balances of a day without a time: they belong to that day in every time zone."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.problem_assertions import assert_problem
from api.snapshot_lists import column, upload
from application import App, Person

ZONES = ["UTC", "Pacific/Auckland", "Pacific/Kiritimati", "America/Los_Angeles", "Etc/GMT+12"]
TWELVE = [
    "id", "account_id", "balance", "available_balance", "holdings_value", "cash_value", "currency",
    "source", "captured_at", "created_at", "change_amount", "change_percent",
]  # fmt: skip


def evidence(answer: Any, name: str = "precision") -> list[Any]:  # noqa: ANN401 - JSON
    return [row["evidence"][name] for row in answer["snapshots"]]


def imported(ada: Person, *rows: str) -> str:
    """Import rows of one account and return its id."""
    account_id: str = upload(ada, list(rows))["accounts"][0]["account_id"]
    return account_id


def test_evidence_follows_the_twelve_fields_on_all_three_endpoints(ada: Person) -> None:
    account_id = imported(ada, "2025-03-05,1.00,Giro,EUR")
    plain = {
        "/balance-snapshots": {},
        f"/accounts/{account_id}/balance-snapshots": {},
        f"/accounts/{account_id}/balance-history": {
            "start_date": "2025-01-01", "end_date": "2026-01-01"
        },
    }  # fmt: skip
    for path, query in plain.items():
        [without] = ada.get(path, params=query).json()["snapshots"]
        answer = ada.get(path, params=query | {"detail": "evidence"})
        [with_evidence] = answer.json()["snapshots"]
        assert list(without) == TWELVE
        assert list(with_evidence) == [*TWELVE, "evidence"]
        told = with_evidence.pop("evidence")
        assert with_evidence == without
        run = ada.get("/syncs").json()["syncs"][0]["id"]
        assert list(told.items()) == [
            ("basis", "reported"),
            ("precision", "day"),
            ("as_of", None),
            ("sync_id", run),
            ("supersedes", None),
            ("superseded_at", None),
            ("retracted_at", None),
            ("hold", None),
        ]
        assert_problem(ada.get(path, params=query | {"detail": "all"}), 400, "validation_failed")


def test_each_origin_has_its_basis(ada: Person) -> None:
    manual = ada.account("1", captured_at="2025-03-05")
    ada.type(manual, "2", "2025-03-06T10:00:00Z")
    typed = ada.history(manual, detail="evidence")
    assert evidence(typed, "basis") == ["entered", "entered"]
    assert evidence(typed) == ["day", "instant"]
    of_file = imported(ada, "2025-03-05,1,Giro,EUR", "2025-03-06T10:00:00Z,2,Giro,EUR")
    reported = ada.history(of_file, detail="evidence")
    assert evidence(reported, "basis") == ["reported", "reported"]
    assert evidence(reported) == ["day", "instant"]
    body = {"provider": "demo", "credentials": {"seed": "x"}}
    connection = ada.post("/connections", json=body).json()["id"]
    live = next(
        one["id"]
        for one in ada.get("/accounts").json()["accounts"]
        if one["connection_id"] == connection
    )
    told = ada.history(live, detail="evidence")
    *backfill, now = zip(evidence(told, "basis"), evidence(told), strict=True)
    assert set(backfill) == {("reported", "day")}
    assert now == ("observed", "instant")


def test_the_export_has_the_evidence(ada: Person) -> None:
    account_id = imported(ada, "2025-03-05,1,Giro,EUR")
    exported = ada.get("/export").json()["balance_snapshots"]
    assert exported == ada.history(account_id, detail="evidence")["snapshots"]


@pytest.mark.parametrize("tz", ZONES)
def test_a_day_is_that_day_by_interval_and_in_totals(ada: Person, tz: str) -> None:
    days = [date(2025, 3, 3) + timedelta(days=number) for number in range(4)]
    account_id = imported(ada, *(f"{day},{day.day},Giro,EUR" for day in days))
    # In Kiritimati this is the fifth of March, an hour old, and before the fourth's noon in UTC.
    connected = imported(ada, "2025-03-04T11:00:00Z,40,Spar,EUR", "2025-03-04,4,Spar,EUR")
    history = ada.history(account_id, interval="day", tz=tz)
    assert column(history, "balance") == ["3.00", "4.00", "5.00", "6.00"]
    zone = ZoneInfo(tz)
    midnight = datetime(2025, 3, 4, tzinfo=zone)
    query = {
        "start_date": midnight.isoformat(),
        "end_date": (midnight + timedelta(days=1) - timedelta(microseconds=1)).isoformat(),
        "tz": tz,
        "group_by": "account",
    }
    series = ada.get("/balance-history", params=query).json()["accounts"]
    points = {one["account_id"]: [point["balance"] for point in one["points"]] for one in series}
    assert points == {account_id: ["4.00"], connected: ["4.00"]}
    both = ada.history(connected, interval="day", tz=tz)
    # The instant's own day: in Etc/GMT+12 the third, in two zones the fifth.
    instants_day = datetime(2025, 3, 4, 11, tzinfo=UTC).astimezone(zone).day
    assert column(both, "balance") == (["4.00"] if instants_day == 4 else ["40.00", "4.00"])
    whole = {"start_date": "2025-01-01", "end_date": "2025-04-01", "tz": tz}
    [total] = ada.get("/balance-history", params=whole).json()["series"]
    ends = [
        datetime.fromisoformat(point["at"]).astimezone(zone).date() for point in total["points"]
    ]
    assert ends[:4] == days
    assert [(point["balance"], point["carried"]) for point in total["points"][:4]] == [
        ("43.00" if instants_day == 3 else "3.00", 0),
        ("8.00", 0),
        ("9.00", 0 if instants_day == 5 else 1),
        ("10.00", 1),
    ]


@pytest.mark.parametrize("tz", ZONES)
def test_the_last_total_is_the_latest_balance_also_of_a_day(app: App, ada: Person, tz: str) -> None:
    app.clock.now = datetime(2025, 3, 4, 12, 30, tzinfo=UTC)
    imported(ada, "2025-03-04T11:00:00Z,40,Spar,EUR", "2025-03-04,4,Spar,EUR")
    query = {"start_date": "2025-03-01", "end_date": "2025-04-01", "tz": tz}
    [total] = ada.get("/balance-history", params=query).json()["series"]
    latest = ada.get("/balance-snapshots").json()["total_balance_by_currency"]
    assert total["points"][-1]["balance"] == latest["EUR"] == "4.00"


def test_a_balance_of_today_keeps_its_day_before_noon(app: App, ada: Person) -> None:
    app.clock.now = datetime(2025, 3, 5, 8, 30, tzinfo=UTC)
    account_id = ada.account("1", captured_at="2025-03-05")
    ada.type(account_id, "2", "2025-03-05")
    history = ada.history(account_id, detail="evidence")
    assert column(history, "captured_at") == ["2025-03-05T12:00:00Z"] * 2
    assert evidence(history) == ["day", "day"]
    body = {"balance": "3", "captured_at": "2025-03-06"}
    refused = ada.post(f"/accounts/{account_id}/balance-snapshots", json=body)
    assert_problem(refused, 422, "unprocessable")
