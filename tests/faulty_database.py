"""A database that is away when a test says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from application import App, Applications
from dashtam.database.unit_of_work import Database
from dashtam.domain.errors import Unavailable

Outcome = Literal["done", "refused", "lost"]
"""The outcome of a write; one that is lost is committed, and its caller told that it failed."""


@dataclass
class FaultyDatabase(Database):
    """The real database, for the reads and writes that a test lets through."""

    real: Database
    can_read: bool = True
    can_write: bool = True
    next_writes: list[Outcome] = field(default_factory=list)

    @contextmanager
    def read(self) -> Iterator[Any]:
        if not self.can_read:
            raise Unavailable
        with self.real.read() as work:
            yield work

    @contextmanager
    def write(self, address: str = "") -> Iterator[Any]:
        usual: Outcome = "done" if self.can_write else "refused"
        outcome = self.next_writes.pop(0) if self.next_writes else usual
        if outcome == "refused":
            raise Unavailable
        with self.real.write(address) as work:
            yield work
        if outcome == "lost":
            raise Unavailable


def open_faulty(applications: Applications) -> tuple[App, FaultyDatabase]:
    """Return the application on such a database."""
    app = applications.open(lambda real: replace(real, database=FaultyDatabase(real.database)))
    assert isinstance(app.services.database, FaultyDatabase)
    return app, app.services.database
