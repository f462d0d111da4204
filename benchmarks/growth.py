"""Growth: the slowest answers in a hundred, where there are ever more rows."""

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

import msgspec

from benchmarks.databases import Home
from benchmarks.dataset import Book
from benchmarks.processes import dashtam, ready
from benchmarks.reading import Cell, Pace, Stretch, any_stretch, check, in_turns
from benchmarks.targets import HISTORY_365, LATEST, Asker
from dashtam.bootstrap import Installation

_TARGETS = (HISTORY_365, LATEST)
_SAMPLES = 3


class Grown(msgspec.Struct, frozen=True):
    """One target at one size: medians over the rounds."""

    rows: int
    target: str
    p50_ms: float
    p99_ms: float


def measure(worlds: Sequence[tuple[Home, Book]], pace: Pace) -> list[Grown]:
    """Measure worlds of several sizes, each served by a process of its own, in turns."""
    stretches: dict[Cell, Stretch] = {}
    with ExitStack() as stack:
        for home, book in worlds:
            server = stack.enter_context(dashtam(home.settings))
            ready(server)
            installation = Installation.open(home.given)
            stack.callback(installation.close)
            asker = Asker(installation.services(), book)
            check(asker, server.port, min(_SAMPLES, pace.samples))
            make = partial(any_stretch, asker, server.port, pace)
            stretches |= {(str(book.size.rows), target.name): make(target) for target in _TARGETS}
        found = in_turns(stretches, pace)
    return [
        Grown(
            rows=int(rows),
            target=target,
            p50_ms=statistics.median(done.p50_ms for done in rounds),
            p99_ms=statistics.median(done.p99_ms for done in rounds),
        )
        for (rows, target), rounds in found.items()
    ]


def ratio(grown: Sequence[Grown], target: str) -> float:
    """Return how many times as long the most rows take as the fewest, at the 99th percentile."""
    of_target = sorted((one for one in grown if one.target == target), key=lambda one: one.rows)
    return of_target[-1].p99_ms / of_target[0].p99_ms
