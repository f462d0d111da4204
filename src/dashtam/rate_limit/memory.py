"""Buckets in the memory of this process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from dashtam.application.rate_limits import RateLimitResult, RatePolicy
from dashtam.rate_limit import token_bucket

_TICKS_PER_S = 1_000_000_000


class MemoryBuckets:
    """Buckets for one process; every thread may spend.

    Both clocks count nanoseconds. The first cannot go back and settles what is allowed, the
    second is the epoch and serves ``reset_at`` only.
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
        # For each policy, by order of the last spending: when the bucket is full again, in parts.
        self._full_at: dict[RatePolicy, OrderedDict[bytes, int]] = {}

    def __len__(self) -> int:
        """Count the buckets that are remembered; all others are full."""
        return sum(map(len, self._full_at.values()))

    def spend(self, policy: RatePolicy, key: str, tokens: int = 1) -> RateLimitResult:
        """Take the tokens if all of them are there; see ``Buckets``."""
        needed = token_bucket.cost(policy, tokens, _TICKS_PER_S)
        name = token_bucket.digest(policy, key)
        with self._lock:
            now = self._monotonic_ns() * policy.per_minute
            full_at = self._full_at.setdefault(policy, OrderedDict())
            debt = max(0, full_at.get(name, now) - now)
            lacking = debt + needed - policy.capacity * token_bucket.parts_per_token(_TICKS_PER_S)
            if lacking <= 0 and tokens:
                debt += needed
                full_at[name] = now + debt
                full_at.move_to_end(name)
                _forget(full_at, now)
        return token_bucket.spent(policy, debt, lacking, self._epoch_ns(), _TICKS_PER_S)


def _forget(full_at: OrderedDict[bytes, int], now: int) -> None:
    """Drop up to two of the longest unused buckets, where they are full again.

    Each spending adds at most one, so the number remembered stays below that of the keys spent
    from within the time that fills an empty bucket.
    """
    for _ in range(2):
        name = next(iter(full_at))
        if full_at[name] > now:
            return
        del full_at[name]
