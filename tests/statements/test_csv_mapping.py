import io
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest

from dashtam.domain.errors import DashtamError, MappingNeeded, UnreadableFile
from dashtam.domain.statement import Statement
from dashtam.statements import formats
from statements.statement_text import NOW

AMBIGUOUS = 'Date,Balance,Account,Currency\n03/04/2025,"1,234",A,USD\n'


def read(
    text: str, mapping: Mapping[str, object] | None = None, encoding: str = "utf-8"
) -> list[Statement]:
    file = io.BytesIO(text.encode(encoding))
    return list(formats.read(file, format="balance_csv", mapping=mapping, now=NOW))


@pytest.mark.parametrize(
    ("date_format", "decimal", "day", "balance"),
    [
        ("DD/MM/YYYY", ".", "2025-04-03", "1234"),
        ("MM/DD/YYYY", ",", "2025-03-04", "1.234"),
        ("%d/%m/%Y", ",", "2025-04-03", "1.234"),
    ],
)
def test_a_mapping_settles_ambiguous_rows(
    date_format: str, decimal: str, day: str, balance: str
) -> None:
    (statement,) = read(AMBIGUOUS, {"date_format": date_format, "decimal": decimal})
    (reading,) = statement.readings
    assert reading.captured_at.isoformat() == f"{day}T12:00:00+00:00"
    assert reading.balance == Decimal(balance)


@pytest.mark.parametrize(
    "mapping",
    [
        {"colour": "blue"},
        {"sign": 2},
        {"decimal": ".", "thousands": "."},
        {"date": "No such column"},
        {"date": 9},
        {"date": 0},
        {"date_format": "DD/MM"},
        {"date_format": "%d %d %m %Y"},
        {"date_format": "%q"},
        {"currency_code": "DOLLARS"},
        {"encoding": "rot13"},
    ],
)
def test_an_invalid_mapping_is_refused_with_the_place_of_the_fault(
    mapping: dict[str, object],
) -> None:
    with pytest.raises(MappingNeeded) as error:
        read("Date,Balance,Account\n2025-01-01,1.00,A\n", mapping)
    assert error.value.field_errors[0].place.startswith("/mapping")


def test_the_mapping_overrides_monarchs_currency() -> None:
    (statement,) = read("Date,Balance,Account\n2025-01-01,1,A\n", {"currency_code": "CAD"})
    assert statement.identity.currency.code == "CAD"


def test_the_mapping_overrides_the_encoding() -> None:
    mapping = {"encoding": "windows-1250"}
    (statement,) = read("Date,Balance,Account\n2025-01-01,1,Úspory č\n", mapping, "cp1250")
    assert statement.identity.name == "Úspory č"


def test_grouping_against_the_mapping_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="groups its digits"):
        read(AMBIGUOUS, {"date_format": "DD/MM/YYYY", "decimal": ".", "thousands": "'"})


def test_more_accounts_than_anybody_has_are_refused() -> None:
    rows = "".join(f"2025-01-01,1.00,{number}\n" for number in range(1_001))
    with pytest.raises(UnreadableFile, match=r"1,000 accounts"):
        read(f"Date,Balance,Account\n{rows}")


def test_a_mapping_that_fits_hardly_any_row_is_refused() -> None:
    with pytest.raises(UnreadableFile, match=r"10,000 rows"):
        read("Date,Balance,Account\n2025-01-01,1.00,A\n" + "x,1.00,A\n" * 10_001)


def test_long_accounts_come_in_pieces_of_a_thousand() -> None:
    days = [date(2020, 1, 1) + timedelta(days=count) for count in range(1_500)]
    rows = "".join(f"{day},1.00,A\n{day},2.00,B\n" for day in days)
    pieces = read(f"Date,Balance,Account\n{rows}")
    assert [len(piece.readings) for piece in pieces] == [1_000, 1_000, 500, 500]
    assert [piece.identity.external_id for piece in pieces] == ["A", "B", "A", "B"]


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(DashtamError, match="not known"):
        list(formats.read(io.BytesIO(b"x"), format="xls", mapping=None, now=NOW))
