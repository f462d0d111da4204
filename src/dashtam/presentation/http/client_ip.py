"""The address that a request comes from."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import HTTPConnection

Networks = Sequence[IPv4Network | IPv6Network]


def client_address(request: HTTPConnection, trusted_proxies: Networks) -> str:
    """Return the peer's address; behind trusted proxies, the address of the client before them.

    Proxies append to ``X-Forwarded-For``: read from its end, the first entry that is not a trusted
    proxy itself is the client. A client can forge all entries before it.
    """
    address = request.client.host if request.client else "unknown"
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for entry in reversed([entry.strip() for entry in forwarded]):
        peer = _parse_address(address)
        is_trusted = peer is not None and any(peer in network for network in trusted_proxies)
        if not is_trusted or _parse_address(entry) is None:
            break
        address = entry
    return address


def is_loopback(address: str) -> bool:
    """Tell whether only this machine reaches the address."""
    parsed = _parse_address(address)
    return parsed is not None and parsed.is_loopback


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
