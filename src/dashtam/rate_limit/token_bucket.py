"""The arithmetic of a token bucket, in whole numbers.

A bucket is its ``debt``: the units that it lacks to be full. Each microsecond pays back
``per_minute`` units, so that a token is as many units as a minute has microseconds, and nothing is
rounded. This is the generic cell rate algorithm (ITU-T I.371), with the theoretical arrival time as
``debt``.
"""

import hashlib
from functools import lru_cache
from typing import Final

from dashtam.application.rate_limits import RateLimitResult, RatePolicy

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
