"""Credentials: checked, sealed, unsealed for one sync, and redacted from every sentence."""

import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

from dashtam.application.provider import (
    Cipher,
    CredentialField,
    Credentials,
    Provider,
    Report,
    Unsealable,
)
from dashtam.domain.connection import Connection
from dashtam.domain.errors import FieldError, Unavailable, Unprocessable, pointer_to
from dashtam.domain.statement import RowError

T = TypeVar("T")

_LONGEST_SENTENCE: Final = 300
_SHORTEST_SECRET: Final = 4
_HTTPS: Final = 443
_RETRY_AFTER_S: Final = (0.5, 1.0, 2.0, 4.0)
_USERINFO: Final = re.compile(r"://[^\s/@]+@")
_TAG: Final = re.compile(r"<[^<>]{0,500}>")


def check(
    provider: Provider, entered: Credentials, allowed: Collection[tuple[str, int]]
) -> Credentials:
    """Return the credentials that the provider needs, without empty and official values.

    ``allowed`` are the hosts and ports of servers that the operator allows.

    Raises:
        Unprocessable: naming each that is missing, empty, unknown, or an address that the operator
            does not allow.
    """
    needed = {field.name: field for field in provider.credentials}
    field_errors = [
        FieldError(pointer_to("credentials", name), "missing", f"{field.title} is needed.")
        for name, field in needed.items()
        if not field.is_optional and not entered.get(name, "").strip()
    ]
    for name, field in needed.items():
        if reason := _find_address_error(field, entered.get(name, "").strip(), allowed):
            pointer = pointer_to("credentials", name)
            field_errors.append(FieldError(pointer, "address_not_allowed", reason))
    unknown = f"{provider.name} asks for no such thing."
    field_errors += [
        FieldError(pointer_to("credentials", name), "unknown_field", unknown)
        for name in sorted(set(entered) - set(needed))
    ]
    if field_errors:
        detail = f"{provider.name} needs other credentials."
        raise Unprocessable(detail, tuple(field_errors))
    return {
        name: value.strip().rstrip("/") if needed[name].official_address else value
        for name, value in entered.items()
        if value.strip() and not _is_official(needed[name], value)
    }


def _is_official(field: CredentialField, value: str) -> bool:
    return value.strip().rstrip("/") == (field.official_address or "").rstrip("/") != ""


def _find_address_error(
    field: CredentialField, value: str, allowed: Collection[tuple[str, int]]
) -> str | None:
    """Return why the value is no base address that may be used, None where it is, or is none."""
    if field.official_address is None or not value or _is_official(field, value):
        return None
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port or _HTTPS
        is_https = parts.scheme == "https" and bool(host)
    except ValueError:
        is_https, host, port = False, None, 0
    if not is_https or not value.isascii() or not value.isprintable() or {*value} & {*"@?# "}:
        return f"{field.title}: an address that begins with https://, without a query."
    if (host, port) not in allowed:
        return (
            f"The operator has not allowed the server {host}:{port}: add it to"
            " DASHTAM_OUTBOUND_HOSTS."
        )
    return None


def secrets_of(provider: Provider, credentials: Credentials) -> list[str]:
    """Return the values that no sentence may show: all but the fields that are not secret."""
    shown = {field.name for field in provider.credentials if not field.is_secret}
    return [value for name, value in credentials.items() if name not in shown]


def retry_while_unavailable(commit: Callable[[], T]) -> T:
    """Return the result of a commit, tried again for some seconds while the database is away.

    Raises:
        Unavailable: it is away still.
    """
    for pause_s in _RETRY_AFTER_S:
        try:
            return commit()
        except Unavailable:
            time.sleep(pause_s)
    return commit()


def seal(cipher: Cipher, connection: Connection, credentials: Credentials) -> bytes:
    """Return the credentials, sealed for this connection of this owner alone."""
    return cipher.seal(to_bytes(credentials), place_of(connection))


def unseal(cipher: Cipher, connection: Connection, sealed: bytes) -> Credentials:
    """Return the sealed credentials.

    Raises:
        Unsealable: they were sealed for another connection, or their key is gone.
    """
    return from_bytes(cipher.open(sealed, place_of(connection)))


def to_bytes(credentials: Credentials) -> bytes:
    """Return the credentials as bytes to seal."""
    return json.dumps(dict(credentials)).encode()


def from_bytes(plain: bytes) -> Credentials:
    """Return the credentials of ``to_bytes``."""
    credentials: Credentials = json.loads(plain)
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
