import fcntl
import json
import resource
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

import fatal_points
from application import App, Person
from cli.conftest import EMAIL, CommandLine
from dashtam.bootstrap import now
from dashtam.database import migrate
from dashtam.database.engine import WRITES, open_engine
from dashtam.database.unit_of_work import Database
from dashtam.domain.errors import Unavailable
from proofs import Proof

# Dashtam copies files, and only SQLite keeps its database in one.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
UPDATE_AND_END = """
import os, sqlite3, sys
killed = sqlite3.connect(sys.argv[1], isolation_level=None)
killed.execute("UPDATE users SET email = 'later@example.org'")
os._exit(0)
"""
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@on_sqlite
def test_a_backup_restores_the_balances(terminal: CommandLine) -> None:
    terminal("accounts", "add", "Cash", "5", "--currency", "USD")
    backup = Path(terminal("db", "backup").strip())
    assert backup.parent == terminal.data / "backups"
    terminal("accounts", "record", "cash", "6")
    assert "add --yes" in terminal.refused("db", "restore", backup)
    terminal("db", "restore", backup, "--yes")
    assert terminal.json("balances")["total_balance_by_currency"] == {"USD": "5.00"}
    assert "all as recorded" in terminal("db", "verify")


@on_postgresql
def test_postgresql_is_left_to_its_own_tools(terminal: CommandLine, tmp_path: Path) -> None:
    message = (
        "PostgreSQL is backed up and restored with its own pg_dump and pg_restore."
        " Keep a copy of the key ring beside the dump: without it nobody stays signed in.\n"
    )
    kept = tmp_path / "kept"
    kept.mkdir()
    assert terminal.refused("db", "backup", kept) == message
    assert terminal.refused("db", "restore", kept, "--yes") == message
    assert list(kept.iterdir()) == []
    assert terminal.json("users", "list")["total_count"] == 1


def test_a_folder_without_a_backup_is_refused(terminal: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    assert terminal.refused("db", "restore", folder, "--yes").endswith(".\n")
    assert terminal.json("users", "list")["total_count"] == 1


def test_upgrading_reports_the_revision(empty: CommandLine) -> None:
    assert empty("db", "upgrade").startswith("The schema ")
    assert "already" in empty("db", "upgrade")


def test_a_database_of_another_version_is_refused_and_left_as_it_is(
    terminal: CommandLine, database_url: str
) -> None:
    engine = open_engine(database_url)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
    for words in (("db", "upgrade"), ("users", "list"), ("balances",)):
        refusal = terminal.refused(*words)
        assert "revision 0002" in refusal
        assert "left as it is" in refusal
    (check,) = [one for one in json.loads(terminal.run("--json", "doctor").stdout)["checks"]
                if one["name"] == "database"]  # fmt: skip
    assert check["is_well"] is False
    with engine.connect() as connection:
        assert migrate.revision(connection) == "0002"
    engine.dispose()
    assert not (terminal.data / "backups").exists()


@pytest.fixture
def database(terminal: CommandLine, tmp_path: Path) -> Path:
    """The database's file."""
    del terminal
    return tmp_path / "dashtam.db"


@on_sqlite
def test_a_replaced_database_is_kept_with_the_contents_of_its_log(
    terminal: CommandLine, database: Path
) -> None:
    backup = terminal("db", "backup").strip()
    subprocess.run([sys.executable, "-c", UPDATE_AND_END, str(database)], check=True)
    assert database.with_name("dashtam.db-wal").stat().st_size
    terminal("db", "restore", backup, "--yes")
    (kept,) = database.parent.glob("dashtam.db.before-*Z")
    for path, email in ((kept, "later@example.org"), (database, EMAIL)):
        with closing(sqlite3.connect(path)) as opened:
            assert opened.execute("SELECT email FROM users").fetchall() == [(email,)]


@on_sqlite
def test_an_unreadable_database_is_kept_with_its_log(terminal: CommandLine, database: Path) -> None:
    backup = terminal("db", "backup").strip()
    log = database.with_name("dashtam.db-wal")
    database.write_bytes(b"no database" * 1000)
    log.write_bytes(b"its log")
    terminal("db", "restore", backup, "--yes")
    (kept,) = database.parent.glob("dashtam.db.before-*Z")
    assert kept.read_bytes() == b"no database" * 1000
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == b"its log"
    assert terminal.json("users", "list")["total_count"] == 1


@on_sqlite
def test_a_restoration_that_stops_half_way_replaces_nothing(
    terminal: CommandLine, database: Path
) -> None:
    backup = terminal("db", "backup").strip()
    # Where the copy of the key ring, the second of two, would go.
    (terminal.data / "keys" / ".key_ring.json.restoring").mkdir()
    terminal.refused("db", "restore", backup, "--yes")
    assert database.exists()
    assert terminal.json("users", "list")["total_count"] == 1


@on_sqlite
def test_nothing_is_restored_beneath_a_command_that_runs(
    terminal: CommandLine, database: Path, tmp_path: Path
) -> None:
    backup = terminal("db", "backup").strip()
    link = tmp_path / "link.db"
    link.symlink_to(database)
    running = terminal.open({"data": tmp_path / "other", "database_url": f"sqlite:///{link}"})
    running.services()
    assert "Dashtam is running" in terminal.refused("db", "restore", backup, "--yes")
    running.close()
    terminal("db", "restore", backup, "--yes")


@on_sqlite
def test_a_backup_on_a_full_disk_leaves_nothing(
    terminal: CommandLine, database: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 4096, database.stat().st_size // 2, database.stat().st_size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            terminal.refused("db", "backup", folder)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert list(folder.iterdir()) == []
    terminal("db", "backup", folder)


@on_sqlite
def test_damaged_pages_are_named_and_an_outage(terminal: CommandLine, database: Path) -> None:
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    checks = json.loads(terminal.run("--json", "doctor").stdout)["checks"]
    (check,) = [one for one in checks if one["name"] == "database"]
    assert check["is_well"] is False
    assert check["found"].startswith("Its file is damaged: ")
    engine = open_engine(f"sqlite:///{database}")
    with pytest.raises(Unavailable), Database(engine, now).read() as work:
        work.users.any()
    database.write_bytes(b"no database" * 1000)
    engine.dispose()
    with pytest.raises(Unavailable), Database(engine, now).read() as work:
        work.users.any()
    assert "SQLITE_NOTADB" in terminal.run("doctor").stdout
    engine.dispose()


@on_sqlite
def test_no_schema_is_changed_while_a_backup_is_restored(
    empty: CommandLine, tmp_path: Path
) -> None:
    with (tmp_path / "dashtam.db.in-use").open("w") as restoring:
        fcntl.flock(restoring, fcntl.LOCK_EX)
        for words in (["db", "upgrade"], ["balances"], ["db", "backup"]):
            assert "being restored" in empty.refused(*words)


POINTS = ("os.mkdir", "shutil.copyfile", "os.chmod", "os.rename", "shutil.rmtree")


@on_sqlite
@pytest.mark.proves(21)
def test_a_backup_under_load_that_is_killed_leaves_none_and_the_next_restores(
    app: App, ada: Person, database_url: str, tmp_path: Path, proof: Proof
) -> None:
    """Each backup has the balances before it began, and none that were never sent."""
    account_id, data = ada.account("0"), app.installation.settings.data
    sent: list[str] = []
    stopping = Event()

    def type_balances() -> None:
        while not stopping.is_set():
            balance = str(len(sent) + 1)
            sent.append(balance)
            ada.type(account_id, balance, "2025-03-01T10:00:00Z")

    with ThreadPoolExecutor(1) as pool:
        typing = pool.submit(type_balances)
        try:
            for number, point in enumerate(POINTS * proof(10)):
                folder = tmp_path / f"backups {number}"
                order = (data, database_url, folder)
                assert not fatal_points.run_until(point, fatal_points.back_up, *order)
                is_complete = point == "shutil.rmtree"
                assert len(list(folder.glob("dashtam-*"))) == is_complete
                stored = len(sent) - 1
                assert fatal_points.run_until(fatal_points.NOWHERE, fatal_points.back_up, *order)
                balances = restored_balances(folder, tmp_path / f"restored {number}")
                assert balances == sent[: len(balances)]
                assert len(balances) >= stored
                proof.record(kills=1)
        finally:
            stopping.set()
        typing.result()


def restored_balances(backups: Path, data: Path) -> list[str]:
    """Restore the newest backup into an empty folder; return the typed balances in their order."""
    terminal = CommandLine(data=data, database_url=f"sqlite:///{data}/dashtam.db")
    terminal("db", "restore", max(backups.glob("dashtam-*")), "--yes")
    assert "all as recorded" in terminal("db", "verify")
    with closing(sqlite3.connect(data / "dashtam.db")) as connection:
        rows = connection.execute("SELECT balance FROM balance_snapshots ORDER BY sequence")
        return [balance for (balance,) in rows][1:]
