"""A restoration replaces the database and the key ring, both or neither, wherever it is killed."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dashtam.database import backups, restoration
from dashtam.database.engine import open_engine
from database import restoration_kills
from proofs import Proof

KEPT = ".before-20261127T000000.000000Z"
HOLD_OPEN = """
import sqlite3, sys
opened = sqlite3.connect(sys.argv[1])
opened.execute("SELECT * FROM words").fetchall()
print("open", flush=True)
sys.stdin.read()
"""
LEAVE_A_LOG = """
import os, sqlite3, sys
opened = sqlite3.connect(sys.argv[1], isolation_level=None)
opened.execute("PRAGMA journal_mode = WAL")
opened.execute("CREATE TABLE words (word)")
opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
opened.execute("INSERT INTO words VALUES ('old')")
os._exit(0)
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A database of a killed process, its key ring, and a backup of another database."""
    folder = tmp_path / "template"
    (folder / "keys").mkdir(parents=True)
    newer, ring = tmp_path / "newer.db", tmp_path / "newer.json"
    engine = open_engine(f"sqlite:///{newer}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE words (word)")
        connection.exec_driver_sql("INSERT INTO words VALUES ('new')")
    ring.write_text("new")
    backup = backups.write(engine, ring, tmp_path, restoration_kills.NOW)
    engine.dispose()
    backup.rename(folder / "backup")
    subprocess.run([sys.executable, "-c", LEAVE_A_LOG, str(folder / "a.db")], check=True)
    assert (folder / "a.db-wal").stat().st_size
    (folder / "keys" / "ring.json").write_text("old")
    return folder


@pytest.mark.proves(21)
def test_a_killed_restoration_is_undone_or_finished_by_the_next_start(
    template: Path, tmp_path: Path, proof: Proof
) -> None:
    results = tmp_path / "results"
    words = [restoration_kills.__file__, str(template), str(results), str(10 // proof(10))]
    subprocess.run([sys.executable, *words], check=True)
    found = []
    for folder in sorted(results.iterdir()):
        restoration_kills.start(folder)
        found.append(word_of(folder / "a.db"))
        assert (folder / "keys" / "ring.json").read_text() == found[-1], folder
        names = {path.name for path in folder.rglob("*") if path.parent.name != "backup"}
        kept = sorted(name for name in names if ".before-" in name)
        if found[-1] == "new":
            assert kept == [f"a.db{KEPT}", f"a.db{KEPT}-wal", f"ring.json{KEPT}"]
            assert word_of(folder / f"a.db{KEPT}") == "old"
        else:
            assert kept == []
        assert not [name for name in names if "restoring" in name or name.startswith(".")], names
    assert found.count("old") > 5
    assert found.count("new") > 10
    proof.record(kills=len(found))


@pytest.mark.parametrize("name", ["same", "symbolic link", "hard link"])
def test_nothing_is_restored_beneath_a_program_that_has_the_database_open(
    template: Path, name: str
) -> None:
    database, opened = template / "a.db", template / "other" / "b.db"
    opened.parent.mkdir()
    word_of(database)  # It empties the log, which a hard link would not find.
    if name == "symbolic link":
        opened.symlink_to(database)
    elif name == "hard link":
        opened.hardlink_to(database)
    else:
        opened = database
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_OPEN, str(opened)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"open\n"
        with pytest.raises(restoration.DatabaseInUse):
            restoration_kills.restore(template)
        program.communicate()
    assert word_of(database) == "old"
    restoration_kills.restore(template)
    assert word_of(database) == "new"


def test_a_database_behind_a_symbolic_link_is_replaced_where_it_lies(
    template: Path, tmp_path: Path
) -> None:
    real = tmp_path / "elsewhere"
    shutil.move(template / "a.db", real)
    shutil.move(template / "a.db-wal", f"{real}-wal")
    (template / "a.db-shm").unlink()
    (template / "a.db").symlink_to(real)
    with (
        restoration.hold(real, template / "keys" / "ring.json"),
        pytest.raises(restoration.DatabaseInUse),
    ):
        restoration_kills.restore(template)
    restoration_kills.restore(template)
    assert (template / "a.db").readlink() == real
    assert word_of(real) == "new"


def word_of(database: Path) -> str:
    with closing(sqlite3.connect(database)) as opened:
        ((word,),) = opened.execute("SELECT word FROM words").fetchall()
        return str(word)
