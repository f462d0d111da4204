"""When a connection is synced next: pure functions of a random fraction, 0 (included) to 1."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from dashtam.application.provider import Pace
from dashtam.domain.connection import ConnectionId

DAY: Final = timedelta(days=1)
CATCH_UP_AFTER: Final = timedelta(minutes=15)
"""A worker that did not run for longer than this spreads the slots that it missed."""

_FIRST_RETRY: Final = timedelta(minutes=15)
_LONGEST_CATCH_UP: Final = timedelta(hours=1)
_JITTER: Final = 0.05
_MOST_SWING: Final = timedelta(minutes=15)
_FIRST_MINUTE: Final = 60
_END_MINUTE: Final = 23 * 60
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS: Final = 1 << 20
_MOST_DOUBLINGS: Final = 10


@dataclass(frozen=True, slots=True)
class Anchor:
    """The fixed time of a connection's slots; jitter swings round it and never adds up.

    For a provider's interval of whole days it is a minute of the owner's day, an hour or more away
    from midnight, so that no day is without a slot. For a shorter one it is a part of the interval.
    """

    number: int
    zone: ZoneInfo
    pace: Pace

    @classmethod
    def of(cls, connection_id: ConnectionId, zone: ZoneInfo, pace: Pace) -> Self:
        """Return the anchor of a connection, from its random id."""
        return cls(int.from_bytes(connection_id.bytes[-6:]), zone, pace)

    def first_slot(self, now: datetime) -> datetime:
        """Return the first slot of a new connection, within a day or the shorter interval."""
        if self.pace.every < DAY:
            return self.next_slot(now, 0)
        day = now.astimezone(self.zone).date()
        slot = self._slot_on(day)
        return slot if slot > now else self._slot_on(day + DAY)

    def next_slot(self, now: datetime, fraction: float) -> datetime:
        """Return the slot after a sync that ends now; missed slots are left out.

        It is on the next day of the owner at the latest, and at least half an interval away.
        """
        every = self.pace.every
        if every < DAY:
            offset = _EPOCH + every * (self.number % _PARTS / _PARTS)
            slot = offset + every * -((offset - now - every / 2) // every)
            return slot + every * _JITTER * (fraction - 0.5)
        day = now.astimezone(self.zone).date()
        slot = self._slot_on(day)
        if every >= 2 * DAY or slot - now < every / 2:
            slot = self._slot_on(day + timedelta(days=every // DAY))
        return slot + 2 * _MOST_SWING * (fraction - 0.5)

    def retry_at(
        self, failures: int, now: datetime, paused_until: datetime | None, fraction: float
    ) -> datetime:
        """Return when to try again after so many failures in a row, no sooner than the pause ends.

        A quarter of an hour, then twice as long each time, up to the next slot.
        """
        doubled = _FIRST_RETRY * (1 << min(failures - 1, _MOST_DOUBLINGS))
        at = now + min(doubled, self.pace.every) * (0.75 + fraction / 2)
        at = min(at, max(self.first_slot(now), now + _FIRST_RETRY / 2))
        if paused_until is None:
            return at
        return max(at, paused_until + _FIRST_RETRY * (fraction / 10))

    def _slot_on(self, day: date) -> datetime:
        minutes = _FIRST_MINUTE + self.number % (_END_MINUTE - _FIRST_MINUTE)
        # A time that the clocks skip is an hour later, and one that they repeat is the first.
        at = datetime.combine(day, time(minutes // 60, minutes % 60), self.zone)
        return at.astimezone(UTC)


def catch_up_at(pace: Pace, now: datetime, fraction: float) -> datetime:
    """Return when to serve a slot that fell due while no worker ran."""
    return now + min(pace.every / 4, _LONGEST_CATCH_UP) * fraction


def start_of_day(now: datetime) -> datetime:
    """Return the midnight (UTC) at which the count of requests began."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
