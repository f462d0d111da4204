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
from dashtam.security.key_ring import KeyRing, LiveKeyRing, SigningKey

MAX_TOKEN_CHARS: Final = 4096

_ALGORITHM: Final = "EdDSA"
_TYPE: Final = "at+jwt"
# The last character of a signature has unused bits; only one spelling of a token is accepted.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]")
# The clock of another machine may be ahead; a token does not live longer for it.
_MAX_CLOCK_SKEW_S: Final = 60
# Checking a signature costs more than the rest of a short response.
_MAX_VERIFIED_TOKENS: Final = 10_000

_jws = PyJWS(algorithms=[_ALGORITHM])


class _Claims(msgspec.Struct, forbid_unknown_fields=True):
    iss: str
    aud: str
    sub: UUID
    sid: UUID
    iat: int
    exp: int
    jti: UUID


@dataclass(frozen=True, slots=True)
class _VerifiedToken:
    """A token with a valid signature by a key of this ring."""

    ring: KeyRing
    key: SigningKey
    claims: _Claims
    principal: Principal


class JwtSigner:
    """Issues and verifies the tokens of one issuer for one audience."""

    def __init__(self, keys: LiveKeyRing, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._verified: dict[str, _VerifiedToken] = {}

    def issue(self, user_id: UserId, session_id: SessionId, now: datetime) -> str:
        """Sign with the newest key."""
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
        """Check the claims each time, and the signature once for each key ring."""
        verified = self._verified.get(token)
        if verified is None or verified.ring is not self._keys.current():
            verified = self._verify_signature(token)
        if verified is None:
            return None
        claims = verified.claims
        is_valid = (
            verified.key.is_valid_at(now)
            and claims.iss == self._issuer
            and claims.aud == self._audience
            and claims.exp - claims.iat == ACCESS_TOKEN_S
            and claims.iat - _MAX_CLOCK_SKEW_S <= int(now.timestamp()) < claims.exp
        )
        return verified.principal if is_valid else None

    def _verify_signature(self, token: str) -> _VerifiedToken | None:
        if len(token) > MAX_TOKEN_CHARS or _TOKEN.fullmatch(token) is None:
            return None
        ring = self._keys.current()
        header = token.partition(".")[0]
        key = _keys_by_header(ring).get(header)
        if key is None:
            # Another process may have created the key a moment ago.
            ring = self._keys.reload()
            key = _keys_by_header(ring).get(header)
        if key is None:
            return None
        try:
            payload = _jws.decode(token, key.public_key, algorithms=[_ALGORITHM])
            claims = msgspec.json.decode(payload, type=_Claims)
        except (InvalidTokenError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        if len(self._verified) >= _MAX_VERIFIED_TOKENS:
            # Another thread may remove the same one.
            with suppress(KeyError, RuntimeError):
                del self._verified[next(iter(self._verified))]
        principal = Principal(UserId(claims.sub), SessionId(claims.sid))
        verified = _VerifiedToken(ring, key, claims, principal)
        self._verified[token] = verified
        return verified


@lru_cache(maxsize=4)
def _keys_by_header(ring: KeyRing) -> dict[str, SigningKey]:
    # All tokens of one key have the same header, so it is compared and never parsed: nothing
    # unsigned is read, and no other algorithm, type or key id is accepted.
    return {_sign(b"", key).partition(".")[0]: key for key in ring.signing_keys}


def _sign(payload: bytes, key: SigningKey) -> str:
    return _jws.encode(payload, key.private_key, _ALGORITHM, {"typ": _TYPE, "kid": key.kid})
