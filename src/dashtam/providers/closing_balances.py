"""The balance at the end of a day, proved by its transactions and the balance after each."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dashtam.domain.money import EXACT
from dashtam.domain.statement import Reading


@dataclass(frozen=True, slots=True)
class BookedTransaction:
    """One transaction: its amount (below zero out of the account), and the balance after it.

    None where the provider tells none: then its day proves no balance.
    """

    day: date
    amount: Decimal | None
    balance_after: Decimal | None


def find_closing_balances(transactions: Iterable[BookedTransaction]) -> list[Reading]:
    """Return the balance at the end of each day, where the transactions prove it, oldest first.

    Their order is not to be trusted: the last one is the one after which no other begins.
    """
    by_day: dict[date, list[tuple[Decimal, Decimal]]] = {}
    unclear: set[date] = set()
    for one in transactions:
        if one.amount is None or one.balance_after is None:
            unclear.add(one.day)
            continue
        before = EXACT.subtract(one.balance_after, one.amount)
        by_day.setdefault(one.day, []).append((before, one.balance_after))
    readings = []
    for day, steps in sorted(by_day.items()):
        ends = Counter(after for _, after in steps) - Counter(before for before, _ in steps)
        if day not in unclear and sum(ends.values()) == 1:
            readings.append(Reading.of_day(day, next(iter(ends))))
    return readings
