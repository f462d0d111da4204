"""Credentials: sealed before they are kept, opened for one sync, never in a sentence."""

import json
import re
from collections.abc import Mapping
from typing import Final

from dashtam.application.provider import Cipher, Provider, Unsealable
from dashtam.domain.connection import Connection
from dashtam.domain.errors import FieldError, Unprocessable

Credentials = Mapping[str, str]
"""What a provider handed out, or what the user gave, by name."""

_LONGEST_SENTENCE: Final = 300
_SHORTEST_SECRET: Final = 4
_USERINFO = re.compile(r"://[^\s/@]+@")
_TAG = re.compile(r"<[^<>]{0,500}>")


def check(provider: Provider, given: Credentials) -> None:
    """Refuse credentials that are not those that the provider asks for.

    Raises:
        Unprocessable: naming each that is missing, empty or not known.
    """
    wanted = {field.name: field.title for field in provider.credentials}
    field_errors = [
        FieldError(f"/credentials/{name}", "missing", f"{title} is needed.")
        for name, title in wanted.items()
        if not given.get(name, "").strip()
    ]
    field_errors += [
        FieldError(
            f"/credentials/{name}", "unknown_field", f"{provider.name} asks for no such thing."
        )
        for name in sorted(set(given) - set(wanted))
    ]
    if field_errors:
        detail = f"{provider.name} needs other credentials."
        raise Unprocessable(detail, tuple(field_errors))


def seal(cipher: Cipher, connection: Connection, kept: Credentials) -> bytes:
    """Return the credentials, sealed for this connection of this owner alone."""
    return cipher.seal(json.dumps(dict(kept)).encode(), place_of(connection))


def unseal(cipher: Cipher, connection: Connection, sealed: bytes) -> Credentials:
    """Return the credentials that were sealed.

    Raises:
        Unsealable: they were not sealed for this connection, or their key is gone.
    """
    kept: Credentials = json.loads(cipher.open(sealed, place_of(connection)))
    return kept


def is_sealed_from(
    cipher: Cipher, connection: Connection, sealed: bytes | None, kept: Credentials
) -> bool:
    """Tell whether what was sealed are these very credentials."""
    if sealed is None:
        return False
    try:
        return unseal(cipher, connection, sealed) == dict(kept)
    except Unsealable:
        return False


def redact(sentence: str, secrets: Credentials) -> str:
    """Return what a provider said, fit to be shown: one line, no markup, none of the secrets."""
    for secret in sorted(secrets.values(), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            sentence = sentence.replace(secret, "…")
    plain = _USERINFO.sub("://", _TAG.sub(" ", sentence))
    line = " ".join("".join(c if c.isprintable() else " " for c in plain).split())
    return line if len(line) <= _LONGEST_SENTENCE else line[: _LONGEST_SENTENCE - 1] + "…"


def place_of(connection: Connection) -> tuple[str, str, str, str]:
    """Return the one place at which the connection's credentials open."""
    return ("connections", str(connection.id), str(connection.user_id), "credentials")
