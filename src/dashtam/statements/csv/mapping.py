"""Mappings: the columns of a balance file with its dates, balances, accounts and currencies."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import msgspec
from msgspec.structs import replace

from dashtam.domain.errors import FieldError, MappingNeeded
from dashtam.domain.parsing import UnusableField, parse_currency_field

Column = str | int
Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "windows-1252", "windows-1250"]

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
    """The meaning of a balance file's columns; those left out are recognised by their headers.

    A column is its name in the header, or its number from 1; without a header (``header`` false)
    numbers only. ``date_format`` is like ``DD.MM.YYYY`` or ``%d.%m.%Y``. ``account_name`` and
    ``currency_code`` apply to every row and override the columns; ``default_account_name`` and
    ``default_currency_code`` only apply where there is no such column. ``sign`` -1 negates the
    balances. ``decimal`` is the sign before fractions, ``thousands`` the one that groups (empty:
    none does). ``encoding`` overrides the one found in the bytes.
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
    encoding: Encoding | None = None
    header: bool = True
    institution: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of a file: column indexes from 0, None for a value without a column.

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


def parse_mapping(raw: Mapping[str, object] | None) -> ColumnMapping:
    """Return the mapping of a request.

    Raises:
        MappingNeeded: it has unknown members, or invalid values.
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


def complete_mapping(mapping: ColumnMapping, layout: Layout) -> ColumnMapping:
    """Return the mapping with its defaults for a file without a column of accounts or currencies.

    Raises:
        MappingNeeded: the account or the currency of such a file is missing, or not known.
    """
    name, code = mapping.account_name, mapping.currency_code
    if layout.account is None and not name:
        name = mapping.default_account_name
        if not name:
            detail = "No column names the account: a mapping must say account or account_name."
            raise MappingNeeded(detail, (FieldError("/mapping/account_name", "required", detail),))
    if layout.currency is None and not code and not layout.is_monarch:
        code = mapping.default_currency_code
        if not code:
            detail = "No column names the currency: a mapping must say currency or currency_code."
            raise MappingNeeded(detail, (FieldError("/mapping/currency_code", "required", detail),))
    if code:
        try:
            parse_currency_field("currency_code", code)
        except UnusableField as error:
            fault = FieldError("/mapping/currency_code", error.code, str(error))
            raise MappingNeeded(str(error), (fault,)) from None
    return replace(mapping, account_name=name, currency_code=code)


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
    return find_layout(head, ColumnMapping()) is not None


def find_layout(head: str, mapping: ColumnMapping) -> Layout | None:
    """Return the layout of the file that starts so, None where dates or balances are not found."""
    lines = head.splitlines(keepends=True)[:_HEAD_ROWS]
    # Where a comma stands before fractions, another sign more likely stands between columns.
    likely = sorted(_DELIMITERS, key=lambda sign: sign == mapping.decimal)
    for delimiter in [mapping.delimiter] if mapping.delimiter else likely:
        try:
            rows = list(csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            continue
        heads = [
            ([_normalize(cell) for cell in row], len(row), index + 1)
            for index, row in enumerate(rows)
        ]
        if not mapping.header:
            heads = [([], max(map(len, rows), default=0), 0)]
        for header, width, rows_above in heads:
            found = _find_columns(header, width, mapping)
            date, balance = found.pop("date"), found.pop("balance")
            is_missing = any(
                index is None and getattr(mapping, role) is not None
                for role, index in found.items()
            )
            if date is None or balance is None or is_missing:
                continue
            if mapping.account_name and mapping.account is None:
                found["account"] = None
            if mapping.currency_code and mapping.currency is None:
                found["currency"] = None
            is_monarch = header == _MONARCH
            return Layout(delimiter, rows_above, is_monarch, date, balance, **found)
    return None


def _find_columns(header: list[str], width: int, mapping: ColumnMapping) -> dict[str, int | None]:
    """Return the index of each role's column, None where there is none."""
    found: dict[str, int | None] = {}
    for role, spellings in _SPELLINGS.items():
        column: Column | None = getattr(mapping, role)
        if isinstance(column, int):
            found[role] = column - 1 if 1 <= column <= width else None
            continue
        names = spellings if column is None else {_normalize(column)}
        found[role] = next((at for at, name in enumerate(header) if name in names), None)
    return found


def _normalize(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("\ufeff", "").split()).casefold()
