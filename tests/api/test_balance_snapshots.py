"""The snapshots of lists: their order, limits and filters, and their changes."""

from uuid import uuid4

import pytest

from api.problem_assertions import assert_problem
from api.snapshot_lists import assert_is_empty, column, recent, upload
from application import App, Person

AT = "2025-03-01T10:00:00Z"


def test_ties_stand_in_order_of_recording_and_recent_is_the_exact_reverse(
    app: App, ada: Person
) -> None:
    account_id = ada.account("1")
    rows = [{"balance": str(number), "captured_at": AT} for number in (5, 3, 4, 2)]
    app.record(ada, account_id, *rows, {"balance": "9", "captured_at": "2025-02-01T00:00:00Z"})
    app.record(ada, account_id, {"balance": "1", "captured_at": AT})
    history = ada.history(account_id)
    order = ["1.00", "9.00", "5.00", "3.00", "4.00", "2.00", "1.00"]
    assert column(history, "balance") == order
    assert column(recent(ada, account_id), "balance") == order[::-1]
    assert column(recent(ada, account_id), "id") == column(history, "id")[::-1]
    (latest,) = ada.get("/balance-snapshots").json()["snapshots"]
    assert (latest["balance"], latest["change_amount"]) == ("1.00", "-1.00")
    assert latest["id"] == history["snapshots"][-1]["id"]


def test_many_at_one_instant_leave_the_last_recorded_as_latest(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    rows = [{"balance": str(number), "captured_at": AT} for number in range(150)]
    app.record(ada, account_id, *rows)
    answer = recent(ada, account_id, limit="100")
    assert column(answer, "balance") == [f"{number}.00" for number in range(149, 49, -1)]
    assert set(column(answer, "change_amount")) == {"1.00"}
    assert ada.get("/balance-snapshots").json()["snapshots"][0]["balance"] == "149.00"


def test_recent_changes_compare_beyond_the_limit_and_history_within_the_answer(
    app: App, ada: Person
) -> None:
    account_id = ada.account("10")
    app.record(
        ada,
        account_id,
        {"balance": "20", "captured_at": "2025-02-01T00:00:00Z"},
        {"balance": "50", "captured_at": "2025-03-01T00:00:00Z"},
    )
    answer = recent(ada, account_id, limit="2")
    assert column(answer, "change_amount") == ["30.00", "10.00"]
    assert column(answer, "change_percent") == [150.0, 100.0]
    assert (answer["start_balance"], answer["end_balance"]) == ("20.00", "50.00")
    assert (answer["total_change_amount"], answer["total_change_percent"]) == ("30.00", 150.0)
    assert column(recent(ada, account_id, limit="3"), "change_amount")[-1] is None
    answer = ada.history(account_id, start_date="2025-02-01")
    assert column(answer, "change_amount") == [None, "30.00"]


def test_a_source_filters_the_snapshots_that_changes_compare(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    app.record(
        ada,
        account_id,
        {"balance": "10", "captured_at": "2025-02-01T00:00:00Z", "source": "manual_sync"},
        {"balance": "99", "captured_at": "2025-02-02T00:00:00Z", "source": "scheduled_sync"},
        {"balance": "15", "captured_at": "2025-02-03T00:00:00Z", "source": "manual_sync"},
    )
    filtered = ada.history(account_id, source="manual_sync")
    assert column(filtered, "balance") == ["10.00", "15.00"]
    assert column(filtered, "change_amount") == [None, "5.00"]
    newest = recent(ada, account_id, source="manual_sync", limit="1")
    assert column(newest, "change_amount") == ["5.00"]
    nothing = recent(ada, account_id, source="holdings_sync")
    assert_is_empty(nothing, "USD")


def test_a_limit_from_1_to_100_is_taken(ada: Person, subtests: pytest.Subtests) -> None:
    for limit in [
        "1", "100", "001", "0030"
    ]:  # fmt: skip
        with subtests.test(limit=limit):
            assert recent(ada, ada.account(), limit=limit)["total_count"] == 1


def test_any_other_limit_is_refused_by_name(ada: Person, subtests: pytest.Subtests) -> None:
    for limit in [
        "0", "101", "-1", "+1", " 1", "1 ", "\uff11", "1e1", "1.0", "", "a", "0x1", "\u0663", "1,2",
        "9" * 5000, "\n1", "1\x00", "true", "null", "NaN", "1_0"
    ]:  # fmt: skip
        with subtests.test(limit=limit):
            answer = ada.get(
                f"/accounts/{ada.account()}/balance-snapshots", params={"limit": limit}
            )
            problem = assert_problem(answer, 400, "validation_failed")
            assert [one["parameter"] for one in problem["errors"]] == ["limit"]


def test_thirty_are_listed_unless_said_otherwise(app: App, ada: Person) -> None:
    account_id = ada.account("0")
    rows = [{"balance": str(number), "captured_at": AT} for number in range(1, 40)]
    app.record(ada, account_id, *rows)
    answer = recent(ada, account_id)
    assert answer["total_count"] == 30
    assert (answer["start_balance"], answer["end_balance"]) == ("10.00", "39.00")


def test_an_account_without_a_snapshot_has_nulls_and_its_own_currency(ada: Person) -> None:
    account_id = ada.account("1", "KWD")
    (run,) = ada.get("/syncs").json()["syncs"]
    assert ada.delete(f"/syncs/{run['id']}").status_code == 204
    assert_is_empty(ada.history(account_id), "KWD")
    assert_is_empty(recent(ada, account_id), "KWD")
    latest = ada.get("/balance-snapshots").json()
    assert latest == {"snapshots": [], "total_count": 0, "total_balance_by_currency": {}}
    assert ada.get(f"/accounts/{account_id}").json()["balance"] is None


def test_one_snapshot_has_not_changed(ada: Person, subtests: pytest.Subtests) -> None:
    for balance, currency, zero, percent in [
        ("7", "USD", "0.00", 0.0), ("-7", "JPY", "0", 0.0), ("7", "KWD", "0.000", 0.0),
        ("0", "USD", "0.00", None), ("-0.0", "JPY", "0.0", None), ("1.2345", "USD", "0.0000", 0.0)
    ]:  # fmt: skip
        with subtests.test(balance=balance, currency=currency, zero=zero, percent=percent):
            account_id = ada.account(balance, currency)
            for answer in (ada.history(account_id), recent(ada, account_id)):
                assert answer["total_change_amount"] == zero
                assert answer["total_change_percent"] == percent
                assert column(answer, "change_amount") == column(answer, "change_percent") == [None]


NAMES = [
    "Zoë",
    "a",
    "B",
    "ß",
    "Ä",
    "é",
    "e\u0301",
    "日本",
    "Я",
    "אב",
    "~",
    "\U0001d538",
    "\uffee",
    "1",
    "Zz",
]


def test_accounts_stand_by_the_code_points_of_their_names(ada: Person) -> None:
    for name in [*NAMES, "a"]:
        ada.account(name=name)
    listed = ada.get("/accounts").json()["accounts"]
    by_name = sorted((row["name"], row["id"]) for row in listed)
    assert [(row["name"], row["id"]) for row in listed] == by_name
    assert [name for name, _ in by_name] == sorted([*NAMES, "a"])
    latest = ada.get("/balance-snapshots").json()
    assert column(latest, "account_id") == [account_id for _, account_id in by_name]
    page = ada.get("/accounts?limit=4").json()
    seen = page["accounts"]
    while page["next_cursor"]:
        page = ada.get("/accounts", params={"limit": "4", "cursor": page["next_cursor"]}).json()
        seen += page["accounts"]
    assert seen == listed


def test_hidden_and_closed_accounts_are_left_out_unless_included(ada: Person) -> None:
    ids = {name: ada.account(balance, name=name) for name, balance in
           {"a open": "1", "b hidden": "2", "c closed": "4", "d both": "8"}.items()}  # fmt: skip
    for name, changes in {
        "b hidden": {"is_hidden": True},
        "c closed": {"closed_at": "2025-06-01"},
        "d both": {"is_hidden": True, "closed_at": "2025-06-01T00:00:00Z"},
    }.items():
        assert ada.patch(f"/accounts/{ids[name]}", json=changes).status_code == 200
    for include, total, shown in [
        ("", "1.00", ["a open"]),
        ("hidden", "3.00", ["a open", "b hidden"]),
        ("closed", "5.00", ["a open", "c closed"]),
        ("hidden,closed", "15.00", list(ids)),
        ("closed,hidden", "15.00", list(ids)),
    ]:
        answer = ada.get("/balance-snapshots", params={"include": include} if include else {})
        assert column(answer.json(), "account_id") == [ids[name] for name in shown]
        assert answer.json()["total_balance_by_currency"] == {"USD": total}
    ada.patch(f"/accounts/{ids['c closed']}", json={"closed_at": None})
    assert ada.get("/balance-snapshots").json()["total_count"] == 2
    assert ada.history(ids["d both"])["total_count"] == 1


def test_any_other_include_is_refused(ada: Person, subtests: pytest.Subtests) -> None:
    for include in [
        "", "all", "hidden,", ",", "Hidden", "hidden closed"
    ]:  # fmt: skip
        with subtests.test(include=include):
            answer = ada.get("/balance-snapshots", params={"include": include})
            assert_problem(answer, 400, "validation_failed")


def test_a_sign_negates_the_whole_history_and_back(ada: Person) -> None:
    done = upload(ada, ["2025-01-01,100.50,Bike,USD", "2025-01-02,80,Bike,USD"])
    path = f"/accounts/{done['accounts'][0]['account_id']}"
    account_id = path.rpartition("/")[2]
    before = ada.history(account_id)
    assert ada.patch(path, json={"balance_sign": -1}).json()["balance"] == "-80.00"
    turned = ada.history(account_id)
    assert column(turned, "balance") == ["-100.50", "-80.00"]
    assert column(turned, "change_amount") == [None, "20.50"]
    assert column(turned, "change_percent") == [None, 20.4]
    totals = ada.get("/balance-snapshots").json()["total_balance_by_currency"]
    assert totals == {"USD": "-80.00"}
    typed = ada.type(account_id, "-70", "2025-01-03")
    assert (typed["balance"], typed["change_amount"]) == ("-70.00", "10.00")
    assert ada.patch(path, json={"balance_sign": 1}).status_code == 200
    back = ada.history(account_id)
    assert back["snapshots"][:2] == before["snapshots"]
    assert back["end_balance"] == "70.00"
    assert ada.patch(path, json={"balance_sign": 0}).status_code == 422


def test_a_zero_has_no_sign_under_any_sign(ada: Person) -> None:
    done = upload(ada, ["2025-01-01,0.00,Bike,USD", "2025-01-02,-0,Bike,USD"])
    account_id = done["accounts"][0]["account_id"]
    ada.patch(f"/accounts/{account_id}", json={"balance_sign": -1})
    answer = ada.history(account_id)
    assert column(answer, "balance") == ["0.00", "0.00"]
    assert answer["total_change_amount"] == "0.00"
    assert ada.get("/balance-snapshots").json()["total_balance_by_currency"] == {"USD": "0.00"}


def test_a_manual_account_keeps_its_sign(ada: Person) -> None:
    answer = ada.patch(f"/accounts/{ada.account()}", json={"balance_sign": -1})
    assert_problem(answer, 422, "unprocessable")


# The count is the use case's own: on one database it is proof enough, and twice as quick.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_more_than_50_000_rows_are_refused_with_their_number_and_the_way_out(
    app: App, ada: Person
) -> None:
    account_id = ada.account("0", captured_at="2020-01-01T00:00:00Z")
    days = [f"20{year:02}-{month:02}-" for year in range(1, 3) for month in range(1, 11)]
    for day in days:
        app.record(
            ada,
            account_id,
            *(
                {"id": str(uuid4()), "balance": "1", "captured_at": f"{day}{minute // 1440 + 1:02}"
                 f"T{minute // 60 % 24:02}:{minute % 60:02}:00Z"}
                for minute in range(2500)
            ),
        )  # fmt: skip
    path = f"/accounts/{account_id}/balance-history"
    whole = {"start_date": "2001-01-01", "end_date": "2025-01-01"}
    answer = ada.get(path, params=whole)
    problem = assert_problem(answer, 400, "invalid_date_range")
    assert "50001" in problem["detail"]
    for way_out in ("interval", "max_points", "shorter range"):
        assert way_out in problem["detail"]
    thinned = ada.get(path, params=whole | {"max_points": "400"}).json()
    assert 2 <= thinned["total_count"] <= 400
    assert thinned["total_change_amount"] == "-1.00"
    assert ada.get(path, params=whole | {"interval": "day"}).json()["total_count"] == 41
    most = ada.get(path, params=whole | {"end_date": "2019-01-01"}).json()
    assert most["total_count"] == 50_000
