"""Token buckets: their arithmetic, in whole numbers, and those in the memory of one process.

A bucket is its ``debt``: the units that it lacks to be full. Each microsecond pays back
``per_minute`` units, so that a token is as many units as a minute has microseconds, and nothing is
rounded. This is the generic cell rate algorithm (ITU-T I.371), with the theoretical arrival time as
``debt``.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Final, Self

from dashtam.application.rate_limits import RateLimitResult, RatePolicy
from dashtam.domain.period import to_microseconds

_NS_PER_US: Final = 1_000
US_PER_S: Final = 1_000_000
UNITS_PER_TOKEN: Final = 60 * US_PER_S


def required_units(policy: RatePolicy, tokens: int) -> int:
    """Return the units that must be free for the tokens; for 0 tokens, those of one.

    Raises:
        ValueError: fewer than 0 tokens, or more than the bucket can hold.
    """
    if not 0 <= tokens <= policy.capacity:
        msg = f"{policy.name} holds {policy.capacity} tokens, not {tokens}."
        raise ValueError(msg)
    return max(tokens, 1) * UNITS_PER_TOKEN


@lru_cache(maxsize=4096)
def bucket_id(policy: RatePolicy, key: str) -> bytes:
    """Return the bucket's id: 16 bytes, which reveal no e-mail address in the key.

    A changed policy starts with full buckets, because its units are of another size.
    """
    text = f"{policy.name} {policy.capacity}/{policy.per_minute} {key}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def build_spent(policy: RatePolicy, debt: int, lacking: int, now_us: int) -> RateLimitResult:
    """Return the answer of a bucket.

    ``lacking`` are the units that were missing, 0 or less when the tokens were spent; ``now_us``
    is the time since the epoch.
    """
    free = policy.capacity * UNITS_PER_TOKEN - debt
    units_per_s = policy.per_minute * US_PER_S
    return RateLimitResult(
        allowed=lacking <= 0,
        limit=policy.capacity,
        remaining=max(0, free // UNITS_PER_TOKEN),
        # Both are rounded up: a second too late keeps the promise, a second too early breaks it.
        reset_at=-(-(now_us * policy.per_minute + debt) // units_per_s),
        retry_after_s=None if lacking <= 0 else max(1, -(-lacking // units_per_s)),
    )


class MemoryBuckets:
    """Buckets of one process, for all its threads.

    Both clocks count nanoseconds. The monotonic clock decides what is allowed; the time since the
    epoch serves ``reset_at`` alone.
    """

    may_wait = False

    def __init__(
        self,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        epoch_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._epoch_ns = epoch_ns
        self._lock = Lock()
        # For each policy, the last spent from at the end: when the bucket is full again, in units.
        self._full_at: dict[RatePolicy, OrderedDict[bytes, int]] = {}

    @classmethod
    def timed_by(cls, clock: Callable[[], datetime]) -> Self:
        """Return buckets that take both their clocks from this one."""

        def clock_ns() -> int:
            return to_microseconds(clock()) * _NS_PER_US

        return cls(clock_ns, clock_ns)

    def __len__(self) -> int:
        """Count the buckets that are remembered; all others are full."""
        return sum(map(len, self._full_at.values()))

    def spend(self, policy: RatePolicy, key: str, tokens: int = 1) -> RateLimitResult:
        """Spend by the monotonic clock."""
        required = required_units(policy, tokens)
        bucket = bucket_id(policy, key)
        with self._lock:
            now = self._monotonic_ns() // _NS_PER_US * policy.per_minute
            full_at = self._full_at.setdefault(policy, OrderedDict())
            debt = max(0, full_at.get(bucket, now) - now)
            lacking = debt + required - policy.capacity * UNITS_PER_TOKEN
            if lacking <= 0 and tokens:
                debt += required
                full_at[bucket] = now + debt
                full_at.move_to_end(bucket)
                # Each call adds one bucket at most and forgets two, so that the memory holds only
                # buckets spent from within the time that fills an empty one.
                for _ in range(2):
                    oldest = next(iter(full_at))
                    if full_at[oldest] <= now:
                        del full_at[oldest]
        return build_spent(policy, debt, lacking, self._epoch_ns() // _NS_PER_US)
