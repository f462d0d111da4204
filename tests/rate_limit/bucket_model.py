"""A token bucket by its definition, against which both kinds of buckets are tested."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from dashtam.application.rate_limits import RateLimitResult, RatePolicy


@dataclass
class Model:
    """One bucket by the definition, in exact fractions of tokens and seconds."""

    policy: RatePolicy
    level: Fraction = field(init=False)
    at_s: Fraction | None = None

    def __post_init__(self) -> None:
        self.level = Fraction(self.policy.capacity)

    def spend(self, now_s: Fraction, tokens: int) -> RateLimitResult:
        rate = Fraction(self.policy.per_minute, 60)
        if self.at_s is not None:
            elapsed_s = max(Fraction(0), now_s - self.at_s)
            self.level = min(Fraction(self.policy.capacity), self.level + elapsed_s * rate)
        self.at_s = now_s if self.at_s is None else max(now_s, self.at_s)
        lacking = max(tokens, 1) - self.level
        if lacking <= 0:
            self.level -= tokens
        return RateLimitResult(
            allowed=lacking <= 0,
            limit=self.policy.capacity,
            remaining=floor(self.level),
            reset_at=ceil(self.at_s + (self.policy.capacity - self.level) / rate),
            retry_after_s=(
                None if lacking <= 0 else max(1, ceil(lacking / rate + self.at_s - now_s))
            ),
        )
