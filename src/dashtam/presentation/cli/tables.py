"""Answers: tables for people, and JSON for programs."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from unicodedata import east_asian_width

import click
import msgspec

from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.period import Precision
from dashtam.presentation.cli.context import CommandContext, printable, printable_json


def answer(context: CommandContext, shape: object, text: Callable[[], str]) -> None:
    """Write the answer: with --json the shape, else the text."""
    if context.as_json:
        click.echo(printable_json(msgspec.json.encode(shape).decode()))
    else:
        click.echo(printable(text()))


def answer_table(
    context: CommandContext,
    shape: object,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: str = "",
) -> None:
    """Write the answer: with --json the shape, else the rows as a table."""
    answer(context, shape, lambda: table(headings, rows, numbers=numbers))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: str = "") -> str:
    """Return the rows in columns; columns with a heading among ``numbers`` are aligned right.

    None becomes a dash, an instant the minute in UTC.
    """
    columns = []
    for heading, *cells in zip(headings, *rows, strict=True):
        texts = [heading]
        for cell in cells:
            text = (
                instant_text(cell)
                if isinstance(cell, datetime)
                else printable(str(cell)).replace("\n", "\\n")
            )
            texts.append("-" if cell is None else text)
        width = max(map(_width, texts))
        pad = str.rjust if heading in numbers.split() else str.ljust
        columns.append([pad(text, width - _width(text) + len(text)) for text in texts])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def instant_text(instant: datetime) -> str:
    """Return the instant for people, in UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def captured_text(snapshot: BalanceSnapshot) -> str:
    """Return the time of a snapshot for people: the instant, or the day without a time."""
    if snapshot.precision is Precision.DAY:
        return snapshot.captured_at.date().isoformat()
    return instant_text(snapshot.captured_at)


def count_text(count: int, noun: str) -> str:
    """Return the count with its noun, in the plural unless it is one."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _width(text: str) -> int:
    """Return the columns that a terminal needs for the text."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
