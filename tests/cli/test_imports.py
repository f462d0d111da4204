import os
import socket
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import PASSWORD, CommandLine
from proofs import Proof

GOOD = "Date,Balance,Account\n2025-01-01,100.00,Checking\n2025-02-01,90.10,Checking\n"
BAD_LINE = f"{GOOD}2025-02-30,1,Checking\n"
INTERIM = (
    "01,HARBOUR,CUSTOMER,250102,0600,1,,,2/\n02,CUSTOMER,HARBOUR,1,250101,,USD,2/\n"
    "03,0012345,USD,030,1000,,/\n49,1000,2/\n98,1000,1,4/\n99,1000,1,6/\n"
)
STRANGE = "When;What\n31.01.2025;12,50\n"


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(text)
    return file


def counts(result: Any) -> list[int]:  # noqa: ANN401 - JSON
    return [result[name] for name in ("recorded", "skipped", "refused")]


def test_a_file_is_recorded_once(terminal: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", GOOD)
    assert counts(terminal.json("import", file)) == [2, 0, 0]
    again = terminal.json("import", file)
    assert counts(again) == [0, 2, 0]
    assert again["imports"][0]["result"]["accounts"][0]["name"] == "Checking"
    assert "2 known already" in terminal("import", file)


def test_only_an_import_that_recorded_something_names_its_retraction(
    terminal: CommandLine, tmp_path: Path
) -> None:
    file = write(tmp_path, "a.csv", GOOD)
    assert "retract" not in terminal("import", file, "--dry-run")
    first = terminal("import", file)
    (newest,) = terminal.json("syncs", "list")["syncs"]
    assert f"a.csv: balance_csv  (dashtam retract {newest['id']})\n" in first
    again = terminal("import", file)
    assert "a.csv: balance_csv\n" in again
    assert "retract" not in again


def test_the_list_of_runs_tells_the_files_apart(terminal: CommandLine, tmp_path: Path) -> None:
    terminal("import", write(tmp_path, "a.csv", GOOD))
    assert "a.csv  balance_csv  2025-01-01  2025-02-01  " in terminal("syncs", "list")


def test_a_dry_run_records_nothing(terminal: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", GOOD)
    result = terminal.json("import", file, "--dry-run")
    assert counts(result) == [2, 0, 0]
    assert result["imports"][0]["result"]["id"] is None
    assert terminal.json("accounts", "list")["total_count"] == 0
    assert "dry run" in terminal("import", file, "--dry-run")


def test_refused_lines_are_listed_and_the_rest_is_recorded(
    terminal: CommandLine, tmp_path: Path
) -> None:
    result = terminal.run("import", write(tmp_path, "a.csv", BAD_LINE))
    assert result.exit_code == 3
    assert "2 snapshots recorded, 0 known already, 1 refused" in result.stdout
    assert "line 4: " in result.stdout


def test_a_balance_that_is_not_the_closing_booked_one_has_a_note(
    terminal: CommandLine, tmp_path: Path
) -> None:
    file = write(tmp_path, "a.bai2", INTERIM)
    note = " note: No closing balance is given: the current ledger balance (030) was taken.\n"
    assert note in terminal("import", file, "--dry-run")
    assert note in terminal("import", file)
    assert "the current ledger balance (030) was taken." in terminal("syncs", "list")


def test_each_file_of_a_folder_stands_by_itself(terminal: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "statements"
    write(folder, "a.csv", GOOD)
    write(folder, "b.csv", STRANGE)
    write(folder, "notes.md", "not a statement")
    result = terminal.run("import", folder)
    assert result.exit_code == 3
    assert "b.csv: refused. " in result.stdout
    assert "notes.md: left out. The format of this file is not known: " in result.stdout
    assert terminal.json("accounts", "list")["total_count"] == 1


def test_nothing_usable_is_refused(terminal: CommandLine, tmp_path: Path) -> None:
    result = terminal.run("import", write(tmp_path, "b.csv", STRANGE), "--json")
    assert result.exit_code == 1
    assert '"result":null' in result.stdout
    empty_folder = tmp_path / "empty"
    empty_folder.mkdir()
    assert terminal.refused("import", empty_folder) == (
        "There is no statement file in this folder.\n"
    )


def test_a_mapping_reads_any_columns(terminal: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path, "b.csv", STRANGE)
    mapping = '{"date": "When", "balance": "What", "currency_code": "EUR", "account_name": "A"}'
    kept = write(tmp_path, "mapping.json", mapping)
    assert terminal.json("import", file, "--mapping", mapping)["recorded"] == 1
    assert terminal.json("import", file, "--mapping", f"@{kept}")["skipped"] == 1
    for wrong in ("[]", "{", f"@{tmp_path / 'nowhere'}"):
        assert "--mapping" in terminal.refused("import", file, "--mapping", wrong, status=2)


def test_a_file_can_go_into_an_account_that_is_there(terminal: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", GOOD)
    terminal("accounts", "add", "Everyday", "1", "--currency", "USD")
    terminal("import", file, "--account", "every")
    assert terminal.json("history", "every", "--to", "2025-12-31")["total_count"] == 2
    assert terminal.json("accounts", "list")["total_count"] == 1
    assert terminal.refused("import", file, "--account", "x") == "There is no account 'x'.\n"


def test_an_import_can_be_retracted_and_done_again(terminal: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", GOOD)
    sync_id = terminal.json("import", file)["imports"][0]["result"]["id"]
    assert "add --yes" in terminal.refused("retract", sync_id)
    terminal("retract", sync_id, "--yes")
    assert terminal.json("history", "checking")["total_count"] == 0
    assert terminal.json("import", file)["recorded"] == 2
    assert "all as recorded" in terminal("db", "verify")
    assert terminal.json("audit")["audit_lines"][1]["event"] == "sync_retracted"


def test_an_account_without_a_balance_that_counts_can_be_removed(
    terminal: CommandLine, tmp_path: Path
) -> None:
    sync_id = terminal.json("import", write(tmp_path, "a.csv", GOOD))["imports"][0]["result"]["id"]
    assert "retract the imports" in terminal.refused("accounts", "remove", "checking")
    terminal("retract", sync_id, "--yes")
    terminal("accounts", "remove", "checking")
    assert terminal.json("accounts", "list")["total_count"] == 0
    assert "all as recorded" in terminal("db", "verify")


def test_another_persons_import_cannot_be_retracted(terminal: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", GOOD)
    sync_id = terminal.json("import", file)["imports"][0]["result"]["id"]
    terminal("users", "create", "bob@example.org", typed=f"{PASSWORD}\n")
    words = ("retract", sync_id, "--yes", "--user", "bob@example.org")
    assert terminal.refused(*words) == "Sync not found\n"


def test_ten_years_of_every_account_are_recorded_day_for_day(
    terminal: CommandLine, tmp_path: Path, proof: Proof
) -> None:
    accounts = max(2, proof(8))
    days = [date(2015, 1, 1) + timedelta(days=day) for day in range(3_650)]
    rows = [
        f"{day},{number * account - 7_000}.{account}0,Account {account}\n"
        for number, day in enumerate(days)
        for account in range(1, accounts + 1)
    ]
    file = write(tmp_path, "a.csv", "Date,Balance,Account\n" + "".join(rows))
    assert counts(terminal.json("import", file)) == [len(rows), 0, 0]
    history = terminal.json("history", "account 2", "--from", "2015-01-01", "--to", "2025-12-31")
    assert [(one["captured_at"], one["balance"]) for one in history["snapshots"]] == [
        (f"{day}T12:00:00Z", f"{number * 2 - 7_000}.20") for number, day in enumerate(days)
    ]
    assert f"{len(rows):,} snapshots of {accounts} accounts" in terminal("db", "verify")
    assert counts(terminal.json("import", file)) == [0, len(rows), 0]


def test_a_folder_is_searched_by_content(terminal: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "statements"
    write(folder, "statement.bak", GOOD)
    write(folder, "program.py", "a, b = 1, 2\nc, d = 3, 4\n")
    write(folder, ".hidden", GOOD)
    os.mkfifo(folder / "pipe.csv")
    with zipfile.ZipFile(folder / "year.zip", "w") as archive:
        archive.writestr("a.csv", GOOD.replace("Checking", "Savings"))
    write(folder / "older", "b.csv", GOOD.replace("2025", "2024"))
    first = terminal.json("import", folder)
    assert [Path(one["file"]).name for one in first["imports"]] == ["statement.bak", "year.zip"]
    assert counts(first) == [4, 0, 0]
    left_out = {Path(one["file"]).name: one["detail"] for one in first["left_out"]}
    assert list(left_out) == ["older", "pipe.csv", "program.py"]
    assert left_out["older"] == "It is a folder: add --recursive."
    assert left_out["pipe.csv"] == "It is a device, a pipe or a socket, and no file."
    assert counts(terminal.json("import", folder, "--recursive")) == [2, 4, 0]
    assert "program.py: left out. " in terminal("import", folder, "--recursive")


def test_a_pipe_a_device_and_a_socket_are_refused_at_once(
    terminal: CommandLine, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero")):
            result = terminal.run("import", path)
            assert result.exit_code == 1
            assert "refused. It is a device, a pipe or a socket, and no file.\n" in result.stdout


def test_standard_input_is_read(terminal: CommandLine) -> None:
    answer = terminal("import", "-", typed=GOOD)
    assert answer.startswith("standard input: balance_csv  (dashtam retract ")
    (newest,) = terminal.json("syncs", "list")["syncs"]
    assert newest["file_name"] is None


def test_a_watched_folder_is_imported_file_by_file(
    terminal: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "inbox"
    write(inbox, "a.csv", GOOD)
    looks = iter(range(4))

    def sleep(_seconds: float) -> None:
        look = next(looks)
        if look == 1:
            write(inbox, "b.csv", STRANGE)
        if look == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("dashtam.presentation.cli.data.imports.time.sleep", sleep)
    result = terminal.run("import", "--watch", inbox)
    assert result.exit_code == 130
    assert "a.csv: balance_csv  (dashtam retract " in result.stdout
    assert "b.csv: refused. " in result.stdout
    assert (inbox / "done" / "a.csv").exists()
    assert (inbox / "refused" / "b.csv.reason.txt").exists()
    assert terminal.json("accounts", "list")["total_count"] == 1


def test_only_one_folder_can_be_watched(terminal: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path / "inbox", "a.csv", GOOD)
    for words in ([file], [file.parent, file], [file.parent, "--dry-run"]):
        assert "--watch takes one folder" in terminal.refused("import", "--watch", *words, status=2)
