"""Days, weeks and months of a zone: no instant is in two of them, and none in no one."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.domain.period import Calendar, Interval, Moment, Precision

MICROSECOND = timedelta(microseconds=1)

# Where clocks are never changed over midnight, the date on the wall says it all.
PLAIN = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
# Midnights that were skipped or came twice, a day that never was, and one more near midnight.
ODD = [
    "America/Sao_Paulo", "America/St_Johns", "America/Toronto", "Africa/Cairo", "Asia/Beirut",
    "America/Havana", "Pacific/Apia", "Pacific/Kwajalein", "America/Goose_Bay", "Asia/Manila",
]  # fmt: skip

# Noon in UTC is another day or the very beginning of the day.
ZONES_AT_THE_ENDS = ["Pacific/Auckland", "Pacific/Chatham", "Pacific/Kiritimati", "Etc/GMT+12"]

intervals = st.sampled_from(Interval)
instants = st.datetimes(datetime(1900, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis wants them so
any_instants = st.datetimes(timezones=st.just(UTC))


def first_day(interval: Interval, day: date) -> date:
    while (interval is Interval.WEEK and day.isoweekday() != 1) or (
        interval is Interval.MONTH and day.day != 1
    ):
        day -= timedelta(days=1)
    return day


@given(intervals, st.sampled_from(PLAIN), instants)
def test_an_interval_ends_with_its_last_day_on_the_wall(
    interval: Interval, name: str, at: datetime
) -> None:
    zone = ZoneInfo(name)
    end = Calendar(interval, zone).last_instant(at)

    def begun(moment: datetime) -> date:
        return first_day(interval, moment.astimezone(zone).date())

    assert at <= end
    assert begun(end) == begun(at) != begun(end + MICROSECOND)


@given(intervals, st.sampled_from(PLAIN + ODD), any_instants, any_instants)
def test_intervals_follow_each_other_without_a_gap(
    interval: Interval, name: str, at: datetime, other: datetime
) -> None:
    calendar = Calendar(interval, ZoneInfo(name))
    end, other_end = calendar.last_instant(at), calendar.last_instant(other)
    assert at <= end == calendar.last_instant(end)
    # Two instants are in one interval, or one is in a later one from its first instant on.
    assert end == other_end or min(end, other_end) < max(at, other)
    assert (at <= other) <= (end <= other_end)


@given(intervals, st.sampled_from(ODD), instants)
def test_a_clock_that_is_changed_over_midnight_makes_no_interval_of_its_own(
    interval: Interval, name: str, at: datetime
) -> None:
    calendar = Calendar(interval, ZoneInfo(name))
    following = calendar.last_instant(at) + MICROSECOND
    length = calendar.last_instant(following) + MICROSECOND - following
    shortest = {Interval.DAY: 22, Interval.WEEK: 5 * 24, Interval.MONTH: 26 * 24}[interval]
    assert length >= timedelta(hours=shortest)


@pytest.mark.parametrize(
    ("name", "at", "end"),
    [
        # 23 and 25 hours.
        ("Europe/Berlin", "2025-03-30T12:00:00Z", "2025-03-30T21:59:59.999999Z"),
        ("Europe/Berlin", "2025-10-25T22:00:00Z", "2025-10-26T22:59:59.999999Z"),
        # There was no midnight: the day began at one o'clock.
        ("America/Sao_Paulo", "2017-10-14T12:00:00Z", "2017-10-15T02:59:59.999999Z"),
        ("America/Sao_Paulo", "2017-10-15T03:00:00Z", "2017-10-16T01:59:59.999999Z"),
        # Clocks went back at one minute past midnight, to yesterday: it stays today.
        ("America/St_Johns", "2010-11-07T02:31:00Z", "2010-11-08T03:29:59.999999Z"),
        # The thirtieth was left out.
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-30T09:59:59.999999Z"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T09:59:59.999999Z"),
    ],
)
def test_a_day_ends_when_the_next_one_begins(name: str, at: str, end: str) -> None:
    calendar = Calendar(Interval.DAY, ZoneInfo(name))
    assert calendar.last_instant(datetime.fromisoformat(at)) == datetime.fromisoformat(end)


@given(st.sampled_from(PLAIN + ZONES_AT_THE_ENDS), st.dates(date(1900, 1, 1), date(2037, 12, 31)))
def test_a_days_balance_counts_on_its_day_in_every_zone(name: str, day: date) -> None:
    zone, noon = ZoneInfo(name), Moment.of_day(day)
    placed = Calendar(Interval.DAY, zone).place(noon.at, noon.precision)
    assert placed.astimezone(zone).date() == day
    assert noon.at - timedelta(hours=4) < placed <= noon.at
    instant = Calendar(Interval.DAY, zone).place(noon.at, Precision.INSTANT)
    assert instant == noon.at


@pytest.mark.parametrize("name", ["Etc/GMT+12", "Pacific/Kiritimati"])
@pytest.mark.parametrize("interval", Interval)
def test_the_calendar_has_two_ends(name: str, interval: Interval) -> None:
    calendar = Calendar(interval, ZoneInfo(name))
    last = datetime.max.replace(tzinfo=UTC)
    assert calendar.last_instant(datetime.min.replace(tzinfo=UTC)).year == 1
    assert calendar.last_instant(last) == last
    assert list(calendar.ends(last - timedelta(days=1), last)) == [last]
    for end in (datetime.min.replace(tzinfo=UTC), last):
        assert calendar.place(end, Precision.DAY) == end
