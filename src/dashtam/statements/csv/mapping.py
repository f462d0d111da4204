"""Mappings: the columns of a balance file with its dates, balances, accounts and currencies."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from dashtam.domain.account import AccountChoice, AccountType
from dashtam.domain.errors import FieldError, MappingNeeded

Column = str | int
Encoding = Literal[
    "utf-8",
    "utf-16-le",
    "utf-16-be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "gb18030",
    "shift_jis",
]

ENCODINGS: tuple[str, ...] = get_args(Encoding)


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The meaning of a balance file's columns; those left out are recognised by their headers.

    A column is its name in the header, or its number from 1; without a header (``header`` false)
    numbers only. ``header_row`` is the line of the header, the last one where it has several, 0
    for none. ``date_format`` is like ``DD.MM.YYYY`` or ``%d.%m.%Y``; ``excel`` for day numbers.
    ``time`` and the booked amounts (``amount``, or ``debit`` and ``credit``) tell which row of a
    day is the last. ``balance_side`` and ``amount_side`` are columns that say debit or credit, 0
    for none. ``account_name`` and ``currency_code`` apply to every row and override the
    columns; ``default_account_name`` and ``default_currency_code`` only apply where there is no
    such column. ``sign`` -1 negates the balances. ``decimal`` is the sign before fractions,
    ``thousands`` the one that groups (empty: none does). ``encoding`` overrides the one found in
    the bytes. ``accounts`` holds the choices for each new account, by its key in the file, and
    ``account_type`` is the type of all.
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
    time: Column | None = None
    amount: Column | None = None
    debit: Column | None = None
    credit: Column | None = None
    balance_side: Column | None = None
    amount_side: Column | None = None
    available: Column | None = None
    holdings: Column | None = None
    cash: Column | None = None
    sign: Literal[1, -1] = 1
    account_type: AccountType | None = None
    accounts: Mapping[str, AccountChoice] = msgspec.field(default_factory=dict)
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ".", ",", " ", "'"] | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    encoding: Encoding | None = None
    header: bool = True
    header_row: Annotated[int, Meta(ge=0, le=1_000)] | None = None
    institution: str | None = None


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
    if mapping.header_row == 0:
        mapping = msgspec.structs.replace(mapping, header=False, header_row=None)
    if mapping.decimal and mapping.decimal == mapping.thousands:
        detail = "decimal and thousands must differ."
        raise MappingNeeded(detail, (FieldError("/mapping/thousands", "invalid_mapping", detail),))
    return mapping
