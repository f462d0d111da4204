"""Every place of the API that takes an id, with every id of another user.

The places come from the OpenAPI document, so that a new one is tested without being named here.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import uuid4

import pytest

from api.problem_assertions import assert_problem
from api.test_ownership import BODIES, CANARY, QUERIES, Belongings, belongings, everything
from application import App, Person
from dashtam.application.provider import Report
from dashtam.presentation.openapi import document
from proofs import Proof
from scripted_provider import account

UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PREFIX: Final = "/api/v1"
DOCUMENT: Final[dict[str, Any]] = json.loads(document.text())


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and a path, and the ids, cursors and keys that it takes."""

    method: str
    path: str
    parameters: Sequence[tuple[str, str]]
    body_ids: Sequence[str]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def kind(self) -> str:
        return self.path.split("/")[1]

    def takes(self, name: str) -> bool:
        return any(known == name for known, _ in self.parameters)

    def places(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the place of each id."""
        yield from ((name, place) for name, place in self.parameters if is_id(name, place))
        yield from ((name, "body") for name in self.body_ids)


def is_id(name: str, place: str) -> bool:
    return place == "path" or name.endswith("_id")


def operations() -> Iterator[Operation]:
    for path, methods in DOCUMENT["paths"].items():
        for method, described in methods.items():
            if not path.startswith(PREFIX) or method == "parameters":
                continue
            parameters = [*methods.get("parameters", []), *described.get("parameters", [])]
            contents = described.get("requestBody", {}).get("content", {})
            yield Operation(
                method.upper(),
                path.removeprefix(PREFIX),
                [(one["name"], one["in"]) for one in map(resolved, parameters)],
                [name for one in contents.values() for name in ids_in(one["schema"])],
            )


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = DOCUMENT
    for part in schema["$ref"].split("/")[1:]:
        found = found[part]
    return found


def ids_in(schema: dict[str, Any]) -> list[str]:
    properties = resolved(schema).get("properties", {})
    return [name for name, inner in properties.items() if '"uuid"' in repr(inner).replace("'", '"')]


@dataclass(frozen=True, slots=True)
class Caller:
    """A user who calls each operation with ids of their own, but for one."""

    has: Belongings

    def call(self, operation: Operation, name: str = "", value: str = "", **headers: str) -> Any:  # noqa: ANN401 - a response
        own = self.has.ids.get(operation.kind, str(uuid4()))
        ids = {"id": own, "snapshot_id": self.has.ids["snapshots"]} | {name: value}
        query = dict(QUERIES.get(operation.name, {}))
        options = dict(BODIES.get(operation.name, {}))
        if (name, "query") in operation.parameters:
            query[name] = value
        elif name in operation.body_ids and "files" in options:
            options["data"] = {name: value}
        elif name in operation.body_ids:
            options["json"] = options["json"] | {name: value}
        if operation.path == "/authorizations" and name:
            options["json"] = {name: value}
        path = operation.path.format(**ids)
        return self.has.person.request(
            operation.method, path, params=query, headers=headers, **options
        )


def caller(app: App, name: str, canary: str = "") -> Caller:
    """Return a user who has something of every kind."""
    has = belongings(app, name, canary)
    person = has.person
    app.provider.usual = Report([account("1000.00", f"{name}{canary}")])
    connection_id = app.connected(person)["id"]
    app.clock.advance(hours=24)
    app.provider.usual = Report([account("100000.00", f"{name}{canary}")])
    synced = person.post(f"/connections/{connection_id}/syncs", json={"force": True})
    assert synced.status_code == 201, synced.text
    (hold,) = person.get("/holds").json()["holds"]
    (first, *_) = person.history(has.ids["accounts"])["snapshots"]
    return Caller(Belongings(person, has.ids | {"holds": hold["id"], "snapshots": first["id"]}))


@pytest.fixture
def ada_calls(app: App) -> Caller:
    return caller(app, "ada")


@pytest.fixture
def eve_calls(app: App) -> Caller:
    return caller(app, "eve", CANARY)


def ids_of(person: Person) -> set[str]:
    return {found for text in everything(person) for found in UUID.findall(text)} | {
        *UUID.findall(person.get("/export").text)
    }


def content_of(problem: dict[str, Any]) -> dict[str, Any]:
    """Return the problem without the parts that differ for each request."""
    return {name: problem[name] for name in problem.keys() - {"instance", "trace_id"}}


@pytest.mark.proves(3)
def test_an_id_of_another_user_is_that_of_nothing(
    ada_calls: Caller, eve_calls: Caller, proof: Proof
) -> None:
    ada, eve = ada_calls.has.person, eve_calls.has.person
    before, foreign = everything(eve), ids_of(eve) - ids_of(ada)
    assert len(foreign) > 10
    accounts = {one["id"] for one in eve.get("/accounts").json()["accounts"]}
    unlucky, chance = str(uuid4()), Random(3)  # noqa: S311 - the same ids each time
    for operation in operations():
        for name, place in operation.places():
            unknown = ada_calls.call(operation, name, str(uuid4()))
            # An id beside others of the owner's is a value that cannot be processed.
            assert unknown.status_code in {404, 422}, unknown.text
            # One of the same kind always, and some of the others.
            own_kind = {eve_calls.has.ids.get(operation.kind, unlucky)}
            for one in own_kind | {*chance.sample(sorted(foreign), proof(len(foreign)))}:
                answer = ada_calls.call(operation, name, one)
                # The document asks for 403 where an account is another's.
                is_account = (operation.kind, name, place) == ("accounts", "id", "path")
                is_refused = is_account and one in accounts
                problem = assert_problem(answer, 403 if is_refused else unknown.status_code)
                assert is_refused or content_of(problem) == content_of(unknown.json())
                assert not {*UUID.findall(answer.text)} & (foreign - {one})
                assert CANARY not in answer.text
                proof.record(foreign_ids_refused=1, leaks=0)
    assert everything(eve) == before


@pytest.mark.proves(3)
def test_a_cursor_of_another_user_shows_nothing_of_theirs(
    ada_calls: Caller, eve_calls: Caller, proof: Proof
) -> None:
    listing = [one for one in operations() if one.takes("cursor")]
    foreign = ids_of(eve_calls.has.person) - ids_of(ada_calls.has.person)
    cursors = {
        cursor
        for one in listing
        if (cursor := eve_calls.call(one, "limit", "1").json().get("next_cursor"))
    }
    assert len(cursors) > 2
    for operation in listing:
        for cursor in cursors:
            answer = ada_calls.call(operation, "cursor", cursor)
            assert answer.status_code in {200, 400}, answer.text
            assert not {*UUID.findall(answer.text)} & foreign
            assert CANARY not in answer.text
            proof.record(foreign_cursors=1)


@pytest.mark.proves(3)
def test_an_etag_of_another_user_is_not_ones_own(
    ada_calls: Caller, eve_calls: Caller, proof: Proof
) -> None:
    for operation in operations():
        if operation.takes("If-None-Match"):
            tag = eve_calls.call(operation).headers["ETag"]
            assert ada_calls.call(operation, **{"If-None-Match": tag}).status_code == 200
            proof.record(foreign_etags=1)


@pytest.mark.proves(3)
def test_an_idempotency_key_of_another_user_replays_nothing_of_theirs(
    ada_calls: Caller, eve_calls: Caller, proof: Proof
) -> None:
    executed = 0
    for operation in operations():
        if operation.takes("Idempotency-Key"):
            key = {"Idempotency-Key": str(uuid4())}
            theirs = eve_calls.call(operation, **key)
            foreign = {*UUID.findall(theirs.text + theirs.headers.get("Location", ""))}
            mine = ada_calls.call(operation, **key)
            assert not {*UUID.findall(mine.text + mine.headers.get("Location", ""))} & foreign
            assert CANARY not in mine.text
            executed += theirs.status_code == mine.status_code == 201
            proof.record(foreign_keys=1)
    assert executed > 5
