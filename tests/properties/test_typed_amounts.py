"""Amounts as people type them: read where no doubt is left, refused with the way out elsewhere."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.domain.errors import Invalid
from dashtam.domain.money import Currency
from dashtam.domain.typed_amount import parse_typed_amount

USD, EUR, KWD = (Currency.of(code) for code in ("USD", "EUR", "KWD"))


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1250.50", "1250.50"),
        ("1,250.50", "1250.50"),
        ("1250,50", "1250.50"),
        ("1.250,50", "1250.50"),
        ("$1250.50", "1250.50"),
        ("US$ 1,250.50", "1250.50"),
        ("1250.50 usd", "1250.50"),
        ("1 250,50", "1250.50"),
        ("1\u202f250,50", "1250.50"),
        ("1'250.50", "1250.50"),
        ("1\u2019250.50", "1250.50"),
        ("1 250,500", "1250.500"),
        ("1,250,000", "1250000"),
        ("1.250.000", "1250000"),
        ("0,250", "0.250"),
        ("1250,500", "1250.500"),
        ("(12.30)", "-12.30"),
        ("($12.30)", "-12.30"),
        ("-12", "-12"),
        ("\u221212", "-12"),
        ("-$12.30", "-12.30"),
        ("$-12.30", "-12.30"),
        ("+5", "5"),
        (".5", "0.5"),
        ("-0.00", "0.00"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
    ],
)
def test_an_amount_without_doubt_is_read_to_its_last_digit(typed: str, amount: str) -> None:
    assert str(parse_typed_amount(typed, USD)) == amount


@pytest.mark.parametrize(
    ("typed", "ways"),
    [
        ("1,250", "type 1250, or 1.25."),
        ("1.250", "type 1250, or 1.25."),
        ("$10,000", "type 10000, or 10.00."),
        ("-12.345", "type 12345, or 12.3450."),
    ],
)
def test_a_doubtful_amount_is_refused_with_both_ways_to_type_it(typed: str, ways: str) -> None:
    with pytest.raises(Invalid, match="two ways") as refused:
        parse_typed_amount(typed, USD)
    assert str(refused.value).endswith(ways)


@pytest.mark.parametrize(
    "typed",
    ["", "abc", "1e3", "12 50", "1,25,0.5", "(12", "12)", "--1", "(-1)", "1 2 3", "NaN", ","],
)
def test_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        parse_typed_amount(typed, USD)


@pytest.mark.parametrize("typed", ["€5", "5 EUR", "£5", "5 kwd"])
def test_another_currency_is_refused(typed: str) -> None:
    with pytest.raises(Invalid, match="not in USD"):
        parse_typed_amount(typed, USD)


@given(st.decimals(-(10**15), 10**15, places=2), st.sampled_from([",.", ".,", " ,", "'."]))
def test_grouped_amounts_read_back(amount: Decimal, marks: str) -> None:
    group, point = marks[0], marks[1]
    text = f"{amount:,.2f}".translate({ord(","): group, ord("."): point})
    assert parse_typed_amount(text, EUR) == amount


@given(st.text("0123456789.,' -+()$€USD\u2212", max_size=14))
def test_anything_else_is_read_or_refused(text: str) -> None:
    try:
        parsed = parse_typed_amount(text, KWD)
    except Invalid:
        return
    assert parsed.is_finite()
