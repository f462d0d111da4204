"""No setup token reaches an address inside."""

import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from dashtam.application.provider import CredentialsRefused, ProviderError, ProviderFailed
from dashtam.providers.conformance import NOW, RETURN_TO
from dashtam.providers.http_client import Outbound
from dashtam.providers.simplefin import SimpleFin
from dashtam.providers.ssrf import is_plain_host, is_public, resolve_in_system
from proofs import Proof

# PORT stands for the listener's port.
HOSTS = """
127.0.0.1 127.0.0.2 127.1 127.0.1 127.255.255.254 0.0.0.0 0 00 127.0.0.1. 2130706433 017700000001
0177.0.0.1 0x7f000001 0x7f.0.0.1 0x7f.1 0X7F.0x0.0.1 127.0.0.01 127.0.0.0x1 0x7F.0.0.01 4294967296
localhost LOCALHOST localhost. LocalHost ip6-localhost localhost.localdomain
[::1] [::] [0:0:0:0:0:0:0:1] [0000::0001] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:1]
[::127.0.0.1] [::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::]
[2002:7f00:0001::1] [2001:0:7f00:1::] [2001:0:4136:e378:8000:63bf:80ff:fffe] [fe80::1]
[fe80::1%25lo]
[fe80::1%lo] [::1%25lo] [::1%lo] [fc00::1] [fd00:ec2::254] [ff02::1] [::ffff:0:127.0.0.1]
[2606:4700::5efe:127.0.0.1] [2606:4700::200:5efe:7f00:1] [2001:db8::1] [100::1] [5f00::1]
10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1 100.127.255.255
168.63.129.16 192.0.0.192 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1 224.0.0.1 240.0.0.1
255.255.255.255 192.0.2.1
mixed.example inside.example mapped.example translated.example metadata.example scoped.example
none.example garbage.example
""".split()
# The text before a host, where it is not the listener's.
SPELLINGS = """
http://HOST https://bank.example@HOST https://bank.example:443@HOST https://bank.example%40HOST
https://bank.example\\@HOST https://HOST\\@bank.example https://HOST#@bank.example https:HOST
https:///HOST //HOST ftp://HOST file:///etc/passwd gopher://HOST https://bank.example:PORT:PORT@HOST
""".split()
NAMES = {
    "mixed.example": ["1.1.1.1", "127.0.0.1"],
    "inside.example": ["127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "translated.example": ["64:ff9b::7f00:1"],
    "metadata.example": ["169.254.169.254"],
    "scoped.example": ["fe80::1%lo"],
    "none.example": [],
    "garbage.example": ["not-an-address"],
}


@contextmanager
def listening() -> Iterator[tuple[int, list[socket.socket]]]:
    """Listen on one port of both loopback addresses; clients wait in the backlog."""
    with ExitStack() as stack:
        first = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = first.getsockname()[1]
        listeners = [first]
        if socket.has_ipv6:
            try:
                server = socket.create_server(("::1", port), family=socket.AF_INET6)
                listeners.append(stack.enter_context(server))
            except OSError:
                pass  # This machine has no IPv6 loopback, so nothing can be reached there.
        yield port, listeners


def assert_no_client(listeners: list[socket.socket]) -> None:
    for listener in listeners:
        listener.setblocking(False)  # noqa: FBT003 - the library's own signature
        with pytest.raises(BlockingIOError):
            listener.accept()


def resolver(host: str, port: int) -> list[str]:
    return NAMES[host] if host in NAMES else resolve_in_system(host, port)


def claim(url: str, outbound: Outbound) -> ProviderError:
    token = b64encode(url.encode()).decode()
    with pytest.raises(ProviderError) as caught:
        SimpleFin().begin({"setup_token": token}, RETURN_TO, outbound.client(), now=NOW)
    return caught.value


def urls(port: int) -> list[str]:
    hosts = [f"https://{host}:{port}/claim/1" for host in HOSTS]
    bare = [f"https://{host}/claim/1" for host in HOSTS[:8]]
    others = [
        spelling.replace("HOST", f"127.0.0.1:{port}/claim/1").replace("PORT", str(port))
        for spelling in SPELLINGS
    ]
    ports = [f"https://127.0.0.1:{odd}/" for odd in ("0", "-1", "65536", "99999", "٨٠", "80 ", "a")]
    return [*hosts, *bare, *others, *ports, "https://", "https://:443/", "https://%31%32%37.1/"]


@pytest.mark.proves(12)
def test_claim_addresses_reach_nothing_inside(reached: list[tuple[str, int]], proof: Proof) -> None:
    outbound = Outbound(resolver=resolver, total_s=5, sleep=lambda _: None)
    with listening() as (port, listeners):
        aimed = urls(port)
        assert len(aimed) >= 80
        for url in aimed:
            assert "127" not in str(claim(url, outbound)), url
        assert_no_client(listeners)
    assert reached == []
    proof.record(addresses=len(aimed), connections=0)


def test_a_name_that_rebinds_is_asked_once(reached: list[tuple[str, int]]) -> None:
    resolutions: list[list[str]] = [["1.1.1.1"], ["127.0.0.1"], ["127.0.0.1"]]
    hosts: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        del port
        hosts.append(host)
        return resolutions[len(hosts) - 1]

    outbound = Outbound(resolver=rebinding, sleep=lambda _: None)
    with listening() as (port, listeners):
        claim(f"https://rebound.example:{port}/claim/1", outbound)
        assert reached == [("1.1.1.1", port)]
        assert hosts == ["rebound.example"]
        # A second request resolves the name again, and checks the addresses again.
        with pytest.raises(ProviderFailed, match="private network"):
            outbound.client().request("GET", f"https://rebound.example:{port}/")
        assert_no_client(listeners)
    assert reached == [("1.1.1.1", port)]


def test_every_address_of_a_name_may_be_tried(reached: list[tuple[str, int]]) -> None:
    found = [f"1.1.1.{number}" for number in range(1, 9)]
    outbound = Outbound(resolver=lambda _host, _port: list(found), sleep=lambda _: None)
    with pytest.raises(ProviderFailed):
        outbound.client().request("POST", "https://many.example/")
    assert reached == [(address, 443) for address in found[:4]]


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "2a00::1"],
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["bank.example", "a-b.example", "1.1.1.1", "x1.1password.com", "xn--bcher-kva.example"]
)
def test_plain_hosts_are_plain(host: str) -> None:
    assert is_plain_host(host)


@pytest.mark.parametrize(
    "token",
    ["", "   ", "hello world", "aHR0cDovL2V4YW1wbGU=", "====", "£££", "aHR0cHM6Ly8", "A" * 9],
)
def test_an_invalid_setup_token_is_refused_without_a_request(
    token: str, reached: list[tuple[str, int]]
) -> None:
    with pytest.raises(ProviderError) as caught:
        SimpleFin().begin({"setup_token": token}, RETURN_TO, Outbound().client(), now=NOW)
    assert isinstance(caught.value, (CredentialsRefused, ProviderFailed))
    assert reached == []
