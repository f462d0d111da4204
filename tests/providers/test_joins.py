"""A provider that hands out new ids: the join is proposed, and makes the accounts one history."""

from dataclasses import replace
from typing import Any

import pytest

from dashtam.application.history.verification import verify
from dashtam.domain.connection import ConnectionState
from providers.bridge import Bridge, org
from providers.simplefin_server import account, account_set

BANK = org(domain="alder.example", name="Alder Creek Bank")


def told(external_id: str, balance: str, **changes: object) -> dict[str, object]:
    return account_set(account(org=BANK, id=external_id, balance=balance, **changes))


@pytest.fixture
def proposed(bridge: Bridge) -> tuple[str, str]:
    """Two days under one id, two under another; the ids of both accounts."""
    bridge.tell(told("ACT-1", "1.00"))
    bridge.tell(told("ACT-1", "2.00"))
    bridge.tell(told("ACT-9", "3.00"))
    bridge.tell(told("ACT-9", "4.00"))
    old, new = sorted(bridge.accounts, key=lambda one: one["created_at"])
    return old["id"], new["id"]


def totals(bridge: Bridge, **query: str) -> Any:  # noqa: ANN401 - JSON
    return bridge.person.get("/balance-snapshots", params=query).json()["total_balance_by_currency"]


def join(bridge: Bridge, one: str, other: str) -> Any:  # noqa: ANN401 - JSON
    return bridge.person.post(f"/accounts/{one}/join", json={"account_id": other})


def series(bridge: Bridge, account_id: str, **query: str) -> list[str]:
    return [one["balance"] for one in bridge.person.history(account_id, **query)["snapshots"]]


def test_new_ids_are_proposed_and_held_out_of_the_totals(
    bridge: Bridge, proposed: tuple[str, str]
) -> None:
    old, new = proposed
    shown = {one["id"]: one for one in bridge.accounts}
    assert shown[new]["join_proposed_to"] == old
    assert shown[old]["join_proposed_to"] is None
    assert totals(bridge) == {"USD": "2.00"}
    assert series(bridge, new) == ["3.00", "4.00"]
    run = bridge.tell(told("ACT-9", "5.00"))
    codes = {one["account_id"]: one["code"] for one in run["accounts"]}
    assert codes == {new: "join_proposed", old: "not_reported"}


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_joined_history_reads_as_one_account(
    bridge: Bridge, proposed: tuple[str, str], *, is_turned: bool
) -> None:
    old, new = proposed
    rows = bridge.app.query("SELECT * FROM balance_snapshots")
    joined = join(bridge, *((new, old) if is_turned else (old, new)))
    assert joined.status_code == 201, joined.text
    assert (joined.json()["id"], joined.json()["balance"]) == (old, "4.00")
    assert joined.json()["joined_accounts"] == [new]
    assert bridge.app.query("SELECT * FROM balance_snapshots") == rows
    assert [one["id"] for one in bridge.accounts] == [old]
    assert bridge.accounts[0]["balance"] == "4.00"
    assert totals(bridge) == {"USD": "4.00"}
    latest = bridge.person.get("/balance-snapshots").json()["snapshots"]
    assert [(one["account_id"], one["balance"], one["change_amount"]) for one in latest] == [
        (old, "4.00", "1.00")
    ]
    for account_id in (old, new):
        history = bridge.person.history(account_id)
        assert [one["balance"] for one in history["snapshots"]] == ["1.00", "2.00", "3.00", "4.00"]
        assert {one["account_id"] for one in history["snapshots"]} == {old}
        assert history["total_change_amount"] == "3.00"
        recent = bridge.person.get(
            f"/accounts/{account_id}/balance-snapshots", params={"limit": "2"}
        ).json()
        assert [(one["balance"], one["change_amount"]) for one in recent["snapshots"]] == [
            ("4.00", "1.00"),
            ("3.00", "1.00"),
        ]
        assert bridge.person.get(f"/accounts/{account_id}").json()["id"] == old
        assert series(bridge, account_id, interval="day") == ["1.00", "2.00", "3.00", "4.00"]
        excluded = bridge.person.history(account_id, include="retracted", detail="evidence")
        assert len(excluded["snapshots"]) == 4


def test_a_joined_history_goes_on_and_is_known_since_its_join(
    bridge: Bridge, proposed: tuple[str, str]
) -> None:
    old, new = proposed
    before = bridge.app.clock()
    bridge.app.clock.advance(hours=1)
    join(bridge, old, new)
    run = bridge.tell(told("ACT-9", "5.00"))
    assert (run["state"], run["recorded"]) == ("succeeded", 1), run
    assert series(bridge, old) == ["1.00", "2.00", "3.00", "4.00", "5.00"]
    assert totals(bridge) == {"USD": "5.00"}
    then = before.isoformat().replace("+00:00", "Z")
    assert totals(bridge, known_at=then) == {"USD": "2.00"}
    assert series(bridge, old, known_at=then) == ["1.00", "2.00"]
    assert series(bridge, new, known_at=then) == ["3.00", "4.00"]
    assert verify(bridge.app.services.database).found == 0


def test_totals_over_time_count_a_joined_history_once(
    bridge: Bridge, proposed: tuple[str, str]
) -> None:
    def points(**query: str) -> list[str]:
        found = bridge.person.get(
            "/balance-history",
            params={"start_date": "2026-11-20", "end_date": "2026-11-25", "interval": "day"}
            | query,
        )
        assert found.status_code == 200, found.text
        return [one["balance"] for one in found.json()["series"][0]["points"]]

    old, new = proposed
    assert points() == ["1.00", "2.00", "2.00", "2.00"]
    join(bridge, old, new)
    assert points() == ["1.00", "2.00", "3.00", "4.00"]
    assert points(account_id=new) == ["1.00", "2.00", "3.00", "4.00"]


def test_the_export_has_one_history_and_all_evidence(
    bridge: Bridge, proposed: tuple[str, str]
) -> None:
    old, new = proposed
    join(bridge, old, new)
    exported = bridge.person.get("/export").json()
    assert [one["id"] for one in exported["accounts"]] == [old]
    snapshots = exported["balance_snapshots"]
    assert [(one["account_id"], one["balance"]) for one in snapshots] == [
        (old, balance) for balance in ("1.00", "2.00", "3.00", "4.00")
    ]
    assert {one["account_id"] for one in exported["account_events"]} == {old, new}


def test_separating_brings_both_histories_back(bridge: Bridge, proposed: tuple[str, str]) -> None:
    old, new = proposed
    join(bridge, old, new)
    bridge.tell(told("ACT-9", "5.00"))
    assert bridge.person.delete(f"/accounts/{old}/join").status_code == 204
    assert series(bridge, old) == ["1.00", "2.00"]
    assert series(bridge, new) == ["3.00", "4.00", "5.00"]
    assert totals(bridge) == {"USD": "7.00"}
    assert bridge.person.delete(f"/accounts/{old}/join").status_code == 409
    revisions = bridge.person.get(f"/accounts/{new}/revisions").json()["revisions"]
    assert [one["detail"] for one in revisions] == [
        "The accounts were separated again.",
        "The accounts were joined: they are one history.",
    ]
    assert verify(bridge.app.services.database).found == 0


def test_declining_lets_the_new_account_count(bridge: Bridge, proposed: tuple[str, str]) -> None:
    old, new = proposed
    assert bridge.person.delete(f"/accounts/{new}/join").status_code == 204
    assert totals(bridge) == {"USD": "6.00"}
    run = bridge.tell(told("ACT-9", "5.00"))
    assert {one["code"] for one in run["accounts"]} == {None, "not_reported"}
    assert series(bridge, old) == ["1.00", "2.00"]


def test_a_snapshot_of_a_joined_history_is_corrected_and_taken_back(
    bridge: Bridge, proposed: tuple[str, str]
) -> None:
    old, new = proposed
    join(bridge, old, new)
    first, _, _, last = bridge.person.history(old)["snapshots"]
    place = f"/accounts/{old}/balance-snapshots"
    body = {"balance": "7.00", "reason": "It was 7."}
    corrected = bridge.person.post(f"{place}/{last['id']}/correction", json=body)
    assert corrected.status_code == 201, corrected.text
    gone = bridge.person.request("DELETE", f"{place}/{first['id']}", json={"reason": "No."})
    assert gone.status_code == 204, gone.text
    assert series(bridge, old) == ["2.00", "3.00", "7.00"]
    assert verify(bridge.app.services.database).found == 0


@pytest.mark.parametrize(
    "changes",
    [{"name": "Another"}, {"currency": "EUR"}, {"org": org(name="Beech", domain="beech.example")}],
)
def test_an_account_that_differs_is_a_new_one(bridge: Bridge, changes: dict[str, object]) -> None:
    bridge.tell(told("ACT-1", "1.00"))
    bridge.tell(account_set(account(**{"org": BANK, "id": "ACT-9", "balance": "3.00"} | changes)))
    assert {one["join_proposed_to"] for one in bridge.accounts} == {None}


def test_an_account_beside_the_other_one_is_a_new_one(bridge: Bridge) -> None:
    bridge.tell(told("ACT-1", "1.00"))
    both = [account(org=BANK, id=one, balance="1.00") for one in ("ACT-1", "ACT-9")]
    bridge.tell(account_set(*both))
    assert totals(bridge) == {"USD": "2.00"}


def test_accounts_that_cannot_be_one_are_refused(bridge: Bridge, proposed: tuple[str, str]) -> None:
    old, new = proposed
    euros = bridge.person.account("1", currency="EUR")
    eve = bridge.app.person("eve@example.org")
    hers = eve.account("1")
    for other, code in ((euros, "different_currency"), (old, "same_account"), (hers, "unknown")):
        refused = join(bridge, old, other)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, code)
    assert eve.post(f"/accounts/{old}/join", json={"account_id": hers}).status_code == 403
    assert eve.delete(f"/accounts/{new}/join").status_code == 403


def test_a_new_connection_takes_the_place_of_one_that_needs_other_credentials(
    bridge: Bridge,
) -> None:
    bridge.tell(told("ACT-1", "1.00"))
    first = bridge.connection_id
    with bridge.app.services.database.write() as work:
        live = work.connections.lock(bridge.app.connection(first).id)
        assert live is not None
        state = ConnectionState.NEEDS_REAUTHENTICATION
        work.connections.update(
            replace(live, connection=replace(live.connection, state=state, next_sync_at=None))
        )
    bridge.connection_id = ""
    bridge.tell(told("ACT-1", "2.00"))
    assert bridge.balances() == [["1.00", "2.00"]]
    assert bridge.accounts[0]["connection_id"] == bridge.connection_id
    states = {
        one["id"]: one["state"] for one in bridge.person.get("/connections").json()["connections"]
    }
    assert states == {first: "disconnected", bridge.connection_id: "active"}
