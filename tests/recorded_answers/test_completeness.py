"""Every route of the OpenAPI document stands in the recording, with each of its statuses."""

import re
from collections.abc import Mapping

from recorded_answers.recording import ANSWERS
from recorded_answers.routes import document, documented_routes

OF_NOTHING = "It depends on nothing that a test could take away."
IN_PROGRESS = (
    "Only while the first request with the idempotency key runs, and on SQLite the second waits"
    " for the first."
)
NOT_PROVOKED: Mapping[str, Mapping[int, str]] = {
    "POST /api/v1/accounts": {409: IN_PROGRESS},
    "POST /api/v1/accounts/{id}/join": {409: IN_PROGRESS},
    "POST /api/v1/import-profiles": {409: IN_PROGRESS},
    "DELETE /api/v1/accounts/{id}/balance-snapshots/{snapshot_id}": {
        409: "Only while a long import of the user's is recorded."
    },
    "GET /livez": {500: OF_NOTHING, 503: OF_NOTHING},
    "GET /readyz": {500: "A database of any condition is either ready or 503."},
    "GET /openapi.json": {500: OF_NOTHING, 503: OF_NOTHING},
    "GET /.well-known/jwks.json": {
        500: "A key ring that breaks while it is in use stays in memory as it was.",
        503: "The keys are not in the database.",
    },
}
NOT_OF_ONE_RESOURCE = {"failing", "system", "unavailable"}

ANSWER = re.compile(r"^### (GET|POST|PATCH|DELETE) (\S+).*\n(\d{3})$", re.MULTILINE)


def test_every_route_is_recorded_with_each_of_its_statuses() -> None:
    documented = {
        (f"{method.upper()} {path}", int(status))
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
        for status in operation["responses"]
    }
    left_out = {(name, status) for name, found in NOT_PROVOKED.items() for status in found}
    assert sorted(documented - recorded_statuses()) == sorted(left_out)


def test_every_recording_is_of_a_resource() -> None:
    resources = {route.resource for route in documented_routes()}
    assert {file.stem for file in ANSWERS.iterdir()} == resources | NOT_OF_ONE_RESOURCE


def recorded_statuses() -> set[tuple[str, int]]:
    """Return each route with each status under which an answer of it is recorded."""
    # A literal segment wins over one that is an id.
    paths = {
        path: re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        for path in sorted(document()["paths"], key=lambda path: path.count("{"))
    }
    found = set()
    for file in ANSWERS.glob("*.txt"):
        text = re.sub(r"<[a-z ]+ \d+>", "...", file.read_text())
        for method, address, status in ANSWER.findall(text):
            asked = address.partition("?")[0]
            path = next((path for path, like in paths.items() if like.fullmatch(asked)), asked)
            found.add((f"{method} {path}", int(status)))
    return found
