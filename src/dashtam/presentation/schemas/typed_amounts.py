"""Amounts that an owner types, and the parsing of fields that are text."""

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from dashtam.domain.errors import DashtamError, FieldError, Unprocessable
from dashtam.domain.money import parse_amount
from dashtam.domain.period import Moment
from dashtam.domain.statement import Reading
from dashtam.presentation.schemas.base import AmountText, Input

T = TypeVar("T")


class TypedAmounts(Input):
    """A balance and its parts; those that are left out are unknown."""

    balance: AmountText
    available_balance: AmountText | None = None
    holdings_value: AmountText | None = None
    cash_value: AmountText | None = None

    def reading_at(self, moment: Moment) -> Reading:
        """Return the amounts as the reading of a moment.

        Raises:
            Unprocessable: a text is no amount.
        """
        return Reading(
            captured_at=moment.at,
            balance=parse_field(parse_amount, self.balance, "/balance"),
            available_balance=_parse_optional(self.available_balance, "/available_balance"),
            holdings_value=_parse_optional(self.holdings_value, "/holdings_value"),
            cash_value=_parse_optional(self.cash_value, "/cash_value"),
            precision=moment.precision,
        )


def parse_field(parse: Callable[[str], T], text: str, pointer: str) -> T:
    """Return the parsed text of a field.

    Raises:
        Unprocessable: the text cannot be parsed; with the field's pointer.
    """
    try:
        return parse(text)
    except DashtamError as error:
        field_error = FieldError(pointer, "invalid", str(error))
        raise Unprocessable(str(error), (field_error,)) from None


def _parse_optional(text: str | None, pointer: str) -> Decimal | None:
    return None if text is None else parse_field(parse_amount, text, pointer)
