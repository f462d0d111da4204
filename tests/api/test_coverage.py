"""Accounts tell since when, how often and how lately they were observed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from api.snapshot_lists import upload
from application import App, Person

DAY = timedelta(days=1)
# When the application's clock stands.
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def listed(person: Person, name: str) -> dict[str, object]:
    accounts = person.get("/accounts").json()["accounts"]
    [found] = [one for one in accounts if one["name"] == name]
    return dict(found)


def upload_days_ago(person: Person, name: str, *days: int) -> str:
    rows = [f"{(NOW - day * DAY).date()},{day},{name},USD" for day in days]
    account_id: str = upload(person, rows)["accounts"][0]["account_id"]
    return account_id


@pytest.mark.parametrize(
    ("days_ago", "usual_days", "is_stale"),
    [
        (range(2, 20), 1, False),
        (range(4, 20), 1, True),
        (range(80, 500, 30), 30, False),
        (range(91, 500, 30), 30, True),
        # The last ten intervals decide.
        ([*range(25, 105, 8), *range(106, 160)], 8, True),
        ([*range(23, 103, 8), *range(106, 160)], 8, False),
        ([89], None, False),
        ([91], None, True),
    ],
)
def test_an_account_is_stale_by_its_own_rhythm(
    ada: Person, days_ago: list[int], usual_days: int | None, *, is_stale: bool
) -> None:
    account_id = upload_days_ago(ada, "Giro", *days_ago)
    account = listed(ada, "Giro")
    assert account["is_stale"] is is_stale
    since, until = (
        f"{(NOW - day * DAY).date()}T12:00:00Z" for day in (max(days_ago), min(days_ago))
    )
    assert account["observed_at"] == until
    coverage = {"since": since, "until": until, "usual_interval_days": usual_days}
    assert account["coverage"] == coverage
    alone = ada.get(f"/accounts/{account_id}").json()
    ordered = sorted(days_ago)
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    assert alone["coverage"] == coverage | {"longest_gap_days": max(gaps, default=None)}


def test_a_typed_account_has_ninety_days_and_a_hidden_or_closed_one_for_ever(
    app: App, ada: Person
) -> None:
    for name, days in (("Recent", 89), ("Old", 91), ("Hidden", 200), ("Closed", 200)):
        account_id = ada.account(name=name, captured_at=(NOW - (days + 1) * DAY).isoformat())
        ada.type(account_id, "1", (NOW - days * DAY).isoformat())
        if name == "Hidden":
            ada.patch(f"/accounts/{account_id}", json={"is_hidden": True})
        if name == "Closed":
            ada.patch(f"/accounts/{account_id}", json={"closed_at": (NOW - 150 * DAY).isoformat()})
    stale = [
        name for name in ("Recent", "Old", "Hidden", "Closed") if listed(ada, name)["is_stale"]
    ]
    assert stale == ["Old"]
    app.clock.advance(days=2)
    assert listed(ada, "Recent")["is_stale"] is True


def test_a_retracted_snapshot_is_no_observation(ada: Person) -> None:
    account_id = upload_days_ago(ada, "Giro", 40, 39, 38)
    later = upload(ada, [f"{(NOW - DAY).date()},7,Giro,USD"])
    assert ada.get(f"/accounts/{account_id}").json()["coverage"]["longest_gap_days"] == 37
    assert listed(ada, "Giro")["is_stale"] is False
    ada.delete(f"/syncs/{later['id']}")
    assert ada.get(f"/accounts/{account_id}").json()["coverage"]["longest_gap_days"] == 1
    assert listed(ada, "Giro")["is_stale"] is True


def test_an_account_without_a_snapshot_has_no_coverage(ada: Person) -> None:
    only = upload(ada, [f"{NOW.date()},7,Giro,USD"])
    ada.delete(f"/syncs/{only['id']}")
    account = listed(ada, "Giro")
    assert (account["observed_at"], account["coverage"], account["is_stale"]) == (None, None, False)
