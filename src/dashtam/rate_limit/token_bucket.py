"""The arithmetic of a token bucket, in whole numbers.

A bucket is known by its ``debt``: what it lacks to be full. It is counted in parts so small that
one tick of the clock pays back exactly ``per_minute`` of them, so nothing is ever rounded. This
is the generic cell rate algorithm (ITU-T I.371) with the theoretical arrival time as ``debt``.
"""

import hashlib
from functools import lru_cache

from dashtam.application.rate_limits import RateLimitResult, RatePolicy

_SECONDS_PER_MINUTE = 60


def parts_per_token(ticks_per_s: int) -> int:
    """Return what one token is worth: the ticks of a minute, whatever the policy."""
    return _SECONDS_PER_MINUTE * ticks_per_s


def cost(policy: RatePolicy, tokens: int, ticks_per_s: int) -> int:
    """Return the parts that must be free for the tokens, for looking those of one token.

    Raises:
        ValueError: fewer than 0 tokens, or more than the bucket can ever hold.
    """
    if not 0 <= tokens <= policy.capacity:
        msg = f"{policy.name} holds {policy.capacity} tokens, not {tokens}."
        raise ValueError(msg)
    return max(tokens, 1) * parts_per_token(ticks_per_s)


@lru_cache(maxsize=4096)
def digest(policy: RatePolicy, key: str) -> bytes:
    """Return 16 bytes that stand for the bucket.

    Keys hold e-mail addresses and come in any length; what is stored shows and weighs nothing.
    A changed policy starts afresh, because its parts are of another size.
    """
    text = f"{policy.name} {policy.capacity}/{policy.per_minute} {key}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def spent(
    policy: RatePolicy, debt: int, lacking: int, now: int, ticks_per_s: int
) -> RateLimitResult:
    """Put a bucket's answer into words.

    ``lacking`` are the parts that were missing, 0 or less when it was allowed; ``now`` is the
    epoch in ticks.
    """
    free = policy.capacity * parts_per_token(ticks_per_s) - debt
    parts_per_s = policy.per_minute * ticks_per_s
    return RateLimitResult(
        allowed=lacking <= 0,
        limit=policy.capacity,
        remaining=max(0, free // parts_per_token(ticks_per_s)),
        # Rounded up, both: a second later than needed keeps the promise, a second earlier not.
        reset_at=-(-(now * policy.per_minute + debt) // parts_per_s),
        retry_after_s=None if lacking <= 0 else max(1, -(-lacking // parts_per_s)),
    )
