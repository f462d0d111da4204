"""The keys that lie outside the database: what signs access tokens, and the secret for derivations.

The ring is one JSON file, or the same text given by a setting.
"""

import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from structlog import get_logger

from dashtam.application.sessions import ACCESS_TOKEN_S

SECRET_BYTES: Final = 32

# A little longer than a token lives: processes hear of a rotation one after the other.
_VERIFIES_FOR: Final = timedelta(seconds=ACCESS_TOKEN_S + 60)
_LOOK_EVERY_S: Final = 1.0

_log = get_logger()


class KeyRingUnreadable(Exception):  # noqa: N818 - named for what is wrong
    """The text is not a key ring; the message says why, and quotes nothing of it."""


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key; ``retired_at`` is when another one took over (None: it signs)."""

    private: bytes = field(repr=False)
    made_at: datetime
    retired_at: datetime | None = None

    @cached_property
    def signs(self) -> Ed25519PrivateKey:
        """The private half."""
        return Ed25519PrivateKey.from_private_bytes(self.private)

    @cached_property
    def verifies(self) -> Ed25519PublicKey:
        """The public half."""
        return self.signs.public_key()

    @cached_property
    def kid(self) -> str:
        """The thumbprint of the public half (RFC 7638, with the members of RFC 8037)."""
        members = f'{{"crv":"Ed25519","kty":"OKP","x":"{self._x}"}}'
        return _base64url(sha256(members.encode()).digest())

    @property
    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": self._x,
            "kid": self.kid,
            "use": "sig",
            "alg": "EdDSA",
        }

    def verifies_at(self, now: datetime) -> bool:
        """Tell whether a token of this key can still be good."""
        return self.retired_at is None or now < self.retired_at + _VERIFIES_FOR

    @property
    def _x(self) -> str:
        return _base64url(self.verifies.public_bytes_raw())


@dataclass(frozen=True)
class KeyRing:
    """Signing keys, the newest last, and the secret from which everything else is derived."""

    secret: bytes = field(repr=False)
    signing: tuple[SigningKey, ...]

    @classmethod
    def new(cls, now: datetime) -> "KeyRing":
        """Return a ring with one key and a secret that nobody has seen."""
        return cls(os.urandom(SECRET_BYTES), (_new_key(now),))

    @classmethod
    def parse(cls, text: bytes | str) -> "KeyRing":
        """Read what ``text`` wrote.

        Raises:
            KeyRingUnreadable: it is anything else.
        """
        try:
            kept = msgspec.json.decode(text, type=_KeptRing)
        except (msgspec.DecodeError, UnicodeDecodeError):
            msg = "The key ring is not the JSON text that Dashtam wrote."
            raise KeyRingUnreadable(msg) from None
        keys = tuple(SigningKey(key.private, key.made_at, key.retired_at) for key in kept.signing)
        if {len(secret) for secret in (kept.secret, *(key.private for key in keys))} != {
            SECRET_BYTES
        }:
            msg = f"Each key and the secret of the key ring have {SECRET_BYTES} bytes."
            raise KeyRingUnreadable(msg)
        if not keys or keys[-1].retired_at is not None:
            msg = "The key ring has no key that signs."
            raise KeyRingUnreadable(msg)
        return cls(kept.secret, keys)

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Read the ring's file.

        Raises:
            OSError: it cannot be read.
            KeyRingUnreadable: it holds anything else.
        """
        return cls.parse(path.read_bytes())

    @property
    def text(self) -> bytes:
        """The ring as it is kept: secret."""
        keys = [_KeptKey(key.private, key.made_at, key.retired_at) for key in self.signing]
        kept = _KeptRing(version=1, secret=self.secret, signing=keys)
        return msgspec.json.format(msgspec.json.encode(kept)) + b"\n"

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        return self.signing[-1]

    def rotated(self, now: datetime) -> "KeyRing":
        """Return the ring with a new key that signs; those whose tokens are all over are gone."""
        retired = replace(self.current, retired_at=now)
        live = (key for key in (*self.signing[:-1], retired) if key.verifies_at(now))
        return KeyRing(self.secret, (*live, _new_key(now)))

    def jwks(self, now: datetime) -> dict[str, list[dict[str, str]]]:
        """Return the public halves as a JSON Web Key Set (RFC 7517), the newest first."""
        return {"keys": [key.jwk for key in reversed(self.signing) if key.verifies_at(now)]}


def create(path: Path, now: datetime) -> KeyRing:
    """Make the ring's file if it is not there; processes that start together agree on one."""
    if path.exists():
        return KeyRing.load(path)
    with _turn(path):
        if not path.exists():
            _write(path, KeyRing.new(now))
        return KeyRing.load(path)


def rotate(path: Path, now: datetime) -> KeyRing:
    """Put a new signing key on the ring; tokens of the old ones stay good until they expire."""
    with _turn(path):
        ring = KeyRing.load(path).rotated(now)
        _write(path, ring)
        return ring


class LiveKeyRing:
    """The ring as it is now: a rotation reaches running processes without a restart."""

    def __init__(
        self, ring: KeyRing, path: Path | None = None, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._ring = ring
        self._path = path
        self._timer = timer
        self._seen = self._stamp()
        self._looked_s = timer()
        self._lock = Lock()

    @classmethod
    def at(cls, path: Path) -> "LiveKeyRing":
        """Return the ring of a file, which is read again when it changes."""
        return cls(KeyRing.load(path), path)

    def ring(self) -> KeyRing:
        """Return the ring, at most a second old."""
        if self._path is not None and self._timer() - self._looked_s >= _LOOK_EVERY_S:
            self._look()
        return self._ring

    def newest(self) -> KeyRing:
        """Return the ring as it is at this moment."""
        self._look()
        return self._ring

    def _look(self) -> None:
        with self._lock:
            self._looked_s = self._timer()
            stamp = self._stamp()
            if stamp is None or stamp == self._seen:
                return
            self._seen = stamp
            self._read()

    def _read(self) -> None:
        assert self._path is not None
        try:
            self._ring = KeyRing.load(self._path)
        except (OSError, KeyRingUnreadable) as error:
            # The ring we have is good; whoever broke the file hears of it here.
            _log.error("key_ring_unreadable", reason=type(error).__name__)

    def _stamp(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


class _KeptKey(msgspec.Struct, forbid_unknown_fields=True):
    private: bytes
    made_at: datetime
    retired_at: datetime | None


class _KeptRing(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    secret: bytes
    signing: list[_KeptKey]


def _new_key(now: datetime) -> SigningKey:
    return SigningKey(os.urandom(SECRET_BYTES), now)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    # The operating system lets go of the lock when its holder is killed.
    import fcntl  # noqa: PLC0415 - it is not everywhere, and a start that finds its ring needs none

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, ring: KeyRing) -> None:
    # One that was left by a killed process is written over: we hold the lock.
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(ring.text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
