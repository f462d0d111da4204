"""Connections and syncs on the command line, with the provider that invents a household."""

from pathlib import Path

import pytest

from cli.conftest import CommandLine

CANARY = "canary-5e8d-seed"


def test_a_connection_is_made_synced_and_ended(terminal: CommandLine) -> None:
    made = terminal("connections", "add", "demo", "--name", "Household", typed=f"{CANARY}\n")
    assert made.startswith("Household: active, ")
    (connection,) = terminal.json("connections", "list")["connections"]
    assert (connection["name"], connection["state"]) == ("Household", "active")
    runs = terminal.json("sync", "household", "--watch")["syncs"]
    assert [run["state"] for run in runs] == ["succeeded"]
    assert "a moment ago" in terminal.run("sync", "--all").stderr
    assert terminal("sync", "--all", "--force").startswith("succeeded: ")
    terminal("connections", "rename", "Household", "Home")
    accounts = terminal.json("accounts", "list")["accounts"]
    terminal("connections", "disconnect", "Home", "--yes")
    assert "disconnected" in terminal("connections", "list")
    terminal("connections", "reconnect", "Home", typed=f"{CANARY}\n")
    again = terminal.json("accounts", "list")["accounts"]
    assert [one["id"] for one in again] == [one["id"] for one in accounts]
    assert CANARY.encode() not in b"".join(
        path.read_bytes() for path in terminal.data.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_backup_holds_no_credential_in_the_clear(terminal: CommandLine) -> None:
    terminal("connections", "add", "demo", typed=f"{CANARY}\n")
    backup = Path(terminal("db", "backup").strip())
    kept = [path.read_bytes() for path in backup.rglob("*") if path.is_file()]
    assert kept
    assert CANARY.encode() not in b"".join(kept)


def test_a_wrong_connection_is_refused_in_a_sentence(
    terminal: CommandLine,
) -> None:
    assert "providers list" in terminal.refused("connections", "add", "ofx", typed="x\n")
    assert "is needed" in terminal.refused("connections", "add", "demo", typed="\n")
    assert "There is no connection" in terminal.refused("sync", "nothing")
    assert "--all" in terminal.refused("sync", status=2)
    assert terminal.json("sync", "--all") == {"syncs": [], "total_count": 0, "next_cursor": None}


def test_the_list_of_providers_names_every_kind(terminal: CommandLine) -> None:
    kinds = {one["kind"] for one in terminal.json("providers", "list")["providers"]}
    assert kinds == {"api", "file", "manual"}
