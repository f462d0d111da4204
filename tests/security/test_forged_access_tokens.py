import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from jwt import PyJWS

from dashtam.domain.user import Principal, SessionId, UserId
from dashtam.security.jwt import MAX_TOKEN_CHARS, JwtSigner
from dashtam.security.key_ring import KeyRing, LiveKeyRing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
ISSUER, AUDIENCE = "https://dashtam.example", "dashtam"
USER, SESSION = UserId(uuid4()), SessionId(uuid4())

RING = KeyRing.new(NOW)
KEY = RING.signing_key
STRANGER = Ed25519PrivateKey.generate()
signer = JwtSigner(LiveKeyRing(RING), ISSUER, AUDIENCE)

HEADER = {"alg": "EdDSA", "kid": KEY.kid, "typ": "at+jwt"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": str(USER),
    "sid": str(SESSION),
    "iat": NOW_S,
    "exp": NOW_S + 900,
    "jti": str(uuid4()),
}


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def signed(header: object, claims: object, key: Ed25519PrivateKey = KEY.private_key) -> str:
    """Return a token with any header and claims, signed with our own key."""
    text = ".".join(
        encoded(
            part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
        )
        for part in (header, claims)
    )
    return f"{text}.{encoded(key.sign(text.encode()))}"


def headed(**members: object) -> str:
    return signed(dict(sorted({**HEADER, **members}.items())), CLAIMS)


def claiming(**members: object) -> str:
    return signed(HEADER, {**CLAIMS, **members})


def without(claim: str) -> str:
    return signed(HEADER, {name: value for name, value in CLAIMS.items() if name != claim})


def keyed_by_our_public_key() -> str:
    key = KEY.public_key.public_bytes_raw()
    header = {"kid": KEY.kid, "typ": "at+jwt"}
    return PyJWS().encode(json.dumps(CLAIMS).encode(), key, "HS256", header)


def respelled(token: str) -> str:
    neighbour = {"A": "B", "Q": "R", "g": "h", "w": "x"}[token[-1]]
    return token[:-1] + neighbour


GOOD = signed(HEADER, CLAIMS)
PARTS = GOOD.split(".")


def spliced(other: str) -> str:
    return f"{PARTS[0]}.{other.split('.')[1]}.{PARTS[2]}"


FORGED: dict[str, Callable[[], str]] = {
    "of another key": lambda: signed(HEADER, CLAIMS, STRANGER),
    "unsigned": lambda: f"{encoded(json.dumps({**HEADER, 'alg': 'none'}).encode())}.{PARTS[1]}.",
    "unsigned, None": lambda: headed(alg="None"),
    "keyed by our public key": keyed_by_our_public_key,
    "alg HS256": lambda: headed(alg="HS256"),
    "alg RS256": lambda: headed(alg="RS256"),
    "alg ES256": lambda: headed(alg="ES256"),
    "alg eddsa": lambda: headed(alg="eddsa"),
    "typ JWT": lambda: headed(typ="JWT"),
    "typ missing": lambda: signed({"alg": "EdDSA", "kid": KEY.kid}, CLAIMS),
    "typ of a number": lambda: headed(typ=1),
    "kid missing": lambda: signed({"alg": "EdDSA", "typ": "at+jwt"}, CLAIMS),
    "kid unknown": lambda: headed(kid="another"),
    "kid a path": lambda: headed(kid="../../ring.json"),
    "kid a number": lambda: headed(kid=1),
    "crit": lambda: headed(crit=["exp"]),
    "b64 false": lambda: headed(b64=False, crit=["b64"]),
    "jwk of a stranger": lambda: signed(
        {**HEADER, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}}, CLAIMS, STRANGER
    ),
    "jku": lambda: headed(jku="https://example.org/keys"),
    "header not an object": lambda: signed([1], CLAIMS),
    "header deep": lambda: signed(b"[" * 2000, b"{}"),
    "payload deep": lambda: signed(HEADER, b"[" * 2000),
    "payload not an object": lambda: signed(HEADER, [CLAIMS]),
    "payload not UTF-8": lambda: signed(HEADER, b'{"iss": "\xff"}'),
    "payload empty": lambda: signed(HEADER, b""),
    "iss missing": lambda: without("iss"),
    "iss of another": lambda: claiming(iss="https://elsewhere.example"),
    "iss a list": lambda: claiming(iss=[ISSUER]),
    "aud missing": lambda: without("aud"),
    "aud of another": lambda: claiming(aud="elsewhere"),
    "aud a list": lambda: claiming(aud=[AUDIENCE, "elsewhere"]),
    "sub missing": lambda: without("sub"),
    "sub no id": lambda: claiming(sub="ann"),
    "sid missing": lambda: without("sid"),
    "sid null": lambda: claiming(sid=None),
    "jti missing": lambda: without("jti"),
    "iat missing": lambda: without("iat"),
    "iat a text": lambda: claiming(iat=str(NOW_S)),
    "iat in the future": lambda: claiming(iat=NOW_S + 3600, exp=NOW_S + 4500),
    "exp missing": lambda: without("exp"),
    "exp a text": lambda: claiming(exp=str(NOW_S + 900)),
    "exp a fraction": lambda: claiming(exp=NOW_S + 900.5),
    "exp true": lambda: claiming(exp=True),
    "exp null": lambda: claiming(exp=None),
    "exp huge": lambda: claiming(exp=10**400),
    "exp passed": lambda: claiming(iat=NOW_S - 900, exp=NOW_S),
    "exp far away": lambda: claiming(exp=NOW_S + 901),
    "nbf in the future": lambda: claiming(nbf=NOW_S + 3600),
    "claims of another token": lambda: spliced(claiming(sub=str(uuid4()))),
    "signature cut": lambda: GOOD[:-1],
    "signature respelled": lambda: respelled(GOOD),
    "signature padded": lambda: f"{GOOD}==",
    "signature empty": lambda: f"{PARTS[0]}.{PARTS[1]}.",
    "two parts": lambda: ".".join(PARTS[:2]),
    "four parts": lambda: f"{GOOD}.{PARTS[2]}",
    "five parts": lambda: f"{PARTS[0]}..{PARTS[1]}.{PARTS[2]}.{PARTS[2]}",
    "a blank behind": lambda: f"{GOOD} ",
    "a line end behind": lambda: f"{GOOD}\n",
    "not ASCII": lambda: f"{GOOD[:-1]}é",
    "too long": lambda: claiming(sub="x" * MAX_TOKEN_CHARS),
    "empty": lambda: "",
    "a null": lambda: "\x00",
}  # fmt: skip


def test_the_token_that_the_forgeries_vary_is_valid() -> None:
    assert signer.verify(GOOD, NOW) == Principal(USER, SESSION)
    assert len(FORGED) >= 40


@pytest.mark.proves(7, forged_tokens_refused=1)
@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(name: str) -> None:
    assert signer.verify(FORGED[name](), NOW) is None


def test_a_token_is_valid_to_its_last_second() -> None:
    token = signer.issue(USER, SESSION, NOW)
    assert signer.verify(token, NOW + timedelta(seconds=899.999)) == Principal(USER, SESSION)
    for later_s in (900, 901, 86_400):
        assert signer.verify(token, NOW + timedelta(seconds=later_s)) is None


def test_no_two_tokens_are_equal() -> None:
    assert signer.issue(USER, SESSION, NOW) != signer.issue(USER, SESSION, NOW)


@given(st.text(max_size=300) | st.from_regex(r"\A[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{86}\Z"))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert signer.verify(text, NOW) is None


@given(st.binary(max_size=200))
def test_no_payload_breaks_the_verifier(payload: bytes) -> None:
    assert signer.verify(signed(HEADER, payload), NOW) is None
