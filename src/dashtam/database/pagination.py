"""Pages: stretches of lists, and whole lists read by them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import Column, Connection, Row, Select, func, select, tuple_

T = TypeVar("T")

AnyRow: TypeAlias = Row[*tuple[Any, ...]]

_ON_A_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where in a list something stands: its id, and its name where the list is by name."""

    id: UUID
    name: str = ""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which stretch of a list is asked for: ``limit`` at most, behind ``after`` (None: its top)."""

    limit: int
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """A stretch of a list, how many there are in all, and the last one's place (None: no more)."""

    items: Sequence[T]
    total: int
    last: Cursor | None


def iterate_all(list_page: Callable[[PageRequest], ListPage[T]]) -> Iterator[T]:
    """Yield everything in a list, in its order, without holding more than a page of it."""
    after: Cursor | None = None
    while True:
        listed = list_page(PageRequest(_ON_A_PAGE, after))
        yield from listed.items
        if listed.last is None:
            return
        after = listed.last


def fetch_one(
    connection: Connection, statement: Select[Any], build: Callable[[AnyRow], T]
) -> T | None:
    """Return the one thing that the statement selects, None where there is none."""
    row = connection.execute(statement).one_or_none()
    return None if row is None else build(row)


def fetch_page(
    connection: Connection,
    statement: Select[Any],
    page: PageRequest,
    build: Callable[[AnyRow], T],
    *,
    by: Sequence[Column[Any]],
    newest_first: bool = False,
) -> ListPage[T]:
    """Return one page of what the statement selects, in the order of ``by``.

    ``by`` is the id alone or the name and the id; with ``newest_first`` it is the other way round.
    """
    total = connection.scalar(select(func.count()).select_from(statement.subquery())) or 0
    if page.after is not None:
        place = (page.after.id,) if len(by) == 1 else (page.after.name, page.after.id)
        key = tuple_(*by)
        statement = statement.where(key < place if newest_first else key > place)
    order = [column.desc() if newest_first else column.asc() for column in by]
    rows = connection.execute(statement.order_by(*order).limit(page.limit + 1)).all()
    last = _place(rows[page.limit - 1], by) if len(rows) > page.limit else None
    return ListPage([build(row) for row in rows[: page.limit]], total, last)


def _place(row: AnyRow, by: Sequence[Column[Any]]) -> Cursor:
    values = [getattr(row, column.name) for column in by]
    return Cursor(id=values[-1], name=values[0] if len(values) > 1 else "")
