"""Requests and responses as handlers see them."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, Generic, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from dashtam.application.history.known_at import as_known_at
from dashtam.application.people import users
from dashtam.application.ports import Services
from dashtam.database.history_cache.chunk_format import Segment
from dashtam.database.history_cache.history_cache import Credential, HistoryCache, Viewer
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import FieldError, Unprocessable, pointer_to
from dashtam.domain.user import Principal, UserId
from dashtam.presentation.http.parameters import (
    CURSOR,
    KNOWN_AT,
    PAGE_LIMIT,
    TZ,
    ParameterValues,
    write_cursor,
)
from dashtam.presentation.schemas.base import PATTERN_HINTS, Shape

T = TypeVar("T")
B = TypeVar("B")
S = TypeVar("S", bound=msgspec.Struct)

BASE_PATH: Final = "/api/v1"
"""The beginning of every route's path."""


def bearer_token(authorization: str) -> str:
    """Return the token of the header ``Authorization``, empty where it has none of this scheme."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with one file (``file``) and text fields.

    ``file_name`` is as the client wrote it, empty where it gave none.
    """

    file: BinaryIO
    file_name: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """A request before its parameters and body are parsed.

    ``address`` is the client's, empty where the route does not use it. ``body`` is the JSON value,
    an upload, or None where the route takes neither. ``fingerprint`` is the hash of the body.
    """

    method: str
    path: str
    path_values: Mapping[str, str]
    query: bytes
    headers: Mapping[str, str]
    address: str
    trace_id: str
    body: Any = None
    fingerprint: bytes = b""


@dataclass(frozen=True, slots=True)
class Response(Generic[B]):
    """A handler's answer: a body that is sent as JSON, or chunks of another media type.

    Without a ``status`` it is the route's. ``location`` is a path behind the base path. ``stream``
    gives the parts of an event stream, empty ones while there is no news; each is fetched in a
    worker thread.
    """

    body: B | None = None
    status: int | None = None
    location: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] | None = None
    stream: Iterator[bytes] | None = None
    media_type: str = "application/json"

    @classmethod
    def of_page(
        cls, shape: Callable[..., B], page: ListPage[T], to_shape: Callable[[T], Shape]
    ) -> "Response[B]":
        """Return a page of a list, each item in its shape."""
        items = [to_shape(item) for item in page.items]
        return cls(shape(items, total_count=page.total, next_cursor=write_cursor(page.last)))


NO_CONTENT: Final[Response[None]] = Response(status=204)


FastAnswer: TypeAlias = tuple[Viewer, Sequence[bytes | Segment]]
"""The caller of a route that the history cache can answer, and the body of the answer in parts."""


@dataclass(slots=True)
class FastRequest(ParameterValues):
    """One request of a route that the history cache can answer; its token is not checked yet."""

    cache: HistoryCache
    credential: Credential


@dataclass(slots=True)
class RequestContext(ParameterValues):
    """One request of one route: its caller may call it, and its parameters are valid."""

    services: Services
    request: Request
    caller: Principal | None
    unit_of_work: UnitOfWork | None = None
    store_response: Callable[[UnitOfWork, Response[Any]], None] = lambda _work, _response: None
    """Stores a response under the request's idempotency key, in the work that it reports."""

    @property
    def work(self) -> UnitOfWork:
        """The unit of work that the pipeline opened."""
        assert self.unit_of_work is not None, "a route with Transaction.OWN opens its own"
        return self.unit_of_work

    @property
    def known_work(self) -> UnitOfWork:
        """The unit of work as of the requested instant (``KNOWN_AT`` among the parameters).

        Raises:
            Invalid: it is in the future.
        """
        at = self.optional(KNOWN_AT)
        return self.work if at is None else as_known_at(self.work, at)

    @property
    def principal(self) -> Principal:
        """The caller, with their session."""
        assert self.caller is not None, "only routes with Auth.NOBODY have no caller"
        return self.caller

    @property
    def user_id(self) -> UserId:
        """The caller's id."""
        return self.principal.user_id

    @property
    def zone(self) -> ZoneInfo:
        """The requested time zone (``TZ`` among the route's parameters), by default the user's."""
        return self.optional(TZ) or users.load(self.work, self.user_id).zone

    def page(self) -> PageRequest:
        """Return the requested page of a list (``PAGE`` among the route's parameters)."""
        return PageRequest(self.value(PAGE_LIMIT), self.optional(CURSOR))

    @property
    def responds_async(self) -> bool:
        """Whether the client prefers an answer before the work is done (RFC 7240)."""
        preferred = self.request.headers.get("prefer", "").lower().split(",")
        return "respond-async" in {entry.split(";", 1)[0].strip() for entry in preferred}

    def body(self, shape: type[S]) -> S:
        """Return the body in this shape.

        Raises:
            Unprocessable: a field breaks a rule, is missing or is unknown.
        """
        try:
            return msgspec.convert(self.request.body, shape)
        except msgspec.ValidationError as error:
            raise _validation_error(str(error)) from None


# msgspec ends its message with the place: "Expected `str`, got `int` - at `$.balance`". Of a field
# that is missing or unknown the place is its object, and the message names the field.
_MESSAGE = re.compile(r"(?P<sentence>.*?)(?: - at `\$(?P<place>[^`]*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
_LONGEST_FIELD: Final = 100
_PATTERN_MESSAGES: Final = {
    f"Expected `str` matching regex {pattern!r}": hint for pattern, hint in PATTERN_HINTS.items()
}


def _validation_error(message: str) -> Unprocessable:
    parts = _MESSAGE.fullmatch(message)
    assert parts is not None, "the pattern takes any text"
    sentence = _PATTERN_MESSAGES.get(parts["sentence"], parts["sentence"])
    # A member that msgspec does not name (``[...]``) is pointed at by its object.
    place = (parts["place"] or "").replace("[...]", "")
    pointer = place.replace(".", "/").replace("[", "/").replace("]", "")
    field = _FIELD.fullmatch(sentence)
    if field:
        name = field[1]
        if len(name) > _LONGEST_FIELD:
            sentence = "Object contains an unknown field with a long name"
            name = name[:_LONGEST_FIELD]
        pointer += pointer_to(name)
    return Unprocessable(
        f"The body breaks a rule: {sentence}.", (FieldError(pointer, "invalid", sentence),)
    )
