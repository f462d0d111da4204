"""The server starts, says so, and ends cleanly."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable

import pytest

from dashtam.presentation.http.http_protocol import _CoalescingTransport
from dashtam.presentation.http.server import listen
from http_server import connect, read_answer, running_apart

GET = b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_requests_finish_and_then_the_caller_go_on(
    number: signal.Signals,
) -> None:
    with running_apart() as (process, port):
        with connect(port, GET) as wire, connect(port, b"GET / HT") as unfinished:
            time.sleep(0.2)
            process.send_signal(number)
            assert read_answer(wire) == b"0"
            assert unfinished.recv(1) == b""
        output, problems = process.communicate(timeout=10)
    assert (process.returncode, output, problems) == (0, "closed\n", "")


def test_an_answer_tells_the_date_and_nothing_of_the_server() -> None:
    with running_apart() as (_, port), connect(port, GET) as wire:
        head = wire.recv(4096).lower()
    assert b"\r\ndate: " in head
    assert b"server:" not in head
    assert b"uvicorn" not in head


def test_an_address_in_use_is_said_before_anything_starts() -> None:
    with listen("127.0.0.1", 0)[0] as taken, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_localhost_is_listened_to_on_each_of_its_addresses() -> None:
    sockets = listen("localhost", 0)
    hosts = {found.getsockname()[0] for found in sockets}
    for found in sockets:
        found.close()
    assert "127.0.0.1" in hosts
    assert hosts <= {"127.0.0.1", "::1"}


def test_a_host_that_is_not_this_machine_is_refused() -> None:
    with pytest.raises(OSError, match="assign"):
        listen("192.0.2.1", 0)
    with pytest.raises(socket.gaierror):
        listen("host.invalid", 0)


def test_the_module_loads_without_the_server_behind_it() -> None:
    code = "import sys, dashtam.presentation.http.server; sys.exit('uvicorn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_server_has_more_connections_than_a_usual_limit_of_open_files() -> None:
    code = """
import resource
from dashtam.presentation.http.server import allow_many_connections
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
allow_many_connections()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(most, 8192), most)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_empty_body_leaves_nothing_to_be_sent() -> None:
    sent = Sent()

    async def answer() -> None:
        joined = _CoalescingTransport(sent, asyncio.get_running_loop(), lambda *_: None)
        for written in (b"head", b"", b"next head", b"body", b"last head"):
            joined.write(written)
        joined.close()

    asyncio.run(answer())
    assert sent.pieces == [b"head", b"next head", b"body", b"last head"]


class Sent(asyncio.Transport):
    """A transport that tells its bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.is_closed = False

    def is_closing(self) -> bool:
        return self.is_closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.pieces += map(bytes, list_of_data)

    def close(self) -> None:
        """Nothing is open."""
