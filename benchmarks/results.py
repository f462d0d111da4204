"""Everything that one run found, and the figures to reach."""

from collections.abc import Iterator
from typing import Final

import msgspec

from benchmarks.commands import Commands
from benchmarks.databases import POSTGRESQL, SQLITE
from benchmarks.fairness import Waits
from benchmarks.footprint import Footprint
from benchmarks.growth import Grown, ratio
from benchmarks.ingest import Ingest
from benchmarks.reading import ANY, ANY_GZIP, HOT, HOT_GZIP, UNCHANGED, Measured
from benchmarks.syncs import Syncs
from benchmarks.targets import HISTORY_30, HISTORY_365, HISTORY_3650, LATEST, RECENT

_GROWTH: Final = 1.3
_BYTES: Final = {SQLITE: 230, POSTGRESQL: 320}
_ANY: Final = {
    HISTORY_30.name: 0.18,
    HISTORY_365.name: 0.18,
    HISTORY_3650.name: 0.30,
    RECENT.name: 0.20,
    LATEST.name: 0.40,
}
_GZIP_GAIN: Final = {HISTORY_365.name: 2.5, HISTORY_3650.name: 5.0}
_GZIP_YEAR_BYTES: Final = 10_500
_OF_PGBENCH: Final = 0.50
_HOT: Final = 0.60
_UNCHANGED: Final = 0.75
_COMMITS: Final = 0.15
_STATEMENTS: Final = 20
_SYNCS: Final = {SQLITE: 0.25, POSTGRESQL: 0.25}
_ROWS_PER_S: Final = 40_000
_BALANCES_S: Final = 0.5
_VERSION_S: Final = 0.15
_COMMAND_S: Final = 3
_FIRST_ANSWER_S: Final = 1
_IDLE_MIB: Final = 110
_WORKED_MIB: Final = 150
_WAIT_MS: Final = 100
_WRITER_MS: Final = 250


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
    syncs: Syncs
    commands: Commands
    fairness: list[Waits]
    pgbench_per_second: float | None = None


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
    reading = [_reading(measured) for measured in found.reading if measured.reader != ANY_GZIP]
    return [*reading, *_compressed(found), *_growth(found), *_rest(found), *_fairness(found)]


def _reading(measured: Measured) -> Line:
    line = _least(_name(measured), measured.share, _share(measured), "{:.1%}")
    rate = (
        f"{line.found} ({measured.per_second:,.0f} of {measured.ceiling_per_second:,.0f} a second)"
    )
    return Line(line.name, rate, line.reach, line.is_reached)


def _name(measured: Measured) -> str:
    if measured.reader == UNCHANGED:
        return "304, of the smallest answer"
    return f"{measured.reader}, {measured.target}"


def _share(measured: Measured) -> float:
    if measured.reader == ANY:
        return _ANY[measured.target]
    return _HOT if measured.reader in {HOT, HOT_GZIP} else _UNCHANGED


def _compressed(found: Found) -> list[Line]:
    """Return the lines of answers to clients that take gzip, and of PostgreSQL beside pgbench."""
    by_cell = {(measured.reader, measured.target): measured for measured in found.reading}
    year = by_cell[ANY_GZIP, HISTORY_365.name]
    lines = [_most("bytes of a year, gzip", year.body_bytes, _GZIP_YEAR_BYTES, "{:,.0f}")]
    for target, reach in _GZIP_GAIN.items():
        plain, compressed = by_cell[ANY, target], by_cell[ANY_GZIP, target]
        gain = compressed.per_second / plain.per_second
        name = f"any account, {target}, gzip by identity"
        line = _least(name, gain, reach, "{:.2f}x")
        rates = f"{compressed.per_second:,.0f} by {plain.per_second:,.0f} a second"
        lines.append(Line(name, f"{line.found} ({rates})", line.reach, line.is_reached))
    if found.pgbench_per_second is not None:
        share = by_cell[ANY, HISTORY_365.name].per_second / found.pgbench_per_second
        name = f"any account, {HISTORY_365.name}, of pgbench with the same statement"
        line = _least(name, share, _OF_PGBENCH, "{:.0%}")
        rate = f"pgbench: {found.pgbench_per_second:,.0f} a second"
        lines.append(Line(name, f"{line.found} ({rate})", line.reach, line.is_reached))
    return lines


def _rest(found: Found) -> list[Line]:
    ingest, footprint, syncs = found.ingest, found.footprint, found.syncs
    each = found.bytes_on_disk / found.rows
    rows, command = f"a file of {ingest.file_rows:,} rows", "the same by the command"
    return [
        _most("bytes per snapshot on disk", each, _BYTES[found.kind], "{:.0f}"),
        _commits(ingest),
        _most(
            f"statements of a sync of {syncs.accounts} accounts",
            syncs.statements,
            _STATEMENTS,
            "{:.0f}",
        ),
        _bare_syncs(found),
        _least(f"rows a second, {rows}", ingest.rows_per_second, _ROWS_PER_S, "{:,.0f}"),
        _most(command, ingest.command_s, _COMMAND_S, "{:.1f} s"),
        _most("start to first answer", footprint.first_answer_s, _FIRST_ANSWER_S, "{:.2f} s"),
        _most("dashtam balances", found.commands.balances_s, _BALANCES_S, "{:.2f} s"),
        _most("dashtam version", found.commands.version_s, _VERSION_S, "{:.2f} s"),
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


def _bare_syncs(found: Found) -> Line:
    rate, bare = found.syncs.per_second, found.ingest.bare_per_second
    name = f"syncs of {found.syncs.accounts} accounts, of bare commits"
    line = _least(name, rate / bare, _SYNCS[found.kind], "{:.1%}")
    return Line(
        name, f"{line.found} ({rate:,.0f} of {bare:,.0f} a second)", line.reach, line.is_reached
    )


def _fairness(found: Found) -> Iterator[Line]:
    """Yield another user's waits under each load of one user."""
    for waits in found.fairness:
        under = f"under {waits.load}"
        yield _most(f"p99 of a read {under}", waits.read_p99_ms, _WAIT_MS, "{:.0f} ms")
        yield _most(f"p99 of a sign-in {under}", waits.sign_in_p99_ms, _WAIT_MS, "{:.0f} ms")
        yield _most(f"longest typed balance {under}", waits.write_max_ms, _WRITER_MS, "{:.0f} ms")


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
