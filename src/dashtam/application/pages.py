"""Whole lists, read page by page."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from dashtam.application.records import Listed, Page, Place

T = TypeVar("T")

_ON_A_PAGE: Final = 1_000


def every(list_page: Callable[[Page], Listed[T]]) -> Iterator[T]:
    """Yield everything in a list, in its order, without holding more than a page of it."""
    after: Place | None = None
    while True:
        listed = list_page(Page(_ON_A_PAGE, after))
        yield from listed.items
        if listed.last is None:
            return
        after = listed.last
