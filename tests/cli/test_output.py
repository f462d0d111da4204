"""The command answers as the API does."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from cli.conftest import EMAIL, PASSWORD, CommandLine
from dashtam.database.engine import WRITES, open_engine
from dashtam.database.tables import accounts
from dashtam.presentation.cli.context import notify
from dashtam.presentation.cli.tables import table

BALANCES = "Date,Balance,Account\n2025-01-01,100.00,{0}\n2025-02-01,90.10,{0}\n2025-03-01,0,{0}\n"


@pytest.fixture
def filled(terminal: CommandLine, tmp_path: Path) -> CommandLine:
    file = tmp_path / "balances.csv"
    file.write_text(BALANCES.format("Checking"))
    terminal("import", file)
    terminal("accounts", "add", "Villa", "350000", "--currency", "EUR", "--at", "2025-01-01")
    terminal("accounts", "record", "Villa", "-1.5", "--at", "2025-06-01T10:00:00Z")
    return terminal


def from_api(terminal: CommandLine, path: str) -> Any:  # noqa: ANN401 - JSON
    installation = terminal.open({})
    with TestClient(installation.app(), base_url="http://127.0.0.1:8000") as client:
        signed_in = client.post("/api/v1/sessions", json={"email": EMAIL, "password": PASSWORD})
        bearer = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        answer = client.get(f"/api/v1{path}", headers=bearer)
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_json_equals_the_answer_of_the_api(filled: CommandLine) -> None:
    filled("tokens", "create", "--name", "script")
    villa = f"/accounts/{filled.json('accounts', 'list')['accounts'][1]['id']}"
    history = f"{villa}/balance-history?start_date=2025-01-01"
    for words, path in (
        ("balances", "/balance-snapshots"),
        ("accounts list", "/accounts"),
        ("syncs list", "/syncs"),
        ("tokens list", "/access-tokens"),
        ("history Villa --from 2025-01-01 --to 2025-06-01", f"{history}&end_date=2025-06-01"),
        ("history vi --source manual_sync", f"{history}&end_date=2030-01-01&source=manual_sync"),
        ("snapshots Vil --limit 1", f"{villa}/balance-snapshots?limit=1"),
    ):
        answer = filled.json(*words.split())
        assert answer == from_api(filled, path), words
        assert answer["total_count"] > 0


def test_an_export_equals_that_of_the_api(filled: CommandLine, tmp_path: Path) -> None:
    printed = json.loads(filled("export"))
    output = tmp_path / "export.json"
    filled("export", "--output", output)
    for document in (printed, json.loads(output.read_text()), from_api(filled, "/export")):
        document.pop("exported_at")
        assert document == printed
    assert output.stat().st_mode & 0o077 == 0
    assert [len(printed[name]) for name in ("connections", "accounts", "syncs")] == [2, 2, 3]
    assert printed["user"]["email"] == EMAIL
    assert [one["change_amount"] for one in printed["balance_snapshots"]] == [
        None, "-9.90", "-90.10", None, "-350001.50",
    ]  # fmt: skip


def test_an_export_leaves_out_retracted_snapshots_and_other_users(filled: CommandLine) -> None:
    filled("users", "create", "bob@example.org", typed=f"{PASSWORD}\n")
    filled("accounts", "add", "Boat", "7", "--currency", "USD", "--user", "bob@example.org")
    ours = ("--user", EMAIL)
    newest = filled.json("syncs", "list", "--limit", "1", *ours)["syncs"][0]["id"]
    filled("retract", newest, "--yes", *ours)
    document = json.loads(filled("export", *ours))
    assert len(document["balance_snapshots"]) == 4
    assert document["syncs"][0]["retracted_at"] is not None
    assert {account["name"] for account in document["accounts"]} == {"Checking", "Villa"}


def test_balances_show_every_account_and_the_totals(filled: CommandLine) -> None:
    assert [line.split() for line in filled("balances").splitlines()] == [
        ["ACCOUNT", "BALANCE", "CHANGE", "%", "AS", "OF"],
        ["Checking", "0.00", "USD", "-90.10", "-100.00", "2025-03-01"],
        ["Villa", "-1.50", "EUR", "-350001.50", "-100.00", "2025-06-01", "10:00Z"],
        ["Total", "-1.50", "EUR"],
        ["Total", "0.00", "USD"],
    ]


def test_balances_show_the_changes_since_a_day(filled: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "depot.csv"
    file.write_text(BALANCES.format("Depot").replace("01-01,100.00", "01-20,500.00"))
    filled("import", file)
    filled("accounts", "change", "Villa", "--close", "2025-07-01")
    lines = [line.split() for line in filled("balances", "--from", "2025-01-15").splitlines()]
    assert lines == [
        ["ACCOUNT", "BALANCE", "CHANGE", "%", "NOTE"],
        ["Checking", "0.00", "USD", "-100.00", "-100.00"],
        ["Depot", "0.00", "USD", "-500.00", "-100.00"],
        ["Villa", "-", "EUR", "-350001.50", *"no percent: it crosses zero".split()],
        ["Total", "-", "EUR", "-350001.50", *"no percent: it crosses zero".split()],
        ["Closed", "EUR", "+1.50", "1", "account"],
        ["Total", "0.00", "USD", "-600.00",
         *"no percent: most of it is of accounts that begin in this range".split()],
        ["Added", "USD", "+500.00", "1", "account"],
    ]  # fmt: skip
    query = "/balance-history?start_date=2025-01-15&end_date=9999-12-31&interval=month"
    assert filled.json("balances", "--from", "2025-01-15") == {
        "accounts": from_api(filled, f"{query}&group_by=account")["accounts"],
        "series": from_api(filled, query)["series"],
    }
    assert "--from" in filled.refused("balances", "--from", "2025-01-15", "--hidden", status=2)


def test_a_history_for_people_has_a_line_each_and_a_sum(filled: CommandLine) -> None:
    lines = filled("history", "check").splitlines()
    assert len(lines) == 6
    summary = "Checking: 3 snapshots, 100.00 to 0.00 USD, change -100.00 (-100.00%)"
    assert lines[-1] == f"{summary} since 2025-01-01"
    of_source = filled("history", "check", "--source", "initial_connection").splitlines()
    assert of_source[-1] == summary


def test_a_history_begins_at_the_balance_that_stood_when_its_range_began(
    filled: CommandLine,
) -> None:
    def summary(*words: str) -> str:
        return filled("history", *words).splitlines()[-1].partition(": ")[2]

    february = ("--from", "2025-01-15", "--to", "2025-02-15")
    expected = "1 snapshot, 100.00 to 90.10 USD, change -9.90 (-9.90%) since 2025-01-15"
    assert summary("check", *february) == expected
    account_id = filled.json("accounts", "list")["accounts"][0]["id"]
    query = "start_date=2025-01-15&end_date=2025-02-15&group_by=account&interval=month"
    [own] = from_api(filled, f"/balance-history?{query}&account_id={account_id}")["accounts"]
    assert (own["change"]["change_amount"], own["change"]["change_percent"]) == ("-9.90", -9.9)

    later = ("--from", "2025-02-10", "--to", "2025-02-15")
    expected = "no snapshots, 90.10 to 90.10 USD, change 0.00 (+0.00%) since 2025-02-10"
    assert summary("check", *later) == expected
    assert summary("villa", "--from", "2025-05-01") == (
        "1 snapshot, 350000.00 to -1.50 EUR, change -350001.50 (no percent: it crosses zero)"
        " since 2025-05-01"
    )
    filled("accounts", "change", "check", "--close", "2025-02-20")
    assert summary("check", "--from", "2025-02-10") == (
        "1 snapshot, 90.10 to 90.10 USD, change 0.00 (+0.00%) since 2025-02-10,"
        " closed on 2025-02-20"
    )


def test_an_account_can_be_empty(filled: CommandLine) -> None:
    assert "no snapshots" in filled("history", "check", "--to", "2020-01-01")


def test_texts_of_others_cannot_move_the_cursor(terminal: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "red\x1b[31m.csv"
    file.write_text(BALANCES.format("Checking"))
    assert terminal("import", file).startswith("red\\x1b[31m.csv: balance_csv")


HOSTILE = "\x1b[31m \x9b2J \u202eevil\u2066 \x7f\U000e0001 caf\u00e9\u00a0au lait"
ESCAPED = r"\x1b[31m \x9b2J \u202eevil\u2066 \x7f\U000e0001" + " caf\u00e9\u00a0au lait"


def test_names_that_were_stored_unchecked_are_shown_escaped(
    filled: CommandLine, database_url: str
) -> None:
    engine = open_engine(database_url)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        connection.execute(update(accounts).where(accounts.c.name == "Villa").values(name=HOSTILE))
    engine.dispose()
    assert ESCAPED in filled("accounts", "list")
    for words in (("--json", "accounts", "list"), ("export",)):
        printed = filled(*words)
        assert printed.replace("\n", "").replace("\u00a0", " ").isprintable()
        assert HOSTILE in [one["name"] for one in json.loads(printed)["accounts"]]


def test_messages_and_questions_are_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    notify(f"{HOSTILE}\nsecond line")
    assert capsys.readouterr().err == f"{ESCAPED}\nsecond line\n"
    assert table(("A", "B"), [("one\ntwo\x9b", 1)]) == "A             B\none\\ntwo\\x9b  1"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_chart_and_the_sum_stand_below_the_table(
    filled: CommandLine, database_url: str
) -> None:
    output = in_a_terminal(database_url, "history", "Checking", "--data", str(filled.data))
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    assert lines[0].startswith("CAPTURED")
    assert lines[-1].startswith("Checking: 3 snapshots, 100.00 to 0.00 USD")
    assert len(lines) > 4 + 10


def in_a_terminal(database_url: str, *words: str) -> str:
    """Return the output of the command on a terminal."""
    leader, follower = pty.openpty()
    output = b""
    with subprocess.Popen(
        [sys.executable, "-m", "dashtam", *words],
        stdout=follower,
        env=os.environ | {"DASHTAM_DATABASE_URL": database_url},  # noqa: TID251 - another process's
    ):
        os.close(follower)
        # Linux answers the end of a terminal with an error.
        with suppress(OSError):
            while piece := os.read(leader, 65_536):
                output += piece
    os.close(leader)
    return click.unstyle(output.decode())


def test_an_account_can_be_closed_today(filled: CommandLine) -> None:
    today = filled.clock()
    filled.clock = lambda: today
    assert "closed" in filled("accounts", "change", "Villa", "--close", today.date())
    assert "not blanks alone" in filled.refused(
        "accounts", "add", " ", "5", "--currency", "USD", status=2
    )


def test_an_account_shows_its_observations(filled: CommandLine) -> None:
    lines = [line.split("  ", 1) for line in filled("accounts", "show", "check").splitlines()]
    shown = {name: text.strip() for name, text in lines[1:]}
    assert shown == {
        "Balance": "0.00 USD",
        "State": "stale",
        "Observed at": "2025-03-01 12:00Z",
        "As of, by its provider": "-",
        "Covered since": "2025-01-01 12:00Z",
        "Usual interval": "30 days",
        "Longest gap": "31 days",
    }
    assert "stale" in filled("accounts", "list")


def test_a_row_says_its_origin_in_words(terminal: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "giro.csv"
    file.write_text("Date,Balance,Account,Currency\n2025-03-05,1,Giro,EUR\n")
    terminal("import", file)
    terminal("accounts", "record", "giro", "2", "--at", "2025-03-06T10:00:00Z")
    _, imported, typed, *_ = terminal("history", "giro").splitlines()
    assert imported.split()[0] == "2025-03-05"
    assert imported.endswith("  imported from a CSV file")
    assert typed.startswith("2025-03-06 10:00Z")
    assert typed.endswith("  typed")
