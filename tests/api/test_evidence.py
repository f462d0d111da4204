"""The evidence of snapshots that were corrected, retracted or held, and readings that show them."""

from typing import Any

import pytest

from api.hold_events import decide, told
from api.problem_assertions import assert_problem
from api.snapshot_lists import column, recent
from application import App, Person
from dashtam.application.history.verification import verify
from dashtam.domain.history.account_event import EventKind

ALL = "superseded,retracted,held"
NOTHING = {"supersedes": None, "superseded_at": None, "retracted_at": None, "hold": None}


def amended(snapshot: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    evidence = snapshot["evidence"]
    assert list(evidence)[:4] == ["basis", "precision", "as_of", "sync_id"]
    return {name: evidence[name] for name in NOTHING}


class Past:
    """An account with a corrected, a retracted and a held balance among three that stand."""

    def __init__(self, app: App, person: Person) -> None:
        self.account_id = person.account("100")
        typed = [
            person.type(self.account_id, balance, f"2025-0{month}-01T10:00:00Z")
            for month, balance in enumerate(("200", "25000", "9", "0", "300"), 2)
        ]
        _, self.wrong, self.gone, self.held, _ = typed
        self.path = f"/accounts/{self.account_id}/balance-snapshots"
        app.clock.advance(minutes=1)
        body = {"balance": "250", "reason": "The bank reported cents."}
        made = person.post(f"{self.path}/{self.wrong['id']}/correction", json=body)
        self.right, self.corrected_at = made.json(), told(app)
        app.clock.advance(minutes=1)
        assert person.delete(f"{self.path}/{self.gone['id']}").status_code == 204
        self.retracted_at = told(app)
        self.held_at = decide(app, self.held, EventKind.HOLD, counts=False)
        app.clock.advance(minutes=1)


@pytest.fixture
def past(app: App, ada: Person) -> Past:
    return Past(app, ada)


def test_evidence_tells_corrections_and_is_null_for_the_others(ada: Person, past: Past) -> None:
    shown = ada.history(past.account_id, detail="evidence")["snapshots"]
    assert [one["balance"] for one in shown] == ["100.00", "200.00", "250.00", "300.00"]
    correction = NOTHING | {"supersedes": past.wrong["id"]}
    assert list(map(amended, shown)) == [NOTHING, NOTHING, correction, NOTHING]
    assert (
        recent(ada, past.account_id, detail="evidence")["snapshots"][1]["evidence"]
        == (shown[2]["evidence"])
    )
    (latest,) = ada.get("/balance-snapshots?detail=evidence").json()["snapshots"]
    assert amended(latest) == NOTHING
    exported = ada.get("/export").json()["balance_snapshots"]
    assert [amended(one) for one in exported] == list(map(amended, shown))


def test_a_corrected_latest_balance_tells_so(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    wrong = ada.type(account_id, "2", "2025-02-01")
    path = f"/accounts/{account_id}/balance-snapshots/{wrong['id']}/correction"
    ada.post(path, json={"balance": "3", "reason": "mistyped"})
    (latest,) = ada.get("/balance-snapshots?detail=evidence").json()["snapshots"]
    assert amended(latest) == NOTHING | {"supersedes": wrong["id"]}
    assert verify(app.services.database).findings == []


def test_included_snapshots_stand_in_their_place_and_change_nothing(
    ada: Person, past: Past
) -> None:
    plain = ada.history(past.account_id)
    found = ada.history(past.account_id, include=ALL)
    assert column(found, "balance") == (
        ["100.00", "200.00", "25000.00", "250.00", "9.00", "0.00", "300.00"]
    )
    assert column(found, "change_amount") == [None, "100.00", None, "50.00", None, None, "50.00"]
    assert list(map(amended, found["snapshots"])) == [
        NOTHING,
        NOTHING,
        NOTHING | {"superseded_at": past.corrected_at},
        NOTHING | {"supersedes": past.wrong["id"]},
        NOTHING | {"retracted_at": past.retracted_at},
        NOTHING
        | {
            "hold": {
                "rule": "sudden_zero",
                "held_at": past.held_at,
                "decision": None,
                "decided_at": None,
            }
        },
        NOTHING,
    ]
    standing = [one for one in found["snapshots"] if one["id"] in column(plain, "id")]
    for one in standing:
        del one["evidence"]
    assert standing == plain["snapshots"]
    summary = plain | {"snapshots": found["snapshots"], "total_count": 7}
    assert list(found.items()) == list(summary.items())


@pytest.mark.parametrize(
    ("include", "balances"),
    [("superseded", ["25000.00"]), ("retracted", ["9.00"]), ("held", ["0.00"]),
     ("held,retracted", ["9.00", "0.00"])],
)  # fmt: skip
def test_each_reason_includes_its_own(
    ada: Person, past: Past, include: str, balances: list[str]
) -> None:
    plain = column(ada.history(past.account_id), "id")
    found = ada.history(past.account_id, include=include)["snapshots"]
    assert [one["balance"] for one in found if one["id"] not in plain] == balances


def test_the_recent_list_counts_included_snapshots_towards_its_limit(
    ada: Person, past: Past
) -> None:
    found = recent(ada, past.account_id, include=ALL, limit="4")
    assert column(found, "balance") == ["300.00", "0.00", "9.00", "250.00"]
    assert column(found, "change_amount") == ["50.00", None, None, "50.00"]
    assert (found["start_balance"], found["end_balance"]) == ("250.00", "300.00")
    assert (found["total_count"], found["total_change_amount"]) == (4, "50.00")
    only = recent(ada, past.account_id, include=ALL, limit="1")
    assert (only["total_count"], only["start_balance"]) == (1, "300.00")


def test_a_list_of_excluded_snapshots_alone_has_no_summary(app: App, ada: Person) -> None:
    account_id = ada.account("1")
    (only,) = ada.history(account_id)["snapshots"]
    assert ada.delete(f"/accounts/{account_id}/balance-snapshots/{only['id']}").status_code == 204
    for found in (
        ada.history(account_id, include="retracted"),
        recent(ada, account_id, include="retracted"),
    ):
        assert column(found, "balance") == ["1.00"]
        assert (found["total_count"], found["currency"]) == (1, "USD")
        assert (found["start_balance"], found["total_change_amount"]) == (None, None)
    assert app.events().count("snapshot_retracted") == 1


def test_included_snapshots_are_neither_thinned_nor_of_other_sources(
    ada: Person, past: Past
) -> None:
    found = ada.history(past.account_id, include=ALL, max_points="2")
    assert column(found, "balance") == ["100.00", "25000.00", "9.00", "0.00", "300.00"]
    assert column(found, "change_amount") == [None, None, None, None, "200.00"]
    by_year = ada.history(past.account_id, include="retracted", interval="month")
    assert "9.00" in column(by_year, "balance")
    assert ada.history(past.account_id, include=ALL, source="account_sync")["snapshots"] == []
    bounds = {"start_date": "2025-03-01", "end_date": "2025-03-31"}
    of_march = ada.history(past.account_id, include=ALL, **bounds)
    assert column(of_march, "balance") == ["25000.00", "250.00"]


def test_a_retracted_run_is_told_at_each_of_its_snapshots(app: App, ada: Person) -> None:
    app.connected(ada)
    account_id = ada.get("/accounts").json()["accounts"][0]["id"]
    run = ada.get("/syncs").json()["syncs"][0]["id"]
    app.clock.advance(minutes=1)
    before = told(app)
    app.clock.advance(minutes=1)
    assert ada.delete(f"/syncs/{run}").status_code == 204
    (only,) = recent(ada, account_id, include="retracted")["snapshots"]
    assert amended(only) == NOTHING | {"retracted_at": told(app)}
    assert recent(ada, account_id, include="superseded,held")["snapshots"] == []
    (then,) = recent(ada, account_id, include="retracted", known_at=before)["snapshots"]
    assert amended(then) == NOTHING


def test_a_hold_tells_its_decision(app: App, ada: Person, past: Past) -> None:
    released_at = decide(app, past.held, EventKind.RELEASE, counts=True)
    (released,) = (
        one
        for one in ada.history(past.account_id, detail="evidence")["snapshots"]
        if one["id"] == past.held["id"]
    )
    hold = {"rule": "sudden_zero", "held_at": past.held_at, "decision": "release"}
    assert amended(released)["hold"] == hold | {"decided_at": released_at}
    assert column(ada.history(past.account_id, include="held"), "balance").count("0.00") == 1
    assert verify(app.services.database).findings == []


def test_a_rejected_snapshot_is_included_with_the_held_ones(
    app: App, ada: Person, past: Past
) -> None:
    rejected_at = decide(app, past.held, EventKind.REJECTION, counts=False)
    assert "0.00" not in column(ada.history(past.account_id), "balance")
    found = ada.history(past.account_id, include="held")["snapshots"]
    (rejected,) = (one for one in found if one["id"] == past.held["id"])
    hold = amended(rejected)["hold"]
    assert (hold["decision"], hold["decided_at"]) == ("reject", rejected_at)


def test_a_correction_of_a_correction_tells_both(app: App, ada: Person, past: Past) -> None:
    app.clock.advance(minutes=1)
    body = {"balance": "260", "reason": "again"}
    assert ada.post(f"{past.path}/{past.right['id']}/correction", json=body).status_code == 201
    found = ada.history(past.account_id, include="superseded")["snapshots"]
    assert [(one["balance"], amended(one)) for one in found[2:5]] == [
        ("25000.00", NOTHING | {"superseded_at": past.corrected_at}),
        ("250.00", NOTHING | {"supersedes": past.wrong["id"], "superseded_at": told(app)}),
        ("260.00", NOTHING | {"supersedes": past.right["id"]}),
    ]


def test_evidence_and_included_snapshots_are_as_they_were_known(
    app: App, ada: Person, past: Past
) -> None:
    kept = []
    for change in (
        lambda: ada.post(
            f"{past.path}/{past.right['id']}/correction", json={"balance": "1", "reason": "x"}
        ),
        lambda: decide(app, past.held, EventKind.RELEASE, counts=True),
        lambda: ada.patch(f"/accounts/{past.account_id}", json={"is_hidden": True}),
        lambda: ada.delete(f"{past.path}/{past.held['id']}"),
    ):
        answers = [
            ada.get(f"/accounts/{past.account_id}/{reading}").content
            for reading in (
                f"balance-snapshots?include={ALL}",
                "balance-snapshots?detail=evidence",
                f"balance-history?start_date=2020-01-01&end_date=2030-01-01&include={ALL}",
            )
        ]
        kept.append((told(app), answers))
        app.clock.advance(minutes=1)
        change()
        app.clock.advance(minutes=1)
    for at, answers in kept:
        again = [
            ada.get(f"/accounts/{past.account_id}/{reading}&known_at={at}").content
            for reading in (
                f"balance-snapshots?include={ALL}",
                "balance-snapshots?detail=evidence",
                f"balance-history?start_date=2020-01-01&end_date=2030-01-01&include={ALL}",
            )
        ]
        assert again == answers


def test_an_unknown_reason_and_another_persons_account_are_refused(
    app: App, ada: Person, past: Past
) -> None:
    for include in ("hidden", "", "held,", "HELD"):
        refused = ada.get(past.path, params={"include": include})
        assert_problem(refused, 400, "validation_failed")
    eve = app.person("eve@example.com")
    refused = eve.get(past.path, params={"include": ALL})
    assert_problem(refused, 403, "forbidden")
