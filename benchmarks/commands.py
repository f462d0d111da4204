"""How long the command takes from its start to its end."""

import statistics
import subprocess
import sys
import time
from typing import Final

import msgspec

from benchmarks.databases import Home
from benchmarks.processes import environment
from benchmarks.reading import Pace

_EMAIL: Final = "user0@example.org"
_RUNS: Final = 3


class Commands(msgspec.Struct, frozen=True):
    """Medians of some runs, in seconds."""

    balances_s: float
    version_s: float


def measure(home: Home, pace: Pace) -> Commands:
    """Run ``dashtam balances`` for the first user, and ``dashtam version``."""
    runs = _RUNS * pace.rounds
    return Commands(
        balances_s=statistics.median(
            run_s(home, "--user", _EMAIL, "balances") for _ in range(runs)
        ),
        version_s=statistics.median(run_s(home, "version") for _ in range(runs)),
    )


def run_s(home: Home, *words: str) -> float:
    """Return how many seconds one run of the command takes.

    Raises:
        CalledProcessError: it failed.
    """
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - words of our own
        [sys.executable, "-m", "dashtam", *words],
        cwd=home.data,
        env=environment(home.settings),
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began
