"""Balances over time: a history thinned or by interval, and totals of all accounts."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from api.problem_assertions import assert_problem
from api.snapshot_lists import column, upload
from application import App, Person
from dashtam.application.history import total_history

EVER = {"start_date": "1900-01-01", "end_date": "9999-12-31"}
DAY = timedelta(days=1)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def record(app: App, person: Person, account_id: str, *rows: tuple[str, str]) -> None:
    given = ({"captured_at": at, "balance": balance} for at, balance in rows)
    app.record(person, account_id, *given)


def totals(person: Person, **query: str) -> Any:  # noqa: ANN401 - JSON
    answer = person.get("/balance-history", params=EVER | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def points(answer: Any, currency: str = "USD") -> list[tuple[str, str, int, int]]:  # noqa: ANN401 - JSON
    [series] = [one for one in answer["series"] if one["currency"] == currency]
    names = ("at", "balance", "accounts", "carried")
    return [tuple(point[name] for name in names) for point in series["points"]]


def change_of(*, percent: float | str, **parts: str | int) -> dict[str, Any]:
    """The change of a series; ``percent`` is the reason where there is none."""
    has_percent = isinstance(percent, float)
    return {
        "opening": None,
        "closing": None,
        "change_amount": "0.00",
        "change_percent": percent if has_percent else None,
        "change_percent_reason": None if has_percent else percent,
        "added_amount": "0.00",
        "added_accounts": 0,
        "closed_amount": "0.00",
        "closed_accounts": 0,
    } | parts


def begins(account_id: str, at: str, balance: str, kind: str = "begins") -> dict[str, str]:
    return {"at": at, "account_id": account_id, "kind": kind, "balance": balance}


def usd(answer: Any) -> Any:  # noqa: ANN401 - JSON
    [series] = [one for one in answer["series"] if one["currency"] == "USD"]
    return series


@pytest.fixture
def daily(app: App, ada: Person) -> str:
    """An account of 400 days, whose balance wanders."""
    chance = random.Random(4)  # noqa: S311 - nothing secret
    account_id = ada.account("100.00", captured_at="2022-12-31T10:00:00Z")
    rows = [
        (str(datetime(2023, 1, 1, 10, tzinfo=UTC) + day * DAY), f"{chance.randint(-999, 999)}.10")
        for day in range(400)
    ]
    record(app, ada, account_id, *rows)
    return account_id


def test_a_thinned_history_shows_snapshots_as_they_were_recorded(ada: Person, daily: str) -> None:
    whole = ada.history(daily)
    for most in (2, 3, 4, 25, 100, 400):
        thinned = ada.history(daily, max_points=str(most))
        assert thinned["total_count"] == len(thinned["snapshots"]) <= most
        recorded = {row["id"]: row for row in whole["snapshots"]}
        for row in thinned["snapshots"]:
            for name in row.keys() - {"change_amount", "change_percent"}:
                assert row[name] == recorded[row["id"]][name]
        for name in ("start_balance", "end_balance", "total_change_amount",
                     "total_change_percent", "currency"):  # fmt: skip
            assert thinned[name] == whole[name]
        for name in (min, max):
            extreme = name(map(Decimal, column(whole, "balance")))
            assert most < 4 or extreme in map(Decimal, column(thinned, "balance"))
        assert sum(map(Decimal, column(thinned, "change_amount")[1:])) == Decimal(
            whole["total_change_amount"]
        )


def test_a_history_with_no_more_points_than_asked_for_is_the_same_byte_for_byte(
    ada: Person, daily: str
) -> None:
    path = f"/accounts/{daily}/balance-history"
    whole = ada.get(path, params=EVER)
    same = ada.get(path, params=EVER | {"max_points": "401", "tz": "Asia/Tokyo"})
    assert same.content == whole.content
    assert same.headers["ETag"] == whole.headers["ETag"]


def test_an_interval_shows_the_last_snapshot_of_each(app: App, ada: Person) -> None:
    account_id = ada.account("1", captured_at="2025-03-29T22:59:00Z")
    record(
        app, ada, account_id,
        ("2025-03-29T23:00:00Z", "2"), ("2025-03-30T21:59:59.999999Z", "3"),
        ("2025-03-30T22:00:00Z", "4"), ("2025-04-01T12:00:00Z", "5"),
        ("2025-04-01T12:00:00Z", "6"),
    )  # fmt: skip
    for query, expected in [
        ({"interval": "day", "tz": "Europe/Berlin"}, ["1.00", "3.00", "4.00", "6.00"]),
        ({"interval": "day"}, ["2.00", "4.00", "6.00"]),
        ({"interval": "week", "tz": "Europe/Berlin"}, ["3.00", "6.00"]),
        ({"interval": "month", "tz": "Europe/Berlin"}, ["4.00", "6.00"]),
        ({"interval": "day", "max_points": "2"}, ["2.00", "6.00"]),
        ({"interval": "day", "source": "initial_connection"}, ["1.00"]),
        ({"interval": "month", "source": "account_sync"}, ["4.00", "6.00"]),
        ({"interval": "month", "source": "manual_sync"}, []),
    ]:
        answer = ada.history(account_id, **query)
        assert column(answer, "balance") == expected, query
        assert answer["total_count"] == len(expected)
    weekly = ada.history(account_id, interval="week", tz="Europe/Berlin")
    assert column(weekly, "change_amount") == [None, "3.00"]
    assert (weekly["start_balance"], weekly["total_change_amount"]) == ("3.00", "3.00")


def test_an_account_without_snapshots_in_the_range_has_an_empty_thinned_history(
    ada: Person,
) -> None:
    account_id = ada.account()
    for query in ({"max_points": "2"}, {"interval": "day"}):
        answer = ada.history(account_id, start_date="2026-01-01", **query)
        assert (answer["snapshots"], answer["currency"]) == ([], "USD")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max_points", "1"), ("max_points", "10001"), ("max_points", "0400"), ("max_points", "4e2"),
        ("max_points", ""), ("interval", "year"), ("interval", "Day"), ("interval", ""),
        ("tz", "Europe/Berln"), ("tz", "europe/berlin"), ("tz", "right/Europe/Berlin"),
        ("tz", "localtime"), ("tz", "../../etc/passwd"), ("tz", "/etc/localtime"), ("tz", "Europe"),
        ("tz", ""), ("tz", "+02:00"), ("tz", "\0"), ("tz", "x" * 5000),
    ],
)  # fmt: skip
def test_a_malformed_parameter_is_400_that_names_it(ada: Person, name: str, text: str) -> None:
    account_id = ada.account()
    for path in ("/balance-history", f"/accounts/{account_id}/balance-history"):
        problem = assert_problem(ada.get(path, params=EVER | {name: text}), 400)
        assert [one["parameter"] for one in problem["errors"]] == [name]
        assert name != "tz" or repr(text[:64]) in problem["detail"]


def test_a_range_that_cannot_be_is_400(ada: Person) -> None:
    backwards = {"start_date": "2025-02-01", "end_date": "2025-01-01"}
    assert_problem(ada.get("/balance-history", params=backwards), 400, "invalid_date_range")
    problem = assert_problem(ada.get("/balance-history"), 400, "validation_failed")
    assert [one["parameter"] for one in problem["errors"]] == ["start_date", "end_date"]
    query = EVER | {"group_by": "owner"}
    problem = assert_problem(ada.get("/balance-history", params=query), 400, "validation_failed")
    assert "currency, account" in problem["detail"]


def test_totals_carry_each_accounts_last_balance_forward(app: App, ada: Person) -> None:
    first = ada.account("10.00", captured_at="2025-01-01T10:00:00Z")
    second = ada.account("5", captured_at="2025-01-03T10:00:00Z", currency="USD")
    ada.account("500", captured_at="2025-01-02T10:00:00Z", currency="JPY")
    record(app, ada, first, ("2025-01-04T10:00:00Z", "-10.125"))

    answer = totals(ada, start_date="2025-01-01", end_date="2025-01-05")

    assert list(answer) == ["series", "start_date", "end_date", "interval", "tz"]
    assert answer["end_date"] == "2025-01-05T23:59:59.999999Z"
    assert (answer["interval"], answer["tz"]) == ("day", "UTC")
    assert [series["currency"] for series in answer["series"]] == ["JPY", "USD"]
    series = answer["series"][0]
    assert list(series) == ["currency", "points", "change", "coverage_events"]
    assert list(series["points"][0]) == ["at", "balance", "accounts", "carried", "missing"]
    assert points(answer) == [
        ("2025-01-01T23:59:59.999999Z", "10.00", 1, 0),
        ("2025-01-02T23:59:59.999999Z", "10.00", 1, 1),
        ("2025-01-03T23:59:59.999999Z", "15.00", 2, 1),
        ("2025-01-04T23:59:59.999999Z", "-5.125", 2, 1),
        ("2025-01-05T23:59:59.999999Z", "-5.125", 2, 2),
    ]
    assert points(answer, "JPY")[0] == ("2025-01-02T23:59:59.999999Z", "500", 1, 0)
    middle = totals(ada, start_date="2025-01-02T12:00:00Z", end_date="2025-01-03T09:00:00Z")
    assert points(middle) == [
        ("2025-01-02T23:59:59.999999Z", "10.00", 1, 1),
        ("2025-01-03T09:00:00Z", "10.00", 1, 1),
    ]
    ada.patch(f"/accounts/{second}", json={"is_hidden": True})
    hidden = points(totals(ada, start_date="2025-01-05", end_date="2025-01-05"))
    assert hidden == [("2025-01-05T23:59:59.999999Z", "-10.125", 1, 1)]


def test_a_closed_account_counts_until_it_was_closed(ada: Person) -> None:
    account_id = ada.account("10", captured_at="2025-01-01T10:00:00Z")
    ada.account("1", captured_at="2025-01-02T10:00:00Z")
    euros = ada.account("7", captured_at="2025-01-01T10:00:00Z", currency="EUR", name="Euros")
    for closed in (account_id, euros):
        ada.patch(f"/accounts/{closed}", json={"closed_at": "2025-01-03T12:00:00Z"})
    answer = totals(ada, start_date="2025-01-01", end_date="2025-01-04")
    assert [(point[1], point[2]) for point in points(answer)] == [
        ("10.00", 1), ("11.00", 2), ("1.00", 1), ("1.00", 1)
    ]  # fmt: skip
    assert len(points(answer, "EUR")) == 2
    assert [series["currency"] for series in totals(ada, start_date="2025-02-01")["series"]] == [
        "USD"
    ]


def test_an_account_that_begins_or_ends_is_told_apart_from_the_change(
    app: App, ada: Person
) -> None:
    giro = ada.account("1000.00", captured_at="2025-01-01T10:00:00Z")
    record(app, ada, giro, ("2025-03-10T10:00:00Z", "1100.00"))
    card = ada.account("-200.00", captured_at="2025-01-01T10:00:00Z")
    record(app, ada, card, ("2025-03-05T10:00:00Z", "-150.00"))
    ada.patch(f"/accounts/{card}", json={"closed_at": "2025-03-20T12:00:00Z"})
    depot = ada.account("25000.00", captured_at="2025-03-15T10:00:00Z")
    record(app, ada, depot, ("2025-03-20T10:00:00Z", "25030.50"))
    ada.account("7.00", captured_at="2025-04-15T10:00:00Z")

    march = {"start_date": "2025-03-01", "end_date": "2025-03-31"}
    series = usd(totals(ada, **march))
    assert series["change"] == change_of(
        opening="800.00", closing="26130.50", change_amount="180.50", percent=18.75,
        added_amount="25000.00", added_accounts=1, closed_amount="150.00", closed_accounts=1,
    )  # fmt: skip
    assert series["coverage_events"] == [
        begins(depot, "2025-03-15T10:00:00Z", "25000.00"),
        begins(card, "2025-03-20T12:00:00Z", "-150.00", "ends"),
    ]
    missing = {point["at"][:10]: point["missing"] for point in series["points"]}
    assert (missing["2025-03-14"], missing["2025-03-15"], missing["2025-03-31"]) == (2, 1, 1)
    # The interval decides on the points alone.
    for query in ({"interval": "month"}, {"interval": "week", "tz": "America/New_York"}):
        other = usd(totals(ada, **march, **query))
        assert other["change"] == series["change"]
        assert other["coverage_events"] == series["coverage_events"]

    own = {one["account_id"]: one for one in totals(ada, group_by="account", **march)["accounts"]}
    assert own[giro]["change"] == change_of(
        opening="1000.00", closing="1100.00", change_amount="100.00", percent=10.0
    )
    assert own[card]["change"] == change_of(
        opening="-200.00",
        change_amount="50.00",
        percent=25.0,
        closed_amount="150.00",
        closed_accounts=1,
    )
    assert own[depot]["change"] == change_of(
        closing="25030.50",
        change_amount="30.50",
        percent=0.12,
        added_amount="25000.00",
        added_accounts=1,
    )
    ever = usd(totals(ada))["change"]
    assert (ever["opening"], ever["change_percent_reason"]) == (None, "no_opening")


@pytest.mark.parametrize(
    ("opening", "closing", "percent"),
    [
        ("0.00", "10.00", "zero_opening"),
        ("-100.00", "50.00", "crosses_zero"),
        ("9.99", "1000.00", "tiny_opening"),
        ("10.00", "1000.00", 9900.0),
        ("-1000.00", "-9.00", 99.1),
        ("-100.00", "0.00", 100.0),
    ],
)
def test_a_percent_that_would_mislead_is_left_out_with_its_reason(
    app: App, ada: Person, opening: str, closing: str, percent: float | str
) -> None:
    account_id = ada.account(opening)
    record(app, ada, account_id, ("2025-02-02T10:00:00Z", closing))
    february = {"start_date": "2025-02-01", "end_date": "2025-02-28"}
    change = str(Decimal(closing) - Decimal(opening))
    expected = change_of(opening=opening, closing=closing, change_amount=change, percent=percent)
    assert usd(totals(ada, **february))["change"] == expected
    [own] = totals(ada, group_by="account", **february)["accounts"]
    assert own["change"] == expected


def test_one_account_is_answered_alone_even_if_it_is_hidden(app: App, ada: Person) -> None:
    giro = ada.account("10.00", name="Giro")
    hidden = ada.account("5.00", name="Hidden")
    record(app, ada, hidden, ("2025-02-02T10:00:00Z", "6.00"))
    ada.patch(f"/accounts/{hidden}", json={"is_hidden": True})
    query = {"group_by": "account", "start_date": "2025-02-01", "end_date": "2025-02-28"}
    for account_id, change in ((giro, "0.00"), (hidden, "1.00")):
        [own] = totals(ada, account_id=account_id, **query)["accounts"]
        assert (own["account_id"], own["change"]["change_amount"]) == (account_id, change)
    total = usd(totals(ada, account_id=hidden, start_date="2025-02-01"))
    assert total["change"]["closing"] == "6.00"

    bad = ada.get("/balance-history", params=EVER | {"account_id": "x"})
    problem = assert_problem(bad, 400, "validation_failed")
    assert [one["parameter"] for one in problem["errors"]] == ["account_id"]
    eve = app.person("eve@example.com")
    for stranger in (giro, str(uuid4())):
        answer = eve.get("/balance-history", params=EVER | {"account_id": stranger})
        assert assert_problem(answer, 404, "not_found")["detail"] == "Account not found"


def test_an_account_that_is_closed_before_the_first_point_has_its_change(ada: Person) -> None:
    card = ada.account("-50.00")
    ada.patch(f"/accounts/{card}", json={"closed_at": "2025-03-20T12:00:00Z"})
    march = {"start_date": "2025-03-01", "end_date": "2025-03-31", "interval": "month"}
    for series in (
        usd(totals(ada, **march)),
        *totals(ada, group_by="account", **march)["accounts"],
    ):
        assert series["points"] == []
        assert (series["change"]["opening"], series["change"]["closed_amount"]) == (
            "-50.00",
            "50.00",
        )


def test_a_percent_of_mostly_other_accounts_is_left_out(app: App, ada: Person) -> None:
    giro = ada.account("1000.00")
    record(app, ada, giro, ("2025-02-02T10:00:00Z", "1010.00"))
    depot = ada.account("500.00", captured_at="2025-02-03T10:00:00Z")
    record(app, ada, depot, ("2025-02-04T10:00:00Z", "480.00"))
    change = usd(totals(ada, start_date="2025-02-01"))["change"]
    assert (change["change_amount"], change["change_percent_reason"]) == ("-10.00", "mostly_added")


def test_a_series_with_many_snapshots_has_the_change_of_all_of_them(
    app: App, ada: Person, daily: str
) -> None:
    # Two of the first instant: the last one stands.
    start = instant("2023-01-01T00:00:00Z")
    dense = ada.account("1.00", captured_at="2022-12-01T10:00:00Z")
    rows = [(str(start + hour * timedelta(hours=1)), f"{hour}.00") for hour in range(1, 600)]
    record(app, ada, dense, ("2022-12-01T10:00:00Z", "2.00"), *rows)
    ada.patch(f"/accounts/{dense}", json={"closed_at": "2023-01-20T12:30:00Z"})
    for query in ({"start_date": "2022-11-01", "end_date": "2023-02-01"},
                  {"start_date": "2023-01-01T12:30:00Z", "end_date": "2023-01-25"}):  # fmt: skip
        found = [
            {
                one["account_id"]: (one["change"], one["coverage_events"])
                for one in totals(ada, group_by="account", interval=interval, **query)["accounts"]
            }
            for interval in ("day", "week", "month")
        ]
        known = [one.get(dense) for one in found if dense in one]
        assert len(known) >= 2
        assert all(one == known[0] for one in known)
        assert all(one[daily] == found[0][daily] for one in found)
    last = usd(totals(ada, start_date="2023-01-01T12:30:00Z", end_date="2023-01-25"))
    assert ("ends", "468.00") in [(one["kind"], one["balance"]) for one in last["coverage_events"]]
    first = usd(totals(ada, start_date="2022-11-01", end_date="2023-02-01"))["coverage_events"][0]
    assert first == begins(dense, "2022-12-01T10:00:00Z", "2.00")


def test_the_last_point_is_the_headline_total(app: App, ada: Person) -> None:
    now = app.clock()
    account_id = ada.account("10", captured_at="2025-01-01T10:00:00Z")
    # A file of today may hold a balance of this noon or night, and it counts at once.
    record(app, ada, account_id, (str(now + timedelta(minutes=3)), "12.500"))
    ada.account("1.250", currency="KWD", captured_at="2025-01-01T10:00:00Z")
    file = upload(ada, ["2025-01-02,9,Retracted,USD"])
    ada.delete(f"/syncs/{file['id']}")
    card = upload(ada, ["2025-01-02,300,Bike,USD"])["accounts"][0]["account_id"]
    ada.patch(f"/accounts/{card}", json={"balance_sign": -1})
    closed = ada.account("100", captured_at="2025-01-01T10:00:00Z")
    ada.patch(f"/accounts/{closed}", json={"closed_at": now.isoformat()})
    headline = ada.get("/balance-snapshots").json()["total_balance_by_currency"]
    assert headline == {"KWD": "1.250", "USD": "-287.500"}
    app.clock.advance(seconds=1)
    later = app.clock()
    for end in (later + timedelta(seconds=5), later + 400 * DAY, instant("9999-12-31T00:00:00Z")):
        for query in ({"interval": "day"}, {"interval": "month", "tz": "Pacific/Kiritimati"},
                      {"interval": "week", "max_points": "2"}):  # fmt: skip
            answer = totals(ada, end_date=end.isoformat(), **query)
            last = {series["currency"]: series["points"][-1] for series in answer["series"]}
            assert {code: point["balance"] for code, point in last.items()} == headline
            assert len({point["at"] for point in last.values()}) == 1
            assert instant(last["USD"]["at"]) <= min(end, later + 33 * DAY)
            assert instant(last["USD"]["at"]) >= later
            assert (last["USD"]["accounts"], last["KWD"]["carried"]) == (2, 1)


def test_nothing_is_told_of_a_time_that_is_still_to_come(ada: Person) -> None:
    ada.account()
    assert totals(ada, start_date="9000-01-01")["series"] == []
    assert totals(ada, start_date="1900-01-01", end_date="1901-01-01")["series"] == []


def test_someone_without_accounts_has_no_series(ada: Person) -> None:
    assert totals(ada)["series"] == []
    assert totals(ada, group_by="account")["accounts"] == []


def test_every_account_has_a_series_of_its_own(app: App, ada: Person) -> None:
    second = ada.account("5", captured_at="2025-01-03T10:00:00Z", name="Beta", currency="JPY")
    first = ada.account("10.00", captured_at="2025-01-01T10:00:00Z", name="Alpha")
    hidden = ada.account("1", name="Aaa")
    ada.patch(f"/accounts/{hidden}", json={"is_hidden": True})
    record(app, ada, first, ("2025-01-03T10:00:00Z", "12.00"))
    answer = totals(ada, group_by="account", end_date="2025-01-04T12:00:00Z")
    assert list(answer) == ["accounts", "start_date", "end_date", "interval", "tz"]
    assert answer["accounts"] == [
        {
            "account_id": first,
            "currency": "USD",
            "points": [
                {"at": "2025-01-01T23:59:59.999999Z", "balance": "10.00"},
                {"at": "2025-01-02T23:59:59.999999Z", "balance": "10.00"},
                {"at": "2025-01-03T23:59:59.999999Z", "balance": "12.00"},
                {"at": "2025-01-04T12:00:00Z", "balance": "12.00"},
            ],
            "change": change_of(
                closing="12.00",
                change_amount="2.00",
                percent=20.0,
                added_amount="10.00",
                added_accounts=1,
            ),
            "coverage_events": [begins(first, "2025-01-01T10:00:00Z", "10.00")],
        },
        {
            "account_id": second,
            "currency": "JPY",
            "points": [
                {"at": "2025-01-03T23:59:59.999999Z", "balance": "5"},
                {"at": "2025-01-04T12:00:00Z", "balance": "5"},
            ],
            "change": change_of(
                closing="5",
                change_amount="0",
                percent=0.0,
                added_amount="5",
                added_accounts=1,
                closed_amount="0",
            ),
            "coverage_events": [begins(second, "2025-01-03T10:00:00Z", "5")],
        },
    ]
    few = totals(ada, group_by="account", end_date="2025-01-04T12:00:00Z", max_points="2")
    assert [len(series["points"]) for series in few["accounts"]] == [2, 2]


def test_too_many_points_are_refused_with_the_way_out(ada: Person) -> None:
    def refused(**query: str) -> str:
        answer = ada.get("/balance-history", params=EVER | query)
        detail: str = assert_problem(answer, 400, "invalid_date_range")["detail"]
        assert "50000" in detail
        return detail

    account_id = ada.account("1", captured_at="1880-01-01")
    assert "longer interval" in refused(start_date="1800-01-01")
    assert "longer interval" in refused(start_date="1800-01-01", max_points="2")
    assert len(points(totals(ada, start_date="1800-01-01", interval="week"))) < 8_000
    ada.patch(f"/accounts/{account_id}", json={"is_hidden": True})
    for code in ("EUR", "USD"):
        ada.account("1", captured_at="1950-01-01", currency=code)
    for group_by in ("currency", "account"):
        assert "max_points" in refused(group_by=group_by)
    assert len(points(totals(ada, max_points="1000"))) <= 1_000


def test_totals_of_too_many_balances_are_refused_with_the_way_out(
    ada: Person, daily: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(total_history, "_MOST_BALANCES", 300)
    detail = assert_problem(ada.get("/balance-history", params=EVER), 400, "invalid_date_range")[
        "detail"
    ]
    assert "longer interval" in detail
    assert (
        points(totals(ada, interval="month"))[-1][1]
        == ada.history(daily)["snapshots"][-1]["balance"]
    )


def test_totals_are_tagged_and_not_sent_twice(ada: Person) -> None:
    ada.account()
    answer = ada.get("/balance-history", params=EVER)
    headers = {"If-None-Match": answer.headers["ETag"]}
    assert ada.get("/balance-history", params=EVER, headers=headers).status_code == 304


def days_of(zone: ZoneInfo, start: date, end: datetime) -> Iterator[datetime]:
    at = datetime.min.replace(tzinfo=UTC)
    while at < end:
        start += DAY
        midnight = datetime.combine(start, time(), zone).astimezone(UTC)
        at = min(midnight - timedelta(microseconds=1), end)
        yield at


def test_totals_are_the_sums_of_the_histories_of_the_accounts(app: App, ada: Person) -> None:
    chance = random.Random(2)  # noqa: S311 - nothing secret
    start, end = datetime(2024, 9, 20, 12, tzinfo=UTC), datetime(2024, 12, 3, 18, tzinfo=UTC)
    closings: dict[str, datetime | None] = {}
    # The last two have far more snapshots than the range has days.
    for number, snapshots in enumerate((0, 7, 30, 60, 400, 700)):
        account_id = ada.account("3.5", captured_at="2024-09-01T00:00:00Z", name=f"A{number}")
        hours = sorted(chance.randint(0, 24 * 110) for _ in range(snapshots))
        record(
            app, ada, account_id,
            *((str(instant("2024-09-01T06:00:00Z") + timedelta(hours=hour)),
               f"{chance.randint(-10**15, 10**15)}.{chance.randint(0, 999)}") for hour in hours),
        )  # fmt: skip
        closings[account_id] = None
        if number % 2:
            closed_at = closings[account_id] = end - number * 9 * DAY
            ada.patch(f"/accounts/{account_id}", json={"closed_at": closed_at.isoformat()})
    gone = upload(ada, ["2024-10-02,99999,Retracted,USD"])
    ada.delete(f"/syncs/{gone['id']}")

    expected: list[tuple[object, ...]] = []
    before = start
    zone = ZoneInfo("America/New_York")
    histories = {key: ada.history(key)["snapshots"] for key in closings}
    for at in days_of(zone, date(2024, 9, 20), end):
        held = []
        for account_id, closing in closings.items():
            known = [row for row in histories[account_id] if instant(row["captured_at"]) <= at]
            if known and (closing is None or at < closing):
                held.append((Decimal(known[-1]["balance"]), instant(known[-1]["captured_at"])))
        carried = sum(captured_at < before for _, captured_at in held)
        if held:
            expected.append((at, sum(amount for amount, _ in held), len(held), carried))
        before = at + timedelta(microseconds=1)

    query = {"start_date": start.isoformat(), "end_date": end.isoformat(), "tz": "America/New_York"}
    found = [(instant(at), Decimal(balance), *rest)
             for at, balance, *rest in points(totals(ada, **query))]  # fmt: skip
    assert found == expected


def test_a_snapshot_tells_which_sync_recorded_it(app: App, ada: Person) -> None:
    done = upload(ada, ["2025-01-01,1,Giro,USD", "2025-01-02,2,Giro,USD"])
    again = upload(ada, ["2025-01-02,3,Giro,USD"])
    account_id = done["accounts"][0]["account_id"]
    path = f"/accounts/{account_id}/balance-snapshots"
    rows = ada.history(account_id)["snapshots"]
    runs = [ada.get(f"{path}/{row['id']}/sync").json()["id"] for row in rows]
    assert runs == [done["id"], done["id"], again["id"]]
    of_last = f"{path}/{rows[2]['id']}/sync"
    assert ada.get(of_last).json() == ada.get(f"/syncs/{again['id']}").json()

    ada.delete(f"/syncs/{again['id']}")
    assert ada.get(of_last).json()["retracted_at"] is not None

    other = ada.account()
    for wrong in (
        f"/accounts/{other}/balance-snapshots/{rows[0]['id']}/sync",
        f"{path}/{uuid4()}/sync",
    ):
        assert assert_problem(ada.get(wrong), 404)["detail"] == "Snapshot not found"
    eve = app.person("eve@example.com")
    assert_problem(eve.get(of_last), 403, "forbidden")
    own = eve.account()
    problem = assert_problem(eve.get(of_last.replace(account_id, own)), 404, "not_found")
    assert problem["detail"] == "Snapshot not found"
    bad = assert_problem(ada.get(f"{path}/x/sync"), 400, "validation_failed")
    assert [one["parameter"] for one in bad["errors"]] == ["snapshot_id"]
