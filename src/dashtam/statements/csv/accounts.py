"""Accounts of a table: the account of each row, and its rows that are not read yet."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter

from dashtam.domain import parsing
from dashtam.domain.account import Identity
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.parsing import NO_CURRENCY, UnusableField
from dashtam.domain.statement import Reading, RowError, Statement
from dashtam.statements.accounts import split_statement
from dashtam.statements.csv.dates import DateReader
from dashtam.statements.csv.layout import AccountContext, Layout
from dashtam.statements.csv.mapping import ColumnMapping
from dashtam.statements.csv.order import RowOrder, TableRow
from dashtam.statements.csv.rows import get_cell

MAX_ACCOUNTS = 1_000

_QUOTE = '"'

_TOTALS = (
    "total totals subtotal summe gesamt gesamtsumme zwischensumme suma totale totaal razem celkem"
    " toplam összesen итого всего 合计 总计 小计 合計 小計"
)
_TOTAL_NAMES = frozenset(
    f"{spelled}{end}"
    for name in [*_TOTALS.split(), "grand total", "sub total", "sous-total", "total general"]
    for spelled in (name, name.capitalize(), name.upper(), name.title())
    for end in ("", ":")
)


@dataclass(slots=True)
class AccountRows:
    """One account's rows; ``readings`` and ``problems`` are those that were not yielded yet."""

    identity: Identity
    orders: dict[DateReader, RowOrder] = field(default_factory=lambda: defaultdict(RowOrder))
    readings: list[Reading] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)
    before: TableRow | None = None

    def take(self) -> Iterator[Statement]:
        """Yield the readings and problems, at most 1,000 at a time, and forget them."""
        if self.readings or self.problems:
            yield from split_statement(self.identity, self.readings, self.problems)
        self.readings, self.problems = [], []


class TableAccounts:
    """The accounts of a table, by the cells that name them or by the context of their rows."""

    def __init__(self, layout: Layout, mapping: ColumnMapping) -> None:
        roles = layout.roles
        self._account, self._currency = roles["account"], roles["currency"]
        self._mapping = mapping
        self._context = AccountContext.of(layout, mapping)
        self._accounts: dict[tuple[str, str], AccountRows] = {}
        self._by_cells: dict[object, AccountRows] = {}
        self._width = 1 + max(roles["date"] or 0, roles["balance"] or 0, self._account or 0)
        # Cells beyond the header belong to no column: an amount or a text is not quoted.
        self._header_width = len(layout.header)
        if self._header_width < self._width or not any(layout.header):
            self._header_width = 0
        named = [index for index in (self._account, self._currency) if index is not None]
        self._cells: Callable[[list[str]], object] = (
            itemgetter(*named) if named else lambda _row: None
        )

    def __iter__(self) -> Iterator[AccountRows]:
        """Yield the accounts in the order of their first rows."""
        yield from self._accounts.values()

    @property
    def context(self) -> AccountContext:
        """The account of rows that name none."""
        return self._context

    def begin(self, context: AccountContext) -> None:
        """Take the rows from here on as those of another account, where they name none."""
        if context != self._context:
            self._context = context
            self._by_cells.clear()

    def find(self, row: list[str]) -> AccountRows:
        """Return the account of a row.

        Raises:
            UnreadableFile: there are more than 1,000.
        """
        # Most rows name their account in the same letters as one before.
        try:
            return self._by_cells[self._cells(row)]
        except (KeyError, IndexError):
            pass
        number = name = get_cell(row, self._account)
        if number is None:
            number, name = self._context.number or "", self._context.name
        elif number.endswith(_QUOTE):
            # Of a row that is quoted twice.
            number = name = number.strip(_QUOTE)
        code = get_cell(row, self._currency)
        if code is None:
            code = self._context.currency or ""
        key = (number, code.upper())
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= MAX_ACCOUNTS:
                raise UnreadableFile(
                    detail="More than 1,000 accounts: is the account's column the right one?"
                )
            identity = build_identity(number, name or number, code, self._mapping)
            account = self._accounts[key] = AccountRows(identity)
        with suppress(IndexError):
            self._by_cells[self._cells(row)] = account
        return account

    def require_usable(self, row: list[str], account: AccountRows) -> None:
        """Return if the row has its columns, an account and a currency; or raise UnusableField."""
        if len(row) < self._width:
            raise UnusableField(code="missing_column", detail="The row has too few columns.")
        if not account.identity.external_id:
            raise UnusableField(code="missing_account", detail="Account is missing.")
        if account.identity.currency is NO_CURRENCY:
            parsing.parse_currency_field("Currency", get_cell(row, self._currency) or "")

    def require_columns(self, row: list[str]) -> None:
        """Return if each cell of the row has a column of its own; or raise UnusableField."""
        if len(row) > self._header_width > 0 and any(map(str.strip, row[self._header_width :])):
            raise UnusableField(
                code="unnamed_column",
                detail="The row has more columns than the header: an amount or a text in it is not"
                " quoted.",
            )

    def require_no_total(self, row: list[str], parsed: TableRow, account: AccountRows) -> None:
        """Return if the row is no total of others; or raise UnusableField.

        A booking may have that very text; then its amount leads from one balance to the next.
        """
        if _TOTAL_NAMES.isdisjoint(map(str.strip, row)):
            return
        is_account = (get_cell(row, self._account) or "") in _TOTAL_NAMES
        if not is_account and parsed.opening is not None:
            before = account.before
            if before is None or before.reading is None or parsed.reading is None:
                return
            if parsed.opening == before.reading.balance:
                return
            if before.opening is not None and before.opening == parsed.reading.balance:
                return
        raise UnusableField(
            code="total_row", detail="The row is a total of others, and no balance."
        )


def build_identity(number: str, name: str, code: str, mapping: ColumnMapping) -> Identity:
    """Return the identity of a table's account."""
    institution = parsing.clean(mapping.institution or "")
    return Identity(
        institution_key=f"balance_csv/{institution}" if institution else "balance_csv",
        institution=institution or "Balance file",
        external_id=parsing.clean(number),
        name=parsing.clean(name) or "No account",
        currency=parsing.find_currency(code),
        # The mapping gave the balances their signs, so nothing is left to find out.
        balance_sign=1 if mapping.sign < 0 else None,
    )
