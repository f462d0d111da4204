"""Parameters of paths and queries: their parsers, and their descriptions."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID
from zoneinfo import ZoneInfo

from dashtam.database.pagination import Cursor
from dashtam.domain.account import AccountId
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import DashtamError, FieldError, Invalid
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.history.evidence import Exclusion
from dashtam.domain.period import Interval, find_zone
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.http.instants import END_OF_DAY, START_OF_DAY, parse_instant
from dashtam.presentation.schemas import examples

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Identifier = TypeVar("Identifier")


class GroupBy(StrEnum):
    """Whether total history has a series of each currency, or of each account."""

    CURRENCY = "currency"
    ACCOUNT = "account"


class Detail(StrEnum):
    """More about each snapshot than the document's twelve fields."""

    EVIDENCE = "evidence"


# Compared by identity, so that the values of a query can be cached by their parameters.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parameter(Generic[T]):
    """A parameter with its JSON schema; left out of the query, its value is ``default``.

    ``parse`` raises ``DashtamError`` for a text that is not valid.
    """

    name: str
    place: Literal["path", "query"] = "query"
    parse: Callable[[str], T]
    schema: Mapping[str, Any]
    description: str
    example: str
    required: bool = False
    default: T | None = None

    def value_of(self, texts: Sequence[str]) -> T | None:
        """Return the value for all texts that the request has under this name."""
        if not texts:
            if self.required:
                raise Invalid(detail=f"This parameter is required, for example {self.example}.")
            return self.default
        if len(texts) > 1:
            raise Invalid(detail="Give this parameter once.")
        return self.parse(texts[0])


@dataclass(slots=True)
class ParameterValues:
    """The values of a route's parameters, by name."""

    values: Mapping[str, Any]

    def value(self, parameter: Parameter[T]) -> T:
        """Return the value of a parameter that is required or has a default."""
        value: T = self.values[parameter.name]
        return value

    def optional(self, parameter: Parameter[T]) -> T | None:
        """Return the value of a parameter, None where it was left out."""
        value: T | None = self.values[parameter.name]
        return value


class InvalidParameters(Invalid):
    """Parameters that are not valid, each by its name."""

    detail = "A parameter cannot be read."


def read_parameters(
    parameters: tuple[Parameter[Any], ...], path_values: Mapping[str, str], query: bytes
) -> Mapping[str, Any]:
    """Return the value of each parameter by name; others in the query are ignored.

    Raises:
        InvalidParameters: naming every parameter that is missing, given twice or not valid.
    """
    of_query, errors_of_query = _read_query(parameters, query)
    texts = {name: [text] for name, text in path_values.items()}
    of_path, errors_of_path = _parse(parameters, "path", texts)
    field_errors = (*errors_of_path, *errors_of_query)
    if field_errors:
        details = " ".join(error.detail for error in field_errors)
        raise InvalidParameters(details, field_errors)
    return {**of_path, **of_query}


# The fast path and the pipeline read the same query, and charts ask it of many accounts.
@lru_cache(maxsize=1024)
def _read_query(
    parameters: tuple[Parameter[Any], ...], query: bytes
) -> tuple[Mapping[str, Any], Sequence[FieldError]]:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidParameters(detail="The query must be UTF-8, percent-encoded.") from error
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        given.setdefault(name, []).append(text)
    return _parse(parameters, "query", given)


def _parse(
    parameters: tuple[Parameter[Any], ...], place: str, given: Mapping[str, Sequence[str]]
) -> tuple[Mapping[str, Any], Sequence[FieldError]]:
    values: dict[str, Any] = {}
    field_errors: list[FieldError] = []
    for parameter in parameters:
        name = parameter.name
        if parameter.place == place:
            try:
                values[name] = parameter.value_of(given.get(name, ()))
            except DashtamError as error:
                field_errors.append(FieldError(name, "invalid", f"{name}: {error}"))
    return values, field_errors


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _parse_id(text: str, *, kind: Callable[[UUID], Identifier]) -> Identifier:
    if not _UUID.fullmatch(text):
        raise Invalid(detail="An id is a UUID like 123e4567-e89b-12d3-a456-426614174000.")
    return kind(UUID(text))


def path_id(
    kind: Callable[[UUID], Identifier], description: str, name: str = "id"
) -> Parameter[Identifier]:
    """Return a parameter of a path that is an id of this kind."""
    return Parameter(
        name=name,
        place="path",
        parse=partial(_parse_id, kind=kind),
        schema={"type": "string", "format": "uuid"},
        description=description,
        example=examples.ACCOUNT_ID,
        required=True,
    )


def _parse_choice(text: str, *, choices: type[E], detail: str) -> E:
    try:
        return choices(text)
    except ValueError as error:
        raise Invalid(detail=f"{detail} one of {', '.join(choices)}.") from error


def _parse_number(text: str, *, digits: re.Pattern[str], within: range, detail: str) -> int:
    if not digits.fullmatch(text) or int(text) not in within:
        raise Invalid(detail)
    return int(text)


def _parse_include(text: str) -> AbstractSet[str]:
    included = frozenset(text.split(","))
    if not included <= {"hidden", "closed"}:
        raise Invalid(detail="Write hidden, closed or hidden,closed.")
    return included


def parse_excluded(text: str) -> AbstractSet[Exclusion]:
    """Return the reasons for which snapshots do not count, written with commas between them."""
    try:
        return frozenset(map(Exclusion, text.split(",")))
    except ValueError as error:
        detail = "Write superseded, retracted or held, or several with commas between them."
        raise Invalid(detail) from error


def write_cursor(cursor: Cursor | None) -> str | None:
    """Return the text of a cursor, as ``next_cursor`` has it."""
    if cursor is None:
        return None
    return base64.urlsafe_b64encode(cursor.id.bytes + cursor.name.encode()).decode().rstrip("=")


def parse_cursor(text: str) -> Cursor:
    """Return the cursor of a ``next_cursor``."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        return Cursor(id=UUID(bytes=raw[:16]), name=raw[16:].decode().replace("\0", ""))
    except (ValueError, binascii.Error) as error:
        raise Invalid(detail="A cursor is the next_cursor of an answer before.") from error


ACCOUNT_ID: Final = path_id(AccountId, "Account unique identifier.")
CONNECTION_ID: Final = path_id(ConnectionId, "Connection unique identifier.")
SNAPSHOT_ID: Final = path_id(SnapshotId, "Snapshot unique identifier.", name="snapshot_id")
HOLD_ID: Final = path_id(SnapshotId, "Hold unique identifier: that of the held snapshot.")

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
    parse=partial(_parse_choice, choices=SnapshotSource, detail="A source is"),
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

EXCLUDED: Final[Parameter[AbstractSet[Exclusion]]] = Parameter(
    name="include",
    parse=parse_excluded,
    schema={
        "type": "string",
        "pattern": "^(superseded|retracted|held)(,(superseded|retracted|held)){0,2}$",
    },
    description="Snapshots that do not count, in their place and with `evidence`: those that a"
    " correction superseded, retracted ones, and those that are held or were rejected. They have no"
    " change, and no other change is one from them.",
    example="superseded,retracted,held",
)

INTERVAL: Final[Parameter[Interval]] = Parameter(
    name="interval",
    parse=partial(_parse_choice, choices=Interval, detail="An interval is"),
    schema={"type": "string", "enum": list(Interval)},
    description="Only the last snapshot of each day, week (ISO 8601, from Monday on) or month in"
    " `tz`. A day's balance is one of its own day in every `tz`.",
    example="day",
)

TZ: Final[Parameter[ZoneInfo]] = Parameter(
    name="tz",
    parse=find_zone,
    schema={"type": "string"},
    description="The time zone in which an `interval` begins, by its IANA name; by default the"
    " user's, or UTC. Bare dates stay UTC.",
    example="Europe/Berlin",
)

MAX_POINTS: Final[Parameter[int]] = Parameter(
    name="max_points",
    parse=partial(
        _parse_number,
        digits=re.compile(r"[1-9][0-9]{0,4}"),
        within=range(2, 10_001),
        detail="Write a whole number from 2 to 10000.",
    ),
    schema={"type": "integer", "minimum": 2, "maximum": 10_000},
    description="At most this many points, each as it was recorded: of a longer series, cut into"
    " stretches of equal length, the first, the last, the smallest and the largest point of each"
    " stretch stay (below 4: the first and the last of all).",
    example="400",
)

GROUP_BY: Final[Parameter[GroupBy]] = Parameter(
    name="group_by",
    parse=partial(_parse_choice, choices=GroupBy, detail="Group by"),
    schema={"type": "string", "enum": list(GroupBy), "default": "currency"},
    description="Whether there is a series of each currency, or of each account.",
    example="currency",
    default=GroupBy.CURRENCY,
)

ONLY_ACCOUNT: Final[Parameter[AccountId]] = Parameter(
    name="account_id",
    parse=partial(_parse_id, kind=AccountId),
    schema={"type": "string", "format": "uuid"},
    description="Only this account, even if it is hidden.",
    example=examples.ACCOUNT_ID,
)

DETAIL: Final[Parameter[Detail]] = Parameter(
    name="detail",
    parse=partial(_parse_choice, choices=Detail, detail="A detail is"),
    schema={"type": "string", "enum": list(Detail)},
    description="`evidence` adds the origin and the precision of each snapshot, its corrections,"
    " its retraction and its hold, behind its other fields.",
    example="evidence",
)

KNOWN_AT: Final[Parameter[datetime]] = Parameter(
    name="known_at",
    parse=partial(parse_instant, day_means=END_OF_DAY),
    schema=_INSTANT_SCHEMA,
    description="The answer that was given at this instant (RFC 3339), not in the future: without"
    " later recordings, corrections, retractions and settings. A bare date is its last instant.",
    example="2025-12-31T23:59:59Z",
)

AT: Final[Parameter[datetime]] = Parameter(
    name="at",
    parse=partial(parse_instant, day_means=END_OF_DAY),
    schema=_INSTANT_SCHEMA,
    description="The positions at this instant (RFC 3339): of each account those that were last"
    " reported until then. A bare date is its last instant.",
    example="2025-12-31",
)

CURSOR: Final[Parameter[Cursor]] = Parameter(
    name="cursor",
    parse=parse_cursor,
    schema={"type": "string"},
    description="The `next_cursor` of the previous page.",
    example="AZq3ZB8Ycm2",
)


def limit(default: int) -> Parameter[int]:
    """Return the parameter ``limit``, 1 to 100, with its default."""
    return Parameter(
        name="limit",
        parse=partial(
            _parse_number,
            digits=re.compile(r"[0-9]{1,4}"),
            within=range(1, 101),
            detail="A limit is a whole number from 1 to 100.",
        ),
        schema={"type": "integer", "minimum": 1, "maximum": 100, "default": default},
        description=f"The most items in the answer (1 to 100, default {default}).",
        example=str(default),
        default=default,
    )


PAGE_LIMIT: Final = limit(default=100)

PAGE: Final = (PAGE_LIMIT, CURSOR)
