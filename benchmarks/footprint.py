"""What a serving process costs: the time to its first answer, and memory, idle and after work."""

import statistics
import time
from itertools import cycle
from typing import Final

import msgspec

from benchmarks.databases import Home
from benchmarks.processes import Server, dashtam
from benchmarks.reading import Pace
from benchmarks.targets import API, LATEST, TARGETS, Asker
from benchmarks.wire import WrongAnswer, ask, load, post

_SLICE_S: Final = 0.5
_OK: Final = 200
_CREATED: Final = 201


class Footprint(msgspec.Struct, frozen=True):
    """One process of ``dashtam serve``; after ``worked_s`` of mixed load."""

    first_answer_s: float
    idle_mib: float
    worked_s: float
    worked_mib: float


def measure(home: Home, asker: Asker, pace: Pace, work_s: float) -> Footprint:
    """Start the server some times over; let the last one work."""
    request = asker.request(asker.hot(LATEST))
    starts: list[float] = []
    for number in range(pace.rounds):
        with dashtam(home.settings) as server:
            took_s, reply = server.first(request)
            if reply.status != _OK:
                raise WrongAnswer(str(reply.status))
            starts.append(took_s)
            if number < pace.rounds - 1:
                continue
            idle = server.resident_mib
            _work(asker, server, pace, work_s)
            return Footprint(statistics.median(starts), idle, work_s, server.resident_mib)
    raise AssertionError


def _work(asker: Asker, server: Server, pace: Pace, seconds: float) -> None:
    """Ask for everything in turn, and type a balance now and then."""
    until = time.monotonic() + seconds
    for target in cycle(TARGETS):
        if time.monotonic() >= until:
            return
        requests = list(map(asker.request, asker.any(target, 1_000)))
        requests.append(asker.request(asker.hot(target)))
        load(server.port, requests, connections=pace.connections, seconds=min(_SLICE_S, seconds))
        _type_a_balance(asker, server)


def _type_a_balance(asker: Asker, server: Server) -> None:
    # The last account of the last user: what others are measured by stays as it is.
    owner = asker.book.owners[-1]
    path = f"{API}/accounts/{owner.account_ids[-1]}/balance-snapshots"
    reply = ask(server.port, post(path, asker.token(owner), b'{"balance": "1234.56"}'))
    if reply.status != _CREATED:
        raise WrongAnswer(reply.body.decode())
