"""Column types that hold the same values, exactly, in SQLite and in PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Dialect, LargeBinary, Numeric, SmallInteger, Text
from sqlalchemy import Uuid as SqlUuid
from sqlalchemy.types import TypeDecorator, TypeEngine

from dashtam.domain.sync import SnapshotSource

V = TypeVar("V")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Return the whole microseconds since 1970, by which SQLite keeps an instant."""
    return (instant - _EPOCH) // _MICROSECOND


class _Kept(TypeDecorator[V]):
    """A value that PostgreSQL has a type for, and that SQLite keeps as something simpler.

    Values go through one function each way, without SQLAlchemy's own steps between: there are
    very many of them in a history.
    """

    in_postgresql: ClassVar[TypeEngine[Any]]
    in_sqlite: ClassVar[TypeEngine[Any]]

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that this database has."""
        kept = self.in_postgresql if dialect.name == "postgresql" else self.in_sqlite
        return dialect.type_descriptor(kept)

    def bind_processor(self, dialect: Dialect) -> Callable[[V | None], Any]:
        """Return what turns a value into the driver's."""
        write = _as_it_is if dialect.name == "postgresql" else self.write
        return partial(_unless_none, write)

    def result_processor(
        self,
        dialect: Dialect,
        coltype: object,  # noqa: ARG002 - SQLAlchemy passes it
    ) -> Callable[[object], Any]:
        """Return what turns the driver's value back."""
        read = self.read_native if dialect.name == "postgresql" else self.read
        return partial(_unless_none, read)

    def write(self, value: V) -> object:
        """Return what SQLite keeps."""
        raise NotImplementedError

    def read(self, kept: Any) -> V:  # noqa: ANN401 - the driver's
        """Return the value of what SQLite keeps."""
        raise NotImplementedError

    def read_native(self, kept: Any) -> V:  # noqa: ANN401 - the driver's
        """Return the value of what PostgreSQL keeps."""
        value: V = kept
        return value


def _as_it_is(value: object) -> object:
    return value


def _unless_none(convert: Callable[[Any], Any], value: object) -> Any:  # noqa: ANN401 - of any column
    return None if value is None else convert(value)


class Id(_Kept[UUID]):
    """A UUID: ``uuid`` in PostgreSQL, 16 bytes in SQLite."""

    impl = LargeBinary
    cache_ok = True
    in_postgresql = SqlUuid()
    in_sqlite = LargeBinary(16)

    def write(self, value: UUID) -> bytes:
        """Return the 16 bytes."""
        return value.bytes

    def read(self, kept: bytes) -> UUID:
        """Return the id."""
        return UUID(bytes=kept)


class Instant(_Kept[datetime]):
    """An aware UTC instant: ``timestamptz`` in PostgreSQL, microseconds since 1970 in SQLite."""

    impl = BigInteger
    cache_ok = True
    in_postgresql = DateTime(timezone=True)
    in_sqlite = BigInteger()

    def write(self, value: datetime) -> int:
        """Return the microseconds."""
        return microseconds(value)

    def read(self, kept: int) -> datetime:
        """Return the instant."""
        return _EPOCH + timedelta(microseconds=kept)

    def read_native(self, kept: datetime) -> datetime:
        """Return the instant, by our own clock's name for UTC."""
        return kept.astimezone(UTC)


class Amount(_Kept[Decimal]):
    """An exact amount with its own fraction digits: ``numeric`` in PostgreSQL, text in SQLite.

    SQLAlchemy's own ``Numeric`` goes through float on SQLite, and would lose digits.
    """

    impl = Text
    cache_ok = True
    in_postgresql = Numeric()
    in_sqlite = Text()

    def write(self, value: Decimal) -> str:
        """Return plain digits."""
        return format(value, "f")

    def read(self, kept: str) -> Decimal:
        """Return the amount, digit for digit as it was stored."""
        return Decimal(kept)


class Source(TypeDecorator[SnapshotSource]):
    """A snapshot's source as a small number: there are very many snapshots."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: SnapshotSource | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy passes it
        """Return the number."""
        return None if value is None else SOURCE_CODES[value]

    def process_result_value(self, value: int | None, dialect: Dialect) -> SnapshotSource | None:  # noqa: ARG002 - SQLAlchemy passes it
        """Return the source."""
        return None if value is None else _SOURCES[value]


SOURCE_CODES: Final = {
    SnapshotSource.ACCOUNT_SYNC: 1,
    SnapshotSource.HOLDINGS_SYNC: 2,
    SnapshotSource.MANUAL_SYNC: 3,
    SnapshotSource.SCHEDULED_SYNC: 4,
    SnapshotSource.INITIAL_CONNECTION: 5,
}
_SOURCES = {code: source for source, code in SOURCE_CODES.items()}

# Names sort by code point in both: SQLite compares bytes of UTF-8 by itself.
NAME = Text().with_variant(Text(collation="C"), "postgresql")
