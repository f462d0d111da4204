"""The demonstration: an invented household with years of daily balances, without any network.

The same seed gives the same history at any time and on any machine.
"""

# ruff: noqa: PLR2004 - a household of invented numbers

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final

from dashtam.application.provider import (
    AccountReport,
    CredentialField,
    Credentials,
    Http,
    Pace,
    Redirect,
    Renew,
    Report,
    ReturnTo,
)
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.money import Currency
from dashtam.domain.parsing import clean
from dashtam.domain.period import Moment
from dashtam.domain.statement import Position, Reading
from dashtam.providers.key_provider import KeyProvider

BEGINS_ON: Final = date(2022, 1, 3)

_USD, _EUR = Currency.of("USD"), Currency.of("EUR")
_CENT: Final = Decimal("0.01")
_DEFAULT_SEED: Final = "dashtam"
_MINUTES_OF_A_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Chance:
    """Repeatable random numbers: the same seed and the same words give the same number."""

    seed: str

    def between(self, low: int, high: int, *words: object) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        digest = sha256("/".join((self.seed, *map(str, words))).encode()).digest()
        return low + int.from_bytes(digest[:8]) % (high - low + 1)


@dataclass(frozen=True, slots=True)
class _Security:
    symbol: str
    name: str
    asset_type: str
    quantity: Decimal
    first_cents: int
    daily_drift_millionths: int
    swing_millionths: int


@dataclass(frozen=True, slots=True)
class _DemoAccount:
    key: str
    name: str
    institution: str
    account_type: AccountType
    currency: Currency

    def identity(self) -> Identity:
        return Identity(
            institution_key=self.institution,
            institution=self.institution,
            external_id=f"demo-{self.key}",
            name=self.name,
            account_type=self.account_type,
            currency=self.currency,
        )


@dataclass(frozen=True, slots=True)
class _Ledger(_DemoAccount):
    """An account with a balance in whole cents; ``change`` returns the change of one day."""

    first_cents: int
    change: Callable[[date, int, Chance], int]


class DemoProvider(KeyProvider):
    """A household's accounts at invented institutions."""

    slug = "demo"
    name = "Demonstration"
    credentials: Sequence[CredentialField] = (
        CredentialField("seed", "Any word: it decides the numbers", is_secret=False),
    )
    pace = Pace(every=timedelta(minutes=5), daily_budget=10_000)

    def begin(
        self, given: Credentials, return_to: ReturnTo, http: Http, *, now: datetime
    ) -> Redirect | Credentials:
        """Return the seed, which may be left out."""
        del return_to, http, now
        return {"seed": clean(given.get("seed", ""), 64) or _DEFAULT_SEED}

    def fetch(
        self,
        stored: Credentials,
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        """Return every account, and with ``backfill`` each day from 2022 to yesterday."""
        del http, renew
        chance = Chance(stored.get("seed", _DEFAULT_SEED))
        day_count = (max(now.astimezone(UTC).date(), BEGINS_ON) - BEGINS_ON).days
        days = [BEGINS_ON + timedelta(days=number) for number in range(day_count + 1)]
        reports: list[AccountReport] = []
        for ledger in _LEDGERS:
            cents = ledger.first_cents + chance.between(0, 9_999, "first", ledger.key)
            history: list[Reading] = []
            for day in days[1:]:
                if backfill:
                    history.append(Reading.of_day(day - timedelta(days=1), _money(cents)))
                cents += ledger.change(day, cents, chance)
            reports.append(AccountReport(ledger.identity(), Reading(now, _money(cents)), history))
        reports.append(_report_brokerage(chance, days, now, backfill=backfill))
        return Report(reports)


_CREEK: Final = "Alder Creek Bank"
_LEDGERS: Final = (
    _Ledger(
        "checking", "Joint Checking", _CREEK, AccountType.CHECKING, _USD, 486_210,
        lambda day, cents, chance: {
            1: 412_500, 2: -215_000, 5: -18_740, 12: -9_455, 15: 412_500, 16: -50_000, 20: -42_000,
        }.get(day.day, 0)
        - (chance.between(0, 30_000, "checking", day) if cents > 120_000 else 1_250),
    ),
    _Ledger(
        "savings", "Travel Savings", _CREEK, AccountType.SAVINGS, _USD, 1_250_000,
        lambda day, cents, _chance: {1: cents * 36 // 12_000, 16: 50_000}.get(day.day, 0),
    ),
    _Ledger(
        "card", "Alder Creek Visa", _CREEK, AccountType.CREDIT_CARD, _USD, -63_418,
        # The debt is paid once a month, but for the last purchases.
        lambda day, cents, chance: {25: -cents * 9 // 10}.get(day.day, 0)
        - chance.between(0, 9_900, "card", day),
    ),
    _Ledger(
        "giro", "Girokonto", "Lindenbank", AccountType.CHECKING, _EUR, 214_075,
        lambda day, cents, chance: {1: -96_500, 27: 298_000}.get(day.day, 0)
        - (chance.between(0, 12_500, "giro", day) if cents > 60_000 else 900),
    ),
    _Ledger(
        "retirement", "Employer 401(k)", "Larkspur Retirement", AccountType.PLAN_401K, _USD,
        4_831_900,
        # Its market is open from Monday to Friday.
        lambda day, cents, chance: {1: 61_500, 15: 61_500}.get(day.day, 0) + (
            cents * chance.between(-9_400, 10_100, "retirement", day) // 1_000_000
            if day.weekday() < 5 else 0
        ),
    ),
    _Ledger(
        "mortgage", "Cabin Mortgage", _CREEK, AccountType.MORTGAGE, _USD, -31_400_000,
        lambda day, cents, _chance: 215_000 + cents * 39 // 12_000
        if day.day == 2 and cents < -215_000 else 0,
    ),
)  # fmt: skip

_SECURITIES: Final = (
    _Security("WRLD", "World Index Fund", "fund", Decimal("152.417"), 8_614, 300, 11_000),
    _Security("BNDX", "Government Bond Fund", "bond", Decimal(210), 4_905, 40, 3_000),
    _Security("ALDR", "Alder Tools Inc.", "stock", Decimal(64), 13_220, 420, 21_000),
)
_CASH_CENTS: Final = 318_055
_BROKERAGE: Final = _DemoAccount(
    "brokerage", "Brokerage", "Larkspur Invest", AccountType.BROKERAGE, _USD
)


def _report_brokerage(
    chance: Chance, days: Sequence[date], now: datetime, *, backfill: bool
) -> AccountReport:
    prices = [security.first_cents for security in _SECURITIES]
    history: list[Reading] = []
    for day in days[1:]:
        if backfill:
            day_before = Moment.of_day(day - timedelta(days=1))
            history.append(_value_portfolio(day_before, prices))
        prices = [
            _move(price, chance.between(-security.swing_millionths, security.swing_millionths,
                                        security.symbol, day) + security.daily_drift_millionths)
            for price, security in zip(prices, _SECURITIES, strict=True)
        ]  # fmt: skip
    minute = int(now.timestamp()) // 60 % _MINUTES_OF_A_DAY
    prices = [
        _move(price, chance.between(-2_500, 2_500, security.symbol, days[-1], minute))
        for price, security in zip(prices, _SECURITIES, strict=True)
    ]
    positions = tuple(
        Position(
            symbol=security.symbol,
            name=security.name,
            asset_type=security.asset_type,
            quantity=security.quantity,
            price=_money(price),
            market_value=_market_value(security, price),
            cost_basis=_market_value(security, security.first_cents),
            currency=_USD,
            as_of=now,
        )
        for price, security in zip(prices, _SECURITIES, strict=True)
    )
    return AccountReport(
        _BROKERAGE.identity(), _value_portfolio(Moment(now), prices), history, positions
    )


def _move(cents: int, millionths: int) -> int:
    return max(1, cents + cents * millionths // 1_000_000)


def _value_portfolio(moment: Moment, prices: Sequence[int]) -> Reading:
    values = (
        _market_value(security, price) for price, security in zip(prices, _SECURITIES, strict=True)
    )
    value, cash = sum(values, Decimal()), _money(_CASH_CENTS)
    return Reading(
        moment.at,
        value + cash,
        holdings_value=value,
        cash_value=cash,
        precision=moment.precision,
    )


def _market_value(security: _Security, cents: int) -> Decimal:
    return (security.quantity * _money(cents)).quantize(_CENT)


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)
