"""Entries of the registry, and the constructors that carry their auth and rate-limit policy."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from enum import Enum, auto
from functools import cached_property, partial
from inspect import signature
from types import NoneType
from typing import Any, Final, get_args

from dashtam.application.rate_limits import API_READ, API_WRITE, AUTH, SYNC, RatePolicy
from dashtam.presentation.http.parameters import Parameter
from dashtam.presentation.http.problems import ProblemType
from dashtam.presentation.http.request_context import (
    FastAnswer,
    FastRequest,
    RequestContext,
    Response,
)
from dashtam.presentation.schemas.base import Form, Input, Shape


class Auth(Enum):
    """The tokens that a route takes: none, any, or only a session's access token."""

    NOBODY = auto()
    READER = auto()
    SESSION = auto()


class Transaction(Enum):
    """The unit of work of a handler: one that reads, one that writes, or its own."""

    READ = auto()
    WRITE = auto()
    OWN = auto()


Handler = Callable[[RequestContext], Response[Any]]
FastHandler = Callable[[FastRequest], Awaitable[FastAnswer]]
"""Returns a cached answer, or raises ``CacheMissError`` or ``DamagedError``."""


@dataclass(frozen=True)
class Route:
    """One route. ``auth`` and ``rate_limit`` have no default: no entry can leave them out.

    The handler's docstring is the route's text in the OpenAPI document. ``errors`` are those that
    do not follow from the other fields. ``location`` describes the header of that name;
    ``example`` replaces that of the answer's shape. ``responds_async`` where
    `Prefer: respond-async` is honoured, ``asks_providers`` where a provider may be slow.
    Requests of a route that ``is_heavy`` are worked on one at a time for each user.
    ``fast_handler`` returns the same bytes as the handler, sooner, from the history cache.
    """

    method: str
    path: str
    handler: Handler
    _: KW_ONLY
    auth: Auth
    rate_limit: RatePolicy
    tag: str = ""
    parameters: tuple[Parameter[Any], ...] = ()
    body: type[Input] | None = None
    body_is_optional: bool = False
    upload: Form | None = None
    media_type: str = "application/json"
    location: str | None = None
    example: Mapping[str, Any] | None = None
    errors: Sequence[ProblemType] = ()
    transaction: Transaction = Transaction.READ
    conditional: bool = False
    shows_secret: bool = False
    responds_async: bool = False
    asks_providers: bool = False
    is_heavy: bool = False
    fast_handler: FastHandler | None = None

    @property
    def answer(self) -> type[Shape] | None:
        """The shape that the handler declares to return, None where it returns no JSON."""
        (shape,) = get_args(signature(self.handler).return_annotation)
        return None if shape is NoneType else shape

    @cached_property
    def status(self) -> int:
        """The status of a success."""
        return {"POST": 201, "DELETE": 204}.get(self.method, 200)

    @cached_property
    def idempotent(self) -> bool:
        """Whether the route takes an idempotency key."""
        return self.method == "POST" and self.auth is not Auth.NOBODY

    @cached_property
    def takes_body(self) -> bool:
        """Whether requests have a body."""
        return self.body is not None or self.upload is not None

    @cached_property
    def body_types(self) -> Sequence[str]:
        """The media types of a JSON body; a PATCH merges (RFC 7396), by either name."""
        merge = ["application/merge-patch+json"] if self.method == "PATCH" else []
        return ["application/json", *merge]

    @cached_property
    def patch_headers(self) -> Mapping[str, str]:
        """The header that names the media types of a PATCH (RFC 5789); none of other routes."""
        return {"Accept-Patch": ", ".join(self.body_types)} if self.method == "PATCH" else {}

    @cached_property
    def uses_address(self) -> bool:
        """Whether the client's address counts: for its rate limit, or in the audit log."""
        return self.auth is Auth.NOBODY or self.transaction is not Transaction.READ


read: Final = partial(Route, "GET", auth=Auth.READER, rate_limit=API_READ)
"""A route that reads, by any token."""

read_in_session: Final = partial(Route, "GET", auth=Auth.SESSION, rate_limit=API_READ)
"""A route that reads secrets of the user's own sign-ins, by a session's token alone."""

write: Final = partial(
    Route, auth=Auth.SESSION, rate_limit=API_WRITE, transaction=Transaction.WRITE
)
"""A route that changes something, in one transaction."""

sync: Final = partial(
    Route, "POST", auth=Auth.SESSION, rate_limit=SYNC, transaction=Transaction.OWN
)
"""A route that records balances of a source, in transactions of its own."""

public: Final = partial(Route, auth=Auth.NOBODY, rate_limit=AUTH, transaction=Transaction.OWN)
"""A route without a token; its bucket is that of the client's address."""


def tagged(tag: str, *routes: Route) -> tuple[Route, ...]:
    """Return the routes as one section of the OpenAPI document."""
    return tuple(replace(route, tag=tag) for route in routes)
