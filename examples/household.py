"""One invented household: what it earned, spent, owed and invested in three years.

Chance comes from one seed, and all arithmetic is on whole numbers (cents, ten-thousandths of a
price, thousandths of a share), so that every machine and every Python tells the same story.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random

FIRST, LAST = date(2023, 11, 16), date(2026, 11, 15)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
MONTH_ENDS = [day for day in DAYS if (day + timedelta(days=1)).day == 1]
TO_DATE = [*MONTH_ENDS, LAST]
TO_DATE = [*MONTH_ENDS, LAST]
CARD_DAY, PAYMENT_DAY, ORDER_DAY = 14, 26, 15

DAILY = {
    "checking": "Everyday checking",
    "savings": "Rainy day savings",
    "mortgage": "Home loan",
    "index": "Index portfolio",
}

OPENING = {
    "checking": 971_437,
    "savings": 1_482_055,
    "mortgage": -31_844_271,
    "index": 4_831_022,
    "card": -128_416,
    "partner": 384_290,
    "reserve": 912_004,
    "giro": 214_833,
    "tagesgeld": 741_260,
    "bauspar": 518_240,
}
# Account, day of the month, cents, what it is, percent more each January.
MONTHLY = (
    ("checking", 1, 541_218, "Salary", 3),
    ("checking", 2, -78_000, "Kindergarten", 0),
    ("checking", 12, -19_640, "Power and water", 2),
    ("checking", 17, -11_290, "Insurance", 0),
    ("partner", 1, 298_750, "Salary", 4),
    ("partner", 9, -8_900, "Phones", 0),
    ("card", 3, -4_197, "Subscriptions", 3),
    ("giro", 1, 185_000, "Honorar", 2),
    ("giro", 3, -64_000, "Miete Atelier", 3),
    ("giro", 16, -21_835, "Krankenversicherung", 4),
    ("bauspar", 4, 12_000, "Sparrate", 9),
)
# From, to, day of the month, cents.
TRANSFERS = (
    ("partner", "checking", 3, 137_500),
    ("checking", "savings", 6, 60_000),
    ("checking", "index", 8, 70_000),
    ("partner", "reserve", 10, 55_000),
    ("giro", "tagesgeld", 15, 38_000),
)
# Account, chance in percent a day, least and most cents (negative: paid in), what it is.
SPENDING = (
    ("checking", 36, 900, 9_800, "Groceries"),
    ("checking", 5, 6_000, 42_000, "House and garden"),
    ("card", 52, 700, 11_500, "Purchase"),
    ("card", 4, 12_000, 64_000, "Larger purchase"),
    ("partner", 40, 800, 10_400, "Groceries"),
    ("partner", 10, 4_000, 22_000, "Purchase"),
    ("giro", 20, 900, 14_500, "Lebensmittel"),
    ("giro", 2, 9_000, 38_000, "Material"),
    ("savings", 1, 20_000, 150_000, "Withdrawal"),
    ("reserve", 2, 8_000, 120_000, "Withdrawal"),
    ("tagesgeld", 2, 5_000, 64_000, "Auszahlung"),
    ("bauspar", 3, -26_000, -4_000, "Einzahlung"),
)
# Account, month, day, cents, what it is; each year.
YEARLY = (
    ("checking", 3, 28, 320_000, "Bonus"),
    ("checking", 4, 22, 191_700, "Tax refund"),
    ("checking", 5, 30, -184_050, "Property tax"),
    ("checking", 11, 29, -184_050, "Property tax"),
    ("giro", 6, 11, -94_000, "Steuervorauszahlung"),
    ("bauspar", 1, 15, -2_400, "Kontoentgelt"),
    ("bauspar", 5, 20, 65_000, "Sonderzahlung"),
    ("bauspar", 12, 31, 5_600, "Zinsgutschrift für das Jahr"),
)
# From, to, the day, cents: what happens once.
ONCE = (
    ("savings", "checking", date(2024, 8, 24), 380_000),
    ("savings", "checking", date(2025, 8, 23), 410_000),
    ("savings", "checking", date(2025, 10, 9), 735_000),
    ("checking", "", date(2025, 10, 14), 735_000),
    ("savings", "checking", date(2026, 8, 24), 445_000),
    ("reserve", "partner", date(2024, 5, 16), 560_000),
    ("partner", "", date(2024, 5, 21), 548_900),
    ("checking", "mortgage", date(2025, 1, 16), 250_000),
    ("checking", "mortgage", date(2026, 1, 16), 300_000),
    ("checking", "", date(2026, 5, 13), 468_300),
    ("tagesgeld", "giro", date(2025, 5, 6), 310_000),
    ("giro", "", date(2025, 5, 8), 298_000),
)
# Symbol, kind in OFX, name, price in ten-thousandths, percent of the market's move, own unrest.
SECURITIES = (
    ("QFTM", "MF", "Quincefield Total Market Fund", 612_400, 100, 4),
    ("QFWX", "MF", "Quincefield World ex-US Fund", 284_100, 85, 12),
    ("QFBD", "MF", "Quincefield Bond Fund", 104_700, 12, 8),
    ("HLDR", "STOCK", "Halder & Sons Tools", 873_200, 110, 75),
    ("MRBL", "STOCK", "Mirabel Foods", 416_800, 60, 60),
)
# Thousandths of a share at the beginning, and cents bought on the 15th of each month.
BROKERAGE = {"QFTM": (212_400, 30_000), "HLDR": (85_000, 0), "MRBL": (140_000, 0)}
PLAN = {"QFTM": (604_250, 72_000), "QFWX": (388_100, 28_000), "QFBD": (941_700, 15_000)}


@dataclass
class Book:
    """An account's entries, and its balance at the end of each day, in cents."""

    balance: int
    entries: list[tuple[date, int, str]] = field(default_factory=list)
    closing: dict[date, int] = field(default_factory=dict)

    def post(self, day: date, cents: int, text: str) -> None:
        """Enter an amount."""
        self.balance += cents
        self.entries.append((day, cents, text))

    def between(self, after: date, until: date) -> list[tuple[date, int, str]]:
        """Return the entries after one day, up to and with the other."""
        return [entry for entry in self.entries if after < entry[0] <= until]


class Household:
    """Everything that happened, day by day."""

    def __init__(self) -> None:
        self._chance = Random(20_231_128)  # noqa: S311 - nothing here is secret
        self.books = {name: Book(cents) for name, cents in OPENING.items()}
        self.prices = dict(self._prices())
        for day in DAYS:
            self._regular(day)
            self._transfers(day)
            self._interest(day)
            self._spend(day)
            for book in self.books.values():
                book.closing[day] = book.balance

    def _prices(self) -> Iterator[tuple[str, dict[date, int]]]:
        """Yield each security's price day by day; most of them fall in spring 2025."""
        market = {day: self._millionths(day) for day in DAYS if day.weekday() < 5}  # noqa: PLR2004
        for symbol, _, _, price, beta, own in SECURITIES:
            now, prices = price * 10_000, {}
            for day in DAYS:
                if day in market:
                    move = market[day] * beta // 100 + self._noise() * own
                    now = now * (1_000_000 + move) // 1_000_000
                prices[day] = now // 10_000
            yield symbol, prices

    def _millionths(self, day: date) -> int:
        drift, unrest = 380, 48
        if date(2025, 2, 20) <= day <= date(2025, 4, 9):
            drift, unrest = -5_200, 120
        elif date(2025, 4, 9) < day <= date(2025, 7, 11):
            drift, unrest = 2_300, 70
        return drift + self._noise() * unrest

    def _noise(self) -> int:
        return sum(self._chance.randrange(-100, 101) for _ in range(4))

    def _move(self, day: date, source: str, to: str, cents: int) -> None:
        self.books[source].post(day, -cents, "Transfer" if to else "Repair")
        if to:
            self.books[to].post(day, cents, "Transfer")

    def _regular(self, day: date) -> None:
        for name, on, cents, text, more in MONTHLY:
            if day.day == on:
                percent = 100 + more * (day.year - FIRST.year)
                self.books[name].post(day, cents * percent // 100, text)
        for name, month, on, cents, text in YEARLY:
            if (day.month, day.day) == (month, on):
                self.books[name].post(day, cents, text)

    def _transfers(self, day: date) -> None:
        for source, to, on, cents in TRANSFERS:
            if day.day == on:
                self._move(day, source, to, cents)
        for source, to, once, cents in ONCE:
            if day == once:
                self._move(day, source, to, cents)
        if day.day == PAYMENT_DAY:
            told = self.books["card"].closing
            self._move(
                day, "checking", "card", -told.get(day.replace(day=CARD_DAY), OPENING["card"])
            )

    def _interest(self, day: date) -> None:
        mortgage = self.books["mortgage"]
        if day.day == 5:  # noqa: PLR2004 - the instalment's day
            mortgage.post(day, mortgage.balance * 4_875 // 1_200_000, "Interest")
            self._move(day, "checking", "mortgage", 214_836)
        if day in MONTH_ENDS:
            for name, rate in (("savings", 360), ("reserve", 310), ("tagesgeld", 190)):
                book = self.books[name]
                book.post(day, book.balance * rate // 120_000, "Interest")
        prices, before = self.prices["QFTM"], max(FIRST, day - timedelta(days=1))
        book = self.books["index"]
        book.balance = book.balance * prices[day] // prices[before]

    def _spend(self, day: date) -> None:
        for name, chance, least, most, text in SPENDING:
            if self._chance.randrange(100) < chance:
                self.books[name].post(day, -self._chance.randrange(least, most), text)
        if day.month == 7 and 10 <= day.day <= 24:  # noqa: PLR2004 - the holiday
            self.books["card"].post(day, -self._chance.randrange(9_000, 36_000), "Holiday")
        if day.month == 12 and 4 <= day.day <= 22 and day.weekday() > 3:  # noqa: PLR2004 - gifts
            self.books["card"].post(day, -self._chance.randrange(3_000, 14_000), "Gifts")

    def shares(
        self, portfolio: dict[str, tuple[int, int]], until: date
    ) -> Iterator[tuple[str, int, int]]:
        """Yield each security's symbol, thousandths of a share, and price at the end of a day."""
        for symbol, (units, cents) in portfolio.items():
            prices = self.prices[symbol]
            bought = (
                cents * 100_000 // prices[day]
                for day in DAYS
                if day.day == ORDER_DAY and day <= until
            )
            yield symbol, units + sum(bought), prices[until]


def money(cents: int) -> str:
    """Return cents as an amount with two decimals."""
    return str(Decimal(cents).scaleb(-2))
