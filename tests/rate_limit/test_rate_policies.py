"""The text of rate limits, and the addresses that they count by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.application.rate_limits import (
    LARGEST,
    POLICIES,
    RatePolicy,
    bucket_address,
    parse_policy,
)


def test_the_policies_are_those_of_the_contract() -> None:
    assert {policy.name: (policy.capacity, policy.per_minute) for policy in POLICIES} == {
        "API_READ": (100, 100),
        "API_WRITE": (60, 60),
        "SYNC": (10, 5),
        "AUTH": (30, 30),
        "AUTH_FAILURES": (10, 10),
        "UNAUTHENTICATED": (120, 120),
    }


@given(st.integers(1, LARGEST), st.integers(1, LARGEST))
def test_a_policy_is_parsed_from_its_text(capacity: int, per_minute: int) -> None:
    assert parse_policy("SYNC", f" {capacity}/{per_minute}\n") == RatePolicy(
        "SYNC", capacity, per_minute
    )


@pytest.mark.parametrize(
    "text",
    ["", "100", "0/1", "1/0", "-1/5", "1.5/2", "1/2/3", "1 / 2", "1000001/1", "1/9999999", "1/٣"],
)
def test_other_text_is_refused_with_the_name_of_the_policy(text: str) -> None:
    with pytest.raises(ValueError, match=r"^SYNC: "):
        parse_policy("SYNC", text)


@pytest.mark.parametrize(
    ("address", "part"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_address_counts_by_its_network(address: str, part: str) -> None:
    assert bucket_address(address) == part
