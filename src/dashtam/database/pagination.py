"""Pages of lists."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from uuid import UUID

T = TypeVar("T")

_PAGE_SIZE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position of an item: its id, and its name where the list is in order of name."""

    id: UUID
    name: str = ""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page of at most ``limit`` items, behind a position or from the top of the list (None)."""

    limit: int
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """A page, the size of the whole list, and the position of the last item, None at the end."""

    items: Sequence[T]
    total: int
    last: Cursor | None


def iterate_all(list_page: Callable[[PageRequest], ListPage[T]]) -> Iterator[T]:
    """Yield every item of a list in its order, with one page in memory."""
    after: Cursor | None = None
    while True:
        page = list_page(PageRequest(_PAGE_SIZE, after))
        yield from page.items
        if page.last is None:
            return
        after = page.last
