"""What use cases ask of the world outside the database; ``records`` holds the rest."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from dashtam.application.provider import Cipher, Http, Provider
from dashtam.application.rate_limits import Buckets, RatePolicy
from dashtam.database.history_cache.history_cache import HistoryCache
from dashtam.database.unit_of_work import Clock, Database
from dashtam.domain.statement import Statement
from dashtam.domain.user import Principal, SessionId, UserId


class Passwords(Protocol):
    """Password hashes; slow on purpose, so never more than a few at a time."""

    def hash(self, password: str) -> str:
        """Return a hash to keep."""

    def verify(self, password: str, kept: str | None) -> bool:
        """Tell whether the password is the kept hash's; None takes as long and is never right."""

    def is_common(self, password: str, email: str) -> bool:
        """Tell whether a guesser would try this password early."""


class Signer(Protocol):
    """Short-lived access tokens."""

    def issue(self, user_id: UserId, session_id: SessionId, now: datetime) -> str:
        """Return a signed token, good for ``ACCESS_TOKEN_S`` seconds."""

    def verify(self, token: str, now: datetime) -> Principal | None:
        """Return whose token it is, None unless it is one of ours and still good."""


class Secrets(Protocol):
    """What is derived from keys that lie outside the database."""

    def random(self) -> bytes:
        """Return 32 random bytes."""

    def derive(self, purpose: str, data: bytes) -> bytes:
        """Return the 32-byte HMAC of the data under the key for this purpose."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A kind of statement file that is understood."""

    slug: str
    name: str
    extensions: Sequence[str]
    description: str


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A file, read to its end: its format, and its statements, long ones in pieces.

    ``count`` is how many statements there are, each piece for itself.
    """

    file_format: str
    statements: Iterator[Statement]
    count: int


class StatementFiles(Protocol):
    """Reads statement files, in a process that can do no harm."""

    def formats(self) -> Sequence[FileFormat]:
        """Return every format that is understood."""

    def read(
        self,
        file: BinaryIO,
        file_format: str | None,
        mapping: Mapping[str, object],
        now: datetime,
    ) -> AbstractContextManager[StatementFile]:
        """Read a file; without a format its content decides.

        Raises:
            Unprocessable: nothing in the file can be read, with the reason.
        """


CountRequest = Callable[[], None]
"""Counts one request to a provider before it is sent.

Raises:
    ProviderError: it may not be sent.
"""


class Background(Protocol):
    """Threads in which this process goes on with something after it has answered."""

    def start(self, task: Callable[[], object]) -> None:
        """Do the task in a thread of its own; when the process stops, it waits a while for it."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What the operator decided.

    ``is_local`` where only this machine reaches us. ``base_path`` is what stands before our paths
    where a proxy takes it away, empty elsewhere. ``origins`` are those of our own pages, and of
    others that may call the API. ``sync_spacing`` lies between two syncs by the same endpoint, and
    ``sync_lease`` is how long a sync goes on without a sign of life.
    """

    registration: str
    setup_code: str | None
    is_local: bool
    has_https: bool
    base_path: str
    origins: Sequence[str]
    rate_policies: Mapping[str, RatePolicy]
    sync_spacing: timedelta = timedelta(minutes=15)
    sync_lease: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that use cases may ask for.

    ``providers`` are the live ones by slug. ``http_for`` returns the guarded way out to them; it
    calls what it is given before each request that it sends, repeated ones too. ``history_cache`` is None
    where nothing lies ready.
    """

    database: Database
    clock: Clock
    passwords: Passwords
    signer: Signer
    secrets: Secrets
    buckets: Buckets
    statement_files: StatementFiles
    providers: Mapping[str, Provider]
    cipher: Cipher
    http_for: Callable[[CountRequest], Http]
    background: Background
    options: ServiceOptions
    history_cache: HistoryCache | None = None

    def for_address(self, address: str) -> "Services":
        """Return the same world, all of whose work is asked for from this address."""
        return replace(self, database=self.database.for_address(address))
