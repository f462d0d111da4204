"""Migrations run once, when processes start together or are killed on the way."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

import fatal_points
from application import App, Person
from dashtam.application.history.verification import verify
from dashtam.database.migrate import HEAD, SCRIPTS, revision, upgrade
from dashtam.database.tables import metadata
from proofs import Proof

UPGRADE = """
import sys
from dashtam.database.migrate import upgrade
print("ready", flush=True)
sys.stdin.readline()
print(upgrade(sys.argv[1]), flush=True)
"""


def upgrading(url: str) -> subprocess.Popen[str]:
    """A process that upgrades as soon as it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", UPGRADE, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def triggers(url: str) -> int:
    engine = create_engine(url)
    where = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal",
    }[engine.dialect.name]
    with engine.connect() as connection:
        count: int = connection.execute(text(where)).scalar_one()
    engine.dispose()
    return count


def assert_is_todays(url: str) -> None:
    """Assert that the schema is the one that the tables declare, and protected."""
    engine = create_engine(url)
    with engine.connect() as connection:
        assert revision(connection) == HEAD
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    assert triggers(url) == {"sqlite": 21, "postgresql": 14}[engine.dialect.name]


def test_the_migrated_schema_is_the_one_that_the_tables_declare(database_url: str) -> None:
    assert_is_todays(database_url)


def test_processes_that_upgrade_together_do_it_once(empty_database_url: str) -> None:
    processes = [upgrading(empty_database_url) for _ in range(3)]
    for process in processes:
        go(process)
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(said) == [f"{HEAD}\n", f"{HEAD}\n", "None\n"]
    assert_is_todays(empty_database_url)


@pytest.mark.proves(21)
def test_an_upgrade_that_is_killed_leaves_all_or_nothing_and_can_be_done_again(
    empty_database_url: str, proof: Proof
) -> None:
    started, engine = time.monotonic(), create_engine(empty_database_url)
    process = upgrading(empty_database_url)
    go(process)
    process.communicate(timeout=60)
    took_s = time.monotonic() - started
    assert_is_todays(empty_database_url)
    rounds = proof(30)
    for number in range(rounds):
        forget_everything(empty_database_url)
        process = upgrading(empty_database_url)
        go(process)
        time.sleep(took_s * number / rounds)
        process.kill()
        process.communicate(timeout=60)
        with engine.connect() as connection:
            tables = inspect(connection).get_table_names()
        assert tables == [] or set(tables) == {*metadata.tables, "alembic_version"}
        upgrade(empty_database_url)
        assert_is_todays(empty_database_url)
    engine.dispose()
    proof.record(kills=rounds)


def forget_everything(url: str) -> None:
    """Make the database empty again."""
    engine = create_engine(url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        else:
            for table in (*reversed(metadata.sorted_tables), "alembic_version"):
                connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    engine.dispose()


def test_a_second_upgrade_finds_nothing_to_do(empty_database_url: str) -> None:
    assert upgrade(empty_database_url) is None
    assert upgrade(empty_database_url) == HEAD
    assert_is_todays(empty_database_url)


NEXT = """
import sys
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "HEAD"


def upgrade():
    op.add_column("accounts", sa.Column("note", sa.Text))
    sys.audit("schema changed")
    op.execute("UPDATE accounts SET note = name")
    sys.audit("rows changed")
"""
DATABASE_POINTS = ("begin", "schema changed", "rows changed", "commit", "upgraded")
# A SQLite database is backed up first.
BACKUP_POINTS = ("os.mkdir", "shutil.copyfile", "os.chmod", "os.rename", "shutil.rmtree")


@pytest.mark.proves(21)
def test_a_killed_upgrade_of_a_filled_database_can_be_repeated(
    app: App, ada: Person, database_url: str, tmp_path: Path, proof: Proof
) -> None:
    app.connected(ada)
    ada.type(ada.account("1"), "2", "2025-03-01T10:00:00Z")
    snapshots = "SELECT * FROM balance_snapshots ORDER BY account_id, captured_at, sequence"
    before, names = app.query(snapshots), app.query("SELECT id, name FROM accounts ORDER BY id")
    scripts = tmp_path / "migrations"
    shutil.copytree(SCRIPTS, scripts)
    (scripts / "versions" / "next.py").write_text(NEXT.replace("HEAD", HEAD))
    order = (app.installation.settings.data, database_url, scripts, "next")
    is_sqlite = database_url.startswith("sqlite")
    for point in (*(BACKUP_POINTS if is_sqlite else ()), *DATABASE_POINTS) * proof(10):
        assert not fatal_points.run_until(point, fatal_points.upgrade, *order), point
        is_done = point == "upgraded"
        assert app.query("SELECT * FROM alembic_version") == [("next" if is_done else HEAD,)]
        assert ("note" in columns_of_accounts(database_url)) == is_done
        assert fatal_points.run_until(fatal_points.NOWHERE, fatal_points.upgrade, *order)
        assert app.query("SELECT * FROM alembic_version") == [("next",)]
        assert app.query("SELECT id, note FROM accounts ORDER BY id") == names
        assert app.query(snapshots) == before
        assert verify(app.services.database).found == 0
        with app.installation.engine.begin() as connection:
            connection.execute(text("ALTER TABLE accounts DROP COLUMN note"))
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{HEAD}'"))
        proof.record(kills=1)


def columns_of_accounts(url: str) -> set[str]:
    engine = create_engine(url)
    columns = {column["name"] for column in inspect(engine).get_columns("accounts")}
    engine.dispose()
    return columns
