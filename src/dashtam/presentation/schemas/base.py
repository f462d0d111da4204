"""Types of fields that many wire shapes share: amounts, texts, instants."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from dashtam.domain.money import Money

AMOUNT_PATTERN = r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$"

AmountText = Annotated[
    str,
    Meta(
        description="An exact amount in plain digits, at least the currency's own fraction digits.",
        pattern=AMOUNT_PATTERN,
        examples=["25000.00"],
    ),
]

# Sums and differences of amounts have more digits than any one that is sent or reported.
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

# No control characters: PostgreSQL cannot hold NUL, and no name has any; but something to see.
NAME_PATTERN = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"

Name = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN, examples=["Checking"])
]

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
    NAME_PATTERN: "A name is not blanks alone and has no control characters",
}
"""What each pattern asks for, in words for those who type it."""


class Shape(msgspec.Struct, kw_only=True):
    """What is sent to clients: fields in the order in which they are written."""


class Input(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What clients send: a field that nobody knows is an error."""


def amount_text(money: Money | None) -> str | None:
    """Return the amount as it is written, None where there is none."""
    return None if money is None else str(money)


def decimal_text(amount: Decimal | None) -> str | None:
    """Return a quantity as it is written: plain digits, never an exponent."""
    return None if amount is None else format(amount, "f")
