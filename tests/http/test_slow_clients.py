"""Slow clients lose their connection, and nobody else does."""

import contextlib
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from starlette.types import Receive, Scope, Send

from http_server import (
    SHORT,
    app,
    connect,
    read_answer,
    read_until_closed,
    running,
    running_apart,
)

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running() as found:
        yield found


def is_half_a_second(duration_s: float) -> bool:
    """Tell the half second from the five of an idle connection, on a busy machine too."""
    return 0.4 < duration_s < 2.5


def drip_until_closed(wire: socket.socket, drop: bytes) -> float:
    """Return after how many seconds a client that keeps sending was thrown out, 3 at most."""
    started = time.monotonic()
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while time.monotonic() - started < 3:
            wire.sendall(drop)
            time.sleep(0.05)
    return time.monotonic() - started


@pytest.mark.parametrize("sent", [b"", b"G", GET[:-2], b"\r\n", b"GET /" + b"x" * 2000])
def test_unfinished_headers_are_waited_for_half_a_second(port: int, sent: bytes) -> None:
    with connect(port, sent) as wire:
        received, closed_after_s = read_until_closed(wire)
    assert received == b""
    assert is_half_a_second(closed_after_s)


def test_headers_that_drip_are_waited_for_no_longer(port: int) -> None:
    with connect(port, GET[:-2]) as wire:
        assert is_half_a_second(drip_until_closed(wire, b"X: y\r\n"))


@pytest.mark.parametrize("sent", [b"G", b"\r\n", GET[:-2]])
def test_the_next_request_of_a_kept_connection_has_as_long(port: int, sent: bytes) -> None:
    with connect(port, GET) as wire:
        assert read_answer(wire) == b"0"
        time.sleep(0.7)
        wire.sendall(sent)
        received, closed_after_s = read_until_closed(wire)
    assert received == b""
    assert is_half_a_second(closed_after_s)


def test_an_idle_connection_is_kept_for_the_five_seconds_of_uvicorn(port: int) -> None:
    with connect(port, GET) as wire:
        assert read_answer(wire) == b"0"
        received, closed_after_s = read_until_closed(wire)
    assert received == b""
    assert 4.5 < closed_after_s < 9


@pytest.mark.parametrize("sent", [POST, POST + b"abc", CHUNKED, CHUNKED + b"3\r\nab"])
def test_an_unfinished_body_is_waited_for_half_a_second(port: int, sent: bytes) -> None:
    with connect(port, sent) as wire:
        received, closed_after_s = read_until_closed(wire)
    assert received == b""
    assert is_half_a_second(closed_after_s)


def test_a_body_that_keeps_coming_may_take_long(port: int) -> None:
    with connect(port, POST) as wire:
        for _ in range(10):
            time.sleep(0.1)
            wire.sendall(b"x")
        assert read_answer(wire) == b"10"


def test_a_client_is_not_slow_while_the_application_does_not_read(port: int) -> None:
    length = 3_000_000
    head = b"POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length
    with connect(port, head) as wire:
        wire.sendall(b"x" * length)
        assert read_answer(wire) == b"%d" % length


def test_a_client_may_wait_to_be_asked_for_the_body(port: int) -> None:
    head = POST.replace(b" / ", b" /late ").replace(
        b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"
    )
    with connect(port, head) as wire:
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"x" * 10)
        assert read_answer(wire) == b"10"


def test_a_client_that_is_asked_for_the_body_and_sends_none_is_closed(port: int) -> None:
    with connect(port, POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")) as wire:
        received, closed_after_s = read_until_closed(wire)
    assert received == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert is_half_a_second(closed_after_s)


def test_a_client_may_wait_long_for_its_answer(port: int) -> None:
    with connect(port, GET.replace(b" / ", b" /late ") + b"\r\nGET / HT") as wire:
        assert read_answer(wire) == b"0"
        # The half of a next request has its own half second, from the answer on.
        _, closed_after_s = read_until_closed(wire)
    assert is_half_a_second(closed_after_s)


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    with connect(port, GET.replace(b" / ", b" /late ") + POST + b"x" * 10 + LAST_GET) as wire:
        received, _ = read_until_closed(wire)
    assert [part[-2:].strip() for part in received.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"0",
        b"10",
        b"0",
    ]


def test_one_connection_serves_many_requests(port: int) -> None:
    with connect(port) as wire:
        for _ in range(20):
            wire.sendall(POST + b"0123456789")
            assert read_answer(wire) == b"10"
            time.sleep(0.05)


def test_a_big_upload_at_normal_speed_passes(port: int) -> None:
    length = 20_000_000
    with connect(
        port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length
    ) as wire:
        started = time.monotonic()
        for _ in range(40):
            wire.sendall(b"x" * (length // 40))
            time.sleep(0.03)
        assert read_answer(wire) == b"%d" % length
        assert time.monotonic() - started > 1


def test_an_answer_that_nobody_reads_is_given_up(port: int) -> None:
    with connect(port, GET.replace(b" / ", b" /big ")) as wire:
        time.sleep(2)
        received, _ = read_until_closed(wire)
    assert 0 < len(received) < 32_000_000


def test_clients_that_were_silent_for_longest_make_room_for_others() -> None:
    limits = replace(SHORT, reader_s=60, buffered_bytes=100_000_000)
    with running(limits) as port, ExitStack() as stack:
        clients = []
        for _ in range(5):
            clients.append(stack.enter_context(connect(port, GET.replace(b" / ", b" /big "))))
            # From now on it reads nothing.
            assert clients[-1].recv(100).startswith(b"HTTP/1.1 200 OK")
            time.sleep(0.05)
        assert read_answer(stack.enter_context(connect(port, GET))) == b"0"
        lengths = [len(read_until_closed(client)[0]) for client in clients]
    is_whole = [length > 31_000_000 for length in lengths]
    assert is_whole == [False, False, True, True, True]


def test_half_bodies_make_room_for_others_too() -> None:
    limits = replace(SHORT, body_s=60, buffered_bytes=8_000_000)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
    with running(limits) as port, ExitStack() as stack:
        clients = []
        for _ in range(12):
            clients.append(stack.enter_context(connect(port, head + b"x" * 1_000_000)))
            time.sleep(0.05)
        closed, _, _ = select.select(clients, [], [], 0)
        assert closed == clients[: len(closed)]
        assert 4 <= len(closed) <= 8
        for client in clients[len(closed) :]:
            client.sendall(b"x" * 1_000_000)
            assert read_answer(client) == b"2000000"


def test_a_request_waits_until_the_answer_before_is_read() -> None:
    begun: list[str] = []

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        begun.append(scope["type"])
        await app(scope, receive, send)

    with running(app=noted) as port, connect(port) as wire, wire.makefile("rb") as file:
        wire.sendall(GET.replace(b" / ", b" /big ") * 2)
        for count in (1, 2):
            time.sleep(0.3)
            assert begun == ["lifespan"] + ["http"] * count
            while (line := file.readline()) != b"\r\n":
                assert line
            assert len(file.read(32_000_000)) == 32_000_000


def test_more_than_sixteen_requests_do_not_wait_for_their_answers(port: int) -> None:
    late = GET.replace(b" / ", b" /late ")
    for count, answers in ((17, 17), (18, 0)):
        with connect(port, late + GET * (count - 1)) as wire:
            received, _ = read_until_closed(wire)
        assert received.count(b"HTTP/1.1 200 OK") == answers


def test_an_answer_that_is_read_slowly_arrives_whole(port: int) -> None:
    with connect(port, GET.replace(b" / ", b" /big ")) as wire:
        received = 0
        started = time.monotonic()
        while received < 32_000_000:
            received += len(wire.recv(1 << 20))
            if time.monotonic() - started < 2:
                time.sleep(0.1)
        assert time.monotonic() - started > 2


def test_a_body_that_comes_after_its_answer_is_thrown_away_and_the_connection_kept(
    port: int,
) -> None:
    with connect(port, POST.replace(b" / ", b" /refused ")) as wire:
        assert read_answer(wire) == b"refused"
        wire.sendall(b"x" * 10 + GET)
        assert read_answer(wire) == b"0"


def test_a_connection_is_idle_also_when_the_body_came_after_its_answer(port: int) -> None:
    with connect(port, POST.replace(b" / ", b" /refused ")) as wire:
        assert read_answer(wire) == b"refused"
        wire.sendall(b"x" * 10)
        received, closed_after_s = read_until_closed(wire)
    assert received == b""
    assert 4.5 < closed_after_s < 9


def test_a_body_that_drips_after_its_answer_is_not_thrown_away_for_ever(port: int) -> None:
    head = POST.replace(b" / ", b" /refused ").replace(b"10", b"10000")
    with connect(port, head) as wire:
        assert read_answer(wire) == b"refused"
        assert is_half_a_second(drip_until_closed(wire, b"x"))


BARE_400 = b"HTTP/1.1 400 Bad Request\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 5000,
        b"GET /" + b"x" * 5000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 800 + b"\r\n",
        CHUNKED + b"0\r\nX: " + b"x" * 5000,
        CHUNKED + b"1;" + b"x" * 5000 + b"\r\n",
    ],
)
def test_bytes_that_are_not_http_or_too_many_get_the_bare_400(port: int, sent: bytes) -> None:
    with connect(port, sent[:100]) as wire:
        time.sleep(0.1)
        wire.sendall(sent[100:])
        received, closed_after_s = read_until_closed(wire)
    # Where a request runs already there is nothing that could still be said.
    assert received.startswith(BARE_400) or (received == b"" and sent.startswith(CHUNKED))
    assert closed_after_s < 0.4


def test_headers_are_measured_apart_from_the_body_they_come_with(port: int) -> None:
    body = b"x" * 20_000
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n"
    large = b"GET / HTTP/1.1\r\nX: " + b"x" * 3000 + b"\r\n\r\n"
    with connect(port, head + body + large + head + body + LAST_GET) as wire:
        received, _ = read_until_closed(wire)
    assert received.count(b"HTTP/1.1 200 OK") == 4


def test_an_upgrade_that_is_not_offered_changes_nothing(port: int) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n"
    with connect(port, GET[:-2] + upgrade) as wire:
        assert read_answer(wire) == b"0"
        wire.sendall(LAST_GET)
        received, _ = read_until_closed(wire)
    assert received.startswith((b"HTTP/1.1 200 OK", BARE_400))


def test_a_body_in_tiny_chunks_passes(port: int) -> None:
    with connect(port, CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n") as wire:
        assert read_answer(wire) == b"20000"


@pytest.mark.proves(17, slow_connections_closed=500)
@pytest.mark.parametrize("sent", [b"", GET[:-2], POST + b"x"])
def test_five_hundred_slow_connections_are_closed_and_hold_nobody_up(sent: bytes) -> None:
    with running_apart() as (_, port), ExitStack() as stack:
        started = time.monotonic()
        slow = [stack.enter_context(connect(port, sent)) for _ in range(500)]
        opened_s = time.monotonic() - started
        took_s = []
        while time.monotonic() - started < opened_s + 1:
            asked = time.monotonic()
            with connect(port, GET) as wire:
                assert read_answer(wire) == b"0"
            took_s.append(time.monotonic() - asked)
        assert sorted(took_s)[len(took_s) * 99 // 100] < 0.25
        time.sleep(max(0, started + opened_s + 2.2 - time.monotonic()))
        closed, _, _ = select.select(slow, [], [], 0)
        assert len(closed) == 500
        assert all(wire.recv(1) == b"" for wire in slow)
