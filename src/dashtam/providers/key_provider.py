"""Providers whose credentials are keys that a user enters, without a sign-in in a browser."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from dashtam.application.provider import (
    CredentialField,
    Credentials,
    Http,
    ProviderFailed,
    Redirect,
    ReturnTo,
)
from dashtam.providers import http_json


class KeyProvider:
    """The part of the interface that such providers share."""

    name: str
    credentials: Sequence[CredentialField]
    uses_browser: bool = False

    def begin(
        self, given: Credentials, return_to: ReturnTo, http: Http, *, now: datetime
    ) -> Redirect | Credentials:
        """Return the given keys; nothing is requested."""
        del return_to, http, now
        return http_json.require_credentials(given, self.credentials)

    def complete(
        self, state: Credentials, parameters: Mapping[str, str], http: Http, *, now: datetime
    ) -> Credentials:
        """Refuse: no sign-in was begun."""
        del state, parameters, http, now
        raise ProviderFailed(detail=f"{self.name} has no sign-in in a browser.")
