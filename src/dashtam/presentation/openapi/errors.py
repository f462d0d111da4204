"""The errors of each route, as the OpenAPI document tells of them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from dashtam.presentation.http import problems
from dashtam.presentation.http.problems import Problem, ProblemType
from dashtam.presentation.openapi.schemas import schema_reference
from dashtam.presentation.routers.api.v1.routes.route import Auth, Route

ALWAYS: Final = (problems.VALIDATION_FAILED, problems.INTERNAL_ERROR, problems.UNAVAILABLE)

RATE_HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

_HISTORY: Final = "/api/v1/accounts/123e4567-e89b-12d3-a456-426614174000/balance-history"
_IMPORTS: Final = "/api/v1/imports"

# What a client reads, and at which path. That of not_found is the document's own.
_EXAMPLE_DETAILS: Final[Mapping[ProblemType, tuple[str, str]]] = {
    problems.VALIDATION_FAILED: (
        "limit: A limit is a whole number from 1 to 100.",
        "/api/v1/accounts/123e4567-e89b-12d3-a456-426614174000/balance-snapshots",
    ),
    problems.INVALID_DATE_RANGE: ("start_date must be before end_date.", _HISTORY),
    problems.UNAUTHORIZED: (
        "Sign in, and send the access token as a bearer token.",
        "/api/v1/balance-snapshots",
    ),
    problems.FORBIDDEN: ("You are not allowed to see this account.", _HISTORY),
    problems.NOT_FOUND: (
        "Account not found",
        "/api/v1/accounts/550e8400-e29b-41d4-a716-446655440000/balance-history",
    ),
    problems.METHOD_NOT_ALLOWED: (
        "This path answers GET, HEAD, OPTIONS.",
        "/api/v1/balance-snapshots",
    ),
    problems.NOT_ACCEPTABLE: (
        "This is answered as application/json only.",
        "/api/v1/balance-snapshots",
    ),
    problems.CONFLICT: (
        "The first request with this Idempotency-Key is still being answered.",
        _IMPORTS,
    ),
    problems.PAYLOAD_TOO_LARGE: ("A body may have 10,485,760 bytes here.", _IMPORTS),
    problems.UNSUPPORTED_MEDIA_TYPE: ("Send the body as application/json.", "/api/v1/accounts"),
    problems.UNPROCESSABLE: (
        "A currency is a three-letter code of ISO 4217, like USD.",
        "/api/v1/accounts",
    ),
    problems.RATE_LIMITED: ("Too many requests.", "/api/v1/balance-snapshots"),
    problems.INTERNAL_ERROR: (
        "Something went wrong here. It was logged.",
        "/api/v1/balance-snapshots",
    ),
    problems.PROVIDER_ERROR: (
        "The provider could not be reached.",
        "/api/v1/connections/9c1b8d52-4f0e-4d3a-9a57-2f6f0c1c7e11/syncs",
    ),
    problems.UNAVAILABLE: (
        "The database is not available at the moment. Nothing was changed; try again soon.",
        "/api/v1/balance-snapshots",
    ),
}

# No bucket was asked, or what asks it is what failed.
_UNLIMITED: Final = frozenset({problems.INTERNAL_ERROR, problems.UNAVAILABLE})

_OWN_HEADERS: Final[Mapping[ProblemType, Sequence[str]]] = {
    problems.UNAUTHORIZED: ("WWW-Authenticate",),
    problems.RATE_LIMITED: ("Retry-After",),
    problems.UNAVAILABLE: ("Retry-After",),
}


def route_errors(route: Route) -> tuple[ProblemType, ...]:
    """Return every error of a route: those of its entry, and those that follow from its kind."""
    kinds = [*ALWAYS, problems.NOT_ACCEPTABLE, problems.RATE_LIMITED, *route.errors]
    if route.auth is not Auth.NOBODY:
        kinds.append(problems.UNAUTHORIZED)
    if route.auth is Auth.SESSION:
        kinds.append(problems.FORBIDDEN)
    if route.takes_body:
        kinds += [
            problems.PAYLOAD_TOO_LARGE,
            problems.UNSUPPORTED_MEDIA_TYPE,
            problems.UNPROCESSABLE,
        ]
    if route.idempotent:
        kinds += [problems.CONFLICT, problems.UNPROCESSABLE]
    return tuple(dict.fromkeys(kinds))


def error_references(kinds: Iterable[ProblemType]) -> dict[str, dict[str, str]]:
    """Return a reference for each status, in ascending order; 400 may stand for two errors."""
    return {
        str(together[0].status): {"$ref": f"#/components/responses/{_name(together)}"}
        for together in _by_status(kinds)
    }


def error_responses(
    routes: Iterable[Sequence[ProblemType]], errors_url: str
) -> dict[str, dict[str, Any]]:
    """Return the answers that ``error_references`` refers to, for the errors of all routes."""
    found = {_name(kinds): kinds for route in routes for kinds in _by_status(route)}
    ordered = sorted(found.items(), key=lambda named: (named[1][0].status, named[0]))
    return {name: _response(kinds, errors_url) for name, kinds in ordered}


def _by_status(kinds: Iterable[ProblemType]) -> list[list[ProblemType]]:
    ordered = sorted(set(kinds), key=attrgetter("status", "slug"))
    return [list(together) for _, together in groupby(ordered, attrgetter("status"))]


def _name(kinds: Sequence[ProblemType]) -> str:
    return "Or".join(kind.title.replace(" ", "") for kind in kinds)


def _response(kinds: Sequence[ProblemType], errors_url: str) -> dict[str, Any]:
    names = {"X-Request-Id": None}
    for kind in kinds:
        limits = () if kind in _UNLIMITED else RATE_HEADERS
        names |= dict.fromkeys((*limits, *_OWN_HEADERS.get(kind, ())))
    examples = {kind.slug: {"value": _example(kind, errors_url)} for kind in kinds}
    return {
        "description": " or ".join(kind.title for kind in kinds),
        "headers": header_references(names),
        "content": {
            problems.MEDIA_TYPE: {"schema": schema_reference(Problem), "examples": examples}
        },
    }


def header_references(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return a reference for each header of an answer."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _example(kind: ProblemType, errors_url: str) -> dict[str, Any]:
    detail, instance = _EXAMPLE_DETAILS[kind]
    return {
        "type": errors_url + kind.slug,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "trace_id": "abc123-def456-ghi789",
    }
