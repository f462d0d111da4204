"""The length of each proof, the figures that it reaches, and the page that shows them.

A test that proves a promise of docs/reliability.md bears the marker ``proves`` with its number. It
states its figures there or by the fixture ``proof``.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
# The page's rows: a number, a promise, its proof, and the figures that a run writes.
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+) \|(.*)\|$", re.MULTILINE)
PROPERTY = "proves"
KEPT = "proofs/results"

Figures = Mapping[str, float]
Results = dict[str, dict[str, tuple[float, Figures | None]]]
"""By promise and test: the seconds, and the figures, None where the test failed."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The length of a proof, and its figures."""

    figures: dict[str, float] = field(default_factory=dict)

    def __call__(self, full: int) -> int:
        return repetitions(full)

    def record(self, **figures: float) -> None:
        """Add figures by name; one in ``_s`` is a duration in seconds."""
        self.figures.update(together([self.figures, figures]))


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Proof:
    """The length of this test, and its figures."""
    figures = [value["figures"] for name, value in request.node.user_properties if name == PROPERTY]
    return Proof(*figures)


def repetitions(full: int) -> int:
    """Give how often a proof repeats: a tenth of the full figure, all of it under `make prove`."""
    return full if is_full() else max(1, full // 10)


def is_full() -> bool:
    return os.environ.get("PROVE") == "1"  # noqa: TID251 (no setting of the application)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "proves(number, **figures): proves this promise")
    # Workers report to the process that started them.
    if is_full() and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_full():
        others = [item for item in items if not is_proof(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = filter(is_proof, items)
    for item in items:
        marker = item.get_closest_marker("proves")
        if marker is not None:
            value = {"promise": str(*marker.args), "figures": dict(marker.kwargs)}
            item.user_properties.append((PROPERTY, value))


def is_proof(item: pytest.Item) -> bool:
    return "proves" in item.keywords or "proof" in getattr(item, "fixturenames", ())


class Collector:
    """Collects the figures of a run from all its workers, and shows them in the end."""

    def __init__(self, config: pytest.Config) -> None:
        assert config.cache is not None
        self._cache = config.cache
        # A proof that is repeated alone replaces its own figures, and no others.
        self._results: Results = {} if config.args == ["tests"] else self._cache.get(KEPT, {})
        self._promises: set[str] = set()
        self._has_crashed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # A subtest is reported beside its test, which fails with it.
        is_part = getattr(report, "context", None) is not None
        if is_part or not (report.failed or (report.when == "call" and report.passed)):
            return
        # A process that ended in the midst of a test did not tell which promise it was to prove.
        self._has_crashed |= report.failed and not report.user_properties
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, dict):
                self._promises.add(value["promise"])
                figures = value["figures"] if report.passed else None
                results = self._results.setdefault(value["promise"], {})
                results[report.nodeid] = (report.duration, figures)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        page = PAGE.read_text()
        rows = [("promise", "figure reached", "seconds")]
        for number, promise, _, _ in ROW.findall(page):
            if number in self._promises:
                seconds = sum(took_s for took_s, _ in self._results[number].values())
                rows.append(
                    (f"{number} {promise}", reached(self._results[number]), f"{seconds:.0f}")
                )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        terminalreporter.section("proofs")
        for first, second, third in rows:
            line = f"{first:{widths[0]}}  {second:{widths[1]}}  {third:>{widths[2]}}"
            terminalreporter.write_line(line)
        if self._has_crashed:
            terminalreporter.write_line("A test has crashed: no figure was written.")
            return
        self._cache.set(KEPT, self._results)
        PAGE.write_text(with_figures(page, self._results))


def with_figures(page: str, results: Results) -> str:
    """Return the page with these figures; those of other promises stay."""

    def row(found: re.Match[str]) -> str:
        number, promise, proof, figures = found.groups()
        figures = reached(results[number]) if number in results else figures.strip()
        return f"| {number} | {promise} | {proof} | {figures} |".replace("|  |", "| |")

    return ROW.sub(row, page)


def reached(results: Mapping[str, tuple[float, Figures | None]]) -> str:
    """Return the figures of a promise in words, those of all its tests together."""
    figures = [figures for _, figures in results.values() if figures is not None]
    if len(figures) < len(results):
        return "**not reached**"
    words = []
    for name, value in together(figures).items():
        text = name.removesuffix("_s").replace("_", " ")
        words.append(f"{text} {value:.1f} s" if name.endswith("_s") else f"{value:,} {text}")
    return ", ".join(words)


def together(several: Iterable[Figures]) -> dict[str, float]:
    """Add up the figures of each name; of durations take the longest."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for figures in several:
        for name, value in figures.items():
            values[name].append(value)
    return {name: max(all_) if name.endswith("_s") else sum(all_) for name, all_ in values.items()}
