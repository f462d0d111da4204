"""When a connection is synced next: pure functions of a random fraction, 0 (included) to 1."""

from datetime import datetime, timedelta
from typing import Final

from dashtam.application.provider import Pace

DAY: Final = timedelta(days=1)
CATCH_UP_AFTER: Final = timedelta(minutes=15)
"""A worker that did not run for longer than this spreads the slots that it missed."""

_FIRST_RETRY: Final = timedelta(minutes=15)
_LONGEST_CATCH_UP: Final = timedelta(hours=1)
_JITTER: Final = 0.05
_MOST_DOUBLINGS: Final = 10


def first_slot(pace: Pace, now: datetime, fraction: float) -> datetime:
    """Return the first slot of a new connection, in the second half of its usual interval."""
    return now + pace.every * (0.5 + fraction / 2)


def next_slot(slot: datetime, pace: Pace, now: datetime, fraction: float) -> datetime:
    """Return the slot after the one that was served; missed slots are left out.

    It keeps its time of day but for a little jitter, unless it was served very late.
    """
    base = slot if now - slot < pace.every / 2 else now
    return base + pace.every * (1 + (fraction - 0.5) * _JITTER)


def retry_at(
    failures: int, pace: Pace, now: datetime, paused_until: datetime | None, fraction: float
) -> datetime:
    """Return when to try again after so many failures in a row, no sooner than the pause ends.

    A quarter of an hour, then twice as long each time, up to the provider's usual interval.
    """
    doubled = _FIRST_RETRY * (1 << min(failures - 1, _MOST_DOUBLINGS))
    at = now + min(doubled, pace.every) * (0.75 + fraction / 2)
    return at if paused_until is None else max(at, paused_until + _FIRST_RETRY * (fraction / 10))


def catch_up_at(pace: Pace, now: datetime, fraction: float) -> datetime:
    """Return when to serve a slot that fell due while no worker ran."""
    return now + min(pace.every / 4, _LONGEST_CATCH_UP) * fraction


def start_of_day(now: datetime) -> datetime:
    """Return the midnight (UTC) at which the count of requests began."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
