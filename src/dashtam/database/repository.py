"""The steps that the statements of every table share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import Field
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from sqlalchemy import Column, Connection, Insert, Row, Select, func, select, tuple_
from sqlalchemy.exc import IntegrityError

from dashtam.database.pagination import Cursor, ListPage, PageRequest


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


T = TypeVar("T")
D = TypeVar("D", bound=_Dataclass)

AnyRow: TypeAlias = Row[*tuple[Any, ...]]

_STREAMED = {"yield_per": 1_000}


class Repository:
    """The statements on one table, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _fetch_one(
        self,
        statement: Select[Any],
        build: Callable[[AnyRow], T],
        parameters: Mapping[str, object] | None = None,
    ) -> T | None:
        row = self._connection.execute(statement, parameters).one_or_none()
        return None if row is None else build(row)

    def _stream_rows(self, statement: Select[Any]) -> Iterator[AnyRow]:
        with self._connection.execute(statement, execution_options=_STREAMED) as rows:
            yield from rows

    def _insert_unless_taken(self, statement: Insert) -> bool:
        try:
            with self._connection.begin_nested():
                self._connection.execute(statement)
        except IntegrityError:
            return False
        return True

    def _fetch_page(
        self,
        statement: Select[Any],
        page: PageRequest,
        build: Callable[[AnyRow], T],
        *,
        order: Sequence[Column[Any]],
        descending: bool = False,
    ) -> ListPage[T]:
        """Return a page in the order of the id alone, or of the name and the id."""
        total = self._connection.scalar(select(func.count()).select_from(statement.subquery()))
        if page.after is not None:
            position = (page.after.name, page.after.id)[-len(order) :]
            key = tuple_(*order)
            statement = statement.where(key < position if descending else key > position)
        statement = statement.order_by(*(one.desc() if descending else one for one in order))
        rows = self._connection.execute(statement.limit(page.limit + 1)).all()
        last = None
        if len(rows) > page.limit:
            *name, last_id = [getattr(rows[page.limit - 1], column.name) for column in order]
            last = Cursor(last_id, *name)
        return ListPage([build(row) for row in rows[: page.limit]], total or 0, last)


def to_row(record: _Dataclass) -> dict[str, Any]:
    """Return the values of a record's fields by their names; nothing is copied."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def from_row(record: type[D], row: AnyRow, **converted: object) -> D:
    """Build a record from the columns with its fields' names, and from converted values."""
    names = record.__dataclass_fields__.keys() - converted.keys()
    return record(**{name: getattr(row, name) for name in names}, **converted)
