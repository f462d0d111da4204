"""Instants as they are written in requests (RFC 3339)."""

import re
from datetime import UTC, datetime, time, timedelta

from dashtam.domain.errors import Invalid
from dashtam.domain.period import Calendar, Interval, Moment, Precision
from dashtam.domain.user import User

_INSTANT = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt](?P<time>\d{2}:\d{2}:\d{2})(?:\.(?P<fraction>\d{1,9}))?"
    # A plus sign that a client did not encode arrives as a space.
    r"(?P<offset>[Zz]|[-+ ]\d{2}:[0-5]\d)?)?",
    re.ASCII,
)

FORM = "2025-01-31T10:00:00Z, 2025-01-31T10:00:00+01:00 or 2025-01-31"

START_OF_DAY = time(0, tzinfo=UTC)
NOON = time(12, tzinfo=UTC)
END_OF_DAY = time(23, 59, 59, 999_999, tzinfo=UTC)


class InvalidInstant(Invalid):
    """The text is not an instant."""

    detail = f"Write an instant like {FORM}."


def parse_instant(text: str, *, day_means: time) -> datetime:
    """Return the instant in UTC; a text without offset is UTC, a bare date is at ``day_means``.

    Digits of the fraction beyond microseconds are cut off.

    Raises:
        InvalidInstant: the text is anything else, or an instant outside the years 1 to 9999.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise InvalidInstant
    try:
        if is_bare_date(text):
            return datetime.combine(datetime.fromisoformat(text), day_means)
        offset = (match["offset"] or "Z").upper().replace(" ", "+")
        instant = datetime.fromisoformat(f"{match['day']}T{match['time']}{offset}")
        microseconds = int((match["fraction"] or "0")[:6].ljust(6, "0"))
        return instant.astimezone(UTC) + timedelta(microseconds=microseconds)
    except (ValueError, OverflowError) as error:
        raise InvalidInstant from error


def parse_moment(text: str) -> Moment:
    """Return the instant in UTC, or the day of a bare date.

    Raises:
        InvalidInstant: as ``parse_instant``.
    """
    at = parse_instant(text, day_means=NOON)
    return Moment(at, Precision.DAY if is_bare_date(text) else Precision.INSTANT)


def is_bare_date(text: str) -> bool:
    """Tell whether the text of an instant has no time of day."""
    return "T" not in text.upper()


def closing_of_day(noon: datetime, user: User, now: datetime) -> datetime:
    """Return the instant at which an account is closed as of a day of its owner's: by noon in UTC.

    It is before the end of that day in the owner's time zone too, and of today it is no instant
    to come.
    """
    placed = Calendar(Interval.DAY, user.zone).place(noon, Precision.DAY)
    return min(placed, now.replace(microsecond=0)) if noon.date() <= user.today(now) else placed
