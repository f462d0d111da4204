"""Inserts snapshots by the thousand, without SQLAlchemy's conversion of each value.

An import records a million snapshots, and those conversions would take longer than the rest of it.
The stored values are those that ``column_types`` would store.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from dashtam.database.column_types import BASIS_CODES, PRECISION_CODES, SOURCE_CODES
from dashtam.database.tables import balance_snapshots
from dashtam.domain.history.hash_chain import Link
from dashtam.domain.money import to_digits
from dashtam.domain.period import to_microseconds

_ARRAY_TYPES: Final = {
    "account_id": "uuid[]",
    "captured_at": "timestamptz[]",
    "sequence": "bigint[]",
    "id": "uuid[]",
    "sync_id": "uuid[]",
    "source": "smallint[]",
    "basis": "smallint[]",
    "precision": "smallint[]",
    "currency": "text[]",
    "balance": "numeric[]",
    "available_balance": "numeric[]",
    "holdings_value": "numeric[]",
    "cash_value": "numeric[]",
    "as_of": "timestamptz[]",
    "created_at": "timestamptz[]",
    "link": "bytea[]",
}
_INSERT: Final = f"INSERT INTO {balance_snapshots.name} ({', '.join(_ARRAY_TYPES)})"
_SQLITE: Final = f"{_INSERT} VALUES ({', '.join('?' for _ in _ARRAY_TYPES)})"
_ARRAYS: Final = ", ".join(f"%s::{array_type}" for array_type in _ARRAY_TYPES.values())
_POSTGRESQL: Final = f"{_INSERT} SELECT * FROM unnest({_ARRAYS})"  # noqa: S608 - our own names


def insert_links(connection: Connection, links: Iterable[Link]) -> None:
    """Insert the links as rows, in one statement."""
    if connection.dialect.name == "sqlite":
        rows = [_row_of(link, attrgetter("bytes"), to_microseconds, bytes) for link in links]
        if rows:
            connection.exec_driver_sql(_SQLITE, rows)
        return
    rows = [_row_of(link, attrgetter("hex"), datetime.isoformat, _to_bytea) for link in links]
    if rows:
        # One text for each column, because PostgreSQL parses arrays faster than the driver sends
        # parameters. No value has a comma, a quote, a brace or the word None, or is empty.
        texts = (",".join(map(str, values)) for values in zip(*rows, strict=True))
        arrays = [f"{{{text.replace('None', 'NULL')}}}" for text in texts]
        connection.exec_driver_sql(_POSTGRESQL, tuple(arrays))


def _row_of(
    link: Link,
    convert_id: Callable[[UUID], object],
    convert_instant: Callable[[datetime], object],
    convert_digest: Callable[[bytes], object],
) -> tuple[object, ...]:
    record = link.record
    reading = record.reading
    return (
        convert_id(record.account_id),
        convert_instant(reading.captured_at),
        record.sequence,
        convert_id(record.id),
        convert_id(record.sync_id),
        SOURCE_CODES[record.source],
        BASIS_CODES[record.basis],
        PRECISION_CODES[reading.precision],
        record.currency.code,
        to_digits(reading.balance),
        None if reading.available_balance is None else to_digits(reading.available_balance),
        None if reading.holdings_value is None else to_digits(reading.holdings_value),
        None if reading.cash_value is None else to_digits(reading.cash_value),
        None if reading.as_of is None else convert_instant(reading.as_of),
        convert_instant(record.created_at),
        convert_digest(link.digest),
    )


def _to_bytea(digest: bytes) -> str:
    # An array takes one of the two backslashes for its own.
    return rf"\\x{digest.hex()}"
