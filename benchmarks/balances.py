"""Balances as banks report them: days of noisy amounts, in several currencies."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from dashtam.domain.account import AccountType, Identity
from dashtam.domain.money import Currency
from dashtam.domain.statement import Reading, Statement

NOON: Final = time(12, tzinfo=UTC)

_PIECE: Final = 1_000
_CURRENCIES: Final = ("USD", "EUR", "USD", "JPY", "GBP", "USD", "EUR", "KWD")
_KINDS: Final = (
    AccountType.CHECKING,
    AccountType.SAVINGS,
    AccountType.BROKERAGE,
    AccountType.CREDIT_CARD,
    AccountType.CHECKING,
    AccountType.IRA,
    AccountType.LOAN,
    AccountType.SAVINGS,
)
_INVESTED: Final = frozenset({AccountType.BROKERAGE, AccountType.IRA})
_WITH_AVAILABLE: Final = frozenset({AccountType.CHECKING, AccountType.CREDIT_CARD})


def statements(
    place: int, count: int, last_on: date, random: Random, *, every_days: int = 1
) -> Iterator[Statement]:
    """Yield the statement of a user's account by its place, in pieces of some readings."""
    kind = _KINDS[place % len(_KINDS)]
    currency = Currency.of(_CURRENCIES[place % len(_CURRENCIES)])
    identity = Identity(
        institution_key="benchmark",
        institution="Benchmark Bank",
        external_id=f"account-{place}",
        name=f"Account {place + 1}",
        account_type=kind,
        number_masked=None,
        currency=currency,
    )
    readings: list[Reading] = []
    amount = random.randrange(10_000, 9_000_000)
    for number in range(count - 1, -1, -1):
        amount += random.randrange(-90_000, 91_000)
        on = last_on - timedelta(days=number * every_days)
        readings.append(_reading(amount, kind, currency, on))
        if len(readings) == _PIECE:
            yield Statement(identity, readings)
            readings = []
    if readings:
        yield Statement(identity, readings)


def _reading(amount: int, kind: AccountType, currency: Currency, on: date) -> Reading:
    at = datetime.combine(on, NOON)
    balance = Decimal(amount).scaleb(-currency.digits)
    if kind in _INVESTED:
        cash = Decimal(amount % 70_001).scaleb(-currency.digits)
        return Reading(at, balance, holdings_value=balance - cash, cash_value=cash)
    if kind in _WITH_AVAILABLE:
        pending = Decimal(amount % 9_001).scaleb(-currency.digits)
        return Reading(at, balance, available_balance=balance - pending)
    return Reading(at, balance)


def csv(accounts: int, days: int, last_on: date, random: Random) -> str:
    """Return a file of daily balances, as people export them."""
    lines = ["Date,Balance,Account"]
    for place in range(accounts):
        cents = random.randrange(10_000, 9_000_000)
        for day in range(days - 1, -1, -1):
            cents += random.randrange(-90_000, 91_000)
            on = last_on - timedelta(days=day)
            lines.append(f"{on},{Decimal(cents).scaleb(-2)},Account {place + 1}")
    return "\n".join(lines) + "\n"
