"""Column types that hold the same values, exactly, in SQLite and in PostgreSQL."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Dialect, LargeBinary, Numeric, SmallInteger, Text
from sqlalchemy import Uuid as SqlUuid
from sqlalchemy.types import TypeDecorator, TypeEngine

from dashtam.domain.balance_snapshot import SnapshotSource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Id(TypeDecorator[UUID]):
    """A UUID: ``uuid`` in PostgreSQL, 16 bytes in SQLite."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that this database has."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(SqlUuid())
        return dialect.type_descriptor(LargeBinary(16))

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> object:
        """Return what the driver takes."""
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def process_result_value(self, value: UUID | bytes | None, dialect: Dialect) -> UUID | None:  # noqa: ARG002 - SQLAlchemy passes it
        """Return the id."""
        return UUID(bytes=value) if isinstance(value, bytes) else value


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant: ``timestamptz`` in PostgreSQL, microseconds since 1970 in SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that this database has."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        """Return what the driver takes."""
        if value is None or dialect.name == "postgresql":
            return value
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(
        self,
        value: datetime | int | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy passes it
    ) -> datetime | None:
        """Return the instant in UTC."""
        if isinstance(value, int):
            return _EPOCH + value * _MICROSECOND
        return None if value is None else value.astimezone(UTC)


class Amount(TypeDecorator[Decimal]):
    """An exact amount with its own fraction digits: ``numeric`` in PostgreSQL, text in SQLite.

    SQLAlchemy's own ``Numeric`` goes through float on SQLite, and would lose digits.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that this database has."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric())
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> object:
        """Return what the driver takes."""
        return value if value is None or dialect.name == "postgresql" else format(value, "f")

    def process_result_value(self, value: Decimal | str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - SQLAlchemy passes it
        """Return the amount, digit for digit as it was stored."""
        return Decimal(value) if isinstance(value, str) else value


class Source(TypeDecorator[SnapshotSource]):
    """A snapshot's source as a small number: there are very many snapshots."""

    impl = SmallInteger
    cache_ok = True

    CODES = {  # noqa: RUF012 - a constant of the class
        SnapshotSource.ACCOUNT_SYNC: 1,
        SnapshotSource.HOLDINGS_SYNC: 2,
        SnapshotSource.MANUAL_SYNC: 3,
        SnapshotSource.SCHEDULED_SYNC: 4,
        SnapshotSource.INITIAL_CONNECTION: 5,
    }
    SOURCES = {code: source for source, code in CODES.items()}  # noqa: RUF012 - its mirror image

    def process_bind_param(self, value: SnapshotSource | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy passes it
        """Return the number."""
        return None if value is None else self.CODES[value]

    def process_result_value(self, value: int | None, dialect: Dialect) -> SnapshotSource | None:  # noqa: ARG002 - SQLAlchemy passes it
        """Return the source."""
        return None if value is None else self.SOURCES[value]


# Names sort by code point in both: SQLite compares bytes of UTF-8 by itself.
NAME = Text().with_variant(Text(collation="C"), "postgresql")
