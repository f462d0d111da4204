"""Where a request comes from."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.requests import HTTPConnection

Networks = Sequence[IPv4Network | IPv6Network]


def client_address(request: HTTPConnection, trusted_proxies: Networks) -> str:
    """Return the peer's address, or behind trusted proxies the last one they did not make.

    Proxies append to ``X-Forwarded-For``: read from its end, the first entry that is not a trusted
    proxy itself is the client's. What stands before it anybody could have written.
    """
    address = request.client.host if request.client else "unknown"
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for entry in reversed([entry.strip() for entry in forwarded]):
        if not entry or not _is_in(address, trusted_proxies) or not _is_address(entry):
            break
        address = entry
    return address


def is_loopback(address: str) -> bool:
    """Tell whether the address is this machine's own."""
    return _is_address(address) and ip_address(address).is_loopback


def _is_in(address: str, networks: Networks) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
