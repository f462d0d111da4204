"""Access tokens: JSON Web Tokens signed with Ed25519 (RFC 9068, RFC 8037, RFC 8725)."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID, uuid4

import msgspec
from jwt import PyJWS
from jwt.exceptions import InvalidTokenError

from dashtam.application.people.sessions import ACCESS_TOKEN_S
from dashtam.domain.user import Principal, SessionId, UserId
from dashtam.security.key_ring import KeyRing, LiveKeyRing
from dashtam.security.keys import SigningKey

MAX_TOKEN_CHARS: Final = 4096

_ALGORITHM: Final = "EdDSA"
_TYPE: Final = "at+jwt"
# The last character of a signature has bits to spare, and a token has one spelling.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]")
# Another machine's clock may be a little ahead when it issues; no token lives longer for it.
_CLOCKS_APART_S: Final = 60
# Checking a signature costs more than all the rest of a short answer.
_REMEMBERED: Final = 10_000

_jws = PyJWS(algorithms=[_ALGORITHM])


class JwtSigner:
    """Issues and verifies the tokens of one issuer for one audience."""

    def __init__(self, keys: LiveKeyRing, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._verified: dict[str, _Verified] = {}

    def issue(self, user_id: UserId, session_id: SessionId, now: datetime) -> str:
        """Return a signed token, good for ``ACCESS_TOKEN_S`` seconds."""
        issued_s = int(now.timestamp())
        claims = _Claims(
            iss=self._issuer,
            aud=self._audience,
            sub=user_id,
            sid=session_id,
            iat=issued_s,
            exp=issued_s + ACCESS_TOKEN_S,
            jti=uuid4(),
        )
        return _sign(msgspec.json.encode(claims), self._keys.current().signing_key)

    def verify(self, token: str, now: datetime) -> Principal | None:
        """Return whose token it is, None unless it is one of ours and still good."""
        ring = self._keys.current()
        known = self._verified.get(token)
        if known is not None and known.ring is ring and known.key.is_valid_at(now):
            is_good = self._accepts(known.claims, int(now.timestamp()))
            return known.principal if is_good else None
        if len(token) > MAX_TOKEN_CHARS or _TOKEN.fullmatch(token) is None:
            return None
        key = self._key(token.partition(".")[0], now)
        if key is None:
            return None
        claims = _claims(token, key)
        if claims is None or not self._accepts(claims, int(now.timestamp())):
            return None
        principal = Principal(UserId(claims.sub), SessionId(claims.sid))
        self._remember(token, _Verified(ring, key, claims, principal))
        return principal

    def _remember(self, token: str, verified: "_Verified") -> None:
        # That a signature is right stays so; whether the key and the claims still count does not.
        if len(self._verified) >= _REMEMBERED:
            with suppress(KeyError, RuntimeError):
                del self._verified[next(iter(self._verified))]
        self._verified[token] = verified

    def _key(self, header: str, now: datetime) -> SigningKey | None:
        # A key that we do not know may have been made by another process a moment ago.
        key = _key_of(self._keys.current(), header) or _key_of(self._keys.reload(), header)
        return key if key is not None and key.is_valid_at(now) else None

    def _accepts(self, claims: "_Claims", now_s: int) -> bool:
        return (
            claims.iss == self._issuer
            and claims.aud == self._audience
            and claims.exp - claims.iat == ACCESS_TOKEN_S
            and claims.iat - _CLOCKS_APART_S <= now_s < claims.exp
        )


class _Claims(msgspec.Struct, forbid_unknown_fields=True):
    iss: str
    aud: str
    sub: UUID
    sid: UUID
    iat: int
    exp: int
    jti: UUID


@dataclass(frozen=True, slots=True)
class _Verified:
    """A token whose signature was found right, by a key of this ring."""

    ring: KeyRing
    key: SigningKey
    claims: _Claims
    principal: Principal


def _key_of(ring: KeyRing, header: str) -> SigningKey | None:
    # All tokens of one key have the same header, so it is looked up and never read: algorithm,
    # type and key id are ours to the letter, and nothing unsigned is parsed.
    return next((key for key in ring.signing_keys if _header(key) == header), None)


@lru_cache(maxsize=64)
def _header(key: SigningKey) -> str:
    return _sign(b"", key).partition(".")[0]


def _sign(payload: bytes, key: SigningKey) -> str:
    return _jws.encode(payload, key.private_key, _ALGORITHM, {"typ": _TYPE, "kid": key.kid})


def _claims(token: str, key: SigningKey) -> _Claims | None:
    try:
        payload = _jws.decode(token, key.public_key, algorithms=[_ALGORITHM])
        return msgspec.json.decode(payload, type=_Claims)
    except (InvalidTokenError, msgspec.DecodeError, UnicodeDecodeError):
        return None
