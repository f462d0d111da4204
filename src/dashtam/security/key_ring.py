"""The keys that lie outside the database: for access tokens, for derivations, for credentials.

The ring is one JSON file, or the same text given by a setting.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
from structlog import get_logger

from dashtam.security.keys import SECRET_BYTES, SealingKey, SigningKey

_VERSION: Final = 2
_SEALS_FOR: Final = timedelta(days=1)
_LOOK_EVERY_S: Final = 1.0

_log = get_logger()


class KeyRingUnreadable(Exception):
    """The text is not a key ring; the message says why, and quotes nothing of it."""


@dataclass(frozen=True)
class KeyRing:
    """Keys that sign and keys that seal, each the newest last, and a secret to derive from."""

    secret: bytes = field(repr=False)
    signing_keys: tuple[SigningKey, ...]
    sealing_keys: tuple[SealingKey, ...]

    @classmethod
    def new(cls, now: datetime) -> "KeyRing":
        """Return a ring with one key of each kind and a secret that nobody has seen."""
        return cls(os.urandom(SECRET_BYTES), (_new_key(now),), (_new_sealing_key(now),))

    @classmethod
    def parse(cls, text: bytes | str) -> "KeyRing":
        """Read what ``text`` wrote.

        Raises:
            KeyRingUnreadable: it is anything else.
        """
        try:
            version = msgspec.json.decode(text, type=_VersionedRing).version
            if version != _VERSION:
                msg = f"The key ring has version {version}, and Dashtam reads version {_VERSION}."
                raise KeyRingUnreadable(msg)
            kept = msgspec.json.decode(text, type=_RingFile)
        except (msgspec.DecodeError, UnicodeDecodeError):
            msg = "The key ring is not the JSON text that Dashtam wrote."
            raise KeyRingUnreadable(msg) from None
        keys = tuple(SigningKey(key.private, key.made_at, key.retired_at) for key in kept.signing)
        sealing_key = tuple(SealingKey(key.key, key.made_at) for key in kept.sealing)
        secrets = (kept.secret, *(key.private for key in keys), *(key.key for key in sealing_key))
        if {len(secret) for secret in secrets} != {SECRET_BYTES}:
            msg = f"Each key and the secret of the key ring have {SECRET_BYTES} bytes."
            raise KeyRingUnreadable(msg)
        if not keys or keys[-1].retired_at is not None:
            msg = "The key ring has no key that signs."
            raise KeyRingUnreadable(msg)
        if not sealing_key:
            msg = "The key ring has no key that seals."
            raise KeyRingUnreadable(msg)
        return cls(kept.secret, keys, sealing_key)

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
        keys = [
            _SigningKeyFile(key.private, key.made_at, key.retired_at) for key in self.signing_keys
        ]
        sealing = [_SealingKeyFile(key.key, key.made_at) for key in self.sealing_keys]
        kept = _RingFile(secret=self.secret, signing=keys, sealing=sealing)
        return msgspec.json.format(msgspec.json.encode(kept)) + b"\n"

    @property
    def signing_key(self) -> SigningKey:
        """The key that signs."""
        return self.signing_keys[-1]

    @property
    def sealing_key(self) -> SealingKey:
        """The key that seals."""
        return self.sealing_keys[-1]

    def find_sealing_key(self, key_id: bytes) -> SealingKey | None:
        """Return the key with this id, None if it is not on the ring."""
        return next((key for key in self.sealing_keys if key.id == key_id), None)

    def with_new_keys(self, now: datetime) -> "KeyRing":
        """Return the ring with new keys that sign and seal.

        Keys whose tokens are all over are gone. Keys that sealed stay, until what they sealed is
        known to be sealed anew: see ``without_sealing_keys``.
        """
        retired = replace(self.signing_key, retired_at=now)
        live = (key for key in (*self.signing_keys[:-1], retired) if key.is_valid_at(now))
        sealing = (*self.sealing_keys, _new_sealing_key(now))
        return KeyRing(self.secret, (*live, _new_key(now)), sealing)

    def without_sealing_keys(self, retired_before: datetime, but: Collection[bytes]) -> "KeyRing":
        """Return the ring without keys that another took over from before this instant.

        Those whose ids are in ``but`` stay, and so does the one that seals.
        """
        stay = [
            key
            for key, successor in pairwise(self.sealing_keys)
            if key.id in but or successor.made_at >= retired_before
        ]
        return replace(self, sealing_keys=(*stay, self.sealing_key))

    def jwks(self, now: datetime) -> dict[str, list[dict[str, str]]]:
        """Return the public halves as a JSON Web Key Set (RFC 7517), the newest first."""
        return {"keys": [key.jwk for key in reversed(self.signing_keys) if key.is_valid_at(now)]}


def create(path: Path, now: datetime) -> KeyRing:
    """Make the ring's file if it is not there; processes that start together agree on one."""
    if path.exists():
        return KeyRing.load(path)
    with _locked(path):
        if not path.exists():
            _write(path, KeyRing.new(now))
        return KeyRing.load(path)


def rotate(path: Path, now: datetime) -> KeyRing:
    """Put a new signing key on the ring; tokens of the old ones stay good until they expire."""
    with _locked(path):
        ring = KeyRing.load(path).with_new_keys(now)
        _write(path, ring)
        return ring


def remove_sealing_keys(path: Path, now: datetime, but: Collection[bytes]) -> KeyRing:
    """Take sealing keys off the ring that were retired a day ago, but for those with these ids.

    A day, since a process that has not looked at the ring yet may still seal under an old one.
    """
    with _locked(path):
        ring = KeyRing.load(path)
        kept = ring.without_sealing_keys(now - _SEALS_FOR, but)
        if kept != ring:
            _write(path, kept)
        return kept


class LiveKeyRing:
    """The ring as it is now: a rotation reaches running processes without a restart."""

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
        """Return the ring of a file, which is read again when it changes."""
        return cls(KeyRing.load(path), path)

    def current(self) -> KeyRing:
        """Return the ring, at most a second old."""
        if self._path is not None and self._timer() - self._checked_at_s >= _LOOK_EVERY_S:
            self._reload_if_changed()
        return self._ring

    def reload(self) -> KeyRing:
        """Return the ring as it is at this moment."""
        self._reload_if_changed()
        return self._ring

    def _reload_if_changed(self) -> None:
        with self._lock:
            self._checked_at_s = self._timer()
            stamp = self._file_state()
            if stamp is None or stamp == self._loaded_state:
                return
            self._loaded_state = stamp
            self._read()

    def _read(self) -> None:
        assert self._path is not None
        try:
            self._ring = KeyRing.load(self._path)
        except (OSError, KeyRingUnreadable) as error:
            # The ring we have is good; whoever broke the file hears of it here.
            _log.error("key_ring_unreadable", reason=type(error).__name__)

    def _file_state(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


class _SigningKeyFile(msgspec.Struct, forbid_unknown_fields=True):
    private: bytes
    made_at: datetime
    retired_at: datetime | None


class _SealingKeyFile(msgspec.Struct, forbid_unknown_fields=True):
    key: bytes
    made_at: datetime


class _VersionedRing(msgspec.Struct):
    version: int


class _RingFile(msgspec.Struct, forbid_unknown_fields=True, tag_field="version", tag=_VERSION):
    secret: bytes
    signing: list[_SigningKeyFile]
    sealing: list[_SealingKeyFile]


def _new_sealing_key(now: datetime) -> SealingKey:
    return SealingKey(os.urandom(SECRET_BYTES), now)


def _new_key(now: datetime) -> SigningKey:
    return SigningKey(os.urandom(SECRET_BYTES), now)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
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
