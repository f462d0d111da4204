"""Tables for people, and the same answers as JSON for programs."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from unicodedata import east_asian_width

import click
import msgspec

from dashtam.presentation.cli.context import CommandContext, printable

_GAP: Final = "  "
_WIDE: Final = frozenset("WF")


def answer(context: CommandContext, shape: object, text: Callable[[], str]) -> None:
    """Write the answer: the shape as JSON where that was asked for, else the text."""
    as_json = context.as_json
    click.echo(msgspec.json.encode(shape).decode() if as_json else printable(text()))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: str = "") -> str:
    """Return the rows in columns; those whose heading is a word of ``numbers`` at the right."""
    lines = [headings, *rows]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    at_the_right = [heading in numbers.split() for heading in headings]
    return "\n".join(_GAP.join(map(_padded, line, widths, at_the_right)).rstrip() for line in lines)


def instant_text(instant: datetime | None) -> str:
    """Return the instant for people, in UTC; a dash where there is none."""
    if instant is None:
        return "-"
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def count_text(count: int, noun: str) -> str:
    """Return the count with its noun, in the plural where it is not one."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in _WIDE else 1 for character in text)


def _padded(text: str, width: int, at_the_right: bool) -> str:  # noqa: FBT001 - map passes it
    blanks = " " * (width - _width(text))
    return blanks + text if at_the_right else text + blanks
