"""The form of every error response."""

from typing import Any, Final

MEMBERS: Final = ["type", "title", "status", "detail", "instance", "trace_id"]

TITLES: Final = {
    "validation_failed": (400, "Validation Failed"),
    "invalid_date_range": (400, "Invalid Date Range"),
    "unauthorized": (401, "Unauthorized"),
    "forbidden": (403, "Forbidden"),
    "not_found": (404, "Not Found"),
    "method_not_allowed": (405, "Method Not Allowed"),
    "not_acceptable": (406, "Not Acceptable"),
    "conflict": (409, "Conflict"),
    "payload_too_large": (413, "Payload Too Large"),
    "unsupported_media_type": (415, "Unsupported Media Type"),
    "unprocessable": (422, "Unprocessable"),
    "rate_limited": (429, "Rate Limited"),
    "internal_error": (500, "Internal Error"),
    "provider_error": (502, "Provider Error"),
    "unavailable": (503, "Unavailable"),
}

LIMIT_HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def assert_problem(
    answer: Any,  # noqa: ANN401 - a response
    status: int,
    slug: str | None = None,
    *,
    limited: bool = True,
) -> Any:  # noqa: ANN401 - JSON
    """Assert that it is a problem of this status and, if given, this type; return its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    # A table that needs a mapping comes with the proposal of one.
    members = [name for name in problem if name != "needs_mapping"]
    assert members in (MEMBERS, [*MEMBERS, "errors"])
    base, _, found = problem["type"].rpartition("/")
    assert base == "https://api.dashtam.com/errors"
    assert TITLES[found] == (status, problem["title"])
    assert slug in (None, found), problem
    assert problem["status"] == status
    assert problem["detail"].endswith((".", "not found", "Not found"))
    assert problem["trace_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    for one in problem.get("errors", []):
        assert [*one] in (["parameter", "code", "detail"], ["pointer", "code", "detail"])
    if limited:
        assert_limit_headers(answer)
    return problem


def assert_limit_headers(answer: Any) -> None:  # noqa: ANN401 - a response
    for name in LIMIT_HEADERS:
        assert answer.headers[name].isascii(), name
        assert answer.headers[name].isdigit(), name
    assert ("Retry-After" in answer.headers) == (answer.status_code == 429)
