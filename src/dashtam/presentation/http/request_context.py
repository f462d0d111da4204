"""One call of the API: what arrived, who calls, and what is answered."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, TypeVar

import msgspec

from dashtam.application.ports import Services
from dashtam.database.history_cache.history_cache import Credential, HistoryCache
from dashtam.database.pagination import PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import FieldError, Unprocessable
from dashtam.domain.user import Principal, UserId
from dashtam.presentation.http.parameters import CURSOR, PAGE_LIMIT, Parameter
from dashtam.presentation.schemas.base import PATTERN_HINTS

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with one file (``file``) and the texts beside it."""

    file: BinaryIO
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived, before anyone looked at what it means.

    ``address`` is the client's. ``body`` is the JSON value, an upload, or None where the route
    takes neither.
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
class StreamPart:
    """What is new of something that goes on; empty where nothing is."""

    data: bytes
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What a handler gives: a shape to be written as JSON, or chunks of another media type.

    ``stream`` is called again and again, in a worker thread, until it gives its last piece.
    """

    body: msgspec.Struct | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] | None = None
    stream: Callable[[], StreamPart] | None = None
    media_type: str = "application/json"


@dataclass(slots=True)
class RequestContext:
    """One call of one route, by someone who may make it, with parameters that could be read."""

    services: Services
    request: Request
    caller: Principal | None
    values: Mapping[str, Any]
    unit_of_work: UnitOfWork | None = None
    keep: Callable[[UnitOfWork, Response], None] = lambda _work, _answer: None
    """Keeps the answer under the call's idempotency key, inside the work that it tells of."""

    @property
    def work(self) -> UnitOfWork:
        """The work that the route's entry asks for."""
        assert self.unit_of_work is not None, "a route with Transaction.OWN opens its own"
        return self.unit_of_work

    @property
    def principal(self) -> Principal:
        """Who is calling, in whose session."""
        assert self.caller is not None, "only routes with Auth.NOBODY have no caller"
        return self.caller

    @property
    def user_id(self) -> UserId:
        """Who is calling."""
        return self.principal.user_id

    def value(self, parameter: Parameter[T]) -> T:
        """Return the value of a parameter that is required or has a default."""
        value: T = self.values[parameter.name]
        return value

    def optional(self, parameter: Parameter[T]) -> T | None:
        """Return the value of a parameter, None when it was left out."""
        value: T | None = self.values[parameter.name]
        return value

    def page(self) -> PageRequest:
        """Return which stretch of a list is asked for (``PAGE`` among the route's parameters)."""
        return PageRequest(self.value(PAGE_LIMIT), self.optional(CURSOR))

    @property
    def responds_async(self) -> bool:
        """Whether the client would rather have an answer before the work is done (RFC 7240)."""
        wanted = self.request.headers.get("prefer", "").lower()
        return "respond-async" in {entry.split(";", 1)[0].strip() for entry in wanted.split(",")}

    def body(self, shape: type[S]) -> S:
        """Return the body in this shape.

        Raises:
            Unprocessable: a field breaks a rule, is missing or is not known.
        """
        try:
            return msgspec.convert(self.request.body, shape)
        except msgspec.ValidationError as error:
            raise _validation_error(str(error)) from None


@dataclass(frozen=True, slots=True)
class FastRequest:
    """One call of a route whose answers lie ready, by someone who shows a proof of who he is."""

    cache: HistoryCache
    credential: Credential
    values: Mapping[str, Any]

    def value(self, parameter: Parameter[T]) -> T:
        """Return the value of a parameter that is required or has a default."""
        value: T = self.values[parameter.name]
        return value

    def has_any(self, *parameters: Parameter[Any]) -> bool:
        """Tell whether one of these was given."""
        return any(self.values[parameter.name] is not None for parameter in parameters)


# msgspec ends its sentence with the place: "Expected `str`, got `int` - at `$.balance`"; of a field
# that is missing or unknown that is the object, and the sentence names the field.
_MESSAGE = re.compile(r"(?P<sentence>.*?)(?: - at `\$(?P<place>[^`]*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
_LONGEST_FIELD: Final = 100
_PATTERN_MESSAGES: Final = {
    f"Expected `str` matching regex {pattern!r}": rule for pattern, rule in PATTERN_HINTS.items()
}


def _validation_error(message: str) -> Unprocessable:
    said = _MESSAGE.fullmatch(message)
    assert said is not None, "the pattern takes any text"
    sentence, place = said["sentence"], said["place"] or ""
    sentence = _PATTERN_MESSAGES.get(sentence, sentence)
    pointer = place.replace(".", "/").replace("[", "/").replace("]", "")
    field = _FIELD.fullmatch(sentence)
    if field:
        name = field[1]
        if len(name) > _LONGEST_FIELD:
            sentence = "Object contains an unknown field with a long name"
            name = name[:_LONGEST_FIELD]
        pointer += "/" + name.replace("~", "~0").replace("/", "~1")
    return Unprocessable(
        f"The body breaks a rule: {sentence}.", (FieldError(pointer, "invalid", sentence),)
    )


NO_CONTENT: Final = Response(status=204)
