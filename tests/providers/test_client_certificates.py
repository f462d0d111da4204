"""Client certificates, to a server that refuses everyone without one."""

import re
import ssl
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from dashtam.application.provider import ClientCertificate, CredentialsRefused, ProviderError
from dashtam.providers.http_client import Outbound
from providers.provider_server import ProviderServer, http_answer

GUIDE = Path(__file__).parents[2] / "docs" / "providers.md"


@pytest.fixture
def strict(authority: trustme.CA) -> Iterator[ProviderServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    with ProviderServer(context, lambda _: http_answer("known")).serving() as server:
        yield server


@pytest.fixture
def outbound_to_strict(strict: ProviderServer, authority: trustme.CA) -> Outbound:
    pem = authority.cert_pem.bytes().decode()
    return Outbound({("localhost", strict.port)}, pem, sleep=lambda _: None)


def make_pair(authority: trustme.CA) -> ClientCertificate:
    issued = authority.issue_cert("client@dashtam.example")
    chain = "".join(blob.bytes().decode() for blob in issued.cert_chain_pems)
    return ClientCertificate(chain, issued.private_key_pem.bytes().decode())


def test_a_client_certificate_identifies_us_to_that_request_alone(
    strict: ProviderServer, outbound_to_strict: Outbound, authority: trustme.CA
) -> None:
    http = outbound_to_strict.client()
    answer = http.request("GET", strict.url(), certificate=make_pair(authority))
    assert answer.body == b"known"
    with pytest.raises(ProviderError):
        http.request("GET", strict.url())


def test_the_guides_example_of_a_certificate_works(
    strict: ProviderServer, outbound_to_strict: Outbound, authority: trustme.CA
) -> None:
    example = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[2]
    module = types.ModuleType("hazel")
    exec(example, module.__dict__)  # noqa: S102 - the guide is ours
    pair = make_pair(authority)
    stored = {"certificate": pair.certificate, "key": pair.key}
    answer = module.request_accounts(stored, outbound_to_strict.client(), strict.url())
    assert answer.body == b"known"


def test_a_pair_that_is_none_is_refused_without_a_request(
    strict: ProviderServer, outbound_to_strict: Outbound, authority: trustme.CA
) -> None:
    first, second = make_pair(authority), make_pair(authority)
    http = outbound_to_strict.client()
    for wrong in (
        ClientCertificate(first.certificate, second.key),
        ClientCertificate("", ""),
        ClientCertificate(first.certificate, "-----BEGIN PRIVATE KEY-----"),
    ):
        with pytest.raises(CredentialsRefused) as caught:
            http.request("GET", strict.url(), certificate=wrong)
        assert "BEGIN" not in str(caught.value)
    assert strict.connections == 0
