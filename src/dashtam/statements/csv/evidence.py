"""Evidence: what the booked amounts of a table prove about its balances.

Two rows in a row prove the sign of the amounts, and the order of the rows of one day: the one
balance is the other changed by one's own amount. Where the balance runs on from one account to the
next, the column of accounts names the other party, and where it runs on from one currency to the
next, the column of currencies belongs to the amounts.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice

from dashtam.domain.money import EXACT
from dashtam.domain.parsing import UnusableField
from dashtam.statements.csv.accounts import AccountRows
from dashtam.statements.csv.row_parser import RowParser
from dashtam.statements.csv.rows import get_cell

# Enough rows to see the signs of a file's amounts.
_PROOF_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class _Booking:
    """One row: its account, its date as written, its booked amount and its balance."""

    account: AccountRows
    day: str
    amount: Decimal
    balance: Decimal


@dataclass(slots=True)
class AmountProof:
    """The rows that continue the one before them, by the sign of the amounts.

    ``falls_within`` tells of each account whether its rows of one day fall. Of the rows that
    continue no row of their own account, ``account_steps`` continue one of another account, and
    ``currency_steps`` one of the same account in another currency.
    """

    steps: Counter[int] = field(default_factory=Counter)
    falls_within: dict[int, set[bool]] = field(default_factory=lambda: defaultdict(set))
    account_steps: int = 0
    currency_steps: int = 0

    @classmethod
    def of(
        cls,
        rows: Iterable[list[str]],
        parser: RowParser,
        find_account: Callable[[list[str]], AccountRows],
    ) -> "AmountProof":
        """Return the proof of a table's first rows."""
        proof = cls()
        latest: dict[int, _Booking | None] = {}
        before: _Booking | None = None
        for row in islice(rows, _PROOF_ROWS):
            account = find_account(row)
            booking = _read_booking(row, parser, account)
            if booking is not None:
                proof._add(booking, latest.get(id(account)), before)
            latest[id(account)] = before = booking
        return proof

    @property
    def sign(self) -> int:
        """-1 where amounts lower the balance, 0 where that is not certain."""
        return next(iter(self.steps)) if len(self.steps) == 1 else 0

    @property
    def strength(self) -> int:
        """The number of rows that continue another."""
        return max(self.steps.values(), default=0)

    def _add(self, row: _Booking, own: _Booking | None, before: _Booking | None) -> None:
        ways = set() if own is None else _find_ways(own, row)
        if len(ways) == 1:
            self.steps.update(sign for sign, _ in ways)
            if own is not None and own.day == row.day:
                self.falls_within[id(row.account)] |= {falls for _, falls in ways}
        if ways or before is None or before.account is row.account:
            return
        if _find_ways(before, row):
            is_same = before.account.identity.external_id == row.account.identity.external_id
            self.currency_steps += is_same
            self.account_steps += not is_same


def choose_side(
    parser: RowParser, column: int, prove: Callable[[RowParser], AmountProof]
) -> RowParser | None:
    """Return the parser for a column of debits and credits, None where nothing proves its meaning.

    It gives the sign of the balances, or of the booked amounts.
    """
    of_balance = replace(parser, balance_side=column)
    of_amount = replace(parser, amount_side=column)
    strengths = [prove(one).strength for one in (of_balance, of_amount, parser)]
    if strengths[0] > max(strengths[1:]):
        return of_balance
    if max(strengths[1:]) > strengths[0]:
        return of_amount
    return None


def _read_booking(row: list[str], parser: RowParser, account: AccountRows) -> _Booking | None:
    amount = parser.parse_booked(row)
    with suppress(UnusableField):
        balance = parser.parse_balance(row)
        if amount is not None and balance is not None:
            day = get_cell(row, parser.layout.roles["date"]) or ""
            return _Booking(account, day, amount, balance)
    return None


def _find_ways(before: _Booking, row: _Booking) -> set[tuple[int, bool]]:
    """Return the signs of the amounts with which one row continues the other, and if they fall."""
    change = EXACT.subtract(row.balance, before.balance)
    if not change:
        return set()
    ways = {
        (1, False): row.amount,
        (1, True): -before.amount,
        (-1, False): -row.amount,
        (-1, True): before.amount,
    }
    return {way for way, amount in ways.items() if amount == change}
