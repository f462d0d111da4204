"""The bases of all wire shapes, and the types of fields that several shapes share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Self, get_args

import msgspec
from msgspec import Meta

AMOUNT_PATTERN = r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$"

AmountText = Annotated[
    str,
    Meta(
        description="An exact amount in plain digits, at least the currency's own fraction digits.",
        pattern=AMOUNT_PATTERN,
        examples=["25000.00"],
    ),
]

# A sum or a difference can have more digits than the amounts that are sent or reported.
SumText = Annotated[
    str,
    Meta(
        description="An exact sum or difference in plain digits.",
        pattern=r"^-?[0-9]{1,40}(\.[0-9]{1,18})?$",
        examples=["25000.00"],
    ),
]

CURRENCY_PATTERN = "^[A-Z]{3}$"

CurrencyCode = Annotated[
    str, Meta(description="ISO 4217 currency code.", pattern=CURRENCY_PATTERN, examples=["USD"])
]

# Control characters (PostgreSQL cannot store NUL), line separators and overrides of direction.
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"

# At least one visible character. Python's $ also matches before a line feed at the end.
NAME_PATTERN = rf"^(?!.*\n)[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"

Name = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN, examples=["Checking"])
]

# The same rule under a hint of its own.
REASON_PATTERN = f"^(?:{NAME_PATTERN[1:-1]})$"

Reason = Annotated[
    str,
    Meta(
        description="Why, in the owner's words.",
        min_length=1,
        max_length=500,
        pattern=REASON_PATTERN,
        examples=["The bank reported cents."],
    ),
]

Instant = Annotated[datetime, Meta(tz=True)]

InstantText = Annotated[
    str,
    Meta(
        description="An instant (RFC 3339); a bare date is 12:00:00Z of that day.",
        max_length=64,
        examples=["2025-12-26T10:00:00Z"],
    ),
]

PATTERN_HINTS: Final[Mapping[str, str]] = {
    AMOUNT_PATTERN: "An amount is plain digits with a point, such as 1250.00 or -1200.00",
    CURRENCY_PATTERN: "A currency is its three capital letters, such as USD",
    REASON_PATTERN: "A reason is not blanks alone and has no control characters",
    NAME_PATTERN: "A name is not blanks alone and has no control characters",
}
"""The rule behind each pattern, in words."""


class Shape(msgspec.Struct):
    """Part of an answer; fields are sent in this order. ``example`` is one as JSON."""

    example: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def of(cls, source: object, **fields: object) -> Self:
        """Return the shape with these fields; its other fields are attributes of the source."""
        for name in cls.__struct_fields__:
            if name not in fields:
                fields[name] = getattr(source, name)
        return msgspec.convert(fields, cls, from_attributes=True)


class PageShape(Shape, kw_only=True):
    """One page of a list, which is the subclass's only field; its example has one item."""

    total_count: int
    next_cursor: str | None

    def __init_subclass__(cls) -> None:
        ((name, items),) = cls.__annotations__.items()
        (shape,) = get_args(items)
        cls.example = {name: [shape.example], "total_count": 1, "next_cursor": None}


class Input(msgspec.Struct, forbid_unknown_fields=True):
    """A body; an unknown field is an error. ``example`` is one as JSON."""

    example: ClassVar[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form with a file: the JSON schema of each field by name, and an example."""

    fields: Mapping[str, Mapping[str, Any]]
    example: Mapping[str, str]
