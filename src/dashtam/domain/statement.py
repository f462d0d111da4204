"""Statements: the readings and positions that a source reports of one account."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from dashtam.domain.account import Identity
from dashtam.domain.errors import FieldError, InvalidAmount
from dashtam.domain.mapping_proposal import MappingProposal, SourceRow
from dashtam.domain.money import EXACT, Currency, parse_amount, to_digits
from dashtam.domain.period import Moment, Precision


@dataclass(frozen=True, slots=True)
class Reading:
    """The account's balances at one instant, as reported: no sign applied, nothing invented.

    ``as_of`` is the source's own instant where that is not ``captured_at``. With the precision of a
    day ``captured_at`` is noon (UTC) of that day, and no instant is known. ``line`` is the file's
    own, in previews of tables. ``is_interim`` tells that it is not the closing booked balance.
    """

    captured_at: datetime
    balance: Decimal
    available_balance: Decimal | None = None
    holdings_value: Decimal | None = None
    cash_value: Decimal | None = None
    as_of: datetime | None = None
    precision: Precision = Precision.INSTANT
    line: int | None = field(default=None, compare=False)
    is_interim: bool = False

    @classmethod
    def of_day(cls, day: date, balance: Decimal) -> "Reading":
        """Return the reading of a day without a time."""
        moment = Moment.of_day(day)
        return cls(moment.at, balance, precision=moment.precision)

    def with_opposite_sign(self) -> "Reading":
        """Return the reading as a source with the opposite sign for debts reports it."""
        return replace(self, balance=self.balance.copy_negate() if self.balance else self.balance)


@dataclass(frozen=True, slots=True)
class Position:
    """One holding of the account, in the account's currency unless ``currency`` says otherwise."""

    symbol: str
    name: str
    asset_type: str
    quantity: Decimal
    price: Decimal | None
    market_value: Decimal | None
    cost_basis: Decimal | None
    currency: Currency
    as_of: datetime


class FlowKind(StrEnum):
    """The kind of an external flow."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    DIVIDEND = "dividend"
    INTEREST = "interest"
    FEE = "fee"
    OTHER = "other"

    @classmethod
    def of_payment(cls, amount: Decimal) -> "FlowKind":
        """Return the kind of a payment into the account (above zero) or out of it."""
        return cls.DEPOSIT if amount > 0 else cls.WITHDRAWAL

    @classmethod
    def of_transfer(cls, amount: Decimal) -> "FlowKind":
        """Return the kind of a transfer into the account (above zero) or out of it."""
        return cls.TRANSFER_IN if amount > 0 else cls.TRANSFER_OUT


@dataclass(frozen=True, slots=True)
class Flow:
    """Money or securities that came into the account (above zero) or left it (below).

    ``external_id`` is the source's own id, None where it has none.
    """

    booked_on: date
    amount: Decimal
    currency: Currency
    kind: FlowKind
    external_id: str | None = None


def sum_market_values(positions: Sequence[Position] | None, currency: Currency) -> Decimal | None:
    """Return the value of all positions, None without any or where one has none in the currency."""
    total = Decimal(0)
    for position in positions or ():
        if position.market_value is None or position.currency != currency:
            # A sum that leaves something out would be a guess.
            return None
        total = EXACT.add(total, position.market_value)
    try:
        # The sum of bounded amounts may be longer than an amount.
        return parse_amount(to_digits(total)) if positions else None
    except InvalidAmount:
        return None


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A supported format of statement files."""

    slug: str
    name: str
    extensions: Sequence[str]
    description: str


@dataclass(frozen=True, slots=True)
class RowError:
    """A line that could not be used, and why; never with the line's text.

    ``line`` counts from 1 and is None where the trouble is not on one line.
    """

    line: int | None
    code: str
    detail: str

    def to_field_error(self) -> FieldError:
        """Return the error of the file in a request."""
        place = "" if self.line is None else f"Line {self.line}: "
        return FieldError("/file", self.code, place + self.detail)


@dataclass(frozen=True, slots=True)
class Statement:
    """One account's readings, in the order of the source.

    A long statement may come in several pieces with the same identity. ``positions`` is None where
    the source reports none, and empty where it reports that there are none. ``remarks`` tell of
    readings that are used and are not closing booked balances. ``table`` comes with the first
    statement of a table, and tells how it is read; ``rows`` with the last one, in a preview.
    """

    identity: Identity
    readings: Sequence[Reading]
    positions: Sequence[Position] | None = None
    problems: Sequence[RowError] = ()
    flows: Sequence[Flow] = ()
    remarks: Sequence[RowError] = ()
    table: MappingProposal | None = None
    rows: Sequence[SourceRow] = ()
