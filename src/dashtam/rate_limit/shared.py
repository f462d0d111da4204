"""Buckets that several processes share through Redis or Valkey."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

import structlog

from dashtam.application.rate_limits import Buckets, RateLimitResult, RatePolicy
from dashtam.rate_limit import token_bucket
from dashtam.rate_limit.memory import MemoryBuckets

_TICKS_PER_S: Final = 1_000_000
_PREFIX: Final = b"dashtam:bucket:"

# Only the server's clock counts, and an instant once stored is never taken back: were it, each
# step between two clocks would refill the bucket by their difference. A refusal writes nothing,
# because debt and instant stay true together. Numbers are printed in full: Lua's own text of a
# number has 14 digits. All of them are whole and below 2^53, hence exact.
SPEND: Final = """
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


class SharedBuckets:
    """Buckets on a server, by the server's clock.

    While the server is away, hangs or answers nonsense, this process spends from buckets of its
    own. It asks again every ``pause_s``, with one request at a time, so that a hanging server
    costs nobody else ``timeout_s``.
    """

    may_wait = True

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 0.2,
        pause_s: float = 2.0,
        own: Buckets | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        # An installation without the extra never comes here, and one with it starts sooner.
        from redis import Redis, RedisError  # noqa: PLC0415 - see above
        from redis.backoff import NoBackoff  # noqa: PLC0415 - see above
        from redis.retry import Retry  # noqa: PLC0415 - see above

        # Never asked twice: after a timeout the tokens may already be taken.
        self._server = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._server.register_script(SPEND)
        self._troubles = (RedisError, OSError, ValueError)
        self._own = own or MemoryBuckets()
        self._circuit = _Circuit(pause_s, monotonic_s)

    def spend(self, policy: RatePolicy, key: str, tokens: int = 1) -> RateLimitResult:
        """Take the tokens if all of them are there; see ``Buckets``."""
        needed = token_bucket.cost(policy, tokens, _TICKS_PER_S)
        if not self._circuit.may_ask():
            return self._own.spend(policy, key, tokens)
        try:
            spent = self._ask(policy, key, needed, needed if tokens else 0)
        except self._troubles as trouble:
            self._circuit.failed(trouble)
            return self._own.spend(policy, key, tokens)
        self._circuit.answered()
        return spent

    def answers(self) -> bool:
        """Tell whether the server answers now."""
        try:
            return bool(self._server.ping())
        except self._troubles:
            return False

    def close(self) -> None:
        """Let go of the connections."""
        self._server.close()

    def _ask(self, policy: RatePolicy, key: str, needed: int, take: int) -> RateLimitResult:
        name = _PREFIX + token_bucket.digest(policy, key).hex().encode()
        full = policy.capacity * token_bucket.parts_per_token(_TICKS_PER_S)
        answer = self._script(keys=[name], args=[needed, take, full, policy.per_minute])
        lacking, debt, at, now = map(int, answer)
        # A server whose clock was set back pays nothing until it is where it has been.
        standstill = (at - now) * policy.per_minute
        if lacking > 0:
            lacking += standstill
        return token_bucket.spent(policy, debt, lacking, at, _TICKS_PER_S)


class _Circuit:
    """Whether to ask the server; says once when it is lost, and once when it is back."""

    def __init__(self, pause_s: float, monotonic_s: Callable[[], float]) -> None:
        self._pause_s = pause_s
        self._monotonic_s = monotonic_s
        self._lock = Lock()
        self._ask_again_at: float | None = None
        self._log = structlog.get_logger()

    def may_ask(self) -> bool:
        with self._lock:
            if self._ask_again_at is None:
                return True
            now = self._monotonic_s()
            if now < self._ask_again_at:
                return False
            # Whoever comes while this one waits for its answer is not held up as well.
            self._ask_again_at = now + self._pause_s
            return True

    def failed(self, trouble: Exception) -> None:
        with self._lock:
            is_new = self._ask_again_at is None
            self._ask_again_at = self._monotonic_s() + self._pause_s
        if is_new:
            self._log.warning("rate_limit_server_lost", error=type(trouble).__name__)

    def answered(self) -> None:
        with self._lock:
            was_lost, self._ask_again_at = self._ask_again_at is not None, None
        if was_lost:
            self._log.info("rate_limit_server_back")
