from typing import Any

from recorded_answers.caller import Caller, RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors

HOUSE = {"name": "House", "account_type": "property", "currency": "USD", "balance": "410000.00"}


def test_accounts_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("accounts") as app:
        ada = app.open().person()
        ada("GET", "/accounts", "none yet")
        house = record_making(ada)
        app.clock.advance(minutes=1)
        record_lists(ada)
        record_changes(ada, house)
        record_removal(ada)
        record_live_account(app)
        record_foreign(app, house)
        record_errors(app, "accounts")


def record_making(ada: Caller) -> str:
    made: dict[str, str] = ada("POST", "/accounts", "of today", json=HOUSE)
    yen = HOUSE | {"name": "Yen", "currency": "jpy", "balance": "500"}
    for note, body in {
        "of a day": HOUSE | {"name": "Dinar", "currency": "KWD", "captured_at": "2025-01-15"},
        "of an instant": HOUSE | {"name": "Zloty", "currency": "PLN", "balance": "-0.10",
                                  "captured_at": "2025-01-15T10:00:00+01:00"},
        "the currency in small letters": yen,
        "the currency in capitals": yen | {"currency": "JPY"},
        "of this morning": HOUSE | {"name": "Attic", "captured_at": "2026-11-22"},
    }.items():  # fmt: skip
        ada("POST", "/accounts", note, json=body)
    for note, wrong in WRONG.items():
        ada("POST", "/accounts", note, json=HOUSE | wrong)
    key = {"Idempotency-Key": "one-house"}
    ada("POST", "/accounts", "by a key", json=HOUSE | {"name": "Keyed"}, headers=key)
    ada("POST", "/accounts", "by the key again", json=HOUSE | {"name": "Keyed"}, headers=key)
    ada("POST", "/accounts", "another by the key", json=HOUSE, headers=key)
    return made["id"]


def record_removal(ada: Caller) -> None:
    made = ada("POST", "/accounts", "a mistake", json=HOUSE | {"name": "Wrong"})["id"]
    ada("DELETE", f"/accounts/{made}", "its balance counts")
    run = ada("GET", "/syncs", "the run of the mistake")["syncs"][0]["id"]
    ada("DELETE", f"/syncs/{run}", "taken back")
    ada("DELETE", f"/accounts/{made}", "removed")
    ada("DELETE", f"/accounts/{made}", "removed before")


WRONG: dict[str, dict[str, Any]] = {
    "a currency that is none": {"currency": "XXQ"},
    "a currency too long": {"currency": "DOLLARS"},
    "an amount that is a number": {"balance": 410000},
    "an amount with an exponent": {"balance": "4e5"},
    "an amount too long": {"balance": "1" * 21},
    "more digits than the currency has": {"name": "Precise", "balance": "1.123"},
    "a kind that is none": {"account_type": "castle"},
    "a name that is empty": {"name": ""},
    "a name too long": {"name": "x" * 300},
    "of the future": {"captured_at": "2027-01-01"},
    "of no instant": {"captured_at": "noon"},
    "an unknown field": {"owner": "Ada"},
}


def record_lists(ada: Caller) -> None:
    ada("GET", "/accounts")
    ada("HEAD", "/accounts")
    page = ada("GET", "/accounts?limit=2", "first page")
    page = ada("GET", f"/accounts?limit=2&cursor={page['next_cursor']}", "second page")
    ada("GET", f"/accounts?limit=100&cursor={page['next_cursor']}", "last page")
    ada("GET", "/accounts?size=2", "a parameter that is not known")
    ada("GET", "/accounts?_=1", "a parameter that is ignored")
    ada("GET", "/accounts", "any media type", headers={"Accept": "application/*, text/html;q=0.5"})


def record_changes(ada: Caller, house: str) -> None:
    path = f"/accounts/{house}"
    ada("GET", path)
    ada("HEAD", path)
    for note, body in {
        "rename": {"name": " Cottage "},
        "another kind": {"account_type": "other"},
        "hide": {"is_hidden": True},
        "close": {"closed_at": "2026-11-20"},
        "open again": {"closed_at": None, "is_hidden": False},
        "nothing": {},
        "the sign of a manual account": {"balance_sign": -1},
        "a sign that is none": {"balance_sign": 2},
        "close in the future": {"closed_at": "2027-01-01T00:00:00Z"},
        "a name that is null": {"name": None},
        "an unknown field": {"currency": "EUR"},
    }.items():
        ada("PATCH", path, note, json=body)
    merge = {"Content-Type": "application/merge-patch+json"}
    ada("PATCH", path, "a merge patch", content=b'{"name":"Merged"}', headers=merge)
    ada("GET", path, "after the changes")


def record_live_account(app: RecordedApp) -> None:
    bob = app.person("bob@example.org")
    bob.connect()
    (account,) = bob("GET", "/accounts", "of a live connection")["accounts"]
    bob("PATCH", f"/accounts/{account['id']}", "the sign of a live account",
        json={"balance_sign": -1})  # fmt: skip


def record_foreign(app: RecordedApp, house: str) -> None:
    eve = app.person("eve@example.org")
    eve("GET", f"/accounts/{house}", "another's")
    eve("PATCH", f"/accounts/{house}", "another's", json={"name": "Mine"})
