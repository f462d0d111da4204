"""When a connection is synced next: a pure reckoning, its chance passed in."""

from datetime import datetime, timedelta
from typing import Final

from dashtam.application.provider import Pace

CATCH_UP_AFTER: Final = timedelta(minutes=15)
"""Whoever was away for longer than this spreads what he missed."""

_FIRST_RETRY: Final = timedelta(minutes=15)
_LONGEST_CATCH_UP: Final = timedelta(hours=1)
_JITTER: Final = 0.05
_MOST_DOUBLINGS: Final = 10


def first_slot(pace: Pace, now: datetime, chance: float) -> datetime:
    """Return the first slot of a new connection: at a random instant of its usual time.

    Args:
        pace: the provider's.
        now: the present instant.
        chance: from 0 (included) to 1.
    """
    return now + pace.every * (0.5 + chance / 2)


def next_slot(slot: datetime | None, pace: Pace, now: datetime, chance: float) -> datetime:
    """Return the slot behind the one that was served; slots that were slept through are left out.

    It keeps its time of day but for a little jitter, unless it was served very late.
    """
    is_in_time = slot is not None and now - slot < pace.every / 2
    base = slot if slot is not None and is_in_time else now
    return base + pace.every * (1 + (chance - 0.5) * _JITTER)


def retry_at(
    failures: int, pace: Pace, now: datetime, paused_until: datetime | None, chance: float
) -> datetime:
    """Return when to try again after so many failures in a row, no sooner than the pause ends.

    A quarter of an hour, then twice as long each time, up to the provider's usual time.
    """
    doubled = _FIRST_RETRY * (1 << min(failures - 1, _MOST_DOUBLINGS))
    at = now + min(doubled, pace.every) * (0.75 + chance / 2)
    return at if paused_until is None else max(at, paused_until + _FIRST_RETRY * (chance / 10))


def catch_up_at(pace: Pace, now: datetime, chance: float) -> datetime:
    """Return when to make up for a slot that nobody was there to serve."""
    return now + min(pace.every / 4, _LONGEST_CATCH_UP) * chance


def start_of_day(now: datetime) -> datetime:
    """Return the beginning of the day (UTC) on which requests are counted."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
