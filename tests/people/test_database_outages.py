"""An unreachable database is distinguished from an error of the program."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from application import App
from dashtam.database.engine import open_engine
from dashtam.database.people.users import Users
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import Unavailable


def test_a_missing_table_is_a_fault_and_no_outage(app: App, database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE position_sets"))
    engine.dispose()
    user = app.register()
    with pytest.raises(DBAPIError), app.services.database.write() as work:
        work.users.erase(user.id, work.now)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_is_an_outage_and_logged_without_the_values(
    app: App,
) -> None:
    user = app.register()
    write = app.services.database.write
    with capture_logs() as logs, pytest.raises(Unavailable), write() as work:
        fill(work, lambda: work.users.set_password(user.id, "secret" * 100_000, work.now))
    assert logs == [
        {
            "event": "database_unavailable",
            "log_level": "warning",
            "error": "OperationalError",
            "code": "SQLITE_FULL",
        }
    ]


def fill(work: UnitOfWork, write_more: Callable[[], None]) -> None:
    """Let the database grow no further, and write more."""
    pages = connection_of(work).exec_driver_sql("PRAGMA page_count").scalar_one()
    connection_of(work).exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    write_more()


def connection_of(work: UnitOfWork) -> Connection:
    users = work.users
    assert isinstance(users, Users)
    return users._connection  # noqa: SLF001 - no port gives it


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_lost_connection_is_an_outage(app: App) -> None:
    write, end = app.services.database.write, "SELECT pg_terminate_backend(pg_backend_pid())"
    with capture_logs() as logs, pytest.raises(Unavailable), write() as work:
        connection_of(work).execute(text(end))
    assert [entry["event"] for entry in logs] == ["database_unavailable"]
