"""An answer that waits for nothing is sent at once, with all that other answers have."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from starlette.types import Scope

from dashtam.presentation.http.middleware import Answer, EdgeMiddleware
from dashtam.presentation.http.problems import Problems
from http_server import SHORT, app, connect, read_until_closed, running

KEPT = b"kept"
BIG = b"x" * 4_000_000
TIMEOUTS = replace(SHORT, headers_bytes=64 * 1024)
CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def answer_now(scope: Scope) -> Answer | None:
    if scope["path"] == "/fails":
        raise ValueError
    if scope["path"] == "/unchanged":
        return 304, [(b"etag", b'"1"')], b""
    bodies = {"/kept": KEPT, "/big-and-kept": BIG}
    body = bodies.get(scope["path"])
    if body is None:
        return None
    return 200, [(b"content-length", b"%d" % len(body))], body


@pytest.fixture(scope="module")
def observed() -> Counter[int]:
    """How often each status was counted."""
    return Counter()


@pytest.fixture(scope="module")
def port(observed: Counter[int]) -> Iterator[int]:
    edge = EdgeMiddleware(
        app,
        problems=Problems("https://errors.example"),
        log=structlog.get_logger(),
        observe=lambda _method, status, _took_s: observed.update([status]),
        answer_now=answer_now,
    )
    with running(TIMEOUTS, edge) as found:
        yield found


def get(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def ask(port: int, *requests: bytes) -> list[tuple[bytes, dict[bytes, bytes], bytes]]:
    """Send requests behind one another, and return the status, headers and body of each answer."""
    with connect(port, b"".join(requests) + CLOSE) as wire:
        received, _ = read_until_closed(wire)
    answers = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        pairs = (line.split(b": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        length = int(headers.get(b"content-length", b"0"))
        answers.append((status, headers, received[:length]))
        received = received[length:]
    # The last one is that of the request that closes.
    assert answers.pop()[2] == b"0"
    return answers


def test_it_has_the_edges_headers_and_is_counted(port: int, observed: Counter[int]) -> None:
    before = observed[200]
    ((status, headers, body),) = ask(port, get("/kept"))
    assert (status, body) == (b"HTTP/1.1 200 OK", KEPT)
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert len(headers[b"x-request-id"]) == 32
    assert b"date" in headers
    # Both it and the request that closes.
    assert observed[200] == before + 2


def test_each_request_has_a_name_of_its_own(port: int) -> None:
    answers = ask(port, get("/kept"), get("/kept"))
    assert len({headers[b"x-request-id"] for _, headers, _ in answers}) == 2


def test_requests_behind_one_another_are_answered_in_order(port: int) -> None:
    answers = ask(port, get("/kept"), get("/late"), get("/kept"), get("/unchanged"), get("/kept"))
    bodies = [body for _, _, body in answers]
    assert bodies == [KEPT, b"0", KEPT, b"", KEPT]
    assert answers[3][0] == b"HTTP/1.1 304 Not Modified"


def test_a_large_answer_is_whole_and_others_follow(port: int) -> None:
    answers = ask(port, get("/big-and-kept"), get("/kept"), get("/big-and-kept"))
    first, second, third = (body for _, _, body in answers)
    assert (first, third) == (BIG, BIG)
    # The application answers it, unless the client has read the large one by then.
    assert second in {KEPT, b"0"}


def test_a_connection_that_is_to_be_closed_is_closed(port: int) -> None:
    with connect(port, get("/kept", "Connection: close")) as wire:
        received, _ = read_until_closed(wire)
    assert b"connection: close" in received
    assert received.endswith(b"0"), "the application answers it"


@pytest.mark.parametrize("line", ["Content-Length: 0", "Origin: https://example.org"])
def test_what_the_edge_has_to_look_at_goes_to_the_application(port: int, line: str) -> None:
    ((_, _, body),) = ask(port, get("/kept", line))
    assert body == b"0"


def test_a_failure_leaves_the_request_to_the_application(port: int) -> None:
    ((status, _, body),) = ask(port, get("/fails"))
    assert (status, body) == (b"HTTP/1.1 200 OK", b"0")


def test_an_address_that_is_too_long_is_refused(port: int) -> None:
    ((status, headers, _),) = ask(port, get(f"/kept?{'x' * 20_000}"))
    assert status == b"HTTP/1.1 400 Bad Request"
    assert headers[b"content-type"] == b"application/problem+json"
