"""Inserts snapshots by the thousand, without SQLAlchemy's conversion of each value.

An import records a million snapshots, and those conversions would take longer than the rest of it.
The stored values are those that ``column_types`` would store.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from dashtam.database.column_types import SOURCE_CODES, to_digits
from dashtam.database.tables import balance_snapshots
from dashtam.domain.history.hash_chain import Link
from dashtam.domain.period import to_microseconds


class _Column(NamedTuple):
    name: str
    array_type: str
    expression: str = "{}"


_COLUMNS: Final = (
    _Column("account_id", "uuid[]"),
    _Column("captured_at", "timestamptz[]"),
    _Column("sequence", "bigint[]"),
    _Column("id", "uuid[]"),
    _Column("sync_id", "uuid[]"),
    _Column("source", "smallint[]"),
    _Column("currency", "text[]"),
    _Column("balance", "numeric[]"),
    _Column("available_balance", "numeric[]"),
    _Column("holdings_value", "numeric[]"),
    _Column("cash_value", "numeric[]"),
    _Column("as_of", "timestamptz[]"),
    _Column("created_at", "timestamptz[]"),
    _Column("link", "text[]", "decode({}, 'hex')"),
)
_NAMES: Final = ", ".join(column.name for column in _COLUMNS)
_INSERT: Final = f"INSERT INTO {balance_snapshots.name} ({_NAMES})"

# The only names in these statements are those of the columns above.
_SQLITE: Final = f"{_INSERT} VALUES ({', '.join('?' for _ in _COLUMNS)})"
_POSTGRESQL: Final = (
    f"{_INSERT} SELECT {', '.join(column.expression.format(column.name) for column in _COLUMNS)}"  # noqa: S608 - see above
    f" FROM unnest({', '.join(f'%s::{column.array_type}' for column in _COLUMNS)})"
    f" AS rows ({_NAMES})"
)


def insert_links(connection: Connection, links: Iterable[Link]) -> None:
    """Insert the links as rows, in one statement."""
    if connection.dialect.name == "sqlite":
        rows = [_row_of(link, attrgetter("bytes"), to_microseconds, bytes) for link in links]
        if rows:
            connection.exec_driver_sql(_SQLITE, rows)
        return
    rows = [_row_of(link, attrgetter("hex"), datetime.isoformat, bytes.hex) for link in links]
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
        record.currency.code,
        to_digits(reading.balance),
        None if reading.available_balance is None else to_digits(reading.available_balance),
        None if reading.holdings_value is None else to_digits(reading.holdings_value),
        None if reading.cash_value is None else to_digits(reading.cash_value),
        None if reading.as_of is None else convert_instant(reading.as_of),
        convert_instant(record.created_at),
        convert_digest(link.digest),
    )
