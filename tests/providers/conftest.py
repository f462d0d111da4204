import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from application import UNLIMITED, Applications
from dashtam.application.provider import Http
from dashtam.providers.http_client import Outbound
from dashtam.providers.ssrf import resolve_in_system
from providers.bridge import Bridge
from providers.provider_server import ProviderServer
from providers.simplefin_server import SimpleFinServer

NAME = "bank.example"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", NAME, "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def server(context: ssl.SSLContext) -> Iterator[ProviderServer]:
    with ProviderServer(context).serving() as server:
        yield server


def resolver(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if host.endswith(".example") else resolve_in_system(host, port)


@pytest.fixture
def outbound(server: ProviderServer, ca_file: Path) -> Outbound:
    """The way out of an operator who listed the stub, under three names."""
    return Outbound(
        {(host, server.port) for host in ("localhost", NAME, "other.example")},
        ca_file.read_text(),
        resolver=resolver,
        sleep=lambda _: None,
    )


@pytest.fixture
def http(outbound: Outbound) -> Http:
    return outbound.client()


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where connections were opened to; none leaves this machine."""
    found: list[tuple[str, int]] = []
    real: Callable[..., socket.socket] = socket.create_connection

    def connect(address: tuple[str, int], *rest: object, **options: object) -> socket.socket:
        found.append(address)
        if not address[0].startswith(("127.", "::1")):
            raise ConnectionRefusedError
        return real(address, *rest, **options)

    monkeypatch.setattr(socket, "create_connection", connect)
    return found


@pytest.fixture
def bridge(applications: Applications, server: ProviderServer, ca_file: Path) -> Bridge:
    applications.has_network = True
    app = applications.open(
        registration="open",
        rate_limits=UNLIMITED,
        outbound_hosts=f"localhost:{server.port}",
        outbound_ca=ca_file.read_text(),
    )
    return Bridge(app, app.person(), SimpleFinServer(server))
