"""The interfaces that use cases need outside the database, and the services that hold them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from dashtam.application.provider import Cipher, Http, Provider
from dashtam.application.provider_permits import ProviderPermits
from dashtam.application.rate_limits import Buckets, RatePolicy
from dashtam.database.history_cache.history_cache import HistoryCache
from dashtam.database.unit_of_work import Clock, Database
from dashtam.domain.mapping_proposal import MappingProposal
from dashtam.domain.statement import FileFormat, Statement
from dashtam.domain.user import Principal, SessionId, UserId


class Passwords(Protocol):
    """Password hashes; slow on purpose, so only a few are computed at a time."""

    def hash(self, password: str) -> str:
        """Return a salted hash for the database."""

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the hash is the password's; None takes as long and never matches."""

    def is_common(self, password: str, email: str) -> bool:
        """Tell whether an attacker would try this password early."""


class Signer(Protocol):
    """Short-lived access tokens."""

    def issue(self, user_id: UserId, session_id: SessionId, now: datetime) -> str:
        """Return a signed token, valid for ``ACCESS_TOKEN_S`` seconds."""

    def verify(self, token: str, now: datetime) -> Principal | None:
        """Return the token's principal, None for a token that is expired or not ours."""


class Secrets(Protocol):
    """Random values, and secrets derived from keys outside the database."""

    def random(self) -> bytes:
        """Return 32 unpredictable bytes."""

    def fraction(self) -> float:
        """Return a random number from 0 (included) to 1."""

    def derive(self, purpose: str, data: bytes) -> bytes:
        """Return 32 bytes that only this key ring derives from the data, by purpose."""


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A file that was read to its end: its format, and its statements, long ones in pieces.

    ``count`` is the number of statements, each piece counted. ``tables`` tell how each table in it
    is read.
    """

    file_format: str
    statements: Iterator[Statement]
    count: int
    tables: Sequence[MappingProposal] = ()


class StatementFiles(Protocol):
    """Readers of statement files, in a sandboxed process."""

    def formats(self) -> Sequence[FileFormat]:
        """Return every supported format."""

    def for_many(self) -> "AbstractContextManager[StatementFiles]":
        """Start one process for many files of one user, in one thread."""

    def read(
        self,
        file: BinaryIO,
        file_format: str | None,
        mapping: Mapping[str, object],
        now: datetime,
        report: Callable[[float], None] | None = None,
        *,
        is_preview: bool = False,
    ) -> AbstractContextManager[StatementFile]:
        """Read a file to its end; ``file_format`` None leaves the format to its content.

        ``report`` is called with the share that was read, for a long file. A preview has the lines
        of readings, and the rows behind the last ones.

        Raises:
            UnknownFormat: the file is no statement, by its content.
            Unprocessable: nothing in the file can be read, with the reason.
        """


CountRequest = Callable[[], None]
"""Counts one request to a provider before it is sent.

Raises:
    ProviderError: it may not be sent.
"""


class Background(Protocol):
    """Threads for work that continues after the response."""

    def start(self, task: Callable[[], object]) -> None:
        """Run the task in a thread of its own; the process waits a while for it when it stops."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """The operator's settings for use cases.

    ``is_local`` where only this machine can connect. ``base_path`` is the prefix of our paths
    that a proxy removes, empty elsewhere. ``origins`` are those of our own pages, and of others
    that may call the API. ``sync_spacing`` lies between two syncs by the same endpoint;
    ``sync_lease`` is the time after which a sync without a sign of life is lost.
    ``outbound_hosts`` are the hosts and ports of servers that providers may use beside their own.
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
    outbound_hosts: Collection[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that use cases need.

    ``providers`` are the live ones by slug. ``http_for`` returns the guarded client for them,
    which calls its argument before each request, repeated ones too. ``history_cache`` returns
    None where there is no cache.
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
    history_cache: Callable[[], HistoryCache | None] = lambda: None
    provider_permits: ProviderPermits = field(default_factory=ProviderPermits)
