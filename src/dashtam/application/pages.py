"""Pages: stretches of lists, and whole lists read by them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from uuid import UUID

T = TypeVar("T")

_ON_A_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a list something stands: its id, and its name where the list is by name."""

    id: UUID
    name: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Which stretch of a list is asked for: ``limit`` at most, behind ``after`` (None: its top)."""

    limit: int
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A stretch of a list, how many there are in all, and the last one's place (None: no more)."""

    items: Sequence[T]
    total: int
    last: Place | None


def every(list_page: Callable[[Page], Listed[T]]) -> Iterator[T]:
    """Yield everything in a list, in its order, without holding more than a page of it."""
    after: Place | None = None
    while True:
        listed = list_page(Page(_ON_A_PAGE, after))
        yield from listed.items
        if listed.last is None:
            return
        after = listed.last
