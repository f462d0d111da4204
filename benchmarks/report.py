"""The report: tables and a sentence for people, and the page of the documentation."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.reading import ANY, Measured
from benchmarks.results import Found, Line, Results, lines
from benchmarks.targets import HISTORY_365
from dashtam.presentation.cli.tables import table

_BEGIN: Final = "<!-- measured: written by make bench -->"
_END: Final = "<!-- /measured -->"
_HEADINGS: Final = ("figure", "found", "to reach", "")


def text(results: Results) -> str:
    """Return the whole report, the sentence last."""
    parts = [f"{results.size}, {results.connections} connections, on {results.machine}."]
    for found in results.databases:
        rows = [(*_cells(line), "" if line.is_reached else "missed") for line in lines(found)]
        parts += ["", f"{_title(found)}", "", table(_HEADINGS, rows, numbers="")]
    return "\n".join([*parts, "", sentence(results)])


def sentence(results: Results) -> str:
    """Return what one run says about this machine, in one sentence."""
    year = _year(results.databases[0].reading)
    return (
        f"A year of one account: {year.per_second:,.0f} answers a second,"
        f" {year.share:.0%} of the most that this machine can send."
    )


def write_page(results: Results, page: Path) -> None:
    """Put the tables between the page's marks.

    Raises:
        ValueError: the page has no such marks.
    """
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        msg = f"{page} has no place for what was measured: {_BEGIN} … {_END}"
        raise ValueError(msg)
    page.write_text(f"{before}{_BEGIN}\n{_page(results)}\n{_END}{after}")


def _page(results: Results) -> str:
    told = (
        f"Measured on {results.measured_on} with {results.size}, {results.connections} connections,"
        f" on {results.machine}. {sentence(results)}"
    )
    parts = [told, "", "![Shares of the ceiling, and growth](images/performance.svg)"]
    for found in results.databases:
        parts += ["", f"### {_title(found)}", "", *_marked_down(lines(found))]
    return "\n".join(parts)


def _marked_down(found: Sequence[Line]) -> Iterable[str]:
    yield "| figure | found | to reach |"
    yield "|---|---|---|"
    for line in found:
        value = line.found if line.is_reached else f"**{line.found}**"
        yield f"| {line.name} | {value} | {line.reach} |"


def _cells(line: Line) -> tuple[str, str, str]:
    return line.name, line.found, line.reach


def _title(found: Found) -> str:
    return f"{found.kind} {found.version}, {found.rows:,} snapshots"


def _year(reading: Sequence[Measured]) -> Measured:
    return next(x for x in reading if (x.reader, x.target) == (ANY, HISTORY_365.name))
