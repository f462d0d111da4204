from recorded_answers.caller import Caller, RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from recorded_answers.recording import NOBODYS_ID


def test_balance_snapshots_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("balance-snapshots") as app:
        ada = app.open().person()
        ada("GET", "/balance-snapshots", "none yet")
        giro = ada.account("Giro", "20000.00")
        record_typing(app, ada, giro)
        record_latest(app, ada, giro)
        record_recent(ada, giro)
        record_runs(ada, giro)
        record_corrections(ada, giro)
        record_foreign(app, giro)
        record_errors(app, "balance-snapshots")


def record_typing(app: RecordedApp, ada: Caller, giro: str) -> None:
    path = f"/accounts/{giro}/balance-snapshots"
    for note, body in {
        "of a day": {"balance": "24500.00", "captured_at": "2026-11-02"},
        "all fields": {"balance": "25000.00", "available_balance": "24000", "cash_value": "5000",
                       "holdings_value": "20000.00", "captured_at": "2026-11-03T10:00:00.5+01:00"},
        "of now": {"balance": "-1200.5"},
        "between others": {"balance": "0.00", "captured_at": "2026-11-02T18:00:00Z"},
        "the same again": {"balance": "0.00", "captured_at": "2026-11-02T18:00:00Z"},
        "of the future": {"balance": "1", "captured_at": "2026-11-23T00:00:00Z"},
        "an amount that is none": {"balance": "1,50"},
        "a second amount that is none": {"balance": "1", "cash_value": "1e3"},
        "nothing": {},
    }.items():  # fmt: skip
        ada("POST", path, note, json=body)
    key = {"Idempotency-Key": "1-balance"}
    ada("POST", path, "by a key", json={"balance": "5"}, headers=key)
    ada("POST", path, "by the key again", json={"balance": "5"}, headers=key)
    ada("POST", path, "another by the key", json={"balance": "6"}, headers=key)
    ada.connect()
    accounts = ada.quietly("GET", "/accounts")["accounts"]
    (live,) = (one["id"] for one in accounts if one["name"] == "Account 1")
    body = {"balance": "1"}
    ada("POST", f"/accounts/{live}/balance-snapshots", "a live connection feeds it", json=body)
    app.clock.advance(minutes=1)


def record_latest(app: RecordedApp, ada: Caller, giro: str) -> None:
    ada.account("Yen", "500", currency="JPY")
    ada.account("Zloty", "-0.10", currency="PLN")
    hidden = ada.account("Hidden", "1000000.00")
    ada.quietly("PATCH", f"/accounts/{hidden}", json={"is_hidden": True})
    closed = ada.account("Closed", "7.00")
    ada.quietly("PATCH", f"/accounts/{closed}", json={"closed_at": "2026-11-20"})
    ada.type(giro, "30000.00", "2026-11-22T11:00:00Z")
    ada("GET", "/balance-snapshots")
    ada("HEAD", "/balance-snapshots")
    for include in ("hidden", "closed", "hidden,closed"):
        ada("GET", f"/balance-snapshots?include={include}")
    ada("GET", "/balance-snapshots?detail=evidence")
    record_validators(ada, "/balance-snapshots")
    app.clock.advance(minutes=1)
    script = ada.quietly("POST", "/access-tokens", json={"name": "script"})["token"]
    Caller(app, script)("GET", "/balance-snapshots", "by a read-only token")


def record_validators(caller: Caller, path: str) -> None:
    etag = caller.send("GET", path).headers["etag"]
    for note, sent in {
        "unchanged": etag,
        "unchanged, weakly": f"W/{etag}",
        "unchanged, among others": f'"other", {etag}',
        "any": "*",
        "changed": '"other"',
    }.items():
        caller("GET", path, note, headers={"If-None-Match": sent})
    caller("HEAD", path, "unchanged", headers={"If-None-Match": etag})


def record_recent(ada: Caller, giro: str) -> None:
    path = f"/accounts/{giro}/balance-snapshots"
    ada("GET", path)
    ada("HEAD", path)
    ada("GET", f"{path}?limit=2")
    ada("GET", f"{path}?limit=100")
    ada("GET", f"{path}?source=manual_sync&limit=3")
    ada("GET", f"{path}?source=scheduled_sync")
    ada("GET", f"{path}?limit=2&detail=evidence")
    record_validators(ada, f"{path}?limit=1")


def record_runs(ada: Caller, giro: str) -> None:
    path = f"/accounts/{giro}/balance-snapshots"
    snapshot = ada.quietly("GET", f"{path}?limit=1")["snapshots"][0]["id"]
    run = ada("GET", f"{path}/{snapshot}/sync")
    ada("HEAD", f"{path}/{snapshot}/sync")
    ada.quietly("DELETE", f"/syncs/{run['id']}")
    ada("GET", f"{path}/{snapshot}/sync", "retracted")
    ada("GET", f"{path}/{NOBODYS_ID}/sync", "no snapshot of the account")
    ada("GET", f"{path}?limit=1", "without the retracted one")


def record_corrections(ada: Caller, giro: str) -> None:
    path = f"/accounts/{giro}/balance-snapshots"
    newest = f"{path}/{ada.quietly('GET', f'{path}?limit=1')['snapshots'][0]['id']}"
    for note, body in {
        "all fields": {"balance": "30000.50", "available_balance": "1", "cash_value": "2",
                       "holdings_value": "3.5", "reason": "The bank reported cents."},
        "of one that is superseded": {"balance": "1", "reason": "again"},
        "without a reason": {"balance": "1"},
        "a reason that is none": {"balance": "1", "reason": " "},
        "an amount that is none": {"balance": "1,50", "reason": "why"},
    }.items():  # fmt: skip
        ada("POST", f"{newest}/correction", note, json=body)
    ada("GET", f"{path}?limit=1", "corrected")
    newest = f"{path}/{ada.quietly('GET', f'{path}?limit=1')['snapshots'][0]['id']}"
    ada("DELETE", newest, "a reason that is none", json={"reason": ""})
    ada("DELETE", newest, json={"reason": "It was right before."})
    ada("DELETE", newest, "again")
    ada("GET", f"{path}?limit=1", "without the retracted correction")
    ada("GET", f"{path}?limit=3&include=superseded,retracted", "with all that do not count")
    nobodys = f"{path}/{NOBODYS_ID}"
    ada("DELETE", nobodys, "no snapshot of the account")
    body = {"balance": "1", "reason": "why"}
    ada("POST", f"{nobodys}/correction", "no snapshot of the account", json=body)


def record_foreign(app: RecordedApp, giro: str) -> None:
    eve = app.person("eve@example.org")
    path = f"/accounts/{giro}/balance-snapshots"
    eve("GET", path, "another's")
    eve("GET", f"{path}/{NOBODYS_ID}/sync", "another's")
    eve("POST", path, "another's", json={"balance": "1"})
    eve("DELETE", f"{path}/{NOBODYS_ID}", "another's")
    body = {"balance": "1", "reason": "why"}
    eve("POST", f"{path}/{NOBODYS_ID}/correction", "another's", json=body)
