"""Retracting and correcting single snapshots, of every source."""

from datetime import timedelta
from typing import Any

import pytest

from api.problem_assertions import assert_problem
from application import App, Person
from dashtam.application.history.verification import verify

REASON = "The bank reported cents."


def newest(person: Person, account_id: str) -> Any:  # noqa: ANN401 - JSON
    found = person.get(f"/accounts/{account_id}/balance-snapshots", params={"limit": 1})
    return found.json()["snapshots"][0]


def retract(person: Person, snapshot: dict[str, Any], **options: Any) -> Any:  # noqa: ANN401 - a response
    path = f"/accounts/{snapshot['account_id']}/balance-snapshots/{snapshot['id']}"
    return person.delete(path, **options)


def correct(person: Person, snapshot: dict[str, Any], balance: str, **more: str) -> Any:  # noqa: ANN401 - a response
    path = f"/accounts/{snapshot['account_id']}/balance-snapshots/{snapshot['id']}/correction"
    return person.post(path, json={"balance": balance, "reason": REASON} | more)


def balances(person: Person, account_id: str) -> list[str]:
    return [one["balance"] for one in person.history(account_id)["snapshots"]]


def assert_sound(app: App) -> None:
    report = verify(app.services.database)
    assert (report.found, report.findings, report.outdated_chunks) == (0, [], [])


def live_account(app: App, person: Person) -> str:
    app.connected(person)
    account_id: str = person.get("/accounts").json()["accounts"][0]["id"]
    return account_id


def test_a_retracted_snapshot_of_a_live_sync_counts_no_more(app: App, ada: Person) -> None:
    account_id = live_account(app, ada)
    before = newest(ada, account_id)
    app.clock.advance(hours=1)
    connection = ada.get("/connections").json()["connections"][0]["id"]
    assert ada.post(f"/connections/{connection}/syncs").status_code == 201
    wrong = newest(ada, account_id)
    assert wrong["id"] != before["id"]
    for _ in range(2):
        assert retract(ada, wrong, json={"reason": REASON}).status_code == 204
    assert newest(ada, account_id) == before
    assert ada.history(account_id)["snapshots"] == [before]
    (latest,) = [
        one
        for one in ada.get("/balance-snapshots").json()["snapshots"]
        if one["account_id"] == account_id
    ]
    assert latest == before
    assert app.events().count("snapshot_retracted") == 1
    events = ada.get("/export").json()["account_events"]
    (event,) = [one for one in events if one["kind"] == "retraction"]
    assert event["content"] == {
        "snapshot_id": wrong["id"],
        "captured_at": wrong["captured_at"].replace("Z", "+00:00"),
        "reason": REASON,
    }
    assert_sound(app)


def test_a_retraction_needs_no_reason_and_keeps_its_run(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    typed = ada.type(account_id, "2", "2025-02-01")
    assert retract(ada, typed).status_code == 204
    assert balances(ada, account_id) == ["1.00"]
    run = ada.get(f"/accounts/{account_id}/balance-snapshots/{typed['id']}/sync")
    assert run.json()["retracted_at"] is None
    assert_sound(app)


def test_a_correction_stands_at_the_same_instant(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    wrong = ada.type(account_id, "250000", "2025-02-01", available_balance="7")
    ada.type(account_id, "2600", "2025-03-01")
    app.clock.advance(minutes=1)
    made = correct(ada, wrong, "2500", cash_value="100")
    assert made.status_code == 201
    corrected = made.json()
    assert corrected["captured_at"] == wrong["captured_at"]
    assert corrected["created_at"] > wrong["created_at"]
    assert (corrected["available_balance"], corrected["cash_value"]) == (None, "100.00")
    assert (corrected["source"], corrected["change_amount"]) == ("manual_sync", "2499.00")
    assert balances(ada, account_id) == ["1.00", "2500.00", "2600.00"]
    evidence = ada.history(account_id, detail="evidence")["snapshots"][1]["evidence"]
    assert (evidence["basis"], evidence["precision"]) == ("entered", "day")
    run = ada.get(made.headers["Location"].removeprefix("/api/v1")).json()
    assert (run["id"], run["recorded"]) == (evidence["sync_id"], 1)
    assert_sound(app)


def test_a_debt_reads_back_as_it_was_typed_into_a_correction(app: App, ada: Person) -> None:
    account_id = live_account(app, ada)
    ada.patch(f"/accounts/{account_id}", json={"balance_sign": -1})
    assert correct(ada, newest(ada, account_id), "-1200").json()["balance"] == "-1200.00"
    assert balances(ada, account_id) == ["-1200.00"]
    assert_sound(app)


def test_a_correction_can_be_corrected_and_its_retraction_brings_nothing_back(
    app: App, ada: Person
) -> None:
    account_id = ada.account("1")
    first = ada.type(account_id, "2", "2025-02-01")
    second = correct(ada, first, "3").json()
    third = correct(ada, second, "4").json()
    assert balances(ada, account_id) == ["1.00", "4.00"]
    for gone in (first, second):
        assert_problem(correct(ada, gone, "5"), 409, "conflict")
        assert retract(ada, gone).status_code == 204
    assert retract(ada, third).status_code == 204
    assert balances(ada, account_id) == ["1.00"]
    assert_problem(correct(ada, third, "5"), 409, "conflict")
    assert_sound(app)


def test_the_run_of_a_correction_can_be_retracted_and_brings_nothing_back(
    app: App, ada: Person
) -> None:
    account_id = ada.account("1")
    made = correct(ada, ada.type(account_id, "2", "2025-02-01"), "3")
    run = made.headers["Location"].removeprefix("/api/v1")
    assert ada.delete(run).status_code == 204
    assert balances(ada, account_id) == ["1.00"]
    assert_sound(app)


def test_a_file_that_is_imported_again_does_not_undo_a_correction(app: App, ada: Person) -> None:
    file = {"file": ("b.csv", b"Date,Balance,Account,Currency\n2025-01-01,100000,Giro,EUR\n")}
    imported = ada.post("/imports", files=file)
    assert imported.status_code == 201, imported.text
    account_id = imported.json()["accounts"][0]["account_id"]
    assert correct(ada, newest(ada, account_id), "1000").status_code == 201
    again = ada.post("/imports", files=file, data={"dry_run": "true"})
    assert (again.json()["recorded"], again.json()["skipped"]) == (0, 1)
    again = ada.post("/imports", files=file)
    assert (again.json()["recorded"], again.json()["skipped"]) == (0, 1)
    assert balances(ada, account_id) == ["1000.00"]
    retract(ada, newest(ada, account_id))
    again = ada.post("/imports", files=file)
    # Its owner said that both are wrong.
    assert (again.json()["recorded"], again.json()["skipped"]) == (0, 1)
    assert balances(ada, account_id) == []
    assert_sound(app)


def test_a_run_of_a_live_sync_can_be_retracted(app: App, ada: Person) -> None:
    account_id = live_account(app, ada)
    run = ada.get("/syncs").json()["syncs"][0]
    for _ in range(2):
        assert ada.delete(f"/syncs/{run['id']}").status_code == 204
    assert ada.history(account_id)["snapshots"] == []
    connection = ada.get("/connections").json()["connections"][0]["id"]
    app.clock.advance(hours=1)
    assert ada.post(f"/connections/{connection}/syncs").status_code == 201
    assert ada.history(account_id)["total_count"] == 1
    assert_sound(app)


def test_a_live_sync_that_runs_cannot_be_retracted_yet(app: App, ada: Person) -> None:
    connection = app.connected(ada)["id"]
    claim = app.claim(connection)
    refused = ada.delete(f"/syncs/{claim.sync.id}")
    assert_problem(refused, 409, "conflict")
    assert refused.headers["Location"] == f"/api/v1/syncs/{claim.sync.id}"


def test_a_snapshot_among_thousands_is_retracted_from_the_cache_too(app: App, ada: Person) -> None:
    account_id = ada.account("0", captured_at="2020-01-01T00:00:00Z")
    start = app.clock() - timedelta(days=300)
    rows = [
        {"balance": str(number), "captured_at": (start + timedelta(hours=number)).isoformat()}
        for number in range(3_000)
    ]
    app.record(ada, account_id, *rows)
    gone = ada.history(account_id)["snapshots"][1_500]
    assert retract(ada, gone).status_code == 204
    left = ada.history(account_id)
    assert left["total_count"] == 3_000
    assert gone["id"] not in {one["id"] for one in left["snapshots"]}
    assert_sound(app)


@pytest.mark.parametrize(
    "body",
    [{}, {"balance": "1"}, {"reason": "why"}, {"balance": "1", "reason": " "},
     {"balance": "1", "reason": "x" * 501}, {"balance": "1", "reason": "a\nb"},
     {"balance": "1,5", "reason": "why"}, {"balance": "1", "reason": "why", "captured_at": "x"}],
)  # fmt: skip
def test_a_correction_that_breaks_a_rule_is_refused(
    app: App, ada: Person, body: dict[str, Any]
) -> None:
    account_id = ada.account("1")
    snapshot = newest(ada, account_id)
    path = f"/accounts/{account_id}/balance-snapshots/{snapshot['id']}"
    assert_problem(ada.post(f"{path}/correction", json=body), 422, "unprocessable")
    assert_problem(ada.delete(path, json={"reason": 1}), 422, "unprocessable")
    assert balances(ada, account_id) == ["1.00"]
    assert_sound(app)
