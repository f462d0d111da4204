"""Reading: every answer checked, then its rate measured beside the ceiling's, in turns."""

import gzip
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from benchmarks.ceiling import Answer
from benchmarks.processes import LIMIT, Server, ceiling
from benchmarks.targets import LATEST, TARGETS, Asker, Question, Target
from benchmarks.wire import Reply, Round, WrongAnswer, ask, load

ANY: Final = "any account"
ANY_GZIP: Final = "any account, gzip"
HOT: Final = "hot account"
HOT_GZIP: Final = "hot account, gzip"
UNCHANGED: Final = "304"

_BARE_GZIP: Final = "gzip"
_CEILINGS: Final = frozenset({"", _BARE_GZIP})
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_GZIP: Final = {"Accept_Encoding": "gzip"}
_OWN_HEADERS: Final = frozenset({b"date"})  # The server adds it.
# More than are answered in a second, so that none is asked for twice in a stretch.
_FRESH_PER_S: Final = 6_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is measured, how often, and by how many connections at once.

    ``samples`` is how many answers of each target are checked first.
    """

    seconds: float
    rounds: int
    pause_s: float
    connections: int
    samples: int = 24


class Measured(msgspec.Struct, frozen=True):
    """One target: medians over the rounds. ``body_bytes`` are those that were sent."""

    reader: str
    target: str
    per_second: float
    ceiling_per_second: float
    p50_ms: float
    p99_ms: float
    body_bytes: int

    @property
    def share(self) -> float:
        """The rate as a part of the ceiling's in the same run."""
        return self.per_second / self.ceiling_per_second


Cell = tuple[str, str]
Stretch = Callable[[float], Round]


def check(
    asker: Asker, port: int, samples: int, headers: Mapping[str, str] = MappingProxyType({})
) -> dict[str, list[Answer]]:
    """Return answers of each target to requests with the headers, each right to the byte.

    Raises:
        WrongAnswer: one is not what the rows say, or the limiter does not stand before it.
    """
    answers: dict[str, list[Answer]] = {}
    for target in TARGETS:
        asked = [asker.hot(target), *asker.any(target, samples)]
        answers[target.name] = [_checked(asker, port, question, headers) for question in asked]
        # What was just asked may be kept; it must be the same again.
        _checked(asker, port, asked[0], headers)
        _check_unchanged(asker, port, asked[0], headers)
    return answers


def _checked(asker: Asker, port: int, question: Question, given: Mapping[str, str]) -> Answer:
    reply = ask(port, asker.request(question, **given))
    is_gzip = reply.header("content-encoding") == "gzip"
    body = gzip.decompress(reply.body) if is_gzip else reply.body
    if reply.status != _OK or body != asker.expected(question):
        msg = f"{question.target}: {reply.status}, and not what the rows say: {reply.body[:300]!r}"
        raise WrongAnswer(msg)
    _check_limits(reply, question)
    headers = [pair for pair in reply.headers if pair[0] not in _OWN_HEADERS]
    return Answer(question.target.encode(), headers, reply.body)


def _check_unchanged(asker: Asker, port: int, question: Question, given: Mapping[str, str]) -> None:
    etag = ask(port, asker.request(question, **given)).header("etag")
    again = ask(port, asker.request(question, **given, If_None_Match=etag))
    if not etag or again.status != _NOT_MODIFIED or again.body:
        msg = f"{question.target}: {again.status} where nothing has changed."
        raise WrongAnswer(msg)
    _check_limits(again, question)


def _check_limits(reply: Reply, question: Question) -> None:
    limit, left = reply.header("x-ratelimit-limit"), reply.header("x-ratelimit-remaining")
    if limit != str(LIMIT) or not left.isdigit() or not int(left) < LIMIT:
        msg = f"{question.target}: the limiter says {limit!r}, {left!r} left."
        raise WrongAnswer(msg)


def measure(asker: Asker, server: Server, folder: Path, pace: Pace) -> list[Measured]:
    """Check every target, then measure all of them and the ceiling, round by round."""
    plain = check(asker, server.port, pace.samples)
    compressed = check(asker, server.port, pace.samples, _GZIP)
    with (
        ceiling(_keep(plain, folder / "answers.msgpack")) as bare,
        ceiling(_keep(compressed, folder / "compressed.msgpack")) as bare_gzip,
    ):
        _ready(bare, plain)
        _ready(bare_gzip, compressed)
        stretches = _stretches(asker, server.port, pace)
        stretches |= _ceilings(asker, bare.port, pace, "", plain)
        stretches |= _ceilings(asker, bare_gzip.port, pace, _BARE_GZIP, compressed)
        found = in_turns(stretches, pace)
    return _results(found, plain, compressed)


def _keep(answers: Mapping[str, list[Answer]], file: Path) -> Path:
    file.write_bytes(msgspec.msgpack.encode([one for some in answers.values() for one in some]))
    return file


def _ready(bare: Server, answers: dict[str, list[Answer]]) -> None:
    answer = answers[LATEST.name][0]
    request = b"GET " + answer.target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    if bare.first(request)[1].body != answer.body:
        msg = "The ceiling sends something else."
        raise WrongAnswer(msg)


def in_turns(stretches: dict[Cell, Stretch], pace: Pace) -> dict[Cell, list[Round]]:
    """Run every stretch once in each round, with a pause behind it; once before, uncounted."""
    found: dict[Cell, list[Round]] = {cell: [] for cell in stretches}
    for number in range(pace.rounds + 1):
        for cell, stretch in stretches.items():
            done = stretch(pace.seconds if number else pace.seconds / 4)
            # Nobody inherits a backlog.
            time.sleep(pace.pause_s)
            if number:
                found[cell].append(done)
    return found


def any_stretch(
    asker: Asker,
    port: int,
    pace: Pace,
    target: Target,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Stretch:
    """Return a stretch of load in which each request is of another account than the one before."""

    def run(seconds: float) -> Round:
        count = max(pace.connections, int(_FRESH_PER_S * seconds))
        requests = [asker.request(question, **headers) for question in asker.any(target, count)]
        return load(port, requests, connections=pace.connections, seconds=seconds)

    return run


def _stretches(asker: Asker, port: int, pace: Pace) -> dict[Cell, Stretch]:
    stretches: dict[Cell, Stretch] = {}
    for target in TARGETS:
        hot = partial(_hot, asker, port, pace, asker.hot(target))
        stretches[ANY, target.name] = any_stretch(asker, port, pace, target)
        stretches[ANY_GZIP, target.name] = any_stretch(asker, port, pace, target, _GZIP)
        stretches[HOT, target.name] = partial(hot, {})
        stretches[HOT_GZIP, target.name] = partial(hot, _GZIP)
    question = asker.hot(LATEST)
    known = {"If_None_Match": ask(port, asker.request(question)).header("etag")}
    stretches[UNCHANGED, LATEST.name] = partial(_hot, asker, port, pace, question, known)
    return stretches


def _hot(
    asker: Asker,
    port: int,
    pace: Pace,
    question: Question,
    headers: Mapping[str, str],
    seconds: float,
) -> Round:
    return load(
        port,
        [asker.request(question, **headers)],
        connections=pace.connections,
        seconds=seconds,
        status=_NOT_MODIFIED if "If_None_Match" in headers else _OK,
    )


def _ceilings(
    asker: Asker, port: int, pace: Pace, reader: str, answers: dict[str, list[Answer]]
) -> dict[Cell, Stretch]:
    return {
        (reader, name): partial(_bare, _authorized(asker, some), port, pace)
        for name, some in answers.items()
    }


def _authorized(asker: Asker, answers: Iterable[Answer]) -> list[bytes]:
    # The bare application does not read the token, but its server does.
    owner = asker.book.owners[0]
    questions = (Question(owner, 0, 0, answer.target.decode()) for answer in answers)
    return [asker.request(question) for question in questions]


def _bare(requests: Sequence[bytes], port: int, pace: Pace, seconds: float) -> Round:
    return load(port, requests, connections=pace.connections, seconds=seconds)


def _results(
    found: dict[Cell, list[Round]],
    plain: dict[str, list[Answer]],
    compressed: dict[str, list[Answer]],
) -> list[Measured]:
    smallest = min(plain, key=lambda name: len(plain[name][0].body))
    results = []
    for (reader, name), rounds in found.items():
        if reader in _CEILINGS:
            continue
        is_gzip = reader in {ANY_GZIP, HOT_GZIP}
        answer = (compressed if is_gzip else plain)[name][0]
        bare = _BARE_GZIP if is_gzip else ""
        beside = found[bare, smallest if reader == UNCHANGED else name]
        results.append(
            Measured(
                reader=reader,
                target=name,
                per_second=statistics.median(done.per_second for done in rounds),
                ceiling_per_second=statistics.median(done.per_second for done in beside),
                p50_ms=statistics.median(done.p50_ms for done in rounds),
                p99_ms=statistics.median(done.p99_ms for done in rounds),
                body_bytes=0 if reader == UNCHANGED else len(answer.body),
            )
        )
    return results
