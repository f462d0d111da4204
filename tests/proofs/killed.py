"""The real server in a process of its own, that a test kills as a power cut would."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

READY_WITHIN_S = 120


@dataclass(slots=True)
class Server:
    """One process that serves, and where."""

    process: subprocess.Popen[bytes]
    url: str

    def kill(self) -> None:
        """End it without a word, and wait until it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(data: Path, database_url: str, **options: str) -> Iterator[Server]:
    """Yield a server that is ready; it is dead when the block is left."""
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port = found.getsockname()[1]
    given = {"DATA": str(data), "DATABASE_URL": database_url, "PORT": str(port)} | options
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251 - no setting of the application
    environment = own | {f"DASHTAM_{name}": value for name, value in given.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashtam", "serve"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Server(process, f"http://127.0.0.1:{port}")
    try:
        _wait(server)
        yield server
    finally:
        server.kill()


def _wait(server: Server) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        assert server.process.poll() is None, "the server ended by itself"
        assert time.monotonic() < deadline, "the server is not ready"
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{server.url}/readyz").status_code == 200:
                return
        time.sleep(0.02)
