"""What a live provider of balances is: the interface that ours implement, and others' can.

A provider is found through the entry-point group ``dashtam.providers``: the entry's name is its
slug, its value an object with the attributes of ``Provider``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dashtam.domain.statement import Identity, Position, Reading, RowError


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One thing that a user is asked for; ``is_secret`` ones are never shown again."""

    name: str
    title: str
    is_secret: bool = True


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a provider may be asked: the usual time between syncs, and requests a day."""

    every: timedelta
    daily_budget: int


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What a provider says of one account.

    ``current`` is its balance now; its ``captured_at`` is when we asked, and ``as_of`` the
    provider's own instant. None where no balance was told: then there is no snapshot, never a 0.
    ``history`` holds older readings, each at its own instant. ``positions`` is None where nothing
    is said of them.
    """

    identity: Identity
    current: Reading | None
    history: Sequence[Reading] = ()
    positions: Sequence[Position] | None = None
    problems: Sequence[RowError] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one fetch brought; ``warnings`` are sentences fit to be shown."""

    accounts: Sequence[AccountReport]
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer of the outside: its status, its headers by lower-case name, its decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """The one guarded way out: https, public addresses only, no redirects, 60 s, 5 MB."""

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        content: bytes | None = None,
    ) -> HttpAnswer:
        """Return the answer, whatever its status; each request counts against the day's budget.

        Raises:
            ProviderFailed: no answer could be had, or not one that may be read.
        """


class ProviderError(Exception):
    """A provider did not give what was asked; ``str()`` is a sentence fit to be shown."""


class CredentialsRefused(ProviderError):
    """The provider does not take these credentials: the user has to do something."""


class ProviderRateLimited(ProviderError):
    """The provider wants to be asked later: after ``retry_after``, None where it did not say."""

    def __init__(self, detail: str, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ProviderFailed(ProviderError):
    """Anything else: no answer, a broken one, an error of its own."""


class Provider(Protocol):
    """A source of balances behind an interface of its own."""

    slug: str
    name: str
    credentials: Sequence[CredentialField]
    pace: Pace

    def connect(self, given: Mapping[str, str], http: Http) -> Mapping[str, str]:
        """Return the credentials to keep, for those that the user gave.

        What a provider hands out once is fetched here and nowhere else: what is returned is
        sealed and committed before anything more can fail.

        Raises:
            ProviderError: it could not be had; nothing is kept.
        """

    def fetch(
        self, kept: Mapping[str, str], http: Http, *, now: datetime, backfill: bool
    ) -> Report:
        """Return what every account holds now and, with ``backfill``, what it held before.

        Raises:
            ProviderError: nothing could be had.
        """


class Cipher(Protocol):
    """Seals credentials under keys that lie outside the database."""

    def seal(self, plain: bytes, place: Sequence[str]) -> bytes:
        """Return the sealed text; it opens at this place alone (table, row, owner, field)."""

    def open(self, sealed: bytes, place: Sequence[str]) -> bytes:
        """Return what was sealed.

        Raises:
            Unsealable: it was sealed for another place, changed, or under a key that is gone.
        """


class Unsealable(Exception):
    """Sealed text cannot be opened."""
