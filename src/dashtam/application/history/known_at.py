"""Readings as they were known at an earlier instant."""

from datetime import datetime
from typing import Final

from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import FieldError, Invalid

_FUTURE: Final = "known_at: the future is not known yet. Write an instant up to now."


def as_known_at(work: UnitOfWork, at: datetime | None) -> UnitOfWork:
    """Return a unit of work that reads as an answer at this instant did; None is the present.

    Raises:
        Invalid: the instant is in the future.
    """
    if at is None:
        return work
    if at > work.now:
        raise Invalid(_FUTURE, (FieldError("known_at", "future", _FUTURE),))
    return work.as_known_at(at)
