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
from typing import Any

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
def serving(
    data: Path,
    database_url: str,
    *words: str,
    stderr: Any = subprocess.DEVNULL,  # noqa: ANN401 - a descriptor; None closes it
    **options: str,
) -> Iterator[Server]:
    """Yield a server that is ready, given these words; it is dead when the block is left."""
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port = found.getsockname()[1]
    options = {"DATABASE_URL": database_url, "PORT": str(port)} | options
    server = Server(
        start(data, "serve", *words, stderr=stderr, **options), f"http://127.0.0.1:{port}"
    )
    try:
        _wait(server)
        yield server
    finally:
        server.kill()


def start(
    data: Path,
    *words: str,
    stderr: Any = subprocess.DEVNULL,  # noqa: ANN401 - as above
    **options: str,
) -> "subprocess.Popen[bytes]":
    """Start a command on this data folder, with these settings; ``stderr`` None is a closed one."""
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251 - no setting of the application
    given = {"DATA": str(data)} | options
    return subprocess.Popen(
        [sys.executable, "-m", "dashtam", *words],
        env=own | {f"DASHTAM_{name}": value for name, value in given.items()},
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        preexec_fn=(lambda: os.close(2)) if stderr is None else None,  # noqa: PLW1509 - few threads
    )


def _wait(server: Server) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        assert server.process.poll() is None, "the server ended by itself"
        assert time.monotonic() < deadline, "the server is not ready"
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{server.url}/readyz").status_code == 200:
                return
        time.sleep(0.02)
