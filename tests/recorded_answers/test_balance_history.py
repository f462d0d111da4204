from recorded_answers.caller import Caller, RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from recorded_answers.test_balance_snapshots import record_validators

WHOLE = "start_date=2026-01-01&end_date=2026-12-31"


def test_balance_histories_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("balance-history") as app:
        ada = app.open().person()
        ada("GET", f"/balance-history?{WHOLE}", "none yet")
        giro = make_history(app, ada)
        record_ranges(ada, giro)
        record_thinning(app, ada, giro)
        record_sources(app, ada)
        record_totals(app, ada)
        record_foreign(app, giro)
        record_errors(app, "balance-history")


def make_history(app: RecordedApp, ada: Caller) -> str:
    giro = ada.account("Giro", "20000.00", captured_at="2026-09-01")
    for balance, captured_at in {
        "20500.00": "2026-09-15T08:00:00Z",
        "19000.25": "2026-09-15T23:30:00Z",
        "0.00": "2026-10-01",
        "-100.00": "2026-10-02",
        "12345678901234567890.99": "2026-10-31T22:59:59Z",
        "0.10": "2026-11-01T12:00:00.123456Z",
    }.items():
        ada.type(giro, balance, captured_at)
    # Two of one instant, in order of recording.
    ada.type(giro, "25000.00", "2026-11-10T10:00:00Z")
    ada.type(giro, "24000.00", "2026-11-10T10:00:00Z", available_balance="1", cash_value="2")
    app.clock.advance(minutes=1)
    return giro


def record_ranges(ada: Caller, giro: str) -> None:
    path = f"/accounts/{giro}/balance-history"
    ada("GET", f"{path}?{WHOLE}")
    ada("HEAD", f"{path}?{WHOLE}")
    for note, query in {
        "both ends included": "start_date=2026-09-15T08:00:00Z&end_date=2026-10-01T12:00:00Z",
        "one snapshot": "start_date=2026-10-01&end_date=2026-10-01",
        "from zero": "start_date=2026-10-01&end_date=2026-10-02",
        "no snapshot": "start_date=2025-01-01&end_date=2025-12-31",
        "an offset whose plus became a space": "start_date=2026-09-15T10:00:00 02:00"
        "&end_date=2026-09-16T00:00:00%2B02:00",
        "the whole calendar": "start_date=0001-01-01&end_date=9999-12-31",
        "reversed": "start_date=2026-12-31&end_date=2026-01-01",
        "empty": "start_date=2026-01-01T00:00:00Z&end_date=2026-01-01T00:00:00Z",
    }.items():
        ada("GET", f"{path}?{query}", note)
    record_validators(ada, f"{path}?{WHOLE}")


def record_thinning(app: RecordedApp, ada: Caller, giro: str) -> None:
    path = f"/accounts/{giro}/balance-history?{WHOLE}"
    ada("GET", f"{path}&interval=day")
    ada("GET", f"{path}&interval=day&tz=Asia/Tokyo")
    ada("GET", f"{path}&interval=week&tz=Europe/Berlin")
    ada("GET", f"{path}&interval=month")
    ada("GET", f"{path}&max_points=2")
    ada("GET", f"{path}&max_points=4")
    ada("GET", f"{path}&max_points=4&interval=day")
    ada("GET", f"{path}&interval=day&tz=Pacific/Kiritimati&detail=evidence")
    yen = ada.account("Yen", "500", currency="JPY")
    ada.type(yen, "1000", "2026-11-02")
    dinar = ada.account("Dinar", "1", currency="KWD")
    app.clock.advance(minutes=1)
    ada("GET", f"/accounts/{yen}/balance-history?{WHOLE}", "yen")
    ada("GET", f"/accounts/{dinar}/balance-history?{WHOLE}", "dinars")


def record_sources(app: RecordedApp, ada: Caller) -> None:
    connection = ada.connect()
    app.clock.advance(minutes=1)
    ada.quietly("POST", f"/connections/{connection['id']}/syncs", json={})
    accounts = ada.quietly("GET", "/accounts")["accounts"]
    (live,) = (one["id"] for one in accounts if one["name"] == "Account 1")
    path = f"/accounts/{live}/balance-history?{WHOLE}"
    for source in ("initial_connection", "account_sync", "holdings_sync", "manual_sync",
                   "scheduled_sync"):  # fmt: skip
        ada("GET", f"{path}&source={source}", source)
    ada.quietly("PATCH", f"/accounts/{live}", json={"balance_sign": -1})
    ada("GET", path, "the sign is turned")


def record_totals(app: RecordedApp, ada: Caller) -> None:
    path = "/balance-history"
    hidden = ada.account("Hidden", "1000000.00")
    ada.quietly("PATCH", f"/accounts/{hidden}", json={"is_hidden": True})
    closed = ada.account("Closed", "7.00")
    ada.quietly("PATCH", f"/accounts/{closed}", json={"closed_at": "2026-11-20"})
    app.clock.advance(minutes=1)
    november = "start_date=2026-10-30&end_date=2026-11-03"
    for note, query in {
        "": november,
        "by week": f"{november}&interval=week&tz=America/New_York",
        "by month": f"{WHOLE}&interval=month",
        "by account": f"{november}&group_by=account",
        "by month and account": f"{WHOLE}&interval=month&group_by=account",
        "thinned": f"{WHOLE}&max_points=4",
        "before anything": "start_date=2025-01-01&end_date=2025-01-03",
        "reversed": "start_date=2026-12-31&end_date=2026-01-01",
    }.items():
        ada("GET", f"{path}?{query}", note)
    ada("GET", f"{path}?{WHOLE}&interval=month&account_id={hidden}", "one account")
    ada("GET", f"{path}?{WHOLE}&account_id=00000000-0000-4000-8000-000000000000", "no account")
    ada("HEAD", f"{path}?{november}")
    record_validators(ada, f"{path}?{WHOLE}&interval=month")


def record_foreign(app: RecordedApp, giro: str) -> None:
    eve = app.person("eve@example.org")
    eve("GET", f"/accounts/{giro}/balance-history?{WHOLE}", "another's")
