"""The demonstration: an invented household with years of daily balances, without any network.

The same seed gives the same history, whenever and wherever it is asked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final

from dashtam.application.provider import AccountReport, CredentialField, Http, Pace, Report
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.money import Currency
from dashtam.domain.parsing import clean, noon
from dashtam.domain.statement import Position, Reading

BEGINS_ON: Final = date(2022, 1, 3)

_USD, _EUR = Currency.of("USD"), Currency.of("EUR")
_CENT: Final = Decimal("0.01")
_DEFAULT_SEED: Final = "dashtam"
_MINUTES_OF_A_DAY: Final = 24 * 60


class Chance:
    """Repeatable accidents: the same seed and the same words give the same number."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def between(self, low: int, high: int, *words: object) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        digest = sha256("/".join((self._seed, *map(str, words))).encode()).digest()
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
class _Ledger:
    """An account whose balance moves in whole cents, by what a day brings."""

    key: str
    name: str
    institution: str
    kind: AccountType
    currency: Currency
    first_cents: int
    change: Callable[[date, int, Chance], int]


class DemoProvider:
    """A household's accounts at invented institutions."""

    slug = "demo"
    name = "Demonstration"
    credentials: Sequence[CredentialField] = (
        CredentialField("seed", "Any word: it decides the numbers", is_secret=False),
    )
    pace = Pace(every=timedelta(minutes=5), daily_budget=10_000)

    def connect(self, given: Mapping[str, str], http: Http) -> Mapping[str, str]:
        """Return the seed, which may be left out."""
        del http
        return {"seed": clean(given.get("seed", ""), 64) or _DEFAULT_SEED}

    def fetch(
        self, kept: Mapping[str, str], http: Http, *, now: datetime, backfill: bool
    ) -> Report:
        """Return every account, and with ``backfill`` each day from 2022 to yesterday."""
        del http
        chance = Chance(kept.get("seed", _DEFAULT_SEED))
        days = list(_days(now))
        reports = [_ledger(ledger, chance, days, now, backfill=backfill) for ledger in _LEDGERS]
        reports.append(_brokerage(chance, days, now, backfill=backfill))
        return Report(reports)


def _days(now: datetime) -> Iterator[date]:
    last = max(now.astimezone(UTC).date(), BEGINS_ON)
    for number in range((last - BEGINS_ON).days + 1):
        yield BEGINS_ON + timedelta(days=number)


def _checking(day: date, cents: int, chance: Chance) -> int:
    pay = 412_500 if day.day in {1, 15} else 0
    bills = {2: -215_000, 5: -18_740, 12: -9_455, 16: -50_000, 20: -42_000}.get(day.day, 0)
    spent = chance.between(0, 30_000, "checking", day) if cents > 120_000 else 1_250  # noqa: PLR2004
    return pay + bills - spent


def _giro(day: date, cents: int, chance: Chance) -> int:
    pay = 298_000 if day.day == 27 else 0  # noqa: PLR2004 - payday
    bills = -96_500 if day.day == 1 else 0
    return pay + bills - (chance.between(0, 12_500, "giro", day) if cents > 60_000 else 900)  # noqa: PLR2004


def _savings(day: date, cents: int, chance: Chance) -> int:
    del chance
    interest = cents * 36 // 12_000 if day.day == 1 else 0
    return interest + (50_000 if day.day == 16 else 0)  # noqa: PLR2004 - the standing order


def _card(day: date, cents: int, chance: Chance) -> int:
    # Once a month what is owed is paid, but for the last purchases.
    paid = -cents * 9 // 10 if day.day == 25 else 0  # noqa: PLR2004 - when it is due
    return paid - chance.between(0, 9_900, "card", day)


def _mortgage(day: date, cents: int, chance: Chance) -> int:
    del chance
    return 215_000 + cents * 39 // 12_000 if day.day == 2 and cents < -215_000 else 0  # noqa: PLR2004


def _retirement(day: date, cents: int, chance: Chance) -> int:
    deposit = 61_500 if day.day in {1, 15} else 0
    is_open = day.weekday() < 5  # noqa: PLR2004 - Monday to Friday
    market = chance.between(-9_400, 10_100, "retirement", day) if is_open else 0
    return deposit + cents * market // 1_000_000


_LEDGERS: Final = (
    _Ledger("checking", "Joint Checking", "Alder Creek Bank", AccountType.CHECKING, _USD,
            486_210, _checking),
    _Ledger("savings", "Travel Savings", "Alder Creek Bank", AccountType.SAVINGS, _USD,
            1_250_000, _savings),
    _Ledger("card", "Alder Creek Visa", "Alder Creek Bank", AccountType.CREDIT_CARD, _USD,
            -63_418, _card),
    _Ledger("giro", "Girokonto", "Lindenbank", AccountType.CHECKING, _EUR, 214_075, _giro),
    _Ledger("retirement", "Employer 401(k)", "Larkspur Retirement", AccountType.PLAN_401K, _USD,
            4_831_900, _retirement),
    _Ledger("mortgage", "Cabin Mortgage", "Alder Creek Bank", AccountType.MORTGAGE, _USD,
            -31_400_000, _mortgage),
)  # fmt: skip

_SECURITIES: Final = (
    _Security("WRLD", "World Index Fund", "fund", Decimal("152.417"), 8_614, 300, 11_000),
    _Security("BNDX", "Government Bond Fund", "bond", Decimal(210), 4_905, 40, 3_000),
    _Security("ALDR", "Alder Tools Inc.", "stock", Decimal(64), 13_220, 420, 21_000),
)
_CASH_CENTS: Final = 318_055


def _ledger(
    ledger: _Ledger, chance: Chance, days: Sequence[date], now: datetime, *, backfill: bool
) -> AccountReport:
    cents = ledger.first_cents + chance.between(0, 9_999, "first", ledger.key)
    history: list[Reading] = []
    for day in days[1:]:
        if backfill:
            history.append(Reading(noon(day - timedelta(days=1)), _money(cents)))
        cents += ledger.change(day, cents, chance)
    identity = _identity(ledger.key, ledger.name, ledger.institution, ledger.kind, ledger.currency)
    return AccountReport(identity, Reading(now, _money(cents)), history)


def _brokerage(
    chance: Chance, days: Sequence[date], now: datetime, *, backfill: bool
) -> AccountReport:
    prices = [security.first_cents for security in _SECURITIES]
    history: list[Reading] = []
    for day in days[1:]:
        if backfill:
            history.append(_invested(noon(day - timedelta(days=1)), prices))
        prices = [
            _moved(price, chance.between(-security.swing_millionths, security.swing_millionths,
                                         security.symbol, day) + security.daily_drift_millionths)
            for price, security in zip(prices, _SECURITIES, strict=True)
        ]  # fmt: skip
    minute = int(now.timestamp()) // 60 % _MINUTES_OF_A_DAY
    prices = [
        _moved(price, chance.between(-2_500, 2_500, security.symbol, days[-1], minute))
        for price, security in zip(prices, _SECURITIES, strict=True)
    ]
    identity = _identity("brokerage", "Brokerage", "Larkspur Invest", AccountType.BROKERAGE, _USD)
    positions = tuple(
        _position(security, price, now) for price, security in zip(prices, _SECURITIES, strict=True)
    )
    return AccountReport(identity, _invested(now, prices), history, positions)


def _moved(cents: int, millionths: int) -> int:
    return max(1, cents + cents * millionths // 1_000_000)


def _invested(at: datetime, prices: Sequence[int]) -> Reading:
    value = sum(
        (_worth(security, price) for price, security in zip(prices, _SECURITIES, strict=True)),
        Decimal(),
    )
    cash = _money(_CASH_CENTS)
    return Reading(at, value + cash, holdings_value=value, cash_value=cash)


def _worth(security: _Security, cents: int) -> Decimal:
    return (security.quantity * _money(cents)).quantize(_CENT)


def _position(security: _Security, cents: int, now: datetime) -> Position:
    return Position(
        symbol=security.symbol,
        name=security.name,
        asset_type=security.asset_type,
        quantity=security.quantity,
        price=_money(cents),
        market_value=_worth(security, cents),
        cost_basis=_worth(security, security.first_cents),
        currency=_USD,
        as_of=now,
    )


def _identity(
    key: str, name: str, institution: str, kind: AccountType, currency: Currency
) -> Identity:
    return Identity(
        institution_key=institution,
        institution=institution,
        external_id=f"demo-{key}",
        name=name,
        account_type=kind,
        number_masked=None,
        currency=currency,
    )


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)
