import gzip
import re
import ssl
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashtam import __version__
from dashtam.application.provider import Http, ProviderFailed, ProviderRateLimited
from dashtam.providers.http_client import MAX_DECODED_BYTES, TOTAL_S, Outbound
from dashtam.settings import InvalidSettings, read_settings
from providers.conftest import NAME, resolver
from providers.provider_server import ProviderServer, ReceivedRequest, answer_always, http_answer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "planted-7d1c"  # noqa: S105 - nobody's


@pytest.mark.parametrize("authorities", ["nonsense", "-----BEGIN CERTIFICATE-----\nA", "ä"])
def test_invalid_certificate_authorities_are_a_failure(
    server: ProviderServer, authorities: str
) -> None:
    out = Outbound({("localhost", server.port)}, authorities)
    assert "outbound_ca" in request_error(out.client(), server.url())
    assert server.connections == 0


def test_the_operator_lists_hosts_and_authorities(tmp_path: Path, ca_file: Path) -> None:
    hosts = "bridge.lan:8443, [FD00::1]:443,NAS:1"
    environ = {
        "DASHTAM_DATA": str(tmp_path),
        "DASHTAM_OUTBOUND_HOSTS": hosts,
        "DASHTAM_OUTBOUND_CA_FILE": str(ca_file),
    }
    settings = read_settings(environ=environ)
    assert settings.outbound_endpoints == {("bridge.lan", 8443), ("fd00::1", 443), ("nas", 1)}
    assert settings.outbound_ca == ca_file.read_text().strip()
    for hosts in ("bridge.lan", "bridge.lan:", "a:99999", "a:b", "u@a:1", "https://a:1", "a:1/x"):
        with pytest.raises(InvalidSettings, match="OUTBOUND_HOSTS"):
            read_settings(environ=environ | {"DASHTAM_OUTBOUND_HOSTS": hosts})
    with pytest.raises(InvalidSettings, match="OUTBOUND_CA"):
        read_settings(environ={"DASHTAM_OUTBOUND_CA": "nonsense"})


def request_error(http: Http, url: str, method: str = "GET") -> str:
    with pytest.raises(ProviderFailed) as caught:
        http.request(method, url, params=[("t", SECRET)], auth=("user", SECRET))
    assert SECRET not in str(caught.value)
    # A chained error would take the address into the log.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_an_answer_of_any_status_comes_whole(server: ProviderServer, http: Http) -> None:
    server.script = lambda _: http_answer("gone", 410, ("X-Reason", "a"))
    answer = http.request("GET", server.url("/a?x=1"), params=[("account", "1"), ("account", "2")])
    assert (answer.status, answer.body, answer.headers["x-reason"]) == (410, b"gone", "a")
    assert server.requests[0].target == "/a?x=1&account=1&account=2"
    assert server.requests[0].headers["user-agent"] == f"dashtam/{__version__}"


def test_a_name_is_asked_by_name_at_the_address_that_was_checked(
    server: ProviderServer, http: Http, reached: list[tuple[str, int]]
) -> None:
    server.script = lambda _: http_answer("yes")
    assert http.request("GET", server.url(host=NAME)).body == b"yes"
    assert server.requests[0].headers["host"] == f"{NAME}:{server.port}"
    assert reached == [("127.0.0.1", server.port)]


def test_credentials_travel_in_a_header(server: ProviderServer, http: Http) -> None:
    server.script = lambda _: http_answer("")
    http.request("GET", server.url(), auth=("user", "päss"))
    assert server.requests[0].headers["authorization"] == "Basic dXNlcjpww6Rzcw=="


def test_an_empty_post_has_a_length_of_zero(server: ProviderServer, http: Http) -> None:
    server.script = lambda _: http_answer("")
    http.request("POST", server.url(), content=b"")
    assert server.requests[0].headers["content-length"] == "0"


def test_a_certificate_for_another_name_is_refused(server: ProviderServer, http: Http) -> None:
    assert "certificate" in request_error(http, server.url(host="other.example"))
    assert server.connections == 1
    assert not server.requests


def test_an_unknown_authority_is_refused(server: ProviderServer) -> None:
    out = Outbound({("localhost", server.port)}, sleep=lambda _: None)
    assert "certificate" in request_error(out.client(), server.url())
    assert not server.requests


def test_an_unlisted_private_host_is_refused(server: ProviderServer, ca_file: Path) -> None:
    out = Outbound({("localhost", server.port + 1)}, ca_file.read_text(), resolver=resolver)
    for host in ("localhost", "127.0.0.1", NAME):
        assert "private network" in request_error(out.client(), server.url(host=host))
    assert server.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server: ProviderServer, http: Http, status: int) -> None:
    server.script = lambda _: http_answer("", status, ("Location", server.url("/elsewhere")))
    assert "another address" in request_error(http, server.url())
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_passing_failure_is_asked_again_and_every_request_counts(
    server: ProviderServer, outbound: Outbound, status: int
) -> None:
    server.script = lambda _: http_answer("late", 200 if len(server.requests) == 3 else status)
    spent: list[None] = []
    http = outbound.client(lambda: spent.append(None))
    assert http.request("GET", server.url()).body == b"late"
    assert len(spent) == len(server.requests) == 3


def test_the_third_error_is_the_answer(server: ProviderServer, http: Http) -> None:
    server.script = lambda _: http_answer("", 503)
    assert http.request("GET", server.url()).status == 503
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500])
def test_other_errors_are_not_asked_again(server: ProviderServer, http: Http, status: int) -> None:
    server.script = lambda _: http_answer("", status)
    assert http.request("GET", server.url()).status == status
    assert len(server.requests) == 1


def test_an_answer_with_retry_after_is_not_retried(server: ProviderServer, http: Http) -> None:
    server.script = lambda _: http_answer("", 503, ("Retry-After", "60"))
    assert http.request("GET", server.url()).status == 503
    assert len(server.requests) == 1


def test_only_get_is_retried(server: ProviderServer, http: Http) -> None:
    server.script = lambda _: http_answer("", 502)
    assert http.request("POST", server.url()).status == 502
    server.script = lambda _: ()
    request_error(http, server.url(), "POST")
    assert len(server.requests) == 2


def test_a_broken_connection_is_retried(server: ProviderServer, http: Http) -> None:
    server.script = lambda _: http_answer("there") if len(server.requests) == 3 else ()
    assert http.request("GET", server.url()).body == b"there"


def test_an_unreachable_server_is_a_failure(context: ssl.SSLContext) -> None:
    with ProviderServer(context).serving() as gone:
        pass
    out = Outbound({("localhost", gone.port)}, sleep=lambda _: None)
    assert "cannot be reached" in request_error(out.client(), gone.url())


def test_a_spent_budget_ends_the_request(server: ProviderServer, outbound: Outbound) -> None:
    def spend() -> None:
        if server.connections:
            detail = "Enough for today."
            raise ProviderRateLimited(detail)

    server.script = lambda _: http_answer("", 502)
    with pytest.raises(ProviderRateLimited, match="Enough"):
        outbound.client(spend).request("GET", server.url())
    assert server.connections == 1


class Clock:
    """Counts the seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def drip(self, head: bytes) -> Iterator[bytes]:
        """Yield the head, then one byte a second for longer than a request may take."""
        yield head
        while self.now_s < 2 * TOTAL_S:
            self.now_s += 1
            yield b"a"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_dripping_server_does_not_outlast_the_deadline(
    server: ProviderServer, ca_file: Path, head: bytes
) -> None:
    clock = Clock()
    server.script = lambda _: clock.drip(head)
    out = Outbound({("localhost", server.port)}, ca_file.read_text(), timer=clock)
    assert "longer" in request_error(out.client(), server.url())
    assert len(server.requests) == 1


def test_a_hanging_server_does_not_outlast_the_deadline(
    server: ProviderServer, ca_file: Path
) -> None:
    def hang() -> Iterator[bytes]:
        server.stopped.wait()
        yield b""

    server.script = lambda _: hang()
    out = Outbound({("localhost", server.port)}, ca_file.read_text(), total_s=0.5)
    # On a busy machine the deadline may come before the name is resolved.
    assert re.search("longer|resolved", request_error(out.client(), server.url()))


def test_a_slow_resolver_does_not_outlast_the_deadline(server: ProviderServer) -> None:
    def slow(host: str, port: int) -> list[str]:
        del host, port
        server.stopped.wait()
        return []

    out = Outbound(resolver=slow, total_s=0.2)
    assert re.search("longer|resolved", request_error(out.client(), "https://bank.example/"))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
    ],
)
def test_a_broken_answer_is_a_failure(server: ProviderServer, http: Http, answer: bytes) -> None:
    server.script = lambda _: (answer,)
    assert "broke off" in request_error(http, server.url())


def bomb(wbits: int) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    megabyte = b"0" * 1024 * 1024
    return b"".join(packer.compress(megabyte) for _ in range(200)) + packer.flush()


@pytest.mark.parametrize(("encoding", "wbits"), [("gzip", 31), ("deflate", 15), ("deflate", -15)])
def test_a_compressed_bomb_is_refused(
    server: ProviderServer, http: Http, encoding: str, wbits: int
) -> None:
    packed = bomb(wbits)
    assert len(packed) < 1_000_000
    server.script = lambda _: http_answer(packed, 200, ("Content-Encoding", encoding))
    assert "longer than 5 MB" in request_error(http, server.url())


def test_five_megabytes_decoded_are_read_and_no_byte_more(
    server: ProviderServer, http: Http
) -> None:
    for size in (MAX_DECODED_BYTES, MAX_DECODED_BYTES + 1):
        packed = gzip.compress(b"1" * size)
        server.script = answer_always(packed, 200, ("Content-Encoding", "gzip"))
        if size == MAX_DECODED_BYTES:
            assert len(http.request("GET", server.url()).body) == size
        else:
            assert "longer" in request_error(http, server.url())


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_encoding_that_was_not_asked_for_is_not_decoded(
    server: ProviderServer, http: Http, encoding: str
) -> None:
    server.script = lambda _: http_answer(b"\0", 200, ("Content-Encoding", encoding))
    assert "decoded" in request_error(http, server.url())


def test_a_wrong_content_encoding_is_a_failure(server: ProviderServer, http: Http) -> None:
    server.script = lambda _: http_answer(b"plain", 200, ("Content-Encoding", "gzip"))
    assert "decoded" in request_error(http, server.url())


def test_headers_without_end_are_a_failure(server: ProviderServer, http: Http) -> None:
    def endless(_: ReceivedRequest) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        for number in range(100_000):
            yield b"X-%d: %s\r\n" % (number, b"a" * 1000)

    server.script = endless
    request_error(http, server.url())


def test_credentials_with_control_characters_are_a_failure(
    server: ProviderServer, http: Http
) -> None:
    for value in ("a\r\nX-More: b", "ключ", "a\0b"):
        with pytest.raises(ProviderFailed, match="cannot be sent"):
            http.request("GET", server.url(), headers={"APCA-API-KEY-ID": value})
    assert not server.requests
