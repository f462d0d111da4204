"""Errors as clients see them: problem details (RFC 9457) of a closed list of types."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Scope

from dashtam.application.connections.connect import ConnectingFailed
from dashtam.application.syncs.syncs import SyncFailed
from dashtam.domain import errors
from dashtam.domain.mapping_proposal import MappingProposal

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of error: the last part of its ``type`` address, its status, its constant title."""

    slug: str
    status: int
    title: str

    @property
    def is_server_error(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


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

# The most specific class comes first.
_TYPE_BY_ERROR: Final = (
    (errors.InvalidDateRange, INVALID_DATE_RANGE),
    (errors.Invalid, VALIDATION_FAILED),
    (errors.Unauthorized, UNAUTHORIZED),
    (errors.Forbidden, FORBIDDEN),
    (errors.NotFound, NOT_FOUND),
    (errors.Conflict, CONFLICT),
    (errors.Unprocessable, UNPROCESSABLE),
    (errors.RateLimited, RATE_LIMITED),
    (errors.Unavailable, UNAVAILABLE),
    (SyncFailed, PROVIDER_ERROR),
    (ConnectingFailed, PROVIDER_ERROR),
)


class HttpError(errors.DashtamError):
    """The request breaks a rule of HTTP, such as an unsupported media type."""

    def __init__(
        self, kind: ProblemType, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.headers = headers or {}


class ProblemFault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of several errors: in a parameter, by its name, or in the body, by a JSON pointer."""

    parameter: str | None = None
    pointer: str | None = None
    code: str = ""
    detail: str = ""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error (RFC 9457); ``needs_mapping`` for a table that needs one."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    trace_id: str
    errors: list[ProblemFault] = msgspec.field(default_factory=list)
    needs_mapping: MappingProposal | None = None


@dataclass(frozen=True, slots=True)
class Problems:
    """Builds problem responses; every ``type`` begins with ``base_url``."""

    base_url: str = "https://api.dashtam.com/errors/"

    def response(
        self,
        kind: ProblemType,
        detail: str,
        *,
        instance: str,
        trace_id: str,
        error: errors.DashtamError | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the response of a problem; without an error with places it has no ``errors``."""
        problem = Problem(
            type=self.base_url + kind.slug,
            title=kind.title,
            status=kind.status,
            detail=detail,
            instance=instance,
            trace_id=trace_id,
            errors=[_fault(one) for one in error.field_errors] if error else [],
            needs_mapping=error.proposal if isinstance(error, errors.MappingNeeded) else None,
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

    def scope_response(self, scope: Scope, kind: ProblemType, detail: str) -> Response:
        """Return the response of a problem to the request of an ASGI scope."""
        state: Mapping[str, str] = scope.get("state", {})
        trace_id = state.get("trace_id", "")
        return self.response(kind, detail, instance=scope["path"], trace_id=trace_id)

    def method_response(self, scope: Scope, headers: Mapping[str, str]) -> Response:
        """Return the response to OPTIONS, or to a method that the path does not allow.

        ``headers`` has ``Allow``.
        """
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers=headers)
        detail = f"This path answers {headers['Allow']}."
        response = self.scope_response(scope, METHOD_NOT_ALLOWED, detail)
        response.headers.update(headers)
        return response

    def error_response(
        self,
        error: errors.DashtamError,
        *,
        instance: str,
        trace_id: str,
        headers: Mapping[str, str],
    ) -> Response:
        """Return the response of an error."""
        own: dict[str, str] = {}
        if isinstance(error, errors.RateLimited):
            own["Retry-After"] = str(error.retry_after_s)
        if isinstance(error, errors.Unavailable):
            own["Retry-After"] = "5"
        if isinstance(error, HttpError):
            own |= error.headers
        return self.response(
            problem_type_of(error),
            str(error),
            instance=instance,
            trace_id=trace_id,
            error=error,
            headers=dict(headers) | own,
        )


def problem_type_of(error: errors.DashtamError) -> ProblemType:
    """Return the problem type of an error; UNPROCESSABLE where its class has none."""
    if isinstance(error, HttpError):
        return error.kind
    return next((kind for cls, kind in _TYPE_BY_ERROR if isinstance(error, cls)), UNPROCESSABLE)


def replay_problem(problem: bytes, trace_id: str) -> bytes:
    """Return the body of a stored problem with the trace id of another request."""
    stored = msgspec.json.decode(problem, type=Problem)
    return msgspec.json.encode(msgspec.structs.replace(stored, trace_id=trace_id))


def _fault(error: errors.FieldError) -> ProblemFault:
    # The empty pointer is the whole document (RFC 6901), and no parameter has an empty name.
    is_pointer = not error.place or error.place.startswith("/")
    return ProblemFault(
        parameter=None if is_pointer else error.place,
        pointer=error.place if is_pointer else None,
        code=error.code,
        detail=error.detail,
    )
