"""Processes under measurement: Dashtam's server, the ceiling's, and what they weigh."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from benchmarks.wire import Reply, ask, get

ROOT: Final = Path(__file__).parents[1]
LIMIT: Final = 1_000_000
"""Capacity and refill of the rate limits: the limiter works, and never refuses."""

_READY_WITHIN_S: Final = 60.0
_KIB: Final = 1024


class Server:
    """A process that answers on a port."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: IO[bytes]) -> None:
        self._process = process
        self._log = log
        self._started_at = time.perf_counter()
        self.port = port

    def first(self, request: bytes) -> tuple[float, Reply]:
        """Return how long after its start the server answered for the first time, and what.

        Raises:
            RuntimeError: it ended, or did not answer within a minute.
        """
        while time.perf_counter() - self._started_at < _READY_WITHIN_S:
            with suppress(OSError):
                reply = ask(self.port, request)
                return time.perf_counter() - self._started_at, reply
            if self._process.poll() is not None:
                break
            time.sleep(0.005)
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")[-2000:]
        msg = f"The server under measurement did not answer:\n{said}"
        raise RuntimeError(msg)

    @property
    def resident_mib(self) -> float:
        """How much memory the process holds."""
        status = Path(f"/proc/{self._process.pid}/status")
        if status.exists():
            line = next(x for x in status.read_text().splitlines() if x.startswith("VmRSS"))
            return int(line.split()[1]) / _KIB
        asked = ["ps", "-o", "rss=", "-p", str(self._process.pid)]
        found = subprocess.run(asked, check=True, capture_output=True)  # noqa: S603 - words of our own
        return int(found.stdout) / _KIB


@contextmanager
def running(words: Sequence[str], folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run ``python WORDS… PORT`` until the end of the ``with`` block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with (
        TemporaryFile() as log,
        subprocess.Popen(  # noqa: S603 - words of our own
            [sys.executable, *words, str(port)],
            cwd=folder,
            env=environment(settings),
            stdout=subprocess.DEVNULL,
            stderr=log,
        ) as process,
    ):
        try:
            yield Server(process, port, log)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


@contextmanager
def dashtam(settings: Mapping[str, str]) -> Iterator[Server]:
    """Run ``dashtam serve``; it may not answer yet."""
    folder = Path(settings["DASHTAM_DATA"])
    with running(["-m", "dashtam", "serve", "--port"], folder, settings) as server:
        yield server


@contextmanager
def ceiling(answers: Path) -> Iterator[Server]:
    """Run the bare application on the answers in the file."""
    with running(["-m", "benchmarks.ceiling", str(answers)], ROOT, {}) as server:
        yield server


def ready(server: Server) -> None:
    """Return once the server answers at all."""
    server.first(get("/livez", ""))


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what a measured process sees: nothing of whoever measures but the settings."""
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", **settings}
