"""Rate limits: the policies of token buckets, and the result of taking from one."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final, Protocol

# Shared buckets compute in double precision, which is exact up to here and far beyond need.
LARGEST: Final = 1_000_000
_POLICY = re.compile(r"([0-9]{1,7})/([0-9]{1,7})")


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """A token bucket: full at ``capacity``, refilled continuously by ``per_minute``."""

    name: str
    capacity: int
    per_minute: int

    def __post_init__(self) -> None:
        if not (1 <= self.capacity <= LARGEST and 1 <= self.per_minute <= LARGEST):
            msg = f"{self.name}: capacity and refill per minute are 1 to {LARGEST}."
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """Whether a request is allowed, and the numbers for its rate-limit headers.

    ``remaining`` counts whole tokens; ``reset_at`` is the epoch second by which the bucket is
    full again. ``retry_after_s`` is None unless refused: whole seconds, at least 1, after which
    the same request passes.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after_s: int | None


def bucket_address(address: str) -> str:
    """Return the part of a client's address that has a bucket of its own.

    That is the whole address, but for IPv6 its /64, which belongs to one client.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), 64), strict=False))


class Buckets(Protocol):
    """One bucket for each policy and key; an unused bucket is full.

    ``may_wait`` where spending may wait for a server.
    """

    @property
    def may_wait(self) -> bool: ...  # noqa: D102 - see above

    def spend(self, policy: RatePolicy, key: str, tokens: int = 1) -> RateLimitResult:
        """Take the tokens if all of them are there, and none otherwise.

        With 0 tokens nothing is taken, and ``allowed`` is whether one token is there.

        Raises:
            ValueError: fewer than 0 tokens, or more than the bucket can ever hold.
        """
        ...


API_READ: Final = RatePolicy("API_READ", capacity=100, per_minute=100)
API_WRITE: Final = RatePolicy("API_WRITE", capacity=60, per_minute=60)
SYNC: Final = RatePolicy("SYNC", capacity=10, per_minute=5)
AUTH: Final = RatePolicy("AUTH", capacity=30, per_minute=30)
AUTH_FAILURES: Final = RatePolicy("AUTH_FAILURES", capacity=10, per_minute=10)
UNAUTHENTICATED: Final = RatePolicy("UNAUTHENTICATED", capacity=120, per_minute=120)

POLICIES: Final = (API_READ, API_WRITE, SYNC, AUTH, AUTH_FAILURES, UNAUTHENTICATED)


def parse_policy(name: str, text: str) -> RatePolicy:
    """Parse ``capacity/per_minute``, like ``100/100``.

    Raises:
        ValueError: another form, or a number outside 1 to ``LARGEST``.
    """
    match = _POLICY.fullmatch(text.strip())
    if match is None:
        msg = f"{name}: a rate limit is capacity/per_minute, like 100/100."
        raise ValueError(msg)
    return RatePolicy(name, capacity=int(match[1]), per_minute=int(match[2]))
