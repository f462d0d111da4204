"""A user's time zone: the default of ``tz``, and the day that is today."""

from datetime import UTC, datetime

import pytest

from api.problem_assertions import assert_problem
from api.snapshot_lists import column, upload
from application import App, Person

# Eight in the morning of the sixth in Sydney.
NOW = datetime(2025, 3, 5, 21, tzinfo=UTC)


def move_to(person: Person, name: str | None) -> None:
    moved = person.patch("/users/me", json={"time_zone": name})
    assert (moved.status_code, moved.json()["time_zone"]) == (200, name)


def test_a_user_sets_a_time_zone_and_takes_it_back(ada: Person) -> None:
    assert ada.get("/users/me").json()["time_zone"] is None
    move_to(ada, "Australia/Sydney")
    assert ada.get("/users/me").json()["time_zone"] == "Australia/Sydney"
    move_to(ada, None)
    assert ada.get("/users/me").json()["time_zone"] is None


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "localtime", "../../etc/passwd", "UTC+2", 5])
def test_an_unknown_zone_is_refused_by_its_field(ada: Person, name: object) -> None:
    refused = ada.patch("/users/me", json={"time_zone": name})
    problem = assert_problem(refused, 422, "unprocessable")
    assert [error["pointer"] for error in problem["errors"]] == ["/time_zone"]
    assert ada.get("/users/me").json()["time_zone"] is None


def test_a_new_password_needs_the_present_one(ada: Person) -> None:
    for body, pointer in (
        ({"password": "x"}, "/new_password"),
        ({"new_password": "a pelican under nine bridges"}, "/password"),
    ):
        problem = assert_problem(ada.patch("/users/me", json=body), 422, "unprocessable")
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_the_users_zone_is_the_default_of_tz(app: App, ada: Person) -> None:
    app.clock.now = NOW
    account_id = ada.account("1", captured_at="2025-03-04T11:00:00Z")
    ada.type(account_id, "2", "2025-03-04T14:00:00Z")
    assert column(ada.history(account_id, interval="day"), "balance") == ["2.00"]
    query = {"start_date": "2025-01-01", "end_date": "2025-12-31"}
    assert ada.get("/balance-history", params=query).json()["tz"] == "UTC"
    move_to(ada, "Australia/Sydney")
    assert column(ada.history(account_id, interval="day"), "balance") == ["1.00", "2.00"]
    assert column(ada.history(account_id, interval="day", tz="UTC"), "balance") == ["2.00"]
    totals = ada.get("/balance-history", params=query).json()
    assert totals["tz"] == "Australia/Sydney"
    assert totals["series"][0]["points"][0]["at"] == "2025-03-04T12:59:59.999999Z"


def test_today_is_the_owners_day(app: App, ada: Person) -> None:
    app.clock.now = NOW
    account_id = ada.account("1")
    path = f"/accounts/{account_id}/balance-snapshots"
    body = {"balance": "2", "captured_at": "2025-03-06"}
    assert_problem(ada.post(path, json=body), 422, "unprocessable")
    move_to(ada, "Australia/Sydney")
    assert ada.type(account_id, "2", "2025-03-06")["captured_at"] == "2025-03-06T12:00:00Z"
    tomorrow = body | {"captured_at": "2025-03-07"}
    assert_problem(ada.post(path, json=tomorrow), 422, "unprocessable")
    assert_problem(ada.post(path, json=body | {"captured_at": "2025-03-05T21:00:01Z"}), 422,
                   "unprocessable")  # fmt: skip
    closed = ada.patch(f"/accounts/{account_id}", json={"closed_at": "2025-03-06"})
    assert closed.json()["closed_at"] == "2025-03-05T21:00:00Z"
    # Where clocks are behind, the day in UTC stays today.
    move_to(ada, "America/Los_Angeles")
    other = ada.account("1", captured_at="2025-03-05")
    assert column(ada.history(other), "captured_at") == ["2025-03-05T12:00:00Z"]


@pytest.mark.parametrize(
    ("zone", "last"), [(None, 6), ("Australia/Sydney", 7), ("America/Los_Angeles", 6)]
)
def test_a_statement_may_be_of_the_next_booking_day(
    app: App, ada: Person, zone: str | None, last: int
) -> None:
    app.clock.now = NOW
    move_to(ada, zone)
    rows = [f"2025-03-0{day},{day},Giro,EUR" for day in range(4, 10)]
    done = upload(ada, [*rows, f"2025-03-0{last + 1}T00:00:00Z,9,Giro,EUR"])
    account = done["accounts"][0]
    assert (account["recorded"], account["refused"]) == (last - 3, 10 - last)
    assert {problem["code"] for problem in account["problems"]} == {"future_date"}
    history = ada.history(account["account_id"], detail="evidence")
    assert column(history, "captured_at")[-1] == f"2025-03-0{last}T12:00:00Z"
    assert history["snapshots"][-1]["evidence"]["precision"] == "day"


def test_a_time_of_the_next_booking_day_is_no_instant(app: App, ada: Person) -> None:
    app.clock.now = NOW
    done = upload(ada, ["2025-03-05T23:00:00Z,1,Giro,EUR", "2025-03-06T23:59:59Z,2,Giro,EUR"])
    history = ada.history(done["accounts"][0]["account_id"], detail="evidence")
    told = [(row["captured_at"], row["evidence"]["precision"]) for row in history["snapshots"]]
    assert told == [("2025-03-05T23:00:00Z", "instant"), ("2025-03-06T12:00:00Z", "day")]
