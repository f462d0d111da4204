"""Many links at once become rows of ``balance_snapshots``, by each driver's own shortest way.

An import records a million of them, and SQLAlchemy's steps for every value of every row would take
longer than all the rest. What is written is what ``columns`` writes; errors are still its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import Connection

from dashtam.database.column_types import SOURCE_CODES, microseconds
from dashtam.database.tables import balance_snapshots
from dashtam.domain.history.hash_chain import Link


class _Column(NamedTuple):
    name: str
    # What PostgreSQL reads the text of the column's values as.
    array: str
    value: str = "{}"


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
_INTO: Final = f"INSERT INTO {balance_snapshots.name} ({_NAMES})"

# Neither holds anything but names that stand above.
_SQLITE: Final = f"{_INTO} VALUES ({', '.join('?' for _ in _COLUMNS)})"
_POSTGRESQL: Final = (
    f"{_INTO} SELECT {', '.join(column.value.format(column.name) for column in _COLUMNS)}"  # noqa: S608 - see above
    f" FROM unnest({', '.join(f'%s::{column.array}' for column in _COLUMNS)}) AS rows ({_NAMES})"
)


def insert_links(connection: Connection, links: Iterable[Link]) -> None:
    """Insert the links as rows, in one statement."""
    _INSERTS[connection.dialect.name](connection, links)


def _into_sqlite(connection: Connection, links: Iterable[Link]) -> None:
    rows = list(map(_sqlite_row, links))
    if rows:
        connection.exec_driver_sql(_SQLITE, rows)


def _sqlite_row(link: Link) -> tuple[object, ...]:
    record = link.record
    reading = record.reading
    return (
        record.account_id.bytes,
        microseconds(reading.captured_at),
        record.sequence,
        record.id.bytes,
        record.sync_id.bytes,
        SOURCE_CODES[record.source],
        record.currency.code,
        format(reading.balance, "f"),
        _digits(reading.available_balance),
        _digits(reading.holdings_value),
        _digits(reading.cash_value),
        None if reading.as_of is None else microseconds(reading.as_of),
        microseconds(record.created_at),
        link.digest,
    )


def _digits(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")


def _into_postgresql(connection: Connection, links: Iterable[Link]) -> None:
    # One text for each column: PostgreSQL reads arrays faster than the driver writes parameters.
    columns = list(zip(*map(_postgresql_row, links), strict=True))
    if columns:
        connection.exec_driver_sql(_POSTGRESQL, tuple(map(_array, columns)))


def _array(values: Sequence[str]) -> str:
    # None of the values has a comma, a quote, a brace, a space outside its quotes, or is empty.
    return f"{{{','.join(values)}}}"


def _postgresql_row(link: Link) -> tuple[str, ...]:
    record = link.record
    reading = record.reading
    return (
        record.account_id.hex,
        reading.captured_at.isoformat(),
        str(record.sequence),
        record.id.hex,
        record.sync_id.hex,
        str(SOURCE_CODES[record.source]),
        record.currency.code,
        format(reading.balance, "f"),
        _digits(reading.available_balance) or "NULL",
        _digits(reading.holdings_value) or "NULL",
        _digits(reading.cash_value) or "NULL",
        _written(reading.as_of),
        _written(record.created_at),
        link.digest.hex(),
    )


def _written(instant: datetime | None) -> str:
    return "NULL" if instant is None else instant.isoformat()


_INSERTS: Final[Mapping[str, Callable[[Connection, Iterable[Link]], None]]] = {
    "sqlite": _into_sqlite,
    "postgresql": _into_postgresql,
}
