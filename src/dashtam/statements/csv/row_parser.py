"""Row parsers: the values in the rows of a table."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import time
from decimal import Decimal

from dashtam.domain import parsing
from dashtam.domain.account import Identity
from dashtam.domain.money import EXACT, Currency
from dashtam.domain.parsing import Separator, UnusableField
from dashtam.domain.period import Moment
from dashtam.domain.statement import Reading
from dashtam.statements.csv.dates import DateReader, parse_clock
from dashtam.statements.csv.layout import Layout
from dashtam.statements.csv.mapping import ColumnMapping
from dashtam.statements.csv.numbers import parse_amount_cell
from dashtam.statements.csv.order import TableRow
from dashtam.statements.csv.rows import get_cell
from dashtam.statements.written_amounts import find_side


@dataclass(frozen=True, slots=True)
class RowParser:
    """Parses rows in the layouts of their file.

    ``amount_sign`` is -1 where booked amounts lower the balance, 0 where that is not certain.
    ``balance_side`` and ``amount_side`` are the columns that say debit or credit.
    """

    layout: Layout
    mapping: ColumnMapping
    separator: Separator
    amount_separator: Separator
    read_date: DateReader
    has_parts: bool
    amount_sign: int = 0
    balance_side: int | None = None
    amount_side: int | None = None

    def parse_row(self, line: int, row: list[str], moment: Moment, account: Identity) -> TableRow:
        """Return a row with its reading, or raise UnusableField."""
        roles = self.layout.roles
        balance = self.parse_balance(row, account.currency)
        if balance is None:
            raise parsing.missing_balance(field="Balance")
        opening: Decimal | None = None
        if self.amount_sign:
            booked = self.parse_booked(row)
            if booked is not None:
                opening = EXACT.subtract(balance, booked * self.amount_sign)
        if self.mapping.sign < 0 and balance:
            balance, opening = -balance, opening if opening is None else -opening
        if not self.has_parts:
            reading = Reading(moment.at, balance, precision=moment.precision, line=line)
            return TableRow(line, moment.at, self.parse_clock(row), reading, opening)
        available, holdings, cash = (
            self._parse_amount(role.capitalize(), get_cell(row, roles[role]), account.currency)
            for role in ("available", "holdings", "cash")
        )
        reading = Reading(
            moment.at,
            balance,
            available,
            holdings,
            cash,
            precision=moment.precision,
            line=line,
        )
        return TableRow(line, moment.at, self.parse_clock(row), reading, opening)

    def parse_balance(self, row: list[str], currency: Currency | None = None) -> Decimal | None:
        """Return the row's balance as written, with the sign of its side; or raise UnusableField.

        None where the cell is empty.
        """
        roles = self.layout.roles
        balance = self._parse_amount("Balance", get_cell(row, roles["balance"]), currency)
        if balance is None or self.balance_side is None:
            return balance
        side = find_side(get_cell(row, self.balance_side) or "")
        if side is None and balance:
            detail = "The row does not say whether its balance is a debit or a credit."
            raise UnusableField(code="missing_sign", detail=detail)
        return -abs(balance) if side == -1 and balance else balance

    def parse_clock(self, row: list[str]) -> time | None:
        """Return the time of day in the row's own column."""
        cell = get_cell(row, self.layout.roles["time"])
        return parse_clock(cell) if cell else None

    def parse_booked(self, row: list[str]) -> Decimal | None:
        """Return the row's booked amount, None where it has none that can be used."""
        roles = self.layout.roles
        with suppress(UnusableField):
            amount, debit, credit = (
                parse_amount_cell(role, get_cell(row, roles[role]) or "", self.amount_separator)
                for role in ("amount", "debit", "credit")
            )
            if amount is None and (debit is not None or credit is not None):
                return EXACT.subtract(credit or Decimal(0), abs(debit or Decimal(0)))
            if amount is not None and find_side(get_cell(row, self.amount_side) or "") == -1:
                return -abs(amount)
            return amount
        return None

    def _parse_amount(
        self, field: str, text: str | None, currency: Currency | None
    ) -> Decimal | None:
        if not text:
            return None
        return parse_amount_cell(field, text, self.separator, self.mapping.thousands, currency)
