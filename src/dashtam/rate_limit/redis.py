"""Token buckets that several processes share through Redis or Valkey."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from dashtam.application.rate_limits import RateLimitResult, RatePolicy
from dashtam.log import log
from dashtam.rate_limit import token_bucket
from dashtam.rate_limit.token_bucket import MemoryBuckets

# The server's clock decides, and a stored instant never moves back: otherwise each step of the
# clock would refill the bucket. A refusal writes nothing, because debt and instant stay true
# together. Numbers are printed in full, since Lua's own text of a number has 14 digits; all of them
# are whole and below 2^53, hence exact.
SPEND_SCRIPT: Final = """
local needed, take = tonumber(ARGV[1]), tonumber(ARGV[2])
local full, per_minute = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local debt, at = 0, now
local stored = redis.call('GET', KEYS[1])
if stored then
  local debt_text, at_text = string.match(stored, '^(%d+) (%d+)$')
  debt, at = tonumber(debt_text), tonumber(at_text)
  if now > at then
    debt = math.max(0, debt - (now - at) * per_minute)
    at = now
  end
end
local lacking = debt + needed - full
if lacking <= 0 and take > 0 then
  debt = debt + take
  local full_in_ms = math.ceil((at - now + debt / per_minute) / 1000) + 1
  local text = string.format('%.0f %.0f', debt, at)
  redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', full_in_ms))
end
return {lacking, debt, at, now}
"""


class RedisBuckets:
    """Buckets on a server, by the server's clock.

    While the server is away, hangs or answers nonsense, this process spends from its own buckets.
    It tries the server again every ``pause_s`` with a single request, so that a hanging server
    delays nobody else by ``timeout_s``.
    """

    may_wait = True

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 0.2,
        pause_s: float = 2.0,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        # An optional dependency, which is loaded only where it is used.
        from redis import Redis, RedisError  # noqa: PLC0415 - see above

        # No retries: after a timeout the tokens may have been spent.
        self._server = Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=None
        )
        self._script = self._server.register_script(SPEND_SCRIPT)
        self._errors = (RedisError, OSError, ValueError)
        self._local = MemoryBuckets()
        self._breaker = _CircuitBreaker(pause_s, monotonic_s)

    def spend(self, policy: RatePolicy, key: str, tokens: int = 1) -> RateLimitResult:
        """Spend on the server, or from the buckets of this process while the server is away."""
        required = token_bucket.required_units(policy, tokens)
        if not self._breaker.allows_request():
            return self._local.spend(policy, key, tokens)
        full = policy.capacity * token_bucket.UNITS_PER_TOKEN
        try:
            answer = self._script(
                keys=[f"dashtam:bucket:{token_bucket.bucket_id(policy, key).hex()}"],
                args=[required, required if tokens else 0, full, policy.per_minute],
            )
            lacking, debt, at_us, now_us = map(int, answer)
        except self._errors as error:
            self._breaker.record_failure(error)
            return self._local.spend(policy, key, tokens)
        self._breaker.record_success()
        if lacking > 0:
            # While the server's clock is behind the stored instant, nothing is paid back.
            lacking += (at_us - now_us) * policy.per_minute
        return token_bucket.build_spent(policy, debt, lacking, at_us)

    def is_reachable(self) -> bool:
        """Tell whether the server answers now."""
        try:
            return bool(self._server.ping())
        except self._errors:
            return False

    def close(self) -> None:
        """Close the connections to the server."""
        self._server.close()


class _CircuitBreaker:
    """Decides whether to try the server; logs once when it is lost, and once when it is back."""

    def __init__(self, pause_s: float, monotonic_s: Callable[[], float]) -> None:
        self._pause_s = pause_s
        self._monotonic_s = monotonic_s
        self._lock = Lock()
        self._retry_at_s: float | None = None

    def allows_request(self) -> bool:
        with self._lock:
            if self._retry_at_s is None:
                return True
            now_s = self._monotonic_s()
            if now_s < self._retry_at_s:
                return False
            # Other threads do not wait for the server while this one tries it.
            self._retry_at_s = now_s + self._pause_s
            return True

    def record_failure(self, error: Exception) -> None:
        with self._lock:
            was_reachable = self._retry_at_s is None
            self._retry_at_s = self._monotonic_s() + self._pause_s
        if was_reachable:
            log.warning("rate_limit_server_lost", error=type(error).__name__)

    def record_success(self) -> None:
        with self._lock:
            was_lost, self._retry_at_s = self._retry_at_s is not None, None
        if was_lost:
            log.info("rate_limit_server_back")
