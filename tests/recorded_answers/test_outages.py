from collections.abc import Callable
from functools import partial

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import MetaData, create_engine

from application import PASSWORD
from recorded_answers.caller import RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import good_request
from recorded_answers.routes import documented_routes


def test_answers_on_a_database_without_tables_are_as_recorded(recorded: Recorded) -> None:
    with recorded("failing") as app:
        app.open().person()
        record_every_route(
            app, "the tables are gone", partial(drop_tables, app.applications.database_url)
        )


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_answers_without_a_database_are_as_recorded(
    recorded: Recorded, postgresql: psycopg.Connection
) -> None:
    def shut() -> None:
        name = app.applications.database_url.rpartition("/")[2]
        shut_database = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false")
        postgresql.execute(shut_database.format(sql.Identifier(name)))
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        postgresql.execute(end, (name,))

    with recorded("unavailable", writer="postgresql") as app:
        app.open().person()
        record_every_route(app, "the database is away", shut)


def record_every_route(app: RecordedApp, note: str, break_database: Callable[[], None]) -> None:
    ada = app.sign_in()
    body = {"email": "ada@example.org", "password": PASSWORD}
    pair = app.nobody.quietly("POST", "/sessions", json=body)
    break_database()
    for route in documented_routes():
        path, options = good_request(route)
        if route.path == "/tokens":
            # A token that was made up is refused before the database is asked.
            options = {"json": {"refresh_token": pair["refresh_token"]}}
        caller = ada if route.tokens else app.nobody
        caller(route.method, path, note, **options)
    app.outside("GET", "/readyz", note)
    app.outside("GET", "/livez", note)


def drop_tables(database_url: str) -> None:
    engine, tables = create_engine(database_url), MetaData()
    tables.reflect(engine)
    tables.drop_all(engine)
    engine.dispose()
