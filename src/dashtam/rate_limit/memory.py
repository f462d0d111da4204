"""Token buckets in the memory of this process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from dashtam.application.rate_limits import RateLimitResult, RatePolicy
from dashtam.rate_limit import token_bucket

_NS_PER_US = 1_000


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

    def __len__(self) -> int:
        """Count the buckets that are remembered; all others are full."""
        return sum(map(len, self._full_at.values()))

    def spend(self, policy: RatePolicy, key: str, tokens: int = 1) -> RateLimitResult:
        """Spend by the monotonic clock."""
        required = token_bucket.required_units(policy, tokens)
        bucket = token_bucket.bucket_id(policy, key)
        with self._lock:
            now = self._monotonic_ns() // _NS_PER_US * policy.per_minute
            full_at = self._full_at.setdefault(policy, OrderedDict())
            debt = max(0, full_at.get(bucket, now) - now)
            lacking = debt + required - policy.capacity * token_bucket.UNITS_PER_TOKEN
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
        return token_bucket.build_spent(policy, debt, lacking, self._epoch_ns() // _NS_PER_US)
