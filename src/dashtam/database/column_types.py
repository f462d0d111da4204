"""Column types with the same exact values in SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Final, TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Dialect, LargeBinary, Numeric, SmallInteger, Text
from sqlalchemy import Uuid as SqlUuid
from sqlalchemy.types import TypeDecorator, TypeEngine

from dashtam.domain.history.balance_snapshot import Basis
from dashtam.domain.money import to_digits
from dashtam.domain.period import Precision, to_instant, to_microseconds
from dashtam.domain.sync import SnapshotSource

V = TypeVar("V")
_Convert: TypeAlias = Callable[[Any], Any]
_Conversion: TypeAlias = "staticmethod[[Any], Any]"


def _keep(value: object) -> object:
    """Return the value as it is: the driver takes and gives the same."""
    return value


class _Converted(TypeDecorator[V]):
    """A type of PostgreSQL's own that SQLite stores as a simpler one.

    Each value is converted by one function, without SQLAlchemy's own steps between: a history has
    very many values.
    """

    in_postgresql: ClassVar[TypeEngine[Any]]
    in_sqlite: ClassVar[TypeEngine[Any]]
    to_sqlite: ClassVar[_Conversion]
    from_sqlite: ClassVar[_Conversion]
    to_postgresql: ClassVar[_Conversion] = staticmethod(_keep)
    from_postgresql: ClassVar[_Conversion] = staticmethod(_keep)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's type."""
        is_postgresql = dialect.name == "postgresql"
        return dialect.type_descriptor(self.in_postgresql if is_postgresql else self.in_sqlite)

    @classmethod
    def conversions(cls, dialect: Dialect) -> tuple[_Convert, _Convert]:
        """Return the conversions of a parameter and of a result, for values but not for None."""
        if dialect.name == "postgresql":
            return cls.to_postgresql, cls.from_postgresql
        return cls.to_sqlite, cls.from_sqlite

    def bind_processor(self, dialect: Dialect) -> _Convert | None:
        """Return the conversion of parameters, None where there is none to do."""
        return _unless_none(self.conversions(dialect)[0])

    def result_processor(
        self,
        dialect: Dialect,
        coltype: object,  # noqa: ARG002 - SQLAlchemy passes it
    ) -> _Convert | None:
        """Return the conversion of results, None where there is none to do."""
        return _unless_none(self.conversions(dialect)[1])


def _unless_none(convert: _Convert) -> _Convert | None:
    return None if convert is _keep else lambda value: None if value is None else convert(value)


class Id(_Converted[UUID]):
    """A UUID: ``uuid`` in PostgreSQL, 16 bytes in SQLite."""

    impl = LargeBinary
    cache_ok = True
    in_postgresql = SqlUuid()
    in_sqlite = LargeBinary(16)
    to_sqlite = staticmethod(attrgetter("bytes"))
    # Its second argument is the bytes; by their name they would take a function more.
    from_sqlite = staticmethod(partial(UUID, None))


class Instant(_Converted[datetime]):
    """An aware UTC instant: ``timestamptz`` in PostgreSQL, microseconds since 1970 in SQLite."""

    impl = BigInteger
    cache_ok = True
    in_postgresql = DateTime(timezone=True)
    in_sqlite = BigInteger()
    to_sqlite = staticmethod(to_microseconds)
    from_sqlite = staticmethod(to_instant)
    # The driver has its own object for UTC.
    from_postgresql = staticmethod(lambda stored: stored.astimezone(UTC))


class Amount(_Converted[Decimal]):
    """An exact amount with its own fraction digits: ``numeric`` in PostgreSQL, text in SQLite.

    SQLAlchemy's own ``Numeric`` converts to float for SQLite, and loses digits.
    """

    impl = Text
    cache_ok = True
    in_postgresql = Numeric()
    in_sqlite = Text()
    to_sqlite = staticmethod(to_digits)
    from_sqlite = staticmethod(Decimal)


SOURCE_CODES: Final = {
    SnapshotSource.ACCOUNT_SYNC: 1,
    SnapshotSource.HOLDINGS_SYNC: 2,
    SnapshotSource.MANUAL_SYNC: 3,
    SnapshotSource.SCHEDULED_SYNC: 4,
    SnapshotSource.INITIAL_CONNECTION: 5,
}
_SOURCES = {code: source for source, code in SOURCE_CODES.items()}

BASIS_CODES: Final = {
    Basis.OBSERVED: 1,
    Basis.REPORTED: 2,
    Basis.ENTERED: 3,
    Basis.INTERIM: 4,
}
_BASES = {code: basis for basis, code in BASIS_CODES.items()}

PRECISION_CODES: Final = {Precision.INSTANT: 1, Precision.DAY: 2}
_PRECISIONS = {code: precision for precision, code in PRECISION_CODES.items()}


class Source(_Converted[SnapshotSource]):
    """A snapshot's source as a small number: there are very many snapshots."""

    impl = SmallInteger
    cache_ok = True
    in_postgresql = in_sqlite = SmallInteger()
    to_postgresql = to_sqlite = staticmethod(SOURCE_CODES.__getitem__)
    from_postgresql = from_sqlite = staticmethod(_SOURCES.__getitem__)


class StoredBasis(_Converted[Basis]):
    """A snapshot's basis as a small number."""

    impl = SmallInteger
    cache_ok = True
    in_postgresql = in_sqlite = SmallInteger()
    to_postgresql = to_sqlite = staticmethod(BASIS_CODES.__getitem__)
    from_postgresql = from_sqlite = staticmethod(_BASES.__getitem__)


class StoredPrecision(_Converted[Precision]):
    """The precision of a snapshot's instant as a small number."""

    impl = SmallInteger
    cache_ok = True
    in_postgresql = in_sqlite = SmallInteger()
    to_postgresql = to_sqlite = staticmethod(PRECISION_CODES.__getitem__)
    from_postgresql = from_sqlite = staticmethod(_PRECISIONS.__getitem__)


# Names sort by code point in both databases: SQLite compares the bytes of UTF-8 by itself.
NAME = Text().with_variant(Text(collation="C"), "postgresql")
