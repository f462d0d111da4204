"""The picture: each target as a share of the ceiling, and the slowest answers as rows grow."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.growth import Grown
from benchmarks.reading import ANY, ANY_GZIP, Measured
from benchmarks.results import Found, Results

_WIDTH: Final = 860
_LEFT: Final = 280
_BAR: Final = 14
_GAP: Final = 8
_PANEL: Final = 180
_STYLE: Final = """
text { font: 13px system-ui, sans-serif; fill: #1f2933 }
.small { font-size: 11px; fill: #52606d }
.title { font-weight: 600 }
.any { fill: #2f6f9f; stroke: #2f6f9f }
.hot { fill: #d9822b; stroke: #d9822b }
.line { fill: none; stroke-width: 2 }
.axis { stroke: #9aa5b1; stroke-width: 1 }
.paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb }
  .small { fill: #9fb3c8 }
  .any { fill: #62b0e8; stroke: #62b0e8 }
  .hot { fill: #f0b429; stroke: #f0b429 }
  .axis { stroke: #52606d }
  .paper { fill: #14181d }
}
"""


def picture(results: Results) -> str:
    """Return the picture as SVG, legible on light and on dark paper."""
    parts: list[str] = []
    y = 30
    for found in results.databases:
        y = _throughput(found, y, parts)
    if any(found.growth for found in results.databases):
        y = _growth(results.databases, y, parts)
    label = "Answers a second as a share of what the machine can send"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img"'
    paper = f'<rect class="paper" width="{_WIDTH}" height="{y}" rx="6"/>'
    style = f"<style>{_STYLE}</style>"
    return "\n".join([f'{head} aria-label="{label}">', style, paper, *parts, "</svg>\n"])


def _throughput(found: Found, y: int, parts: list[str]) -> int:
    title = f"{found.kind}: answers a second, as a share of a bare application's"
    parts.append(_text(16, y, title, "title"))
    y += 14
    parts += _legend(y)
    y += _BAR + _GAP
    for measured in found.reading:
        parts += _bar(measured, y)
        y += _BAR + _GAP
    return y + 24


def _legend(y: int) -> Iterator[str]:
    for x, kind, label in (
        (_LEFT, "any", "any account: another each time"),
        (_LEFT + 230, "hot", "hot account: the same each time"),
    ):
        yield f'<rect class="{kind}" x="{x}" y="{y}" width="{_BAR}" height="{_BAR}" rx="2"/>'
        yield _text(x + _BAR + 6, y + _BAR - 3, label, "small")


def _bar(measured: Measured, y: int) -> Iterator[str]:
    kind = "any" if measured.reader in {ANY, ANY_GZIP} else "hot"
    width = min(1.0, measured.share) * (_WIDTH - _LEFT - 190)
    base = y + _BAR - 3
    yield _text(16, base, f"{measured.target}, {measured.reader}")
    yield (f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>')
    told = f"{measured.share:.0%}, {measured.per_second:,.0f} a second"
    yield _text(_LEFT + width + 8, base, told, "small")


def _growth(databases: Sequence[Found], y: int, parts: list[str]) -> int:
    title = "Milliseconds of the slowest answer in a hundred, by the number of snapshots"
    parts.append(_text(16, y, title, "title"))
    width = (_WIDTH - 60) // len(databases)
    most = max(one.p99_ms for found in databases for one in found.growth) * 1.3
    for place, found in enumerate(databases):
        parts += _curves(found, 50 + place * width, y + 16, width - 120, most)
    return y + _PANEL + 60


def _curves(found: Found, x: int, y: int, width: int, most: float) -> Iterator[str]:
    base = y + _PANEL
    yield f'<path class="axis" d="M{x} {y}V{base}H{x + width}" fill="none"/>'
    yield _text(x - 4, y + 10, f"{most:.0f}", "small", "end")
    yield _text(x + 8, y + 10, found.kind, "small")
    sizes = sorted({one.rows for one in found.growth})
    for rows in sizes:
        yield _text(_across(rows, sizes, x, width), base + 16, f"{rows:,}", "small", "middle")
    for place, target in enumerate(sorted({one.target for one in found.growth})):
        points = sorted((x for x in found.growth if x.target == target), key=lambda one: one.rows)
        kind = ("any", "hot")[place % 2]
        spots = [
            (_across(one.rows, sizes, x, width), base - one.p99_ms / most * _PANEL)
            for one in points
        ]
        yield from _curve(spots, points, kind, target)


def _curve(
    spots: Sequence[tuple[float, float]], points: Iterable[Grown], kind: str, target: str
) -> Iterator[str]:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    yield f'<polyline class="line {kind}" style="fill:none" points="{line}"/>'
    for (x, y), one in zip(spots, points, strict=True):
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        yield _text(x, y - 8, f"{one.p99_ms:.1f}", "small", "middle")
    x, y = spots[-1]
    yield _text(x + 26, y + 4, target, "small")


def _across(rows: int, sizes: Sequence[int], x: int, width: int) -> float:
    if len(sizes) == 1:
        return x + width / 2
    span = math.log(sizes[-1]) - math.log(sizes[0])
    return x + 30 + (width - 60) * (math.log(rows) - math.log(sizes[0])) / span


def _text(x: float, y: float, told: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(told)}</text>'
    )
