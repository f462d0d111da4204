"""The errors of each route, as the OpenAPI document describes them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from dashtam.domain import errors
from dashtam.presentation.http import problems
from dashtam.presentation.http.problems import Problem, ProblemType
from dashtam.presentation.http.request_context import BASE_PATH
from dashtam.presentation.openapi.schemas import schema_reference
from dashtam.presentation.routers.api.v1.routes.idempotency import RequestInProgress
from dashtam.presentation.routers.api.v1.routes.route import Auth, Route
from dashtam.presentation.schemas.examples import ACCOUNT_ID, CONNECTION_ID

ALWAYS: Final = (problems.VALIDATION_FAILED, problems.INTERNAL_ERROR, problems.UNAVAILABLE)

RATE_HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

_LATEST: Final = "/balance-snapshots"
_HISTORY: Final = f"/accounts/{ACCOUNT_ID}/balance-history"

# The detail and the path of each example; that of not_found is the document's own.
_EXAMPLES: Final[Mapping[ProblemType, tuple[str, str]]] = {
    problems.VALIDATION_FAILED: (
        "limit: A limit is a whole number from 1 to 100.",
        f"/accounts/{ACCOUNT_ID}/balance-snapshots",
    ),
    problems.INVALID_DATE_RANGE: (errors.InvalidDateRange.detail, _HISTORY),
    problems.UNAUTHORIZED: (errors.Unauthorized.detail, _LATEST),
    problems.FORBIDDEN: (errors.AccountForbidden.detail, _HISTORY),
    problems.NOT_FOUND: (
        errors.AccountNotFound.detail,
        "/accounts/550e8400-e29b-41d4-a716-446655440000/balance-history",
    ),
    problems.METHOD_NOT_ALLOWED: ("This path answers GET, HEAD, OPTIONS.", _LATEST),
    problems.NOT_ACCEPTABLE: ("This is answered as application/json only.", _LATEST),
    problems.CONFLICT: (RequestInProgress.detail, "/imports"),
    problems.PAYLOAD_TOO_LARGE: ("A body may have 10,485,760 bytes here.", "/imports"),
    problems.UNSUPPORTED_MEDIA_TYPE: ("Send the body as application/json.", "/accounts"),
    problems.UNPROCESSABLE: (errors.UnknownCurrency.detail, "/accounts"),
    problems.RATE_LIMITED: (errors.RateLimited.detail, _LATEST),
    problems.INTERNAL_ERROR: ("Something went wrong here. It was logged.", _LATEST),
    problems.PROVIDER_ERROR: (
        "The provider could not be reached.",
        f"/connections/{CONNECTION_ID}/syncs",
    ),
    problems.UNAVAILABLE: (errors.Unavailable.detail, _LATEST),
}

# These can occur before a bucket is read, or because it cannot be.
_UNLIMITED: Final = frozenset({problems.INTERNAL_ERROR, problems.UNAVAILABLE})

_OWN_HEADERS: Final[Mapping[ProblemType, Sequence[str]]] = {
    problems.UNAUTHORIZED: ("WWW-Authenticate",),
    problems.RATE_LIMITED: ("Retry-After",),
    problems.UNSUPPORTED_MEDIA_TYPE: ("Accept-Patch",),
    problems.UNAVAILABLE: ("Retry-After",),
}


def route_errors(route: Route) -> tuple[ProblemType, ...]:
    """Return every error of a route: those of its entry, and those that follow from its kind."""
    kinds = [*ALWAYS, problems.NOT_ACCEPTABLE, problems.RATE_LIMITED, *route.errors]
    if route.auth is not Auth.NOBODY:
        kinds.append(problems.UNAUTHORIZED)
    if route.auth is Auth.SESSION or route.path.startswith("/accounts/{id}"):
        kinds.append(problems.FORBIDDEN)
    if route.takes_body:
        kinds += [problems.PAYLOAD_TOO_LARGE, problems.UNSUPPORTED_MEDIA_TYPE]
    if "{" in route.path:
        kinds.append(problems.NOT_FOUND)
    if route.takes_body or route.idempotent:
        kinds.append(problems.UNPROCESSABLE)
    if route.idempotent:
        kinds.append(problems.CONFLICT)
    return tuple(dict.fromkeys(kinds))


def error_references(kinds: Iterable[ProblemType]) -> dict[str, dict[str, str]]:
    """Return a reference for each status, in ascending order; one status may have two errors."""
    return {
        str(group[0].status): {"$ref": f"#/components/responses/{_name(group)}"}
        for group in _by_status(kinds)
    }


def error_responses(
    routes: Iterable[Sequence[ProblemType]], errors_url: str
) -> dict[str, dict[str, Any]]:
    """Return the responses that ``error_references`` names, for the errors of all routes."""
    found = {_name(group): group for route in routes for group in _by_status(route)}
    responses: dict[str, dict[str, Any]] = {}
    for name, kinds in sorted(found.items(), key=lambda named: (named[1][0].status, named[0])):
        headers = {"X-Request-Id": None}
        for kind in kinds:
            limits = () if kind in _UNLIMITED else RATE_HEADERS
            headers |= dict.fromkeys((*limits, *_OWN_HEADERS.get(kind, ())))
        content = {
            "schema": schema_reference(Problem),
            "examples": {kind.slug: {"value": _example(kind, errors_url)} for kind in kinds},
        }
        responses[name] = {
            "description": " or ".join(kind.title for kind in kinds),
            "headers": header_references(headers),
            "content": {problems.MEDIA_TYPE: content},
        }
    return responses


def header_references(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return a reference for each header of a response."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _example(kind: ProblemType, errors_url: str) -> dict[str, Any]:
    detail, path = _EXAMPLES[kind]
    return {
        "type": errors_url + kind.slug,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": BASE_PATH + path,
        "trace_id": "abc123-def456-ghi789",
    }


def _by_status(kinds: Iterable[ProblemType]) -> list[list[ProblemType]]:
    ordered = sorted(set(kinds), key=attrgetter("status", "slug"))
    return [list(group) for _, group in groupby(ordered, attrgetter("status"))]


def _name(kinds: Sequence[ProblemType]) -> str:
    return "Or".join(kind.title.replace(" ", "") for kind in kinds)
