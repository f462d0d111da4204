"""Of several balances of one day the closing one counts, or none where the order does not tell."""

import io
from datetime import date, timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.domain.errors import UnreadableFile
from dashtam.domain.statement import Statement
from dashtam.statements import formats
from dashtam.statements.csv import order
from readers.printed import NOW

DAY_ONE = date(2020, 1, 1)
Row = tuple[date, int]

days = st.integers(0, 30).map(lambda count: DAY_ONE + timedelta(days=count))
rows = st.lists(st.tuples(days, st.integers(0, 3)), min_size=1, max_size=40)


def read(told: list[Row]) -> list[Statement]:
    lines = "".join(f"{day},{balance},A\n" for day, balance in told)
    file = io.BytesIO(f"Date,Balance,Account\n{lines}".encode())
    try:
        return list(formats.read(file, format="balance_csv", mapping=None, now=NOW))
    except UnreadableFile as refusal:
        assert {fault.code for fault in refusal.field_errors} == {"conflicting_balance"}  # noqa: PT017
        return []


def recorded(told: list[Row]) -> dict[date, int]:
    readings = [reading for statement in read(told) for reading in statement.readings]
    balances = {reading.captured_at.date(): int(reading.balance) for reading in readings}
    assert len(balances) == len(readings)
    return balances


@given(rows.filter(lambda told: len({day for day, _ in told}) > 1))
def test_the_last_row_in_time_is_the_days_balance(told: list[Row]) -> None:
    told = sorted(told, key=lambda row: row[0])
    closing = dict(told)
    assert recorded(told) == closing
    assert recorded(told[::-1]) == closing


@given(rows)
def test_no_balance_is_guessed_in_an_order_that_tells_nothing(told: list[Row]) -> None:
    dates = [day for day, _ in told]
    by_day = groupby(sorted(told), key=lambda row: row[0])
    said = {day: {balance for _, balance in told} for day, told in by_day}
    certain = {day: balances.pop() for day, balances in said.items() if len(balances) == 1}
    is_ordered = dates in (sorted(dates), sorted(dates, reverse=True)) and len(said) > 1
    assert recorded(told) == certain or is_ordered


def test_more_days_than_can_be_compared_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "MAX_UNORDERED", 3)
    told = [(DAY_ONE + timedelta(days=count), 1) for count in (4, 1, 3, 2)]
    lines = "".join(f"{day},{balance},A\n" for day, balance in told)
    with pytest.raises(UnreadableFile, match="sort them by date"):
        list(
            formats.read(
                io.BytesIO(f"Date,Balance,Account\n{lines}".encode()),
                format="balance_csv",
                mapping=None,
                now=NOW,
            )
        )
