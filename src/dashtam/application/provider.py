"""The interface of live providers of balances, version 2: ours implement it, and others' can.

A provider is found through the entry-point group ``dashtam.providers``: the entry's name is its
slug, its value an object with the attributes of ``Provider``.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol

from dashtam.domain.account import Identity
from dashtam.domain.statement import Flow, Position, Reading, RowError

Credentials = Mapping[str, str]
"""Secrets of a connection by name, as a user enters them or a provider issues them."""


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One field of a provider's credentials; ``is_secret`` ones are never shown again.

    ``is_multiline`` fields hold several lines, such as a key in PEM. ``official_address`` makes the
    field the base address of the provider's server: the operator alone allows another one.
    """

    name: str
    title: str
    is_secret: bool = True
    is_optional: bool = False
    is_multiline: bool = False
    official_address: str | None = None


BASE_URL = "base_url"
"""The name of the field for the base address of a provider's server."""


def base_url_field(official_address: str) -> CredentialField:
    """Return the field for the base address of a provider's server."""
    return CredentialField(
        BASE_URL,
        "Address of the server, if it is not the provider's own",
        is_secret=False,
        is_optional=True,
        official_address=official_address,
    )


@dataclass(frozen=True, slots=True)
class ReturnTo:
    """The place to which a sign-in in a browser returns.

    ``token`` is random: the address of the sign-in carries it, and the return must bring it back
    as the parameter ``state``. ``code_verifier`` is the secret of PKCE (RFC 7636).
    """

    url: str
    token: str
    code_verifier: str

    @property
    def code_challenge(self) -> str:
        """The S256 challenge of ``code_verifier``."""
        digest = sha256(self.code_verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Redirect:
    """A sign-in in a browser: its address, and the provider's values for ``complete``.

    ``state`` is sealed until the browser returns.
    """

    url: str
    state: Credentials


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate chain and its private key, both PEM, that identify us to a server."""

    certificate: str
    key: str


Renew = Callable[[Credentials], None]
"""Seals and commits renewed credentials at once, where the provider issues them only once.

Raises:
    DashtamError: they cannot be stored; the sync ends.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """The usual time between syncs, and the most requests that a provider gets a day (UTC).

    ``daily_syncs`` is the most syncs of one connection in a day (UTC), None without such a limit.
    """

    every: timedelta
    daily_budget: int
    daily_syncs: int | None = None


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
    ``predecessor`` is the account's external id before the provider moved it to the present one.
    """

    identity: Identity
    current: Reading | None
    history: Sequence[Reading] = ()
    positions: Sequence[Position] | None = None
    problems: Sequence[RowError] = ()
    flows: Sequence[Flow] = ()
    outage: RowError | None = None
    predecessor: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one fetch; ``warnings`` are sentences for the user.

    ``attention`` are those that say what the user has to do at the provider or the institution.
    ``credentials`` replace the stored ones in the transaction that records the report, None where
    they stay. ``expires_at`` is the end of the user's consent, None where it has none.
    """

    accounts: Sequence[AccountReport]
    warnings: Sequence[str] = ()
    attention: Sequence[str] = ()
    credentials: Credentials | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP response: its status, its headers by lower-case name, its decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """The one guarded HTTP client: https, public addresses only, no redirects, 60 s, 5 MB."""

    def request(  # noqa: PLR0913 - one call says it all
        self,
        method: str,
        url: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        content: bytes | None = None,
        certificate: ClientCertificate | None = None,
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
    """The provider refuses these credentials: the user has to enter others.

    ``field`` is the name of the refused one, None where it is unknown.
    """

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class ProviderRateLimited(ProviderError):
    """The provider refuses requests for ``retry_after``, None where that is unknown."""

    def __init__(self, detail: str, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ProviderFailed(ProviderError):
    """Any other failure: no response, a broken one, an error of the provider's own."""


class Provider(Protocol):
    """A source of balances behind an interface of its own.

    ``uses_browser`` where the user signs in at the provider's own page: then ``begin`` returns a
    ``Redirect``, and credentials elsewhere. An attribute ``help_url`` may hold the https address of
    the page that tells where the credentials come from.
    """

    slug: str
    name: str
    credentials: Sequence[CredentialField]
    pace: Pace
    uses_browser: bool

    def begin(
        self, given: Credentials, return_to: ReturnTo, http: Http, *, now: datetime
    ) -> Redirect | Credentials:
        """Return the credentials to store for those that the user entered, or a sign-in.

        Credentials that a provider issues only once are fetched here and nowhere else: those
        returned are sealed and committed before anything more can fail.

        Raises:
            ProviderError: there are none; nothing is stored.
        """

    def complete(
        self, state: Credentials, parameters: Mapping[str, str], http: Http, *, now: datetime
    ) -> Credentials:
        """Return the credentials to store, for the parameters with which the browser returned.

        ``state`` is that of the ``Redirect``. It is called once for each sign-in.

        Raises:
            ProviderError: there are none; nothing is stored.
        """

    def fetch(
        self, stored: Credentials, http: Http, *, now: datetime, backfill: bool, renew: Renew
    ) -> Report:
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
