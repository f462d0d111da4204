"""Buckets in memory, against the exact model."""

import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import repeat

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dashtam.application.rate_limits import API_READ, AUTH, SYNC, RateLimitResult, RatePolicy
from dashtam.rate_limit.token_bucket import MemoryBuckets
from rate_limit.bucket_model import Model

US_PER_S = 1_000_000
EPOCH_S = 1_800_000_000


class FakeClock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.us = 7

    def monotonic_ns(self) -> int:
        return self.us * 1_000

    def epoch_ns(self) -> int:
        return EPOCH_S * 1_000_000_000 + self.us * 1_000


def buckets_by(clock: FakeClock) -> MemoryBuckets:
    return MemoryBuckets(clock.monotonic_ns, clock.epoch_ns)


policies = st.builds(
    RatePolicy, name=st.just("TEST"), capacity=st.integers(1, 200), per_minute=st.integers(1, 200)
)
steps = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(0, 3 * US_PER_S), st.integers(0, 4000 * US_PER_S)),
        st.sampled_from([1, 1, 1, 1, 0, 2, 7]),
    ),
    max_size=60,
)


@pytest.mark.proves(9, histories_of_requests_equal_to_the_model=300)
@settings(max_examples=300)
@given(policy=policies, steps=steps)
def test_every_answer_equals_the_exact_model(
    policy: RatePolicy,
    steps: list[tuple[int, int]],
) -> None:
    clock = FakeClock()
    buckets, exact = buckets_by(clock), Model(policy)
    for wait_us, wanted in steps:
        clock.us += wait_us
        tokens = min(wanted, policy.capacity)
        now_s = EPOCH_S + Fraction(clock.us, US_PER_S)
        assert buckets.spend(policy, "ann", tokens) == exact.spend(now_s, tokens)


@settings(max_examples=200)
@given(policies, st.integers(0, 60 * US_PER_S))
def test_a_request_passes_after_retry_after_and_not_a_second_earlier(
    policy: RatePolicy, wait_us: int
) -> None:
    clock = FakeClock()
    buckets = buckets_by(clock)
    buckets.spend(policy, "ann", policy.capacity)
    clock.us += wait_us
    retry_after_s = buckets.spend(policy, "ann").retry_after_s or 0
    assume(retry_after_s > 0)
    clock.us += (retry_after_s - 1) * US_PER_S
    assert buckets.spend(policy, "ann", 0).allowed is False
    clock.us += US_PER_S
    assert buckets.spend(policy, "ann").allowed is True


def test_a_bucket_is_full_at_its_reset_and_not_before() -> None:
    clock = FakeClock()
    buckets = buckets_by(clock)
    spent = [buckets.spend(SYNC, "ann") for _ in range(4)][-1]
    assert (spent.remaining, spent.reset_at) == (6, EPOCH_S + 49)
    clock.us += 48 * US_PER_S - 7
    assert buckets.spend(SYNC, "ann", 0).remaining == 9
    clock.us += US_PER_S
    assert buckets.spend(SYNC, "ann", 0).remaining == 10


def test_zero_tokens_spend_nothing_and_show_when_the_bucket_is_empty() -> None:
    buckets = buckets_by(FakeClock())
    assert [buckets.spend(SYNC, "ann", 0).remaining for _ in range(3)] == [10, 10, 10]
    assert len(buckets) == 0
    buckets.spend(SYNC, "ann", 10)
    seen = buckets.spend(SYNC, "ann", 0)
    assert (seen.allowed, seen.retry_after_s) == (False, 12)


def test_a_refused_request_costs_nothing() -> None:
    buckets = buckets_by(FakeClock())
    buckets.spend(SYNC, "ann", 7)
    assert buckets.spend(SYNC, "ann", 4).allowed is False
    assert buckets.spend(SYNC, "ann", 3).allowed is True


def test_each_policy_and_key_has_its_own_bucket() -> None:
    buckets = buckets_by(FakeClock())
    buckets.spend(SYNC, "ann", 10)
    assert buckets.spend(SYNC, "bob").remaining == 9
    assert buckets.spend(API_READ, "ann").remaining == 99


@pytest.mark.parametrize("tokens", [-1, 11])
def test_more_tokens_than_the_capacity_are_an_error(tokens: int) -> None:
    with pytest.raises(ValueError, match="SYNC holds 10 tokens"):
        MemoryBuckets().spend(SYNC, "ann", tokens)


def test_many_threads_together_spend_the_capacity_and_no_more() -> None:
    buckets = buckets_by(FakeClock())

    def burst(_: object) -> int:
        return sum(buckets.spend(API_READ, "ann").allowed for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(burst, repeat(None, 16))) == 100


def test_only_full_buckets_are_forgotten() -> None:
    clock = FakeClock()
    buckets = buckets_by(clock)
    spent_until: dict[str, RateLimitResult] = {}
    most = 0
    for number in range(20_000):
        key = f"198.51.{number >> 8}.{number & 255}"
        spent_until[key] = buckets.spend(AUTH, key, 30)
        clock.us += US_PER_S // 10
        most = max(most, len(buckets))
        if number >= 599:
            # It was emptied a minute ago less one step, so it is not full.
            early = f"198.51.{(number - 598) >> 8}.{(number - 598) & 255}"
            assert buckets.spend(AUTH, early, 0).remaining == 29
    # 600 keys a minute, and a minute fills the bucket.
    assert most <= 601


def test_a_long_key_is_not_stored() -> None:
    buckets = MemoryBuckets()
    assert buckets.spend(AUTH, "\ud800" * 1_000_000).remaining == 29
    assert len(buckets) == 1


def test_the_real_clocks_are_the_default() -> None:
    started_at = time.time()
    spent = MemoryBuckets().spend(API_READ, "ann")
    assert spent == RateLimitResult(
        allowed=True, limit=100, remaining=99, reset_at=spent.reset_at, retry_after_s=None
    )
    assert started_at <= spent.reset_at <= time.time() + 2
