"""Balance files: dates and balances in columns, as banks and Monarch export them.

Monarch's file (``Date,Balance,Account``) names no currency: it is US dollars unless a mapping says
otherwise. Any other file must name its currency, in a column, above the table, beside the amounts
or in the mapping.

Of several rows of an account at one instant the last in time counts (see ``order``). A header below
the first table ends it: the rows behind it mean something else. A line that names another account
begins that account's rows. The file is read twice, row by row:
once for the layouts and the orders, once for the balances, so that a file of a million rows takes
no more memory than one of a thousand.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import BinaryIO, Protocol

from dashtam.domain import parsing
from dashtam.domain.account import Identity
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.mapping_proposal import MappingProposal, SourceRow
from dashtam.domain.parsing import NO_CURRENCY, UnusableField
from dashtam.domain.period import Moment
from dashtam.domain.statement import Reading, RowError, Statement
from dashtam.statements.accounts import MAX_READINGS, account_key
from dashtam.statements.csv import questions
from dashtam.statements.csv.accounts import AccountRows, TableAccounts, build_identity
from dashtam.statements.csv.dates import (
    DATES_REMEMBERED,
    DateEvidence,
    DateReader,
    find_day,
    parse_clock,
)
from dashtam.statements.csv.evidence import AmountProof, choose_side
from dashtam.statements.csv.headers import normalize, rank_balance
from dashtam.statements.csv.layout import (
    AccountContext,
    Layout,
    Proposal,
    Rows,
    propose,
    read_context,
)
from dashtam.statements.csv.mapping import ColumnMapping, parse_mapping
from dashtam.statements.csv.numbers import AmountEvidence, is_amount, parse_amount_cell
from dashtam.statements.csv.order import TableRow
from dashtam.statements.csv.questions import Findings
from dashtam.statements.csv.row_parser import RowParser
from dashtam.statements.csv.rows import CsvTable, get_cell
from dashtam.statements.written_amounts import find_currency_code, find_side

MAX_PROBLEMS = 10_000

_MAX_PENDING = 20_000
_LAST_ROWS = 5
_PRODUCT_ROWS = 5_000
_SECOND_TABLE = RowError(
    None, "second_table", "Another table begins here: its rows are not read, send them alone."
)
_OTHER_ACCOUNT = RowError(
    None,
    "second_table",
    "The rows of another account begin here: they are not read, send them alone.",
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
        self._accounts = TableAccounts(layout, mapping)
        self._problem_count = 0
        self._date, self._balance = layout.roles["date"] or 0, layout.roles["balance"] or 0
        self._date_name = proposal.header[self._date].strip() if proposal.header else None
        self._end: RowError | None = None
        # The lines that name an account, and the account of the rows behind each.
        self._contexts: dict[int, AccountContext] = {}

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

    def _read_statements(self, parser: RowParser) -> Iterator[Statement]:
        for count, (line, row) in enumerate(self._iter_rows(), start=1):
            account = self._accounts.find(row)
            order = account.orders[parser.read_date]
            moment: Moment | None = None
            reading: Reading | None = None
            try:
                self._accounts.require_usable(row, account)
                moment = parser.read_date(row[self._date])
                self._accounts.require_columns(row)
                parsed = parser.parse_row(line, row, moment, account.identity)
                self._accounts.require_no_total(row, parsed, account)
                account.before = parsed
                reading = order.add(parsed)
            except UnusableField as error:
                self._add_problems(account, [error.to_row_error(line)])
                # An empty cell is no balance; any other may have been the closing balance.
                if moment is not None and error.code not in {"missing_balance", "total_row"}:
                    reading = order.add(TableRow(line, moment.at, parser.parse_clock(row)))
            account.readings += [] if reading is None else [reading]
            if len(account.readings) + len(account.problems) >= MAX_READINGS:
                yield from account.take()
            if count % _MAX_PENDING == 0:
                for pending in self._accounts:
                    yield from pending.take()
        yield from self._finish(parser)

    def _finish(self, parser: RowParser) -> Iterator[Statement]:
        for account in self._accounts:
            readings, conflicts = account.orders[parser.read_date].finish()
            account.readings += readings
            self._add_problems(account, conflicts)
            if self._end is not None:
                self._add_problems(account, [self._end])
                self._end = None
            account.problems.sort(key=attrgetter("line"))
            yield from account.take()

    def _iter_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows of the table, but blank ones, notes and repeated headers.

        The account of the rows that name none changes on the way.
        """
        self._accounts.begin(AccountContext.of(self._layout, self._mapping))
        end_line = self._end.line if self._end is not None else None
        for line, row, _ in self._iter_filled():
            if line == end_line:
                return
            if line in self._contexts:
                self._accounts.begin(self._contexts[line])
            elif not self._is_between(row):
                yield line, row

    def _iter_filled(self) -> Iterator[tuple[int, list[str], bool]]:
        """Yield the rows below the header with a cell, and whether the row before has none."""
        is_after_blank = False
        for index, (line, row) in enumerate(self._table.iter_rows(self._layout.delimiter)):
            if index < self._layout.rows_above:
                continue
            if any(row):
                yield line, row, is_after_blank
            is_after_blank = not any(row)

    def _is_between(self, row: list[str]) -> bool:
        """Tell whether a row is a note, or the header once more."""
        if len(row) <= self._balance and self._layout.is_note(row):
            return True
        return get_cell(row, self._date) == self._date_name and self._layout.is_repeated(row)

    def _read_evidence(self) -> tuple[Findings, RowParser]:
        """Return the parser for the layouts that the rows prove, or raise MappingNeeded."""
        mapping, roles = self._mapping, self._layout.roles
        dates = DateEvidence(mapping.date_format, self._now)
        amounts = AmountEvidence(mapping.decimal, mapping.thousands)
        booked = AmountEvidence(mapping.decimal, mapping.thousands)
        booked_columns = [
            roles[role] for role in ("amount", "debit", "credit") if roles[role] is not None
        ]
        for row, moments in self._iter_first(dates):
            amounts.see(get_cell(row, self._balance) or "")
            for column in booked_columns:
                booked.see(get_cell(row, column) or "")
            account = self._accounts.find(row)
            clock = get_cell(row, roles["time"])
            with suppress(UnusableField):
                self._accounts.require_usable(row, account)
                # Until a cell settles the layout of the dates, each layout has its own order.
                for read_date, moment in moments:
                    account.orders[read_date].see(moment.at, parse_clock(clock) if clock else None)
        return self._settle(dates, amounts, booked)

    def _iter_first(
        self, dates: DateEvidence
    ) -> Iterator[tuple[list[str], Sequence[tuple[DateReader, Moment]]]]:
        """Yield the rows of the table with their moments, and find its end and its accounts."""
        see_date = lru_cache(DATES_REMEMBERED)(dates.see)
        current = named = self._accounts.context
        first: int | None = None
        for line, row, is_after_blank in self._iter_filled():
            text = get_cell(row, self._date) or ""
            moments = see_date(text, None if dates.first_line else line)
            context = None if moments else self._layout.read_other_account(row)
            if context is not None:
                named = named.replaced_by(context)
                self._contexts[line] = named
                first = first or line
                continue
            if self._is_between(row):
                continue
            if not moments and self._layout.is_header(row, is_after_blank=is_after_blank):
                self._end = replace(_SECOND_TABLE, line=line)
                return
            if moments and first is not None:
                if self._mapping.account_name and named != current:
                    self._end = replace(_OTHER_ACCOUNT, line=first)
                    return
                current, first = named, None
                self._accounts.begin(current)
            yield row, moments

    def _settle(
        self, dates: DateEvidence, amounts: AmountEvidence, booked: AmountEvidence
    ) -> tuple[Findings, RowParser]:
        """Return the parser that the evidence gives, or ask for all that it leaves open."""
        roles = self._layout.roles
        date_question, decimal = dates.question(), amounts.question()
        if decimal is not None and booked.is_proved:
            # A column is written like the one beside it.
            amounts, decimal = booked, None
        findings = Findings(self._proposal, self._mapping, dates, amounts)
        findings.questions += [*self._proposal.questions, *filter(None, (date_question, decimal))]
        findings.ask_identity()
        parser = RowParser(
            self._layout,
            self._mapping,
            amounts.separator,
            booked.separator,
            dates.reader(),
            any(roles[role] is not None for role in ("available", "holdings", "cash")),
            balance_side=roles["balance_side"],
            amount_side=roles["amount_side"],
        )
        if roles["side"] is not None:
            parser = self._find_side(parser, roles["side"], findings)
        if any(roles[role] is not None for role in ("amount", "debit", "credit")):
            if self._are_products_accounts(parser):
                return self._read_evidence()
            parser = self._use_proof(parser, findings)
        if findings.questions:
            raise findings.mapping_needed(self._table)
        return findings, parser

    def _prove(self, parser: RowParser) -> AmountProof:
        return AmountProof.of((row for _, row in self._iter_rows()), parser, self._accounts.find)

    def _are_products_accounts(self, parser: RowParser) -> bool:
        """Tell whether more rows continue another of their product; then products are accounts."""
        product = self._layout.roles["product"]
        if product is None or self._accounts.context.number is not None:
            return False
        roles = self._layout.roles | {"account": product, "product": None}
        layout = replace(self._layout, roles=roles)
        accounts = TableAccounts(layout, self._mapping)
        rows = [row for _, row in islice(self._iter_rows(), _PRODUCT_ROWS)]
        own = AmountProof.of(rows, parser, accounts.find).strength
        if own <= AmountProof.of(rows, parser, self._accounts.find).strength:
            return False
        self._layout, self._accounts = layout, accounts
        self._proposal.layout = layout
        return True

    def _find_side(self, parser: RowParser, column: int, findings: Findings) -> RowParser:
        """Return the parser for a column of debits and credits, or ask for its meaning."""
        found = choose_side(parser, column, self._prove)
        if found is not None:
            return found
        if any(find_side(get_cell(row, column) or "") == -1 for _, row in self._iter_rows()):
            findings.ask_side(column)
        return parser

    def _use_proof(self, parser: RowParser, findings: Findings) -> RowParser:
        """Return the parser with the sign of the booked amounts, and give the rows their order."""
        proof = self._prove(parser)
        own = proof.strength
        if proof.account_steps > own and self._mapping.account is None:
            findings.ask_account(self._layout.roles["account"])
        elif proof.currency_steps > own and self._mapping.currency is None:
            findings.ask_currency(self._layout.roles["currency"])
        if not proof.sign:
            return parser
        for account in self._accounts:
            directions = proof.falls_within[id(account)]
            if len(directions) == 1:
                account.orders[parser.read_date].falls_within = directions.pop()
        return replace(parser, amount_sign=proof.sign)

    def _add_problems(self, account: AccountRows, problems: Sequence[RowError]) -> None:
        account.problems += problems
        self._problem_count += len(problems)
        if self._problem_count > MAX_PROBLEMS:
            raise UnreadableFile(
                detail="More than 10,000 rows cannot be used: the mapping does not fit this file."
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
    identity = build_identity(context.number, context.name or context.number, code, mapping)
    return Statement(identity, [reading])
