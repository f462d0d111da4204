"""Types of the commands' parameters."""

from collections.abc import Callable, Mapping
from datetime import datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import click
import msgspec

from dashtam.domain.errors import DashtamError, Invalid
from dashtam.domain.money import Currency, parse_amount
from dashtam.domain.period import Moment
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.http.instants import END_OF_DAY, parse_instant, parse_moment
from dashtam.presentation.schemas.base import Name, Reason

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


def parse_name(text: str) -> str:
    """Return a name as the API takes it."""
    try:
        return msgspec.convert(text, Name)
    except msgspec.ValidationError:
        detail = "A name has 1 to 200 characters, not blanks alone, and no control characters."
        raise Invalid(detail) from None


def parse_reason(text: str) -> str:
    """Return the reason of a correction or a retraction as the API takes it."""
    try:
        return msgspec.convert(text, Reason)
    except msgspec.ValidationError:
        detail = "A reason has 1 to 500 characters, not blanks alone, and no control characters."
        raise Invalid(detail) from None


def parse_json_object(text: str) -> Mapping[str, Any]:
    """Return a JSON object; ``@`` stands before the path of a file that holds it."""
    try:
        raw = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
        return msgspec.json.decode(raw, type=dict[str, Any])
    except OSError as error:
        raise Invalid(detail=f"{text[1:]}: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid(detail="This is not a JSON object.") from None


AMOUNT: Final[ParsedParam[Decimal]] = ParsedParam("amount", parse_amount)
CURRENCY: Final[ParsedParam[Currency]] = ParsedParam(
    "currency", lambda text: Currency.of(text.upper())
)
NAME: Final[ParsedParam[str]] = ParsedParam("text", parse_name)
REASON: Final[ParsedParam[str]] = ParsedParam("text", parse_reason)
MOMENT: Final[ParsedParam[Moment]] = ParsedParam("instant", parse_moment)
JSON_OBJECT: Final[ParsedParam[Mapping[str, Any]]] = ParsedParam("json", parse_json_object)


def instant_param(day_means: time) -> ParsedParam[datetime]:
    """Return the type of an instant as the API reads it; a bare date is ``day_means`` in UTC."""
    return ParsedParam("instant", partial(parse_instant, day_means=day_means))


KNOWN_AT: Final = click.option(
    "--known-at",
    type=instant_param(END_OF_DAY),
    help="As it was known at this instant.",
)
