"""Providers of version 1 of the interface, which other packages ship still.

Version 1 has ``connect(entered, http)``, and a ``fetch`` that renews no credentials.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dashtam.application.provider import (
    CredentialField,
    Credentials,
    Http,
    Pace,
    Redirect,
    Renew,
    Report,
    ReturnTo,
)
from dashtam.providers.key_provider import KeyProvider


def is_version_1(provider: object) -> bool:
    """Tell whether a provider has the methods of version 1 alone."""
    return hasattr(provider, "connect") and not hasattr(provider, "begin")


class VersionOne(KeyProvider):
    """A provider of version 1 behind the present interface."""

    def __init__(self, provider: Any) -> None:  # noqa: ANN401 - another package's object
        self._provider = provider
        self.slug: str = provider.slug
        self.name: str = provider.name
        self.credentials: Sequence[CredentialField] = provider.credentials
        self.pace: Pace = provider.pace

    def begin(
        self, given: Credentials, return_to: ReturnTo, http: Http, *, now: datetime
    ) -> Redirect | Credentials:
        """Return the credentials of ``connect``."""
        del return_to, now
        credentials: Credentials = self._provider.connect(given, http)
        return credentials

    def fetch(
        self,
        stored: Credentials,
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        """Return the report of ``fetch``."""
        del renew
        report: Report = self._provider.fetch(stored, http, now=now, backfill=backfill)
        return report
