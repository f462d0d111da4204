"""Types of the commands' parameters: instants, amounts, currencies."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final, TypeVar, cast

import click

from dashtam.domain.errors import DashtamError
from dashtam.domain.money import Currency, parse_amount
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.http.instants import parse_instant

T = TypeVar("T")

SOURCE: Final = click.Choice([str(source) for source in SnapshotSource])


class ParsedParam(click.ParamType[T]):
    """A parameter that a function parses; its ``DashtamError`` is a misuse of the command."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Return the parsed text; a default stays as it is."""
        if not isinstance(value, str):
            return cast("T", value)
        try:
            return self._parse(value)
        except DashtamError as error:
            self.fail(str(error), param, ctx)


AMOUNT: Final[ParsedParam[Decimal]] = ParsedParam("amount", parse_amount)
CURRENCY: Final[ParsedParam[Currency]] = ParsedParam(
    "currency", lambda text: Currency.of(text.upper())
)


def instant_param(day_means: time) -> ParsedParam[datetime]:
    """Return the type of an instant as the API reads it; a bare date is ``day_means`` in UTC."""
    return ParsedParam(
        "instant", lambda text: parse_instant(text, day_means=day_means).astimezone(UTC)
    )
