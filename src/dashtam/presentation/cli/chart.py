"""The chart in the terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from shutil import get_terminal_size
from typing import Any, Final

import click
import plotext

from dashtam.presentation.schemas.snapshots import Snapshot

_LARGEST_WIDTH: Final = 100
_HEIGHT: Final = 16
_DATES: Final = 5
_AMOUNTS: Final = 6


def chart(snapshots: Sequence[Snapshot]) -> str:
    """Return the balances as a line over time, given oldest first.

    Empty for fewer than two instants, and for several currencies.
    """
    # Floats only place the dots; the table holds the exact figures.
    times = [snapshot.captured_at.timestamp() for snapshot in snapshots]
    amounts = [float(snapshot.balance) for snapshot in snapshots]
    if len({snapshot.currency for snapshot in snapshots}) != 1 or times[0] == times[-1]:
        return ""
    figure: Any = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(min(get_terminal_size().columns, _LARGEST_WIDTH), _HEIGHT)
    figure.draw(figure.signal(times, amounts, marker="braille").lines())
    dates = _ticks(times[0], times[-1], _DATES)
    labels = [datetime.fromtimestamp(time, UTC).date().isoformat() for time in dates]
    figure.ruler("x").ticks(dates, labels)
    lines = _ticks(min(amounts), max(amounts), _AMOUNTS)
    figure.ruler("y").ticks(lines, [f"{amount:,.0f}" for amount in lines])
    return click.unstyle(str(figure.build())).rstrip()


def _ticks(first: float, last: float, count: int) -> list[float]:
    if first == last:
        return [first]
    return [first + (last - first) * number / (count - 1) for number in range(count)]
