"""Addresses: which of them providers may be reached at, and what a name stands for.

A name is resolved once, and whoever asked connects to the very address that was looked at: a name
that answers differently the next moment (rebinding) changes nothing.
"""

import queue
import re
import socket
import threading
from collections.abc import Callable
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final

from dashtam.application.provider import ProviderFailed

Resolver = Callable[[str, int], list[str]]
"""Returns the addresses of a host, as text; raises OSError where it has none."""

# RFC 6890 and its registry, and what clouds answer at beside 169.254.0.0/16.
_CLOSED: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16"
        " 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15"
        " 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
    ).split()
)
# Only this is handed out as global unicast: outside lie loopback, link-local, unique local,
# multicast, mapped (::ffff:0:0/96) and translated (64:ff9b::/96) addresses.
_OPEN_6: Final = IPv6Network("2000::/3")
# Protocol assignments with Teredo, documentation, 6to4, documentation again.
_CLOSED_6: Final = tuple(
    IPv6Network(network) for network in "2001::/23 2001:db8::/32 2002::/16 3fff::/20".split()
)
# The lower half of an ISATAP address, which wraps an IPv4 one (RFC 5214).
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_public(text: str) -> bool:
    """Tell whether this is an address of the internet at large; anything unclear is not."""
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

    What some resolvers read as an address and others as a name is not: ``0x7f.1``,
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


def public_addresses(host: str, port: int, resolver: Resolver, within_s: float) -> list[str]:
    """Return the addresses of the host, each of them public.

    Raises:
        ProviderFailed: it has none, or one that is not: then the others are not to be trusted.
    """
    found = resolved(host, port, resolver, within_s)
    if not all(is_public(address) for address in found):
        detail = "The provider's address lies in a private network, where Dashtam does not go."
        raise ProviderFailed(detail)
    return found


def resolved(host: str, port: int, resolver: Resolver, within_s: float) -> list[str]:
    """Return the addresses of the host.

    Raises:
        ProviderFailed: it has none, or they were not told in time.
    """
    answer: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolver(host, port))
        except (OSError, UnicodeError):
            answer.put([])

    # The system's resolver knows no time limit: a slow one is left behind.
    threading.Thread(target=ask, daemon=True, name="resolver").start()
    try:
        found = answer.get(timeout=within_s)
    except queue.Empty:
        found = []
    if not found:
        detail = "The name of the provider's server cannot be resolved."
        raise ProviderFailed(detail)
    return found


def system_resolver(host: str, port: int) -> list[str]:
    """Return what the operating system knows of the host, in its order, each address once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
