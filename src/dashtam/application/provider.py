"""The interface of live providers of balances: ours implement it, and others' can.

A provider is found through the entry-point group ``dashtam.providers``: the entry's name is its
slug, its value an object with the attributes of ``Provider``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dashtam.domain.account import Identity
from dashtam.domain.statement import Flow, Position, Reading, RowError

Credentials = Mapping[str, str]
"""Secrets of a connection by name, as a user enters them or a provider issues them."""


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One field of a provider's credentials; ``is_secret`` ones are never shown again."""

    name: str
    title: str
    is_secret: bool = True


@dataclass(frozen=True, slots=True)
class Pace:
    """The usual time between syncs, and the most requests that a provider gets a day."""

    every: timedelta
    daily_budget: int


@dataclass(frozen=True, slots=True)
class AccountReport:
    """A provider's report of one account.

    ``current`` is its balance now; its ``captured_at`` is the instant of our request, and ``as_of``
    the provider's own. Where the provider reports the balance of a day, it is the reading of that
    day. None where no balance is reported: then there is no snapshot, never a 0. ``history`` holds
    older readings, each at its own instant; those recorded before are reported again.
    ``positions`` is None where the provider does not report them. ``flows`` may be reported again:
    each is recorded once.

    ``outage`` is why ``current`` is not the balance of now, such as an institution that the
    provider cannot reach; its code is an ``OutageCode``. The balance and the positions are not
    recorded then.
    """

    identity: Identity
    current: Reading | None
    history: Sequence[Reading] = ()
    positions: Sequence[Position] | None = None
    problems: Sequence[RowError] = ()
    flows: Sequence[Flow] = ()
    outage: RowError | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one fetch; ``warnings`` are sentences for the user.

    ``attention`` are those that say what the user has to do at the provider or the institution.
    """

    accounts: Sequence[AccountReport]
    warnings: Sequence[str] = ()
    attention: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP response: its status, its headers by lower-case name, its decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """The one guarded HTTP client: https, public addresses only, no redirects, 60 s, 5 MB."""

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
        """Return the response of any status; each request counts against the day's budget.

        Raises:
            ProviderFailed: there is no response, or none that may be read.
        """


class ProviderError(Exception):
    """A provider failed; ``str()`` is a sentence for the user."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class CredentialsRefused(ProviderError):
    """The provider refuses these credentials: the user has to enter others."""


class ProviderRateLimited(ProviderError):
    """The provider refuses requests for ``retry_after``, None where that is unknown."""

    def __init__(self, detail: str, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ProviderFailed(ProviderError):
    """Any other failure: no response, a broken one, an error of the provider's own."""


class Provider(Protocol):
    """A source of balances behind an interface of its own."""

    slug: str
    name: str
    credentials: Sequence[CredentialField]
    pace: Pace

    def connect(self, entered: Credentials, http: Http) -> Credentials:
        """Return the credentials to store, for those that the user entered.

        Credentials that a provider issues only once are fetched here and nowhere else: those
        returned are sealed and committed before anything more can fail.

        Raises:
            ProviderError: there are none; nothing is stored.
        """

    def fetch(self, stored: Credentials, http: Http, *, now: datetime, backfill: bool) -> Report:
        """Return the balance of every account now, and its older balances.

        Without ``backfill`` the balances of the last days or months suffice: they fill the days on
        which no sync ran. With it the provider returns every balance that it has.

        Raises:
            ProviderError: there is no report.
        """


class Cipher(Protocol):
    """Authenticated encryption of credentials under keys outside the database."""

    def seal(self, plain: bytes, place: Sequence[str]) -> bytes:
        """Return the sealed bytes; they open for this place alone (table, row, owner, field)."""

    def open(self, sealed: bytes, place: Sequence[str]) -> bytes:
        """Return the plain bytes.

        Raises:
            Unsealable: sealed for another place, changed, or under a key that is gone.
        """


class Unsealable(Exception):
    """Sealed bytes cannot be opened."""
