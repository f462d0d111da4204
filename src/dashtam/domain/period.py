"""A stretch of time."""

from dataclasses import dataclass
from datetime import datetime

from dashtam.domain.errors import InvalidDateRange


@dataclass(frozen=True, slots=True)
class Period:
    """Two aware instants, both included, the first before the second."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a period that does not run forward."""
        if self.start >= self.end:
            raise InvalidDateRange
