"""Columns: where a balance file keeps its dates, balances, accounts and currencies."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import msgspec

from dashtam.domain.errors import FieldError, MappingNeeded

Column = str | int

_HEAD_ROWS = 20
_DELIMITERS = (",", ";", "\t", "|")
_MONARCH = ["date", "balance", "account"]
_NAMES = {
    "date": "date,day,as of,as of date,balance date,datum,fecha,data,dato,päivä",
    "balance": "balance,account balance,closing balance,ending balance,saldo,kontostand,solde",
    "account": "account,account name,konto,compte,cuenta,conto,rekening,conta,rachunek",
    "currency": "currency,currency code,ccy,währung,waehrung,devise,moneda,moeda,waluta",
    "available": "available,available balance",
    "holdings": "holdings,holdings value",
    "cash": "cash,cash value",
}
_SPELLINGS = {role: frozenset(names.split(",")) for role, names in _NAMES.items()}


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the columns of a balance file mean; whatever is left out is recognised, or asked for.

    A column is its name in the header, or its number from 1; without a header (``header`` false)
    numbers only. ``date_format`` is like ``DD.MM.YYYY`` or ``%d.%m.%Y``. ``account_name`` and
    ``currency_code`` stand for every row, whatever the columns say; ``default_account_name`` and
    ``default_currency_code`` only where there is no such column. ``sign`` -1 turns balances
    around as they are read. ``decimal`` is the sign before fractions, ``thousands`` the one that
    groups (empty: none does). ``encoding`` is only needed where the bytes do not tell.
    """

    date: Column | None = None
    date_format: str | None = None
    balance: Column | None = None
    account: Column | None = None
    account_name: str | None = None
    currency: Column | None = None
    currency_code: str | None = None
    default_account_name: str | None = None
    default_currency_code: str | None = None
    available: Column | None = None
    holdings: Column | None = None
    cash: Column | None = None
    sign: Literal[1, -1] = 1
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ".", ",", " ", "'"] | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    encoding: Literal["utf-8", "utf-16-le", "utf-16-be", "windows-1252", "windows-1250"] | None = (
        None
    )
    header: bool = True
    institution: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand: indexes from 0, None for what has no column.

    ``rows_above`` come before the first row of values.
    """

    delimiter: str
    rows_above: int
    is_monarch: bool
    date: int
    balance: int
    account: int | None
    currency: int | None
    available: int | None
    holdings: int | None
    cash: int | None


def mapping_of(raw: Mapping[str, object] | None) -> ColumnMapping:
    """Return the mapping that was sent.

    Raises:
        MappingNeeded: it has unknown members, or values that are none of theirs.
    """
    try:
        mapping = msgspec.convert(raw or {}, ColumnMapping)
    except msgspec.ValidationError as error:
        detail = f"The mapping is not understood: {error}."
        raise MappingNeeded(detail, (FieldError("/mapping", "invalid_mapping", detail),)) from None
    if mapping.decimal and mapping.decimal == mapping.thousands:
        detail = "decimal and thousands must differ."
        raise MappingNeeded(detail, (FieldError("/mapping/thousands", "invalid_mapping", detail),))
    return mapping


def is_table(head: str) -> bool:
    """Tell whether the text looks like rows of columns."""
    lines = [line for line in head.splitlines()[:_HEAD_ROWS] if line.strip()]
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            continue
        if any(a == b > 1 for a, b in pairwise(widths)):
            return True
    return layout_of(head, ColumnMapping()) is not None


def layout_of(head: str, mapping: ColumnMapping) -> Layout | None:
    """Return the layout of the file that starts so, None where dates or balances are not found."""
    lines = head.splitlines(keepends=True)[:_HEAD_ROWS]
    # Where a comma stands before fractions, another sign more likely stands between columns.
    likely = sorted(_DELIMITERS, key=lambda sign: sign == mapping.decimal)
    for delimiter in [mapping.delimiter] if mapping.delimiter else likely:
        try:
            rows = list(csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            continue
        if not mapping.header:
            width = max(map(len, rows), default=0)
            layout = _layout([], width, mapping, (delimiter, 0))
            if layout:
                return layout
            continue
        for index, row in enumerate(rows):
            header = [_plain(cell) for cell in row]
            layout = _layout(header, len(row), mapping, (delimiter, index + 1))
            if layout:
                return layout
    return None


def _layout(
    header: Sequence[str], width: int, mapping: ColumnMapping, place: tuple[str, int]
) -> Layout | None:
    found: dict[str, int | None] = {}
    for role in _SPELLINGS:
        column: Column | None = getattr(mapping, role)
        found[role] = _index(header, width, column, role)
        if column is not None and found[role] is None:
            return None
    date, balance = found["date"], found["balance"]
    if date is None or balance is None:
        return None
    return Layout(
        delimiter=place[0],
        rows_above=place[1],
        is_monarch=list(header) == _MONARCH,
        date=date,
        balance=balance,
        account=None if mapping.account_name and mapping.account is None else found["account"],
        currency=None if mapping.currency_code and mapping.currency is None else found["currency"],
        available=found["available"],
        holdings=found["holdings"],
        cash=found["cash"],
    )


def _index(header: Sequence[str], width: int, column: Column | None, role: str) -> int | None:
    if isinstance(column, int):
        return column - 1 if 1 <= column <= width else None
    wanted = frozenset({_plain(column)}) if column is not None else _SPELLINGS[role]
    return next((index for index, name in enumerate(header) if name in wanted), None)


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("\ufeff", "").split()).casefold()
