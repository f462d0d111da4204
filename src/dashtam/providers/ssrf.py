"""Server-side request forgery: the addresses that a request to a provider may reach.

A name is resolved once, and the connection goes to the very address that was checked: a name that
resolves differently the next moment (rebinding) changes nothing.
"""

import queue
import re
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final

import httpx2

from dashtam.application.provider import ProviderFailed

Resolver = Callable[[str, int], list[str]]
"""Returns the addresses of a host, as text; raises OSError where it has none."""

# RFC 6890 and its registry, and the address of cloud metadata outside 169.254.0.0/16.
_CLOSED: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16"
        " 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15"
        " 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
    ).split()
)
# Only this is global unicast: outside lie loopback, link-local, unique local,
# multicast, mapped (::ffff:0:0/96) and translated (64:ff9b::/96) addresses.
_OPEN_6: Final = IPv6Network("2000::/3")
# Protocol assignments with Teredo, documentation, 6to4, documentation again.
_CLOSED_6: Final = tuple(
    IPv6Network(network) for network in "2001::/23 2001:db8::/32 2002::/16 3fff::/20".split()
)
# The lower half of an ISATAP address, which wraps an IPv4 one (RFC 5214).
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})

_HTTPS: Final = 443
_MAX_PORT: Final = 65535
_NO_ADDRESS = "The provider's address is not one that begins with https:// and a plain host name."
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_public(text: str) -> bool:
    """Tell whether this is an address of the public internet; an unclear one is not."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED)
    if address.scope_id is not None or address not in _OPEN_6:
        return False
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return False
    return not any(address in network for network in _CLOSED_6)


def is_plain_host(host: str) -> bool:
    """Tell whether this is a name or an address with one spelling.

    Hosts that some resolvers read as an address and others as a name are not: ``0x7f.1``,
    ``2130706433``, ``0177.0.0.1``, ``fe80::1%lo``.
    """
    if ":" in host:
        try:
            return IPv6Address(host).scope_id is None
        except AddressValueError:
            return False
    host = host.lower()
    if _NAME.fullmatch(host) is None:
        return False
    if _NUMBER.fullmatch(host.rpartition(".")[2]) is None:
        return True
    try:
        return str(IPv4Address(host)) == host
    except AddressValueError:
        return False


def require_https_address(url: str, params: Sequence[tuple[str, str]]) -> httpx2.URL:
    """Return the address with these parameters.

    Raises:
        ProviderFailed: it is not https, has credentials, or its host has several spellings.
    """
    try:
        address = httpx2.URL(url)
        if params:
            address = address.copy_merge_params(list(params))
    except (httpx2.InvalidURL, UnicodeError):
        raise ProviderFailed(_NO_ADDRESS) from None
    is_plain = is_plain_host(address.raw_host.decode("ascii"))
    is_port = 1 <= (address.port or _HTTPS) <= _MAX_PORT
    if address.scheme != "https" or address.userinfo or not is_plain or not is_port:
        raise ProviderFailed(_NO_ADDRESS)
    return address


def require_public_addresses(addresses: Iterable[str]) -> None:
    """Return if each address of a host is public.

    Raises:
        ProviderFailed: one is not; then the host's other addresses are not to be trusted.
    """
    if not all(map(is_public, addresses)):
        detail = (
            "The provider's address lies in a private network, which is not allowed: the operator"
            " can add the server to DASHTAM_OUTBOUND_HOSTS."
        )
        raise ProviderFailed(detail)


def resolve(host: str, port: int, resolver: Resolver, within_s: float) -> list[str]:
    """Return the addresses of the host.

    Raises:
        ProviderFailed: it has none, or the resolver took longer.
    """
    answer: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def call_resolver() -> None:
        try:
            answer.put(resolver(host, port))
        except (OSError, UnicodeError):
            answer.put([])

    # The system's resolver has no time limit: a slow one keeps its thread.
    threading.Thread(target=call_resolver, daemon=True, name="resolver").start()
    try:
        found = answer.get(timeout=within_s)
    except queue.Empty:
        found = []
    if not found:
        raise ProviderFailed(detail="The name of the provider's server cannot be resolved.")
    return found


def resolve_in_system(host: str, port: int) -> list[str]:
    """Return the operating system's addresses of the host, in its order, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
