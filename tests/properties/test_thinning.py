"""Thinned values: a chart of them shows the same as one of all values."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from dashtam.domain.history.thinning import last_per_interval, thin
from dashtam.domain.period import Calendar, Interval, Precision

Value = tuple[datetime, Decimal, int]

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
INSTANT, AMOUNT = itemgetter(0), itemgetter(1)

steps = st.one_of(st.just(0), st.integers(0, 10**6), st.integers(0, 10**12))


@st.composite
def series(draw: st.DrawFn) -> list[Value]:
    drawn = draw(st.lists(st.tuples(steps, st.integers(-9, 9)), max_size=120))
    at, values = FIRST, []
    for number, (step, amount) in enumerate(drawn):
        at += timedelta(microseconds=step)
        values.append((at, Decimal(amount), number))
    return values


def thinned(values: list[Value], most: int) -> list[Value]:
    end = values[-1][0] if values else FIRST
    return thin(iter(values), most, end, instant=INSTANT, amount=AMOUNT)


@given(series(), st.integers(2, 130))
def test_thinned_values_are_recorded_ones_in_order_and_no_more_than_asked(
    values: list[Value], most: int
) -> None:
    kept = thinned(values, most)
    assert len(kept) <= most
    assert kept == [value for value in values if value in set(kept)]
    assert len(values) > most or kept == values


@given(series(), st.integers(2, 130))
def test_the_first_and_the_last_stay(values: list[Value], most: int) -> None:
    kept = thinned(values, most)
    assert (kept[:1], kept[-1:]) == (values[:1], values[-1:])


@given(series(), st.integers(4, 100))
def test_each_bucket_keeps_its_first_last_smallest_and_largest(
    values: list[Value], most: int
) -> None:
    if len(values) <= most:
        return
    count = most // 4
    # The bucket by the rule itself, but for where rounding the length to microseconds may put it.
    length = max((values[-1][0] - values[0][0]) / count, timedelta(microseconds=1))

    def bucket(value: Value) -> int:
        return min(int((value[0] - values[0][0]) // length), count - 1)

    kept = thinned(values, most)
    for _, group in groupby(values, bucket):
        members = list(group)
        amounts = [value[1] for value in members]
        assert {members[0], members[-1]} <= set(kept)
        of_these = [value[1] for value in kept if value in members]
        assert (min(of_these), max(of_these)) == (min(amounts), max(amounts))
        assert len(of_these) <= 4


def never_a_day(_value: Value) -> Precision:
    return Precision.INSTANT


@given(series(), st.sampled_from(Interval), st.sampled_from(["UTC", "America/New_York"]))
def test_the_last_of_each_interval_stays(
    values: list[Value], interval: Interval, name: str
) -> None:
    calendar = Calendar(interval, ZoneInfo(name))
    expected = {calendar.last_instant(value[0]): value for value in values}
    assert last_per_interval(values, calendar, INSTANT, never_a_day) == list(expected.values())


@given(
    st.lists(st.integers(0, 48) | st.just(12), max_size=40).map(sorted),
    st.sampled_from(Interval),
    st.sampled_from(
        ["Pacific/Kiritimati", "Pacific/Auckland", "America/Los_Angeles", "Etc/GMT+12"]
    ),
)
def test_a_days_value_is_one_of_its_own_day_in_every_zone(
    hours: list[int], interval: Interval, name: str
) -> None:
    zone = ZoneInfo(name)
    values = [(FIRST + timedelta(hours=hour), Decimal(hour), n) for n, hour in enumerate(hours)]

    def precision(value: Value) -> Precision:
        return Precision.DAY if value[0].hour == 12 and value[2] % 3 else Precision.INSTANT

    def first_day(value: Value) -> date:
        is_day = precision(value) is Precision.DAY
        day = value[0].date() if is_day else value[0].astimezone(zone).date()
        if interval is Interval.WEEK:
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if interval is Interval.MONTH else day

    expected = {first_day(value): value for value in values}
    kept = last_per_interval(values, Calendar(interval, zone), INSTANT, precision)
    assert kept == sorted(expected.values(), key=itemgetter(2))
