"""The list of the changes of an account's past."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from api.hold_events import decide, told
from api.problem_assertions import assert_problem
from api.snapshot_lists import upload
from application import App, Person
from dashtam.application.provider import Report
from dashtam.domain.history.account_event import EventKind
from dashtam.domain.statement import Reading
from scripted_provider import account


def revisions(person: Person, account_id: str, **query: str) -> Any:  # noqa: ANN401 - JSON
    answer = person.get(f"/accounts/{account_id}/revisions", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def kinds(person: Person, account_id: str) -> list[str]:
    return [one["kind"] for one in revisions(person, account_id)["revisions"]]


def retract(person: Person, snapshot: Any, **body: str) -> None:  # noqa: ANN401 - JSON
    path = f"/accounts/{snapshot['account_id']}/balance-snapshots/{snapshot['id']}"
    assert person.delete(path, json=body).status_code == 204


def correct(person: Person, snapshot: Any, balance: str) -> Any:  # noqa: ANN401 - JSON
    path = f"/accounts/{snapshot['account_id']}/balance-snapshots/{snapshot['id']}/correction"
    made = person.post(path, json={"balance": balance, "reason": "The bank reported cents."})
    assert made.status_code == 201, made.text
    return made


def test_an_account_that_only_grew_has_no_revision(ada: Person) -> None:
    account_id = ada.account("1")
    ada.type(account_id, "2", "2025-02-01")
    ada.patch(f"/accounts/{account_id}", json={"name": "Renamed", "account_type": "cash"})
    assert revisions(ada, account_id) == {"revisions": [], "total_count": 0, "next_cursor": None}


def test_a_correction_and_a_retraction_are_told_with_their_reasons(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    wrong, gone = (ada.type(account_id, "2", f"2025-0{month}-01") for month in (2, 3))
    app.clock.advance(minutes=1)
    run = correct(ada, wrong, "3").headers["Location"].rsplit("/", 1)[1]
    corrected_at = told(app)
    app.clock.advance(minutes=1)
    retract(ada, gone, reason="Another account's.")
    assert revisions(ada, account_id)["revisions"] == [
        {
            "at": told(app),
            "kind": "retraction",
            "by": "owner",
            "sync_id": None,
            "first_captured_at": gone["captured_at"],
            "last_captured_at": gone["captured_at"],
            "points": 1,
            "reason": "Another account's.",
            "detail": "A balance was taken back.",
        },
        {
            "at": corrected_at,
            "kind": "correction",
            "by": "owner",
            "sync_id": run,
            "first_captured_at": wrong["captured_at"],
            "last_captured_at": wrong["captured_at"],
            "points": 1,
            "reason": "The bank reported cents.",
            "detail": "A balance was corrected.",
        },
    ]


def test_a_file_with_older_balances_is_a_backfill_of_those_alone(app: App, ada: Person) -> None:
    first = upload(ada, ["2025-03-01,3,Giro,EUR", "2025-01-01,1,Giro,EUR"])
    account_id = first["accounts"][0]["account_id"]
    assert kinds(ada, account_id) == []
    app.clock.advance(minutes=1)
    rows = [f"2025-0{month}-15,{month},Giro,EUR" for month in (1, 2, 3, 4)]
    run = upload(ada, rows)["id"]
    (only,) = revisions(ada, account_id)["revisions"]
    assert (only["at"], only["kind"], only["by"]) == (told(app), "backfill", "owner")
    assert (only["sync_id"], only["points"], only["reason"]) == (run, 2, None)
    assert (only["first_captured_at"], only["last_captured_at"]) == (
        "2025-01-15T12:00:00Z",
        "2025-02-15T12:00:00Z",
    )
    assert only["detail"] == "Balances of the past were recorded from a file."
    app.clock.advance(minutes=1)
    ada.type(account_id, "5", "2025-01-20")
    newest = revisions(ada, account_id)["revisions"][0]
    assert (newest["detail"], newest["points"]) == ("A balance of the past was typed.", 1)


def test_balances_behind_one_that_did_not_stand_are_no_backfill(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    gone = ada.type(account_id, "2", "2025-06-01")
    app.clock.advance(minutes=1)
    retract(ada, gone)
    app.clock.advance(minutes=1)
    ada.type(account_id, "2", "2025-05-01")
    assert kinds(ada, account_id) == ["retraction"]
    app.clock.advance(minutes=1)
    retracted = ada.type(account_id, "2", "2025-09-01")
    run = ada.get(
        f"/accounts/{account_id}/balance-snapshots/{retracted['id']}/sync"
    ).json()["id"]  # fmt: skip
    app.clock.advance(minutes=1)
    ada.type(account_id, "2", "2025-08-01")
    app.clock.advance(minutes=1)
    assert ada.delete(f"/syncs/{run}").status_code == 204
    app.clock.advance(minutes=1)
    ada.type(account_id, "2", "2025-08-15")
    assert kinds(ada, account_id) == ["sync_retraction", "backfill", "retraction"]


def test_a_backfill_behind_a_balance_that_was_corrected_later_stays_one(
    app: App, ada: Person
) -> None:
    account_id = ada.account("1")
    wrong = ada.type(account_id, "2", "2025-06-01")
    app.clock.advance(minutes=1)
    ada.type(account_id, "3", "2025-05-01")
    app.clock.advance(minutes=1)
    correct(ada, wrong, "4")
    assert kinds(ada, account_id) == ["correction", "backfill"]


def test_older_balances_of_a_provider_are_its_syncs(app: App, ada: Person) -> None:
    app.connected(ada)
    account_id = ada.get("/accounts").json()["accounts"][0]["id"]
    assert kinds(ada, account_id) == []
    connection = ada.get("/connections").json()["connections"][0]["id"]
    assert ada.delete(f"/connections/{connection}").status_code == 204
    app.clock.advance(hours=1)
    older = Reading.of_day(date(2025, 1, 1), Decimal(4))
    app.provider.usual = Report([account("5", history=[older])])
    app.connected(ada)
    (only,) = revisions(ada, account_id)["revisions"]
    assert (only["kind"], only["by"], only["points"]) == ("backfill", "sync", 1)
    assert only["first_captured_at"] == only["last_captured_at"] == "2025-01-01T12:00:00Z"


def test_the_retraction_of_a_live_run_is_told(app: App, ada: Person) -> None:
    app.connected(ada)
    account_id = ada.get("/accounts").json()["accounts"][0]["id"]
    run = ada.get("/syncs").json()["syncs"][0]["id"]
    app.clock.advance(minutes=1)
    assert ada.delete(f"/syncs/{run}").status_code == 204
    (only,) = revisions(ada, account_id)["revisions"]
    assert (only["at"], only["kind"], only["by"]) == (told(app), "sync_retraction", "owner")
    assert (only["sync_id"], only["points"]) == (run, 1)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"is_hidden": True}, "The account was hidden."),
        ({"closed_at": "2025-02-01"}, "The account was closed as of 2025-02-01."),
        ({"balance_sign": -1}, "The sign of all balances was turned."),
    ],
)
def test_settings_that_turn_readings_are_told(
    app: App, ada: Person, change: dict[str, Any], detail: str
) -> None:
    app.connected(ada)
    account_id = ada.get("/accounts").json()["accounts"][0]["id"]
    app.clock.advance(minutes=1)
    assert ada.patch(f"/accounts/{account_id}", json=change).status_code == 200
    (only,) = revisions(ada, account_id)["revisions"]
    assert (only["at"], only["kind"], only["detail"]) == (told(app), "settings", detail)
    assert (only["by"], only["points"], only["first_captured_at"]) == ("owner", None, None)


def test_settings_that_are_set_back_are_told_too(ada: Person) -> None:
    account_id = ada.account("1")
    for change in ({"is_hidden": True, "closed_at": "2025-02-01"},
                   {"is_hidden": False, "closed_at": None}):  # fmt: skip
        ada.patch(f"/accounts/{account_id}", json=change)
    newest, oldest = revisions(ada, account_id)["revisions"]
    assert newest["detail"] == "The account was shown again. The account was opened again."
    assert oldest["detail"] == "The account was hidden. The account was closed as of 2025-02-01."


def test_decided_holds_are_told_and_open_ones_are_not(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    one, other = (ada.type(account_id, "0", f"2025-0{month}-01") for month in (2, 3))
    for held in (one, other):
        decide(app, held, EventKind.HOLD, counts=False)
    assert kinds(ada, account_id) == []
    decide(app, one, EventKind.RELEASE, counts=True)
    decide(app, other, EventKind.REJECTION, counts=False)
    rejection, release = revisions(ada, account_id)["revisions"]
    assert (rejection["kind"], release["kind"]) == ("rejection", "release")
    assert (release["by"], release["first_captured_at"]) == ("owner", one["captured_at"])


def test_revisions_are_paged_and_newer_ones_move_no_page(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    for number in range(7):
        app.clock.advance(minutes=1)
        ada.patch(f"/accounts/{account_id}", json={"is_hidden": number % 2 == 0})
    whole = revisions(ada, account_id)["revisions"]
    page = revisions(ada, account_id, limit="3")
    assert page["total_count"] == 7
    ada.patch(f"/accounts/{account_id}", json={"is_hidden": False})
    found = page["revisions"]
    while page["next_cursor"]:
        page = revisions(ada, account_id, limit="3", cursor=page["next_cursor"])
        found += page["revisions"]
    assert found == whole


def test_nobody_sees_the_revisions_of_another_account(app: App, ada: Person) -> None:
    account_id, other_id = ada.account("1"), ada.account("1", name="Other")
    ada.patch(f"/accounts/{other_id}", json={"is_hidden": True})
    assert kinds(ada, account_id) == []
    eve = app.person("eve@example.com")
    assert_problem(eve.get(f"/accounts/{account_id}/revisions"), 403, "forbidden")
