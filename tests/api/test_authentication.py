"""Reads are admitted without writes, and public routes without the database."""

import time

from api.problem_assertions import assert_problem
from application import App, Applications, Person
from concurrency import wait_until
from faulty_database import open_faulty


def reader_of(ada: Person) -> Person:
    token = ada.post("/access-tokens", json={"name": "dashboard"}).json()["token"]
    return ada.with_token(token)


def test_a_read_only_token_reads_where_nothing_can_be_written(
    applications: Applications,
) -> None:
    app, database = open_faulty(applications)
    ada = app.person()
    reader = reader_of(ada)
    database.can_write = False
    for _ in range(3):
        assert reader.get("/balance-snapshots").status_code == 200
    database.can_write = True

    def is_use_recorded() -> bool:
        assert reader.get("/balance-snapshots").status_code == 200
        (token,) = ada.get("/access-tokens").json()["access_tokens"]
        return token["last_used_at"] is not None

    wait_until(is_use_recorded)


def test_a_read_only_token_reads_while_somebody_writes(app: App, ada: Person) -> None:
    reader = reader_of(ada)
    with app.services.database.write() as work:
        work.users.lock_for_recording(ada.id)
        started = time.monotonic()
        assert reader.get("/balance-snapshots").status_code == 200
        assert time.monotonic() - started < 3


def test_public_routes_are_admitted_without_the_database(
    applications: Applications,
) -> None:
    app, database = open_faulty(applications)
    database.can_read = database.can_write = False
    for path in ("/sessions", "/tokens", "/users"):
        answer = app.client.post(
            f"/api/v1{path}", content=b"{", headers={"Content-Type": "application/json"}
        )
        assert_problem(answer, 400, "validation_failed")


def test_a_bad_id_is_400_before_a_read_only_token_is_403(ada: Person) -> None:
    reader = reader_of(ada)
    assert_problem(reader.delete("/syncs/x"), 400, "validation_failed")
    assert_problem(reader.delete(f"/syncs/{ada.id}"), 403, "forbidden")
    key = {"Idempotency-Key": "a b"}
    assert_problem(reader.post("/accounts", json={}, headers=key), 400, "validation_failed")
    assert_problem(reader.post("/accounts", json={}), 403, "forbidden")
