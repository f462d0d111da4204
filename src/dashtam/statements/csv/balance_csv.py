"""Balance files: dates and balances in columns, as banks and Monarch export them.

Monarch's file (``Date,Balance,Account``) names no currency: it is US dollars unless a mapping says
otherwise. Any other file must name its currency, in a column, above the table, beside the amounts
or in the mapping.

Of several rows of an account at one instant the last in time counts (see ``order``). A header below
the first table ends it: the rows behind it mean something else. The file is read twice, row by row:
once for the layouts and the orders, once for the balances, so that a file of a million rows takes
no more memory than one of a thousand.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from operator import attrgetter, itemgetter
from typing import BinaryIO, Protocol

from dashtam.domain import parsing
from dashtam.domain.account import Identity
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.mapping_proposal import MappingProposal, SourceRow
from dashtam.domain.money import EXACT
from dashtam.domain.parsing import NO_CURRENCY, Separator, UnusableField
from dashtam.domain.period import Moment
from dashtam.domain.statement import Reading, RowError, Statement
from dashtam.statements.accounts import MAX_READINGS, account_key, split_statement
from dashtam.statements.csv import questions
from dashtam.statements.csv.dates import (
    DATES_REMEMBERED,
    DateEvidence,
    DateReader,
    find_day,
    parse_clock,
)
from dashtam.statements.csv.headers import normalize, rank_balance
from dashtam.statements.csv.layout import Layout, Proposal, Rows, propose, read_context
from dashtam.statements.csv.mapping import ColumnMapping, parse_mapping
from dashtam.statements.csv.numbers import AmountEvidence, is_amount, parse_amount_cell
from dashtam.statements.csv.order import RowOrder, TableRow
from dashtam.statements.csv.questions import AccountContext, Findings
from dashtam.statements.csv.rows import CsvTable, get_cell
from dashtam.statements.written_amounts import find_currency_code

MAX_ACCOUNTS = 1_000
MAX_PROBLEMS = 10_000

_MAX_PENDING = 20_000
_LAST_ROWS = 5
# Enough rows to see the signs of a file's amounts.
_PROOF_ROWS = 5_000
_SECOND_TABLE = RowError(
    None, "second_table", "Another table begins here: its rows are not read, send them alone."
)


class Table(questions.Table, Protocol):
    """The rows of a file, of text or of a spreadsheet."""

    def iter_rows(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with its line."""


def read(
    file: BinaryIO,
    now: datetime,
    mapping: Mapping[str, object] | None = None,
    *,
    is_preview: bool = False,
) -> Iterator[Statement]:
    """Yield the accounts' readings, at most 1,000 at a time, in the order of the file.

    Raises:
        MappingNeeded: the columns, the dates, the amounts, the accounts or the currency are not
            certain without a mapping; its field errors name all open questions.
        UnreadableFile: a line or a quoted field does not end, or the mapping fits hardly any row.
    """
    columns = parse_mapping(mapping)
    yield from read_table(CsvTable(file, columns.encoding), now, columns, is_preview=is_preview)


def read_workbook(
    file: BinaryIO,
    now: datetime,
    mapping: Mapping[str, object] | None = None,
    *,
    is_preview: bool = False,
) -> Iterator[Statement]:
    """Yield the readings of the first sheet of a spreadsheet that is a table of balances.

    Raises:
        MappingNeeded: as ``read`` does, for the first sheet.
        UnreadableFile: it is damaged, or no sheet holds anything.
    """
    from dashtam.statements.csv.workbook import read_sheets  # noqa: PLC0415 - its library

    columns = parse_mapping(mapping)
    first: Table | None = None
    for sheet in read_sheets(file):
        first = first or sheet
        if propose(sheet.heads(columns), columns).is_complete:
            yield from read_table(sheet, now, columns, is_preview=is_preview)
            return
    if first is None:
        raise UnreadableFile(detail="This spreadsheet is empty.")
    yield from read_table(first, now, columns, is_preview=is_preview)


def read_table(
    table: Table, now: datetime, mapping: ColumnMapping, *, is_preview: bool = False
) -> Iterator[Statement]:
    """Yield the readings of a table's accounts, or raise as ``read`` does."""
    proposal = propose(table.heads(mapping), mapping)
    if not proposal.is_complete:
        stated = _find_stated_balance(proposal.rows, mapping, now)
        if stated is not None:
            yield stated
            return
        findings = Findings(proposal, mapping, questions=[*proposal.questions])
        findings.ask_identity()
        raise findings.mapping_needed(table)
    balances = _BalanceTable(table, proposal, mapping, now)
    yield from balances.statements(is_preview=is_preview)


@dataclass(slots=True)
class _AccountRows:
    """One account's rows; ``readings`` and ``problems`` are those that were not yielded yet."""

    identity: Identity
    orders: dict[DateReader, RowOrder] = field(default_factory=lambda: defaultdict(RowOrder))
    readings: list[Reading] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)
    # The date, the booked amount and the balance of the row before.
    before: tuple[str, Decimal, Decimal] | None = None

    def take(self) -> Iterator[Statement]:
        """Yield the readings and problems, at most 1,000 at a time, and forget them."""
        if self.readings or self.problems:
            yield from split_statement(self.identity, self.readings, self.problems)
        self.readings, self.problems = [], []


@dataclass(frozen=True, slots=True)
class _RowParser:
    """Parses rows in the layouts of their file.

    ``amount_sign`` is -1 where booked amounts lower the balance, 0 where that is not certain.
    """

    layout: Layout
    mapping: ColumnMapping
    separator: Separator
    amount_separator: Separator
    read_date: DateReader
    has_parts: bool
    amount_sign: int = 0

    def parse_row(self, line: int, row: list[str], moment: Moment, account: Identity) -> TableRow:
        """Return a row with its reading, or raise UnusableField."""
        roles = self.layout.roles
        balance = self._parse_amount("Balance", get_cell(row, roles["balance"]), account)
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
            self._parse_amount(role.capitalize(), get_cell(row, roles[role]), account)
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
            return amount
        return None

    def _parse_amount(self, field: str, text: str | None, account: Identity) -> Decimal | None:
        if not text:
            return None
        return parse_amount_cell(
            field, text, self.separator, self.mapping.thousands, account.currency
        )


class _BalanceTable:
    """The rows of a table, and the accounts in them."""

    def __init__(
        self, table: Table, proposal: Proposal, mapping: ColumnMapping, now: datetime
    ) -> None:
        layout = proposal.layout
        assert layout is not None, "a table is read once its layout is known"
        self._table = table
        self._proposal = proposal
        self._layout = layout
        self._mapping = mapping
        self._now = now
        self._context = AccountContext.of(layout, mapping)
        self._accounts: dict[tuple[str, str], _AccountRows] = {}
        self._accounts_by_cells: dict[object, _AccountRows] = {}
        self._problem_count = 0
        self._date, self._balance = layout.roles["date"] or 0, layout.roles["balance"] or 0
        self._account, self._currency = layout.roles["account"], layout.roles["currency"]
        self._date_name = proposal.header[self._date].strip() if proposal.header else None
        self._width = 1 + max(self._date, self._balance, self._account or 0)
        self._end_line: int | None = None
        named = [index for index in (self._account, self._currency) if index is not None]
        self._account_cells: Callable[[list[str]], object] = (
            itemgetter(*named) if named else lambda _row: None
        )

    def statements(self, *, is_preview: bool) -> Iterator[Statement]:
        """Yield the accounts' readings and problems, and in a preview their last rows."""
        findings, parser = self._read_evidence()
        last: dict[object, tuple[Identity, list[Reading]]] = {}
        described: MappingProposal | None = findings.describe(self._table)
        for statement in self._read_statements(parser):
            yield replace(statement, table=described)
            described = None
            if is_preview and statement.readings:
                account = last.setdefault(account_key(statement.identity), (statement.identity, []))
                latest = [*account[1], *statement.readings]
                account[1][:] = sorted(latest, key=attrgetter("captured_at"))[-_LAST_ROWS:]
        if last:
            wanted = {reading.line for _, latest in last.values() for reading in latest}
            rows = dict(islice((row for row in self._iter_rows() if row[0] in wanted), len(wanted)))
            for identity, latest in last.values():
                lines = sorted(one.line for one in latest if one.line in rows)
                yield Statement(identity, (), rows=[SourceRow(at, rows[at]) for at in lines])

    def _read_statements(self, parser: _RowParser) -> Iterator[Statement]:
        for count, (line, row) in enumerate(self._iter_rows(), start=1):
            account = self._find_account(row)
            order = account.orders[parser.read_date]
            moment: Moment | None = None
            reading: Reading | None = None
            try:
                self._require_usable(row, account)
                moment = parser.read_date(row[self._date])
                reading = order.add(parser.parse_row(line, row, moment, account.identity))
            except UnusableField as error:
                self._add_problems(account, [error.to_row_error(line)])
                # An empty cell is no balance; any other may have been the closing balance.
                if moment is not None and error.code != "missing_balance":
                    reading = order.add(TableRow(line, moment.at, parser.parse_clock(row)))
            account.readings += [] if reading is None else [reading]
            if len(account.readings) + len(account.problems) >= MAX_READINGS:
                yield from account.take()
            if count % _MAX_PENDING == 0:
                for pending in self._accounts.values():
                    yield from pending.take()
        yield from self._finish(parser)

    def _finish(self, parser: _RowParser) -> Iterator[Statement]:
        for account in self._accounts.values():
            readings, conflicts = account.orders[parser.read_date].finish()
            account.readings += readings
            self._add_problems(account, conflicts)
            if self._end_line is not None:
                self._add_problems(account, [replace(_SECOND_TABLE, line=self._end_line)])
                self._end_line = None
            account.problems.sort(key=attrgetter("line"))
            yield from account.take()

    def _iter_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows of the table, but blank ones, notes and repeated headers."""
        for index, (line, row) in enumerate(self._table.iter_rows(self._layout.delimiter)):
            if line == self._end_line:
                return
            if index < self._layout.rows_above or not any(row):
                continue
            if len(row) <= self._balance and self._layout.is_note(row):
                continue
            if get_cell(row, self._date) != self._date_name or not self._layout.is_repeated(row):
                yield line, row

    def _read_evidence(self) -> tuple[Findings, _RowParser]:
        """Return the parser for the layouts that the rows prove, or raise MappingNeeded."""
        mapping, roles = self._mapping, self._layout.roles
        dates = DateEvidence(mapping.date_format, self._now)
        amounts = AmountEvidence(mapping.decimal, mapping.thousands)
        booked = AmountEvidence(mapping.decimal, mapping.thousands)
        booked_columns = [
            roles[role] for role in ("amount", "debit", "credit") if roles[role] is not None
        ]
        see_date = lru_cache(DATES_REMEMBERED)(dates.see)
        for line, row in self._iter_rows():
            text = get_cell(row, self._date) or ""
            moments = see_date(text, None if dates.first_line else line)
            if not moments and self._layout.is_header(row):
                self._end_line = line
                break
            amounts.see(get_cell(row, self._balance) or "")
            for column in booked_columns:
                booked.see(get_cell(row, column) or "")
            account = self._find_account(row)
            clock = get_cell(row, roles["time"])
            with suppress(UnusableField):
                self._require_usable(row, account)
                # Until a cell settles the layout of the dates, each layout has its own order.
                for read_date, moment in moments:
                    account.orders[read_date].see(moment.at, parse_clock(clock) if clock else None)
        return self._settle(dates, amounts, booked)

    def _settle(
        self, dates: DateEvidence, amounts: AmountEvidence, booked: AmountEvidence
    ) -> tuple[Findings, _RowParser]:
        """Return the parser that the evidence gives, or ask for all that it leaves open."""
        date_question, decimal = dates.question(), amounts.question()
        if decimal is not None and booked.is_proved:
            # A column is written like the one beside it.
            amounts, decimal = booked, None
        findings = Findings(self._proposal, self._mapping, dates, amounts)
        findings.questions += [*self._proposal.questions, *filter(None, (date_question, decimal))]
        findings.ask_identity()
        if findings.questions:
            raise findings.mapping_needed(self._table)
        parser = _RowParser(
            self._layout,
            self._mapping,
            amounts.separator,
            booked.separator,
            dates.reader(),
            any(self._layout.roles[role] is not None for role in ("available", "holdings", "cash")),
        )
        return findings, replace(parser, amount_sign=self._find_amount_sign(parser))

    def _find_amount_sign(self, parser: _RowParser) -> int:
        """Return the sign with which booked amounts change the balance, 0 where none is proved.

        Two rows in a row prove it: the one balance is the other changed by one's own amount. Rows
        of one day prove their order too.
        """
        if all(self._layout.roles[role] is None for role in ("amount", "debit", "credit")):
            return 0
        steps: set[tuple[int, bool]] = set()
        within: dict[int, set[bool]] = defaultdict(set)
        for _, row in islice(self._iter_rows(), _PROOF_ROWS):
            account = self._find_account(row)
            before, account.before = account.before, None
            booked = parser.parse_booked(row)
            with suppress(UnusableField):
                text = get_cell(row, self._balance) or ""
                balance = parse_amount_cell("Balance", text, parser.separator)
                if booked is not None and balance is not None:
                    account.before = get_cell(row, self._date) or "", booked, balance
            if before is not None and account.before is not None:
                step = _find_step(before[1:], account.before[1:])
                steps |= step
                if before[0] == account.before[0]:
                    within[id(account)] |= {falls for _, falls in step}
        signs = {sign for sign, _ in steps}
        if len(signs) != 1:
            return 0
        for account in self._accounts.values():
            directions = within[id(account)]
            if len(directions) == 1:
                account.orders[parser.read_date].falls_within = directions.pop()
        return signs.pop()

    def _find_account(self, row: list[str]) -> _AccountRows:
        # Most rows name their account in the same letters as one before.
        try:
            return self._accounts_by_cells[self._account_cells(row)]
        except (KeyError, IndexError):
            pass
        number = name = get_cell(row, self._account)
        if number is None:
            number, name = self._context.number or "", self._context.name
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
            identity = _build_identity(number, name or number, code, self._mapping)
            account = self._accounts[key] = _AccountRows(identity)
            with suppress(IndexError):
                self._accounts_by_cells[self._account_cells(row)] = account
        return account

    def _require_usable(self, row: list[str], account: _AccountRows) -> None:
        if len(row) < self._width:
            raise UnusableField(code="missing_column", detail="The row has too few columns.")
        if not account.identity.external_id:
            raise UnusableField(code="missing_account", detail="Account is missing.")
        if account.identity.currency is NO_CURRENCY:
            parsing.parse_currency_field("Currency", get_cell(row, self._currency) or "")

    def _add_problems(self, account: _AccountRows, problems: Sequence[RowError]) -> None:
        account.problems += problems
        self._problem_count += len(problems)
        if self._problem_count > MAX_PROBLEMS:
            raise UnreadableFile(
                detail="More than 10,000 rows cannot be used: the mapping does not fit this file."
            )


def _find_step(
    before: tuple[Decimal, Decimal], row: tuple[Decimal, Decimal]
) -> set[tuple[int, bool]]:
    """Return the sign of the amounts and whether the rows fall, empty where two ways fit.

    Each of the rows is its amount and its balance.
    """
    (first, earlier), (second, later) = before, row
    change = EXACT.subtract(later, earlier)
    if not change:
        return set()
    ways = {(1, False): second, (1, True): -first, (-1, False): -second, (-1, True): first}
    fitting = {way for way, amount in ways.items() if amount == change}
    return fitting if len(fitting) == 1 else set()


def _build_identity(number: str, name: str, code: str, mapping: ColumnMapping) -> Identity:
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


def _find_stated_balance(rows: Rows, mapping: ColumnMapping, now: datetime) -> Statement | None:
    """Return the one balance that a file states in a line of its own, with its day."""
    found: list[tuple[Reading, str]] = []
    for row in rows:
        cells = [cell.strip() for cell in row if cell.strip()]
        if len(cells) < 2 or not rank_balance(normalize(cells[0])):  # noqa: PLR2004
            continue
        day = next(filter(None, (find_day(cell, now) for cell in cells)), None)
        amounts = [cell for cell in cells[1:] if is_amount(cell) and find_day(cell, now) is None]
        if day is None or len(amounts) != 1:
            continue
        evidence = AmountEvidence(mapping.decimal, mapping.thousands)
        evidence.see(amounts[0])
        code = find_currency_code(amounts[0]) or next(
            (cell for cell in cells[1:] if parsing.find_currency(cell) != NO_CURRENCY), ""
        )
        balance = parse_amount_cell("Balance", amounts[0], evidence.separator)
        if balance is not None and evidence.question() is None:
            found.append((Reading.of_day(day, balance * mapping.sign), code))
    if len(found) != 1:
        return None
    reading, code = found[0]
    layout = Layout("", 0, (), {}, **read_context(rows))
    context = AccountContext.of(layout, mapping)
    code = mapping.currency_code or code or context.currency or ""
    if not context.number or parsing.find_currency(code) == NO_CURRENCY:
        return None
    identity = _build_identity(context.number, context.name or context.number, code, mapping)
    return Statement(identity, [reading])
