"""Password hashes by Argon2id, and the check for common passwords."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Final
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dashtam.domain.errors import Unavailable

MAX_CONCURRENT_HASHES: Final = 2
MAX_WAIT_S: Final = 10

_MAX_SCORED_CHARS: Final = 72  # zxcvbn refuses longer passwords
_GOOD_SCORE: Final = 3


class Argon2Passwords:
    """Argon2id with the parameters that OWASP recommends: 19 MiB, two passes, one lane."""

    def __init__(self, memory_kib: int = 19456, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._dummy_hash = dummy_hash(memory_kib, passes)
        self._slots = BoundedSemaphore(MAX_CONCURRENT_HASHES)
        self._scoring = Lock()

    def hash(self, password: str) -> str:
        """Hash with a random salt.

        Raises:
            Unavailable: too many others wait for their hashes.
        """
        with self._slot():
            return self._hasher.hash(_encode(password))

    def verify(self, password: str, kept: str | None) -> bool:
        """Compare with the kept hash, or without one with a hash that no password has.

        Raises:
            Unavailable: too many others wait for their hashes.
        """
        with self._slot():
            try:
                return self._hasher.verify(kept or self._dummy_hash, _encode(password))
            except (VerificationError, InvalidHashError):
                return False

    def is_common(self, password: str, email: str) -> bool:
        """Estimate the guesses with zxcvbn; the parts of the e-mail address count as common."""
        from zxcvbn import zxcvbn  # noqa: PLC0415 - its word lists are large, and rarely needed

        local, _, domain = email.partition("@")
        # zxcvbn keeps the user's words in a global variable.
        with self._scoring:
            found = zxcvbn(password[:_MAX_SCORED_CHARS], [email, local, domain, "dashtam"])
        return bool(found["score"] < _GOOD_SCORE)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=MAX_WAIT_S):
            msg = "Too many people are signing in at the moment. Try again soon."
            raise Unavailable(msg)
        try:
            yield
        finally:
            self._slots.release()


def dummy_hash(memory_kib: int, passes: int) -> str:
    """Return a hash that no password has; verifying it takes as long as verifying a real one."""
    # 16 zero bytes of salt and 32 of hash.
    return f"$argon2id$v=19$m={memory_kib},t={passes},p=1${'A' * 22}${'A' * 43}"


def _encode(password: str) -> bytes:
    # Keyboards compose letters differently; the password is the same.
    return normalize("NFC", password).encode("utf-8", "surrogatepass")
