"""Reading asks for nothing that only writing can get."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from api.problem_assertions import assert_problem
from application import Api, Person
from dashtam.application.ports import Services
from dashtam.bootstrap import Installation
from dashtam.database.unit_of_work import Database
from dashtam.domain.errors import Unavailable


class Away(Database):
    """A database of which the test takes one half away."""

    def __init__(self, services: Services) -> None:
        self._real = services.database
        self.cache = self.writes = True

    @contextmanager
    def read(self) -> Iterator[Any]:
        if not self.cache:
            raise Unavailable
        with self._real.read() as work:
            yield work

    @contextmanager
    def write(self, address: str = "") -> Iterator[Any]:
        if not self.writes:
            raise Unavailable
        with self._real.write(address) as work:
            yield work


@pytest.fixture
def away(start_api: Callable[..., Api], monkeypatch: pytest.MonkeyPatch) -> tuple[Api, Away]:
    """The application on a database of which the test takes one half away."""
    made: list[Away] = []
    world_of = Installation.services

    def services(installation: Installation) -> Services:
        real = world_of(installation)
        made.append(Away(real))
        return replace(real, database=made[-1])

    monkeypatch.setattr(Installation, "services", services)
    return start_api(), made[0]


def reader_of(ada: Person) -> Person:
    token = ada.post("/access-tokens", json={"name": "dashboard"}).json()["token"]
    return Person(ada.id, ada.client, token)


def test_a_read_only_token_reads_where_nothing_can_be_written(away: tuple[Api, Away]) -> None:
    api, database = away
    ada = api.person()
    reader = reader_of(ada)
    database.writes = False
    for _ in range(3):
        assert reader.get("/balance-snapshots").status_code == 200
    database.writes = True
    noted_by = time.monotonic() + 10
    while ada.get("/access-tokens").json()["access_tokens"][0]["last_used_at"] is None:
        assert reader.get("/balance-snapshots").status_code == 200
        assert time.monotonic() < noted_by
        time.sleep(0.05)


def test_a_read_only_token_reads_while_somebody_writes(api: Api, ada: Person) -> None:
    reader = reader_of(ada)
    with api.services.database.write() as work:
        work.users.lock_for_recording(ada.id)
        started = time.monotonic()
        assert reader.get("/balance-snapshots").status_code == 200
        assert time.monotonic() - started < 3


def test_who_need_not_be_signed_in_is_admitted_without_the_database(
    away: tuple[Api, Away],
) -> None:
    api, database = away
    database.cache = database.writes = False
    for path in ("/sessions", "/tokens", "/users"):
        answer = api.client.post(
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
