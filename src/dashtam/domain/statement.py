"""Statements: what a source reports of one account."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from dashtam.domain.account import AccountType, BalanceSign
from dashtam.domain.money import Currency


@dataclass(frozen=True, slots=True)
class Reading:
    """What the account held at one instant, as reported: no sign applied, nothing invented.

    ``as_of`` is the source's own instant where that is not ``captured_at``.
    """

    captured_at: datetime
    balance: Decimal
    available_balance: Decimal | None = None
    holdings_value: Decimal | None = None
    cash_value: Decimal | None = None
    as_of: datetime | None = None

    def turned(self) -> "Reading":
        """Return the reading as a source with the opposite sign for what is owed reports it."""
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


@dataclass(frozen=True, slots=True)
class RowError:
    """A line that could not be used, and why; never with what stood there.

    ``line`` counts from 1 and is None where the trouble is not on one line.
    """

    line: int | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Identity:
    """By what an account is found again, and what it is called when it is first seen.

    ``institution_key`` groups files of one institution (an OFX ``FI``, a BIC, else the format's
    name); ``institution`` is that institution's name for people. ``account_type`` is None where
    the source does not tell.

    ``balance_sign`` is -1 where the source is known to report what is owed as a positive number, 1
    where it is known not to, and None where nothing is known of it.
    """

    institution_key: str
    institution: str
    external_id: str
    name: str
    account_type: AccountType | None
    number_masked: str | None
    currency: Currency
    balance_sign: BalanceSign | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One account's readings, in the order of the source.

    A long statement may come in several pieces with the same identity. ``positions`` is None where
    the source says nothing of them, empty where it says that there are none.
    """

    identity: Identity
    readings: Sequence[Reading]
    positions: Sequence[Position] | None = None
    problems: Sequence[RowError] = ()
