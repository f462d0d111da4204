"""The errors that each route has by its kind, asked for by its entry in the OpenAPI document."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from recorded_answers.caller import Caller, RecordedApp
from recorded_answers.recording import NOBODYS_ID
from recorded_answers.routes import DocumentedRoute, documented_routes

# Texts that a parameter refuses, each with the note of its answer.
_BAD: Mapping[str, Mapping[str, str]] = {
    "id": {"id is none": "not-an-id"},
    "snapshot_id": {"snapshot_id is none": "not-an-id"},
    "account_id": {"account_id is none": "not-an-id"},
    "limit": {"limit too small": "0", "limit too large": "101", "limit is no number": "ten"},
    "cursor": {"cursor is none": "nonsense!"},
    "start_date": {"start_date is none": "yesterday", "start_date is a number": "1735689600"},
    "end_date": {"end_date is none": "2025-W01"},
    "source": {"source is not known": "telepathy"},
    "include": {"include is not known": "hidden,lost"},
    "interval": {"interval is not known": "decade"},
    "tz": {"tz is not known": "Mars/Olympus"},
    "max_points": {"max_points too small": "1", "max_points too large": "10001"},
    "detail": {"detail is not known": "all"},
    "at": {"at is none": "yesterday"},
    "known_at": {"known_at is none": "yesterday", "known_at is in the future": "9999-12-31"},
    "group_by": {"group_by is not known": "bank"},
}
_LARGEST_BYTES = {"application/json": 1024 * 1024, "multipart/form-data": 10 * 1024 * 1024}
_FORM = "multipart/form-data; boundary=edge"
_EMPTY_FORM = b'--edge\r\nContent-Disposition: form-data; name="format"\r\n\r\nofx\r\n--edge--\r\n'

# A cheap request that spends from each bucket; signing in spends from AUTH.
_SPENDING = (
    ("GET", "/providers"),
    ("DELETE", f"/access-tokens/{NOBODYS_ID}"),
    ("POST", "/connections"),
)
_SMALL = dict.fromkeys(("API_READ", "API_WRITE", "SYNC", "AUTH"), "1/1")

_EMAIL = "refused@example.org"

Request = tuple[str, str, Mapping[str, Any]]
"""A note, a path with its query, and the rest of a request."""


def record_errors(app: RecordedApp, resource: str) -> None:
    """Record the errors of every route of the resource, by a user of its own."""
    ada = app.person(_EMAIL)
    made = ada.quietly("POST", "/access-tokens", json={"name": "script"})
    script = Caller(app, made["token"])
    routes = [route for route in documented_routes() if route.resource == resource]
    assert routes, f"The document has no route of {resource}."
    for path in dict.fromkeys(route.path for route in routes):
        app.nobody("OPTIONS", _path(path))
        app.nobody("PUT", _path(path), "the method is not allowed")
    signed_in_at = app.clock()
    for route in routes:
        # A token is good for 15 minutes.
        if app.clock() - signed_in_at > timedelta(minutes=10):
            ada, signed_in_at = app.sign_in(_EMAIL), app.clock()
        for note, path, options in _refused(route):
            # The buckets stay full.
            app.clock.advance(seconds=15)
            caller = {"no token": app.nobody, "a read-only token": script}.get(note, ada)
            caller(route.method, path, note, **options)
    ada = app.open(rate_limits=_SMALL).sign_in(_EMAIL)
    for method, path in _SPENDING:
        ada.send(method, path)
    for route in routes:
        ada(route.method, _path(route.path), "the rate limit is reached")


def good_request(route: DocumentedRoute) -> tuple[str, Mapping[str, Any]]:
    """Return the path and the body of a request that breaks no rule, its id nobody's."""
    path = _path(route.path) + _query(_required(route))
    if route.takes is None:
        return path, {}
    if route.takes == "multipart/form-data":
        return path, {"files": {"file": ("statement", b"Date,Balance,Account\n")}}
    return path, {"json": route.example}


def _refused(route: DocumentedRoute) -> Iterator[Request]:
    good, _ = good_request(route)
    if route.tokens:
        yield "no token", good, {}
    if route.tokens == ["session"]:
        yield "a read-only token", good, {}
    yield from _bad_parameters(route)
    yield "no media type that it has", good, {"headers": {"Accept": "image/png"}}
    if "Idempotency-Key" in route.parameters("header"):
        yield "the idempotency key has spaces", good, {"headers": {"Idempotency-Key": "a b"}}
    if route.takes:
        for note, options in _bad_bodies(route.takes):
            yield note, good, options
    if "{" in route.path:
        yield "an id that nobody has", *good_request(route)


def _bad_parameters(route: DocumentedRoute) -> Iterator[Request]:
    required = _required(route)
    for name in route.parameters("path"):
        for note, text in _BAD[name].items():
            path = _path(route.path.replace(f"{{{name}}}", text))
            yield note, path + _query(required), {}
    for name in route.parameters("query"):
        for note, text in _BAD[name].items():
            yield note, _path(route.path) + _query(required | {name: text}), {}
    if required:
        yield "without its required parameters", _path(route.path), {}
    for name in list(route.parameters("query"))[:1]:
        given = {name: "1"} | required
        twice = _query([*given.items(), (name, "2")])
        yield "a parameter twice", _path(route.path) + twice, {}
    yield "the query is not UTF-8", _path(route.path) + "?%FF", {}


def _bad_bodies(media_type: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    is_form = media_type == "multipart/form-data"
    right = {"Content-Type": _FORM if is_form else media_type}
    too_large = b" " * (_LARGEST_BYTES[media_type] + 1)
    yield "another media type", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}
    yield "the body is cut off", {"content": b'{"a', "headers": right}
    yield "the body is too large", {"content": too_large, "headers": right}
    unfit = _EMPTY_FORM if is_form else b'{"nonsense":true}'
    yield "the body breaks a rule", {"content": unfit, "headers": right}


def _path(path: str) -> str:
    return path.replace("{id}", NOBODYS_ID).replace("{snapshot_id}", NOBODYS_ID)


def _required(route: DocumentedRoute) -> dict[str, str]:
    """Return the parameters that every request of the route has in its query."""
    found = route.parameters("query").items()
    return {name: one["example"][:10] for name, one in found if one["required"]}


def _query(values: Mapping[str, str] | Sequence[tuple[str, str]]) -> str:
    return "?" + urlencode(values, safe=",:!/") if values else ""
