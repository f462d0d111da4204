import json
from pathlib import Path
from typing import Any

from recorded_answers.caller import Caller, RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors
from recorded_answers.recording import NOBODYS_ID

EXAMPLES = Path(__file__).parents[2] / "examples"
CSV = b"""\
Date,Balance,Account
2026-11-01,20000.00,Giro
2026-11-02,twenty,Giro
2026-11-03,20500.10,Giro
2026-11-03,1.00,Savings
2027-01-01,1.00,Savings
"""
FOREIGN_CSV = b"Tag;Stand\n31.10.2026;1.234,50\n30.11.2025;-5,00\n"
MAPPING = {
    "date": "Tag",
    "balance": "Stand",
    "default_account_name": "Bauspar",
    "default_currency_code": "EUR",
}


def test_imports_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("imports") as app:
        ada = app.open().person()
        ada("GET", "/imports/formats")
        ada("HEAD", "/imports/formats")
        record_csv(ada)
        record_mapped(ada)
        record_formats(app)
        record_unreadable(app)
        record_chosen(app)
        record_errors(app, "imports")


def send(caller: Caller, note: str, content: bytes, **options: Any) -> Any:  # noqa: ANN401 - JSON
    """Import a file; a minute passes, so that the rate limit never refuses."""
    caller.app.clock.advance(minutes=1)
    headers = options.pop("headers", {})
    files = {"file": ("statement", content)}
    return caller("POST", "/imports", note, files=files, data=options, headers=headers)


def record_csv(ada: Caller) -> None:
    send(ada, "a dry run", CSV, dry_run="true")
    send(ada, "balances", CSV)
    send(ada, "balances again", CSV)
    key = {"Idempotency-Key": "one-file"}
    changed = CSV.replace(b"twenty", b"20.00")
    send(ada, "by a key", changed, headers=key)
    send(ada, "by the key again", changed, headers=key)
    send(ada, "another by the key", CSV, headers=key)


def record_mapped(ada: Caller) -> None:
    send(ada, "columns without a mapping", FOREIGN_CSV)
    send(ada, "a mapping", FOREIGN_CSV, mapping=json.dumps(MAPPING))
    send(ada, "a mapping without an account", FOREIGN_CSV,
         mapping=json.dumps({"date": "Tag", "balance": "Stand"}))  # fmt: skip
    send(ada, "a mapping that is no JSON", FOREIGN_CSV, mapping="{")
    send(ada, "a mapping with an unknown field", FOREIGN_CSV, mapping='{"colour": "red"}')
    send(ada, "a mapping of columns that are not there", FOREIGN_CSV,
         mapping=json.dumps(MAPPING | {"date": "Datum"}))  # fmt: skip


def record_formats(app: RecordedApp) -> None:
    ada = app.sign_in()
    for name in ("halyard-card.ofx", "quincefield-brokerage.qfx", "quittenhain-giro-2026.sta",
                 "quittenhain-tagesgeld.xml"):  # fmt: skip
        send(ada, name, (EXAMPLES / name).read_bytes())


def record_unreadable(app: RecordedApp) -> None:
    ada = app.sign_in()
    send(ada, "an empty file", b"")
    send(ada, "a file of no format", b"\x00\x01\x02")
    send(ada, "a format that is not known", CSV, format="xlsx")
    send(ada, "a format that it has not", CSV, format="ofx")
    send(ada, "nothing that can be used", b"Date,Balance,Account\n2027-01-01,1,Giro\n")
    send(ada, "an unknown field", CSV, colour="red")
    send(ada, "dry_run is no boolean", CSV, dry_run="maybe")
    send(ada, "account_id is none", CSV, account_id="not-an-id")
    send(ada, "connection_id is none", CSV, connection_id="not-an-id")


def record_chosen(app: RecordedApp) -> None:
    ada = app.sign_in()
    one = b"Date,Balance\n2026-11-05,7.00\n"
    house = ada.account("House", "1.00")
    ada.connect()
    accounts = {one["name"]: one for one in ada.quietly("GET", "/accounts")["accounts"]}
    giro, live = accounts["Giro"], accounts["Account 1"]
    send(ada, "into an account by hand", one, account_id=house)
    send(ada, "into an account of files", one, account_id=giro["id"])
    send(ada, "several accounts into one", CSV, account_id=giro["id"])
    send(ada, "into an account of a live connection", one, account_id=live["id"])
    send(ada, "into no account", one, account_id=NOBODYS_ID)
    ada = app.sign_in()
    files = giro["connection_id"]
    send(ada, "into a connection", CSV, connection_id=files, dry_run="1")
    send(ada, "into a connection that is not of files", CSV, connection_id=live["connection_id"])
    send(ada, "into no connection", CSV, connection_id=NOBODYS_ID)
    send(ada, "into an account of another connection", one, account_id=house, connection_id=files)
    eve = app.person("eve@example.org")
    send(eve, "into another's account", one, account_id=giro["id"])
    send(eve, "into another's connection", CSV, connection_id=files)
