"""The key ring: signing keys, sealing keys and a secret to derive others from.

It is kept outside the database, as one JSON file or the same text in a setting.
"""

import hmac
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from dashtam.application.people.sessions import ACCESS_TOKEN_S
from dashtam.log import log

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SECRET_BYTES: Final = 32
SEALING_ID_BYTES: Final = 8

_VERSION: Final = 2
_CHECK_EVERY_S: Final = 1.0
# A process that has not noticed a rotation yet may still seal under an older key.
_SEALING_KEYS_STAY_FOR: Final = timedelta(days=1)
# A minute longer than a token lives: processes notice a rotation one after the other.
_VERIFIES_FOR: Final = timedelta(seconds=ACCESS_TOKEN_S + 60)

Secret = Annotated[bytes, Meta(min_length=SECRET_BYTES, max_length=SECRET_BYTES)]


class KeyRingUnreadable(Exception):
    """The text is not a key ring; the message says why, and quotes no secret."""


class SigningKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """An Ed25519 key; ``retired_at`` is when a newer key replaced it, None while it signs."""

    private: Secret
    made_at: datetime
    retired_at: datetime | None

    def __repr__(self) -> str:
        return f"SigningKey({self.kid}, made_at={self.made_at}, retired_at={self.retired_at})"

    @cached_property
    def private_key(self) -> "Ed25519PrivateKey":
        """The key that signs."""
        # Its library is loaded by the first signature, not by every command.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )

        return Ed25519PrivateKey.from_private_bytes(self.private)

    @cached_property
    def public_key(self) -> "Ed25519PublicKey":
        """The key that verifies."""
        return self.private_key.public_key()

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key (RFC 8037); its ``kid`` is its thumbprint (RFC 7638)."""
        from jwt.utils import base64url_encode  # noqa: PLC0415 - as above

        x = base64url_encode(self.public_key.public_bytes_raw()).decode()
        members = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
        kid = base64url_encode(sha256(members.encode()).digest()).decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}

    @property
    def kid(self) -> str:
        """The id that tokens name the key by."""
        return self.jwk["kid"]

    def is_valid_at(self, now: datetime) -> bool:
        """Tell whether a token that this key signed can still be valid."""
        return self.retired_at is None or now < self.retired_at + _VERIFIES_FOR


class SealingKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """An AES-256 key under which credentials are sealed."""

    key: Secret
    made_at: datetime

    def __repr__(self) -> str:
        return f"SealingKey({self.id.hex()}, made_at={self.made_at})"

    @cached_property
    def id(self) -> bytes:
        """The id by which sealed text names its key; it reveals nothing of the key."""
        return sha256(b"sealing-key-id" + self.key).digest()[:SEALING_ID_BYTES]


class KeyRing(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="version",
    tag=_VERSION,
    rename={"signing_keys": "signing", "sealing_keys": "sealing"},
):
    """Signing keys and sealing keys, each the newest last, and a secret to derive others from."""

    secret: Secret
    signing_keys: Annotated[tuple[SigningKey, ...], Meta(min_length=1)]
    sealing_keys: Annotated[tuple[SealingKey, ...], Meta(min_length=1)]

    def __repr__(self) -> str:
        return f"KeyRing({self.signing_keys}, {self.sealing_keys})"

    @classmethod
    def new(cls, now: datetime) -> "KeyRing":
        """Return a ring with a random secret and one random key of each kind."""
        return cls(os.urandom(SECRET_BYTES), (_new_signing_key(now),), (_new_sealing_key(now),))

    @classmethod
    def parse(cls, text: bytes | str) -> "KeyRing":
        """Parse the JSON text of a ring.

        Raises:
            KeyRingUnreadable: it is not the text of a ring that can sign, or of another version.
        """
        try:
            version = msgspec.json.decode(text, type=_VersionedRing).version
            if version != _VERSION:
                msg = f"The key ring has version {version}, and Dashtam reads version {_VERSION}."
                raise KeyRingUnreadable(msg)
            ring = msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError):
            msg = "The key ring is not the JSON text that Dashtam wrote."
            raise KeyRingUnreadable(msg) from None
        if ring.signing_key.retired_at is not None:
            msg = "The key ring has no key that signs."
            raise KeyRingUnreadable(msg)
        return ring

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Parse the ring's file.

        Raises:
            OSError: it cannot be read.
            KeyRingUnreadable: as ``parse``.
        """
        return cls.parse(path.read_bytes())

    @property
    def text(self) -> bytes:
        """The JSON text of the ring, with all its secrets."""
        return msgspec.json.format(msgspec.json.encode(self)) + b"\n"

    @property
    def signing_key(self) -> SigningKey:
        """The newest signing key."""
        return self.signing_keys[-1]

    @property
    def sealing_key(self) -> SealingKey:
        """The newest sealing key."""
        return self.sealing_keys[-1]

    def find_sealing_key(self, key_id: bytes) -> SealingKey | None:
        """Return the sealing key with this id, None if it is not on the ring."""
        return next((key for key in self.sealing_keys if key.id == key_id), None)

    def with_new_keys(self, now: datetime) -> "KeyRing":
        """Return the ring with a new signing key and a new sealing key.

        A signing key is dropped when all its tokens have expired. Sealing keys stay until
        ``remove_sealing_keys``.
        """
        retired = replace(self.signing_key, retired_at=now)
        valid = (key for key in (*self.signing_keys[:-1], retired) if key.is_valid_at(now))
        return replace(
            self,
            signing_keys=(*valid, _new_signing_key(now)),
            sealing_keys=(*self.sealing_keys, _new_sealing_key(now)),
        )

    def jwks(self, now: datetime) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JSON Web Key Set (RFC 7517), the newest first."""
        return {"keys": [key.jwk for key in reversed(self.signing_keys) if key.is_valid_at(now)]}


class _VersionedRing(msgspec.Struct):
    version: int


def create(path: Path, now: datetime) -> KeyRing:
    """Create the ring's file if there is none; processes that start together share one."""
    if path.exists():
        return KeyRing.load(path)
    with _locked(path):
        if not path.exists():
            _write(path, KeyRing.new(now))
        return KeyRing.load(path)


def rotate(path: Path, now: datetime) -> KeyRing:
    """Add new keys to the ring; tokens of the older keys stay valid until they expire."""
    with _locked(path):
        ring = KeyRing.load(path).with_new_keys(now)
        _write(path, ring)
        return ring


def remove_sealing_keys(path: Path, now: datetime, keep: Collection[bytes]) -> KeyRing:
    """Remove sealing keys that were replaced a day ago, except those with the ids in ``keep``."""
    with _locked(path):
        ring = KeyRing.load(path)
        staying = [
            key
            for key, successor in pairwise(ring.sealing_keys)
            if key.id in keep or successor.made_at >= now - _SEALING_KEYS_STAY_FOR
        ]
        if len(staying) < len(ring.sealing_keys) - 1:
            ring = replace(ring, sealing_keys=(*staying, ring.sealing_key))
            _write(path, ring)
        return ring


class LiveKeyRing:
    """The key ring of a running process: it follows its file, so a rotation needs no restart."""

    def __init__(
        self, ring: KeyRing, path: Path | None = None, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._ring = ring
        self._path = path
        self._timer = timer
        self._loaded_state = self._file_state()
        self._checked_at_s = timer()
        self._lock = Lock()

    @classmethod
    def at(cls, path: Path) -> "LiveKeyRing":
        """Return the ring of a file."""
        return cls(KeyRing.load(path), path)

    def current(self) -> KeyRing:
        """Return the ring, at most a second old."""
        if self._timer() - self._checked_at_s >= _CHECK_EVERY_S:
            return self.reload()
        return self._ring

    def reload(self) -> KeyRing:
        """Read the file if it has changed, and return the ring; a broken file changes nothing."""
        with self._lock:
            self._checked_at_s = self._timer()
            state = self._file_state()
            if self._path is not None and state not in {None, self._loaded_state}:
                self._loaded_state = state
                try:
                    self._ring = KeyRing.load(self._path)
                except (OSError, KeyRingUnreadable) as error:
                    log.error("key_ring_unreadable", reason=type(error).__name__)
        return self._ring

    def _file_state(self) -> tuple[int, int, int] | None:
        try:
            found = None if self._path is None else self._path.stat()
        except OSError:
            return None
        return found and (found.st_mtime_ns, found.st_ino, found.st_size)


class KeyRingSecrets:
    """Secrets that a stolen database does not hold."""

    def __init__(self, keys: LiveKeyRing) -> None:
        self._keys = keys

    def random(self) -> bytes:
        """Read the operating system's random source."""
        return os.urandom(SECRET_BYTES)

    def derive(self, purpose: str, data: bytes) -> bytes:
        """Derive a key for the purpose, so that no two purposes share an HMAC."""
        key = hmac.digest(self._keys.current().secret, purpose.encode(), "sha256")
        return hmac.digest(key, data, "sha256")

    def fraction(self) -> float:
        """Read the same source."""
        return int.from_bytes(self.random()[:6]) / 2**48


def _new_signing_key(now: datetime) -> SigningKey:
    return SigningKey(os.urandom(SECRET_BYTES), now, None)


def _new_sealing_key(now: datetime) -> SealingKey:
    return SealingKey(os.urandom(SECRET_BYTES), now)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # The operating system releases the lock when its process is killed.
    import fcntl  # noqa: PLC0415 - Windows has none, and a ring that exists is read without it

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, ring: KeyRing) -> None:
    # A killed process may have left one; the caller holds the lock.
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
