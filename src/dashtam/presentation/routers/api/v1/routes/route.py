"""What an entry of the registry says."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from dashtam.application.rate_limits import RatePolicy
from dashtam.database.history_cache.history_cache import Viewer
from dashtam.presentation.http.parameters import Parameter
from dashtam.presentation.http.problems import ProblemType
from dashtam.presentation.http.request_context import FastRequest, RequestContext, Response


class Auth(Enum):
    """Who may call a route."""

    NOBODY = "nobody needs to be signed in"
    READER = "a session's access token, or a long-lived read-only token"
    SESSION = "a session's access token"


class Transaction(Enum):
    """In what work a handler runs."""

    READ = "one that only reads"
    WRITE = "one that is committed whole with the answer"
    OWN = "those that its use case opens by itself"


Handler = Callable[[RequestContext], Response]
FastHandler = Callable[[FastRequest], Awaitable[tuple[Viewer, bytes]]]
"""Returns the body of an answer that lies ready, and for whom, or raises ``CacheMissError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route. ``auth`` and ``rate_limit`` have no default: nobody can forget them.

    The handler's docstring is the route's text in the OpenAPI document. ``responds_async`` where
    `Prefer: respond-async` is honoured, ``streams`` where the answer may be one that is followed,
    ``asks_providers`` where it may take as long as somebody else takes. ``fast_handler`` gives the same
    bytes as the handler where they lie ready, and sooner.
    """

    method: str
    path: str
    handler: Handler
    auth: Auth
    rate_limit: RatePolicy
    tag: str
    errors: Sequence[ProblemType] = ()
    parameters: Sequence[Parameter[Any]] = ()
    body: type[msgspec.Struct] | None = None
    upload: Mapping[str, str] | None = None
    answer: type[msgspec.Struct] | None = None
    media_type: str = "application/json"
    status: int = 200
    transaction: Transaction = Transaction.READ
    idempotent: bool = False
    shows_secret: bool = False
    conditional: bool = False
    body_is_optional: bool = False
    responds_async: bool = False
    streams: bool = False
    asks_providers: bool = False
    fast_handler: FastHandler | None = None

    @property
    def takes_body(self) -> bool:
        """Whether there is a body to read."""
        return self.body is not None or self.upload is not None
