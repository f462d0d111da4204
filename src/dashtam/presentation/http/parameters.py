"""Parameters of paths and queries: how each is read, and how it is described."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from dashtam.database.pagination import Cursor
from dashtam.domain.errors import DashtamError, FieldError, Invalid
from dashtam.domain.period import Interval
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.http.instants import END_OF_DAY, START_OF_DAY, parse_instant

T = TypeVar("T")

GROUPS: Final = ("currency", "account")

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WHOLE = re.compile(r"[0-9]{1,4}")
_POINTS = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Generic[T]):
    """One parameter by name: ``parse`` reads its text and refuses what it cannot read.

    ``schema`` is its JSON schema. A query parameter that is left out is its ``default``.
    """

    name: str
    place: Literal["path", "query"] = "query"
    parse: Callable[[str], T]
    schema: Mapping[str, Any]
    description: str
    example: str
    required: bool = False
    default: T | None = None


class InvalidParameters(Invalid):
    """Parameters that cannot be read; each is named."""

    detail = "A parameter cannot be read."


def read_parameters(
    wanted: Sequence[Parameter[Any]], path_values: Mapping[str, str], query: bytes
) -> dict[str, Any]:
    """Return the value of each parameter by name; unknown ones in the query are ignored.

    Raises:
        InvalidParameters: naming every parameter that is missing, given twice or not readable.
    """
    given = _given(query)
    values: dict[str, Any] = {}
    field_errors: list[FieldError] = []
    for parameter in wanted:
        texts = given.get(parameter.name, [])
        if parameter.place == "path":
            texts = [path_values[parameter.name]]
        try:
            values[parameter.name] = _value(parameter, texts)
        except DashtamError as refusal:
            field_errors.append(
                FieldError(parameter.name, "invalid", f"{parameter.name}: {refusal}")
            )
    if field_errors:
        raise InvalidParameters(
            " ".join(fault.detail for fault in field_errors), tuple(field_errors)
        )
    return values


def _given(query: bytes) -> Mapping[str, Sequence[str]]:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        detail = "The query must be UTF-8, percent-encoded."
        raise InvalidParameters(detail) from error
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        given.setdefault(name, []).append(text)
    return given


def _value(parameter: Parameter[T], texts: Sequence[str]) -> T | None:
    if not texts:
        if parameter.required:
            detail = f"This parameter is required, for example {parameter.example}."
            raise Invalid(detail)
        return parameter.default
    if len(texts) > 1:
        detail = "Give this parameter once."
        raise Invalid(detail)
    return parameter.parse(texts[0])


def _parse_uuid(text: str) -> UUID:
    if not _UUID.fullmatch(text):
        detail = "An id is a UUID like 123e4567-e89b-12d3-a456-426614174000."
        raise Invalid(detail)
    return UUID(text)


def _parse_limit(text: str) -> int:
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= 100:  # noqa: PLR2004 - the sentence says so
        detail = "A limit is a whole number from 1 to 100."
        raise Invalid(detail)
    return int(text)


def _parse_source(text: str) -> SnapshotSource:
    try:
        return SnapshotSource(text)
    except ValueError as error:
        detail = f"A source is one of {', '.join(SnapshotSource)}."
        raise Invalid(detail) from error


def _parse_include(text: str) -> AbstractSet[str]:
    wanted = frozenset(text.split(","))
    if not wanted <= {"hidden", "closed"}:
        detail = "Write hidden, closed or hidden,closed."
        raise Invalid(detail)
    return wanted


def _parse_interval(text: str) -> Interval:
    try:
        return Interval(text)
    except ValueError as error:
        detail = f"An interval is one of {', '.join(Interval)}."
        raise Invalid(detail) from error


def _parse_group_by(text: str) -> str:
    if text not in GROUPS:
        detail = f"Group by one of {', '.join(GROUPS)}."
        raise Invalid(detail)
    return text


def _parse_max_points(text: str) -> int:
    if not _POINTS.fullmatch(text) or not 2 <= int(text) <= 10_000:  # noqa: PLR2004 - the sentence says so
        detail = "Write a whole number from 2 to 10000."
        raise Invalid(detail)
    return int(text)


def _parse_zone(text: str) -> ZoneInfo:
    if text not in _zones():
        detail = f"{text[:64]!r} is no time zone. Write the name of one, like Europe/Berlin."
        raise Invalid(detail)
    return ZoneInfo(text)


@cache
def _zones() -> AbstractSet[str]:
    # What a machine calls its own is another zone on the next.
    return available_timezones() - {"localtime", "Factory"}


def write_cursor(place: Cursor | None) -> str | None:
    """Return the text by which a client asks for what comes behind this place."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(place.id.bytes + place.name.encode()).decode().rstrip("=")


def _parse_cursor(text: str) -> Cursor:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        return Cursor(id=UUID(bytes=raw[:16]), name=raw[16:].decode().replace("\0", ""))
    except (ValueError, binascii.Error) as error:
        detail = "A cursor is the next_cursor of an answer before."
        raise Invalid(detail) from error


def path_id(described: str, name: str = "id") -> Parameter[UUID]:
    """Return a parameter of a path that is an id, described for people."""
    return Parameter(
        name=name,
        place="path",
        parse=_parse_uuid,
        schema={"type": "string", "format": "uuid"},
        description=described,
        example="123e4567-e89b-12d3-a456-426614174000",
        required=True,
    )


ACCOUNT_ID: Final = path_id("Account unique identifier.")
CONNECTION_ID: Final = path_id("Connection unique identifier.")

_INSTANT_SCHEMA: Final = {"type": "string", "format": "date-time"}

START_DATE: Final[Parameter[datetime]] = Parameter(
    name="start_date",
    parse=partial(parse_instant, day_means=START_OF_DAY),
    schema=_INSTANT_SCHEMA,
    description="Start of the date range, included (RFC 3339). A bare date is its first instant.",
    example="2025-01-01T00:00:00Z",
    required=True,
)

END_DATE: Final[Parameter[datetime]] = Parameter(
    name="end_date",
    parse=partial(parse_instant, day_means=END_OF_DAY),
    schema=_INSTANT_SCHEMA,
    description="End of the date range, included (RFC 3339). A bare date is its last instant.",
    example="2025-12-31T23:59:59Z",
    required=True,
)

SOURCE: Final[Parameter[SnapshotSource]] = Parameter(
    name="source",
    parse=_parse_source,
    schema={"type": "string", "enum": list(SnapshotSource)},
    description="Only snapshots captured in this way.",
    example="manual_sync",
)

INCLUDE: Final[Parameter[AbstractSet[str]]] = Parameter(
    name="include",
    parse=_parse_include,
    schema={"type": "string", "pattern": "^(hidden|closed)(,(hidden|closed))?$"},
    description="Accounts that are otherwise left out: hidden, closed, or both with a comma.",
    example="hidden,closed",
    default=frozenset(),
)

INTERVAL: Final[Parameter[Interval]] = Parameter(
    name="interval",
    parse=_parse_interval,
    schema={"type": "string", "enum": list(Interval)},
    description="Only the last of each day, week (ISO 8601, from Monday on) or month in `tz`.",
    example="day",
)

TZ: Final[Parameter[ZoneInfo]] = Parameter(
    name="tz",
    parse=_parse_zone,
    schema={"type": "string", "default": "UTC"},
    description="The time zone in which an `interval` begins, by its IANA name. Bare dates stay"
    " UTC.",
    example="Europe/Berlin",
    default=ZoneInfo("UTC"),
)

MAX_POINTS: Final[Parameter[int]] = Parameter(
    name="max_points",
    parse=_parse_max_points,
    schema={"type": "integer", "minimum": 2, "maximum": 10_000},
    description="At most so many, each as it was recorded: where there are more, the range is cut"
    " into stretches of equal length, and the first, the last, the smallest and the largest of"
    " each stay (below 4, the first and the last of all).",
    example="400",
)

GROUP_BY: Final[Parameter[str]] = Parameter(
    name="group_by",
    parse=_parse_group_by,
    schema={"type": "string", "enum": list(GROUPS), "default": "currency"},
    description="Whether there is a series of each currency, or of each account.",
    example="currency",
    default="currency",
)

CURSOR: Final[Parameter[Cursor]] = Parameter(
    name="cursor",
    parse=_parse_cursor,
    schema={"type": "string"},
    description="The next_cursor of the answer before.",
    example="AZq3ZB8Ycm2",
)


def limit(default: int) -> Parameter[int]:
    """Return the parameter ``limit``, 1 to 100, with its default."""
    return Parameter(
        name="limit",
        parse=_parse_limit,
        schema={"type": "integer", "minimum": 1, "maximum": 100, "default": default},
        description=f"How many at most (1 to 100, default {default}).",
        example=str(default),
        default=default,
    )


PAGE_LIMIT: Final = limit(default=100)

PAGE: Final = (PAGE_LIMIT, CURSOR)
