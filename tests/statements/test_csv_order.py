"""Of several balances of one day the last counts, or none where the rows have no order."""

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
from statements.statement_text import NOW

DAY_ONE = date(2020, 1, 1)
Row = tuple[date, int]

days = st.integers(0, 30).map(lambda count: DAY_ONE + timedelta(days=count))
rows = st.lists(st.tuples(days, st.integers(0, 3)), min_size=1, max_size=40)


def read(table: list[Row]) -> list[Statement]:
    lines = "".join(f"{day},{balance},A\n" for day, balance in table)
    file = io.BytesIO(f"Date,Balance,Account\n{lines}".encode())
    try:
        return list(formats.read(file, format="balance_csv", mapping=None, now=NOW))
    except UnreadableFile as error:
        assert {one.code for one in error.field_errors} == {"conflicting_balance"}  # noqa: PT017
        return []


def recorded(table: list[Row]) -> dict[date, int]:
    readings = [reading for statement in read(table) for reading in statement.readings]
    balances = {reading.captured_at.date(): int(reading.balance) for reading in readings}
    assert len(balances) == len(readings)
    return balances


@given(rows.filter(lambda table: len({day for day, _ in table}) > 1))
def test_the_last_row_in_time_is_the_days_balance(table: list[Row]) -> None:
    table = sorted(table, key=lambda row: row[0])
    closing = dict(table)
    assert recorded(table) == closing
    assert recorded(table[::-1]) == closing


@given(rows)
def test_no_balance_is_guessed_without_an_order(table: list[Row]) -> None:
    dates = [day for day, _ in table]
    by_day = groupby(sorted(table), key=lambda row: row[0])
    balances_of = {day: {balance for _, balance in table} for day, table in by_day}
    certain = {day: balances.pop() for day, balances in balances_of.items() if len(balances) == 1}
    is_ordered = dates in (sorted(dates), sorted(dates, reverse=True)) and len(balances_of) > 1
    assert recorded(table) == certain or is_ordered


def test_more_days_than_can_be_compared_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "MAX_UNORDERED", 3)
    table = [(DAY_ONE + timedelta(days=count), 1) for count in (4, 1, 3, 2)]
    lines = "".join(f"{day},{balance},A\n" for day, balance in table)
    with pytest.raises(UnreadableFile, match="sort them by date"):
        list(
            formats.read(
                io.BytesIO(f"Date,Balance,Account\n{lines}".encode()),
                format="balance_csv",
                mapping=None,
                now=NOW,
            )
        )
