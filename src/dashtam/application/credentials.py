"""Credentials: checked, sealed, unsealed for one sync, and redacted from every sentence."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from dashtam.application.provider import Cipher, Credentials, Provider, Report, Unsealable
from dashtam.domain.connection import Connection
from dashtam.domain.errors import FieldError, Unprocessable, pointer_to
from dashtam.domain.statement import RowError

_LONGEST_SENTENCE: Final = 300
_SHORTEST_SECRET: Final = 4
_USERINFO: Final = re.compile(r"://[^\s/@]+@")
_TAG: Final = re.compile(r"<[^<>]{0,500}>")


def check(provider: Provider, entered: Credentials) -> None:
    """Refuse credentials other than those that the provider needs.

    Raises:
        Unprocessable: naming each that is missing, empty or unknown.
    """
    needed = {field.name: field.title for field in provider.credentials}
    field_errors = [
        FieldError(pointer_to("credentials", name), "missing", f"{title} is needed.")
        for name, title in needed.items()
        if not entered.get(name, "").strip()
    ]
    unknown = f"{provider.name} asks for no such thing."
    field_errors += [
        FieldError(pointer_to("credentials", name), "unknown_field", unknown)
        for name in sorted(set(entered) - set(needed))
    ]
    if field_errors:
        detail = f"{provider.name} needs other credentials."
        raise Unprocessable(detail, tuple(field_errors))


def seal(cipher: Cipher, connection: Connection, credentials: Credentials) -> bytes:
    """Return the credentials, sealed for this connection of this owner alone."""
    return cipher.seal(json.dumps(dict(credentials)).encode(), place_of(connection))


def unseal(cipher: Cipher, connection: Connection, sealed: bytes) -> Credentials:
    """Return the sealed credentials.

    Raises:
        Unsealable: they were sealed for another connection, or their key is gone.
    """
    credentials: Credentials = json.loads(cipher.open(sealed, place_of(connection)))
    return credentials


def is_sealed_from(
    cipher: Cipher, connection: Connection, sealed: bytes | None, credentials: Credentials
) -> bool:
    """Tell whether the sealed text holds these very credentials."""
    try:
        return sealed is not None and unseal(cipher, connection, sealed) == dict(credentials)
    except Unsealable:
        return False


def hide_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text without these secrets, plain, percent-encoded or in Base64."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            for spelling in (secret, quote(secret, safe=""), b64encode(secret.encode()).decode()):
                text = text.replace(spelling, "…")
    return text


def redact(sentence: str, secrets: Iterable[str]) -> str:
    """Return a provider's sentence for display: one line, no markup, no user info, no secret."""
    plain = _USERINFO.sub("://", _TAG.sub(" ", hide_secrets(sentence, secrets)))
    line = " ".join("".join(c if c.isprintable() else " " for c in plain).split())
    return line if len(line) <= _LONGEST_SENTENCE else line[: _LONGEST_SENTENCE - 1] + "…"


def redact_report(report: Report, secrets: Iterable[str]) -> Report:
    """Return the report with each of its sentences redacted."""
    secrets = list(secrets)

    def redact_error(error: RowError) -> RowError:
        return replace(error, detail=redact(error.detail, secrets))

    accounts = [
        replace(
            account,
            problems=list(map(redact_error, account.problems)),
            outage=None if account.outage is None else redact_error(account.outage),
        )
        for account in report.accounts
    ]
    warnings = [redact(warning, secrets) for warning in report.warnings]
    attention = [redact(sentence, secrets) for sentence in report.attention]
    return replace(report, warnings=warnings, accounts=accounts, attention=attention)


def place_of(connection: Connection) -> tuple[str, str, str, str]:
    """Return the place of the connection's credentials: table, row, owner, field."""
    return ("connections", str(connection.id), str(connection.user_id), "credentials")
