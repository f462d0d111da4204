"""Errors as clients see them: RFC 9457 problem details, one closed list of types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.responses import Response

from dashtam.application.connections.connect import ConnectingFailed
from dashtam.application.syncs.syncs import SyncFailed
from dashtam.domain.errors import (
    Conflict,
    DashtamError,
    FieldError,
    Forbidden,
    Invalid,
    InvalidDateRange,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unprocessable,
)

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error: the last part of its ``type`` address, its status, its constant title."""

    slug: str
    status: int
    title: str


VALIDATION_FAILED: Final = ProblemType("validation_failed", 400, "Validation Failed")
INVALID_DATE_RANGE: Final = ProblemType("invalid_date_range", 400, "Invalid Date Range")
UNAUTHORIZED: Final = ProblemType("unauthorized", 401, "Unauthorized")
FORBIDDEN: Final = ProblemType("forbidden", 403, "Forbidden")
NOT_FOUND: Final = ProblemType("not_found", 404, "Not Found")
METHOD_NOT_ALLOWED: Final = ProblemType("method_not_allowed", 405, "Method Not Allowed")
NOT_ACCEPTABLE: Final = ProblemType("not_acceptable", 406, "Not Acceptable")
CONFLICT: Final = ProblemType("conflict", 409, "Conflict")
PAYLOAD_TOO_LARGE: Final = ProblemType("payload_too_large", 413, "Payload Too Large")
UNSUPPORTED_MEDIA_TYPE: Final = ProblemType("unsupported_media_type", 415, "Unsupported Media Type")
UNPROCESSABLE: Final = ProblemType("unprocessable", 422, "Unprocessable")
RATE_LIMITED: Final = ProblemType("rate_limited", 429, "Rate Limited")
INTERNAL_ERROR: Final = ProblemType("internal_error", 500, "Internal Error")
PROVIDER_ERROR: Final = ProblemType("provider_error", 502, "Provider Error")
UNAVAILABLE: Final = ProblemType("unavailable", 503, "Unavailable")

# The most particular class comes first.
_TYPE_BY_ERROR: Final = (
    (InvalidDateRange, INVALID_DATE_RANGE),
    (Invalid, VALIDATION_FAILED),
    (Unauthorized, UNAUTHORIZED),
    (Forbidden, FORBIDDEN),
    (NotFound, NOT_FOUND),
    (Conflict, CONFLICT),
    (Unprocessable, UNPROCESSABLE),
    (RateLimited, RATE_LIMITED),
    (Unavailable, UNAVAILABLE),
    (SyncFailed, PROVIDER_ERROR),
    (ConnectingFailed, PROVIDER_ERROR),
)


class HttpError(DashtamError):
    """A request that HTTP itself rules out, such as an unsupported media type."""

    def __init__(
        self, kind: ProblemType, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.headers = headers or {}


class ProblemFault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of several things that are wrong: a parameter by name, or a place in the body."""

    parameter: str | None = None
    pointer: str | None = None
    code: str = ""
    detail: str = ""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What every error looks like (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    trace_id: str
    errors: list[ProblemFault] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Problems:
    """Makes problem answers; ``base_url`` is what every ``type`` begins with."""

    base_url: str = "https://api.dashtam.com/errors/"

    def response(
        self,
        kind: ProblemType,
        detail: str,
        *,
        instance: str,
        trace_id: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the answer; ``errors`` are left out when there are none."""
        problem = Problem(
            type=self.base_url + kind.slug,
            title=kind.title,
            status=kind.status,
            detail=detail,
            instance=instance,
            trace_id=trace_id,
            errors=[_fault(fault) for fault in errors],
        )
        own = {"Cache-Control": "no-store"}
        if kind is UNAUTHORIZED:
            own["WWW-Authenticate"] = "Bearer"
        return Response(
            msgspec.json.encode(problem),
            kind.status,
            headers=own | dict(headers or {}),
            media_type=MEDIA_TYPE,
        )

    def error_response(
        self,
        refusal: DashtamError,
        *,
        instance: str,
        trace_id: str,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the answer that tells of a refusal."""
        own: dict[str, str] = {}
        if isinstance(refusal, RateLimited):
            own["Retry-After"] = str(refusal.retry_after_s)
        if isinstance(refusal, Unavailable):
            own["Retry-After"] = "5"
        if isinstance(refusal, HttpError):
            own |= refusal.headers
        return self.response(
            problem_type_of(refusal),
            str(refusal),
            instance=instance,
            trace_id=trace_id,
            errors=refusal.field_errors,
            headers=dict(headers or {}) | own,
        )


def problem_type_of(refusal: DashtamError) -> ProblemType:
    """Return the problem type that tells of a refusal."""
    if isinstance(refusal, HttpError):
        return refusal.kind
    # A refusal of no class of its own says only that it cannot be done.
    return next((kind for cls, kind in _TYPE_BY_ERROR if isinstance(refusal, cls)), UNPROCESSABLE)


def replay_problem(problem: bytes, trace_id: str) -> bytes:
    """Return the body of a problem as the answer to another request."""
    told = msgspec.json.decode(problem, type=Problem)
    return msgspec.json.encode(msgspec.structs.replace(told, trace_id=trace_id))


def _fault(fault: FieldError) -> ProblemFault:
    # The empty pointer is the whole document (RFC 6901), and no parameter has an empty name.
    if not fault.place or fault.place.startswith("/"):
        return ProblemFault(pointer=fault.place, code=fault.code, detail=fault.detail)
    return ProblemFault(parameter=fault.place, code=fault.code, detail=fault.detail)
