"""Everything that one run found, and the figures to reach."""

from typing import Final

import msgspec

from benchmarks.databases import POSTGRESQL, SQLITE
from benchmarks.footprint import Footprint
from benchmarks.growth import Grown, ratio
from benchmarks.ingest import Ingest
from benchmarks.reading import ANY, HOT, UNCHANGED, Measured
from benchmarks.targets import HISTORY_365, LATEST

_GROWTH: Final = 1.3
_BYTES: Final = {SQLITE: 230, POSTGRESQL: 320}
_ANY: Final = {SQLITE: (0.20, 0.45), POSTGRESQL: (0.15, 0.25)}
_HOT: Final = 0.60
_UNCHANGED: Final = 0.75
_COMMITS: Final = 0.60
_ROWS_PER_S: Final = 30_000
_COMMAND_S: Final = 3
_FIRST_ANSWER_S: Final = 1
_IDLE_MIB: Final = 110
_WORKED_MIB: Final = 150


class Found(msgspec.Struct, frozen=True):
    """What was found of one database."""

    kind: str
    version: str
    rows: int
    bytes_on_disk: int
    reading: list[Measured]
    growth: list[Grown]
    ingest: Ingest
    footprint: Footprint


class Results(msgspec.Struct, frozen=True):
    """What one run found, and on what."""

    measured_on: str
    machine: str
    size: str
    connections: int
    databases: list[Found]


class Line(msgspec.Struct, frozen=True):
    """One figure as people read it: what it is, what was found, and what is to be reached."""

    name: str
    found: str
    reach: str
    is_reached: bool


def lines(found: Found) -> list[Line]:
    """Return every figure of one database."""
    reading = [_reading(found.kind, measured) for measured in found.reading]
    return [*reading, *_growth(found), *_rest(found)]


def _reading(kind: str, measured: Measured) -> Line:
    line = _least(_name(measured), measured.share, _share(kind, measured), "{:.1%}")
    rate = (
        f"{line.found} ({measured.per_second:,.0f} of {measured.ceiling_per_second:,.0f} a second)"
    )
    return Line(line.name, rate, line.reach, line.is_reached)


def _name(measured: Measured) -> str:
    if measured.reader == UNCHANGED:
        return "304, of the smallest answer"
    return f"{measured.reader}, {measured.target}"


def _share(kind: str, measured: Measured) -> float:
    if measured.reader == ANY:
        return _ANY[kind][measured.target == LATEST.name]
    return _HOT if measured.reader == HOT else _UNCHANGED


def _rest(found: Found) -> list[Line]:
    ingest, footprint = found.ingest, found.footprint
    each = found.bytes_on_disk / found.rows
    rows, command = f"a file of {ingest.file_rows:,} rows", "the same by the command"
    return [
        _most("bytes per snapshot on disk", each, _BYTES[found.kind], "{:.0f}"),
        _commits(ingest),
        _least(f"rows a second, {rows}", ingest.rows_per_second, _ROWS_PER_S, "{:,.0f}"),
        _most(command, ingest.command_s, _COMMAND_S, "{:.1f} s"),
        _most("start to first answer", footprint.first_answer_s, _FIRST_ANSWER_S, "{:.2f} s"),
        _most("memory, idle", footprint.idle_mib, _IDLE_MIB, "{:.0f} MiB"),
        _most(
            f"memory after {footprint.worked_s:.0f} s of mixed load",
            footprint.worked_mib,
            _WORKED_MIB,
            "{:.0f} MiB",
        ),
    ]


def _commits(ingest: Ingest) -> Line:
    line = _least("commits of one sync, of bare ones", ingest.share, _COMMITS, "{:.0%}")
    typed, bare, syncs = ingest.typed_per_second, ingest.bare_per_second, ingest.syncs_per_second
    rates = f"{typed:,.0f} of {bare:,.0f} a second; of every account at once {syncs:,.0f}"
    return Line(line.name, f"{line.found} ({rates})", line.reach, line.is_reached)


def _growth(found: Found) -> list[Line]:
    if not found.growth:
        return []
    rows = sorted({one.rows for one in found.growth})
    return [
        _most(
            f"p99 of {target.name}, {rows[-1]:,} rows by {rows[0]:,}",
            ratio(found.growth, target.name),
            _GROWTH,
            "{:.2f}x",
        )
        for target in (HISTORY_365, LATEST)
    ]


def _least(name: str, value: float, reach: float, form: str) -> Line:
    return Line(name, form.format(value), "at least " + form.format(reach), value >= reach)


def _most(name: str, value: float, reach: float, form: str) -> Line:
    return Line(name, form.format(value), "at most " + form.format(reach), value <= reach)
