"""Recorded rows cannot be changed, in SQL either."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from application import App, Person

APPEND_ONLY = ("balance_snapshots", "account_events", "retractions", "audit_log")


@contextmanager
def opened(database_url: str) -> Iterator[Connection]:
    """A connection as anybody's own tool would open it."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def contents(connection: Connection) -> dict[str, list[str]]:
    statements = {table: text(f"SELECT * FROM {table}") for table in APPEND_ONLY}
    return {
        table: sorted(repr(tuple(row)) for row in connection.execute(statement))
        for table, statement in statements.items()
    }


def columns(connection: Connection, table: str) -> list[str]:
    return [column["name"] for column in inspect(connection).get_columns(table)]


def attempts(connection: Connection, table: str) -> Iterator[str]:
    names = columns(connection, table)
    listed = ", ".join(names)
    for name in names:
        yield f"UPDATE {table} SET {name} = {name}"
    yield f"DELETE FROM {table}"
    yield f"DELETE FROM {table} WHERE 1 = 1"
    if connection.dialect.name == "sqlite":
        yield f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
        yield f"REPLACE INTO {table} ({listed}) SELECT {listed} FROM {table}"
        yield f"UPDATE OR IGNORE {table} SET {names[0]} = {names[0]}"
        yield f"UPDATE OR REPLACE {table} SET {names[-1]} = NULL"
        yield (
            f"INSERT INTO {table} SELECT * FROM {table} WHERE true"
            f" ON CONFLICT DO UPDATE SET {names[-1]} = {names[-1]}"
        )
    else:
        yield f"TRUNCATE {table}"
        yield f"TRUNCATE {table} CASCADE"
        yield f"DELETE FROM ONLY {table}"
        key = ", ".join(inspect(connection).get_pk_constraint(table)["constrained_columns"])
        yield (
            f"INSERT INTO {table} SELECT * FROM {table}"
            f" ON CONFLICT ({key}) DO UPDATE SET {names[-1]} = EXCLUDED.{names[-1]}"
        )
        yield f"SET session_replication_role = replica; DELETE FROM {table}"


@pytest.fixture
def recorded(app: App, ada: Person) -> None:
    """A few rows in every table that is only ever appended to."""
    account_id = ada.account("1")
    ada.type(account_id, "2", "2025-02-01")
    app.record(ada, account_id, {"balance": "3", "captured_at": "2025-03-01T10:00:00Z"})
    run = ada.get("/syncs").json()["syncs"][-1]
    assert ada.delete(f"/syncs/{run['id']}").status_code == 204


@pytest.mark.usefixtures("recorded")
def test_recorded_rows_refuse_to_be_changed_removed_or_replaced(
    database_url: str, subtests: pytest.Subtests
) -> None:
    with opened(database_url) as connection:
        before = contents(connection)
        assert all(before.values())
        for table in APPEND_ONLY:
            statements = list(attempts(connection, table))
            connection.rollback()
            for statement in statements:
                with subtests.test(statement=statement):
                    with pytest.raises(DBAPIError, match=r"never change|cannot change|NULL"):
                        connection.execute(text(statement))
                    connection.rollback()
        assert contents(connection) == before


@pytest.mark.usefixtures("recorded")
def test_nobody_can_pretend_that_someone_was_erased_and_keep_that_secret(
    database_url: str, ada: Person
) -> None:
    with opened(database_url) as connection:
        for statement in ("UPDATE erasures SET snapshots = 0", "DELETE FROM erasures"):
            at = "0" if connection.dialect.name == "sqlite" else "now()"
            number = f"X'{ada.id.hex}'" if connection.dialect.name == "sqlite" else f"'{ada.id}'"
            connection.execute(text(f"INSERT INTO erasures VALUES ({number}, {at}, 1)"))
            with pytest.raises(DBAPIError, match="never change"):
                connection.execute(text(statement))
            connection.rollback()
