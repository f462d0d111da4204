import gzip
import ssl
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashtam import __version__
from dashtam.application.provider import Http, HttpAnswer, ProviderFailed, ProviderRateLimited
from dashtam.providers.http_client import MAX_DECODED_BYTES, Outbound
from dashtam.providers.http_json import harmless, retry_after
from dashtam.settings import InvalidSettings, read_settings
from providers.conftest import NAME, resolver
from providers.stub import Asked, Stub, always, said

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "planted-7d1c"  # noqa: S105 - nobody's


@pytest.mark.parametrize("authorities", ["nonsense", "-----BEGIN CERTIFICATE-----\nA", "ä"])
def test_authorities_that_are_none_are_a_refusal(stub: Stub, authorities: str) -> None:
    out = Outbound({("localhost", stub.port)}, authorities)
    assert "outbound_ca" in refusal_of(out.client(), stub.url())
    assert stub.connections == 0


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


def refusal_of(http: Http, url: str, method: str = "GET") -> str:
    with pytest.raises(ProviderFailed) as caught:
        http.request(method, url, params=[("t", SECRET)], auth=("user", SECRET))
    assert SECRET not in str(caught.value)
    # A chained error would take the address into the log.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_an_answer_comes_whole_whatever_its_status(stub: Stub, http: Http) -> None:
    stub.script = lambda _: said("gone", 410, ("X-Reason", "a"))
    answer = http.request("GET", stub.url("/a?x=1"), params=[("account", "1"), ("account", "2")])
    assert (answer.status, answer.body, answer.headers["x-reason"]) == (410, b"gone", "a")
    assert stub.asked[0].target == "/a?x=1&account=1&account=2"
    assert stub.asked[0].headers["user-agent"] == f"dashtam/{__version__}"


def test_a_name_is_asked_for_by_name_at_the_address_that_was_checked(
    stub: Stub, http: Http, reached: list[tuple[str, int]]
) -> None:
    stub.script = lambda _: said("yes")
    assert http.request("GET", stub.url(host=NAME)).body == b"yes"
    assert stub.asked[0].headers["host"] == f"{NAME}:{stub.port}"
    assert reached == [("127.0.0.1", stub.port)]


def test_credentials_travel_in_a_header(stub: Stub, http: Http) -> None:
    stub.script = lambda _: said("")
    http.request("GET", stub.url(), auth=("user", "päss"))
    assert stub.asked[0].headers["authorization"] == "Basic dXNlcjpww6Rzcw=="


def test_an_empty_post_says_that_it_is_empty(stub: Stub, http: Http) -> None:
    stub.script = lambda _: said("")
    http.request("POST", stub.url(), content=b"")
    assert stub.asked[0].headers["content-length"] == "0"


def test_a_certificate_for_another_name_is_refused(stub: Stub, http: Http) -> None:
    assert "certificate" in refusal_of(http, stub.url(host="other.example"))
    assert stub.connections == 1
    assert not stub.asked


def test_an_unknown_authority_is_refused(stub: Stub) -> None:
    out = Outbound({("localhost", stub.port)}, total_s=5, sleep=lambda _: None)
    assert "certificate" in refusal_of(out.client(), stub.url())
    assert not stub.asked


def test_a_private_host_that_nobody_listed_is_refused(stub: Stub, ca_file: Path) -> None:
    out = Outbound({("localhost", stub.port + 1)}, ca_file.read_text(), resolver=resolver)
    for host in ("localhost", "127.0.0.1", NAME):
        assert "private network" in refusal_of(out.client(), stub.url(host=host))
    assert stub.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(stub: Stub, http: Http, status: int) -> None:
    stub.script = lambda _: said("", status, ("Location", stub.url("/elsewhere")))
    assert "another address" in refusal_of(http, stub.url())
    assert len(stub.asked) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_passes_is_asked_for_again_and_every_request_counts(
    stub: Stub, outbound: Outbound, status: int
) -> None:
    stub.script = lambda _: said("late", 200 if len(stub.asked) == 3 else status)
    spent: list[None] = []
    http = outbound.client(lambda: spent.append(None))
    assert http.request("GET", stub.url()).body == b"late"
    assert len(spent) == len(stub.asked) == 3


def test_after_three_attempts_the_error_stands(stub: Stub, http: Http) -> None:
    stub.script = lambda _: said("", 503)
    assert http.request("GET", stub.url()).status == 503
    assert len(stub.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500])
def test_other_errors_are_not_asked_for_again(stub: Stub, http: Http, status: int) -> None:
    stub.script = lambda _: said("", status)
    assert http.request("GET", stub.url()).status == status
    assert len(stub.asked) == 1


def test_who_says_when_to_come_back_is_not_asked_before(stub: Stub, http: Http) -> None:
    stub.script = lambda _: said("", 503, ("Retry-After", "60"))
    assert http.request("GET", stub.url()).status == 503
    assert len(stub.asked) == 1


def test_nothing_but_reading_is_repeated(stub: Stub, http: Http) -> None:
    stub.script = lambda _: said("", 502)
    assert http.request("POST", stub.url()).status == 502
    stub.script = lambda _: ()
    refusal_of(http, stub.url(), "POST")
    assert len(stub.asked) == 2


def test_a_broken_connection_is_tried_again(stub: Stub, http: Http) -> None:
    stub.script = lambda _: said("there") if len(stub.asked) == 3 else ()
    assert http.request("GET", stub.url()).body == b"there"


def test_nobody_there_is_a_refusal(context: ssl.SSLContext) -> None:
    with Stub(context).serving() as gone:
        pass
    out = Outbound({("localhost", gone.port)}, sleep=lambda _: None)
    assert "cannot be reached" in refusal_of(out.client(), gone.url())


def test_a_spent_budget_ends_the_request(stub: Stub, outbound: Outbound) -> None:
    def spend() -> None:
        if stub.connections:
            detail = "Enough for today."
            raise ProviderRateLimited(detail)

    stub.script = lambda _: said("", 502)
    with pytest.raises(ProviderRateLimited, match="Enough"):
        outbound.client(spend).request("GET", stub.url())
    assert stub.connections == 1


def hanging(stub: Stub) -> Iterator[bytes]:
    stub.stopped.wait(20)
    yield b""


def dripping(stub: Stub, head: bytes) -> Iterator[bytes]:
    yield head
    while not stub.stopped.wait(0.05):
        yield b"a"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_one_byte_after_the_other_does_not_outlast_the_deadline(
    stub: Stub, http: Http, head: bytes
) -> None:
    stub.script = lambda _: dripping(stub, head)
    began_s = time.monotonic()
    assert "longer" in refusal_of(http, stub.url())
    assert 1.9 < time.monotonic() - began_s < 4
    assert len(stub.asked) == 1


def test_a_hanging_server_ends_at_the_deadline(stub: Stub, http: Http) -> None:
    stub.script = lambda _: hanging(stub)
    began_s = time.monotonic()
    assert "longer" in refusal_of(http, stub.url())
    assert time.monotonic() - began_s < 4


def test_a_slow_resolver_ends_at_the_deadline(stub: Stub) -> None:
    def slow(host: str, port: int) -> list[str]:
        del host, port
        stub.stopped.wait(20)
        return []

    out = Outbound(resolver=slow, total_s=0.5)
    began_s = time.monotonic()
    refusal_of(out.client(), "https://bank.example/")
    assert time.monotonic() - began_s < 3


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
def test_an_answer_that_is_cut_or_none_is_a_refusal(stub: Stub, http: Http, answer: bytes) -> None:
    stub.script = lambda _: (answer,)
    assert "broke off" in refusal_of(http, stub.url())


def bomb(wbits: int) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    megabyte = b"0" * 1024 * 1024
    return b"".join(packer.compress(megabyte) for _ in range(200)) + packer.flush()


@pytest.mark.parametrize(("encoding", "wbits"), [("gzip", 31), ("deflate", 15), ("deflate", -15)])
def test_a_bomb_is_not_unpacked(stub: Stub, http: Http, encoding: str, wbits: int) -> None:
    packed = bomb(wbits)
    assert len(packed) < 1_000_000
    stub.script = lambda _: said(packed, 200, ("Content-Encoding", encoding))
    assert "longer than 5 MB" in refusal_of(http, stub.url())


def test_five_megabytes_decoded_are_read_and_no_byte_more(stub: Stub, http: Http) -> None:
    for size in (MAX_DECODED_BYTES, MAX_DECODED_BYTES + 1):
        packed = gzip.compress(b"1" * size)
        stub.script = always(packed, 200, ("Content-Encoding", "gzip"))
        if size == MAX_DECODED_BYTES:
            assert len(http.request("GET", stub.url()).body) == size
        else:
            assert "longer" in refusal_of(http, stub.url())


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_what_was_not_asked_for_is_not_decoded(stub: Stub, http: Http, encoding: str) -> None:
    stub.script = lambda _: said(b"\0", 200, ("Content-Encoding", encoding))
    assert "decoded" in refusal_of(http, stub.url())


def test_what_only_claims_to_be_packed_is_a_refusal(stub: Stub, http: Http) -> None:
    stub.script = lambda _: said(b"plain", 200, ("Content-Encoding", "gzip"))
    assert "decoded" in refusal_of(http, stub.url())


def test_headers_without_end_are_a_refusal(stub: Stub, http: Http) -> None:
    def endless(_: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        for number in range(100_000):
            yield b"X-%d: %s\r\n" % (number, b"a" * 1000)

    stub.script = endless
    refusal_of(http, stub.url())


def test_credentials_that_cannot_be_sent_are_a_refusal(stub: Stub, http: Http) -> None:
    for value in ("a\r\nX-More: b", "ключ", "a\0b"):
        with pytest.raises(ProviderFailed, match="cannot be sent"):
            http.request("GET", stub.url(), headers={"APCA-API-KEY-ID": value})
    assert not stub.asked


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("120", 120), ("0", 0), (" 7 ", 7), ("999999999", 7 * 86400),
        ("Sun, 22 Nov 2026 12:05:00 GMT", 300), ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sunday, 22-Nov-26 12:00:30 GMT", 30), ("Fri, 31 Dec 9999 23:59:59 GMT", 7 * 86400),
        ("Sun, 22 Nov 2026 12:05:00", 300), ("Sun, 22 Nov 2026 13:05:00 +0100", 300),
        ("soon", None), ("-5", None), ("1e9", None), ("", None), ("١٢", None), ("3.5", None),
        ("9" * 400, None), ("NaN", None), ("Sun, 99 Nov 2026 12:05:00 GMT", None), ("0x10", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_never_a_guess(
    text: str, expected_s: int | None
) -> None:
    found = retry_after(HttpAnswer(429, {"retry-after": text}, b""), NOW)
    assert found == (None if expected_s is None else timedelta(seconds=expected_s))


def test_what_a_provider_says_is_made_harmless() -> None:
    told = harmless(
        f"<script>x()</script> Token {SECRET} at https://u:{SECRET}@bank.example/x?t={SECRET}"
        " is\r\n\x1b[31mbad <b",
        [SECRET],
    )
    assert told == "x() Token … at … is [31mbad b"
    assert len(harmless("a" * 10_000)) == 200
