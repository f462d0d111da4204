"""The arithmetic of money and of histories, held against exact fractions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID, uuid4

from hypothesis import example, given
from hypothesis import strategies as st

from dashtam.domain.account import AccountId
from dashtam.domain.history import balance_history
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, Basis, SnapshotId
from dashtam.domain.money import Currency, Money, parse_amount, percent_change
from dashtam.domain.sync import SnapshotSource, SyncId

CODES = ["USD", "JPY", "KWD", "CLF", "DEM", "XAU"]

digits = st.text("0123456789", min_size=1, max_size=18)
amount_texts = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    digits,
    st.sampled_from(["", "00", "99"]),
    st.just("") | digits.map(".{}".format),
)
amounts = amount_texts.map(parse_amount)
currencies = st.sampled_from(CODES).map(Currency.of)


def percent_of(old: Fraction, new: Fraction) -> Fraction | None:
    """The percent by the rule itself, None where there is none."""
    if not old:
        return None
    exact = (new - old) / abs(old) * 100
    magnitude = Fraction(int(abs(exact) * 100 + Fraction(1, 2)), 100)
    if magnitude >= 10**12:
        return None
    return -magnitude if exact < 0 else magnitude


def series(balances: Sequence[Decimal], currency: Currency) -> list[BalanceSnapshot]:
    first, account = datetime(2025, 1, 1, tzinfo=UTC), AccountId(UUID(int=1))
    return [
        BalanceSnapshot(
            id=SnapshotId(uuid4()),
            account_id=account,
            balance=Money(balance, currency),
            available_balance=None,
            holdings_value=None,
            cash_value=None,
            source=SnapshotSource.MANUAL_SYNC,
            captured_at=first + timedelta(days=number),
            created_at=first,
            sync_id=SyncId(UUID(int=3)),
            basis=Basis.ENTERED,
        )
        for number, balance in enumerate(balances)
    ]


@given(amount_texts, currencies)
@example("-0.00", Currency.of("USD"))
@example("-0", Currency.of("JPY"))
@example("00000000000000000000.000000000000000000", Currency.of("JPY"))
def test_an_amount_is_written_with_the_digits_that_were_read(text: str, currency: Currency) -> None:
    shown = str(Money(parse_amount(text), currency))
    assert Fraction(shown) == Fraction(text)
    places = max(len(text.partition(".")[2]), currency.digits)
    assert len(shown.partition(".")[2]) == places
    assert shown.startswith("-") == (Fraction(text) < 0)
    assert set(shown) <= set("-.0123456789")
    assert not shown.lstrip("-").startswith("00")


@given(amounts, amounts, currencies)
def test_sums_and_differences_are_exact(one: Decimal, other: Decimal, currency: Currency) -> None:
    first, second = Money(one, currency), Money(other, currency)
    assert Fraction((first + second).amount) == Fraction(one) + Fraction(other)
    assert Fraction((first - second).amount) == Fraction(one) - Fraction(other)
    assert not str(first - first).startswith("-")


@given(amounts, amounts)
@example(Decimal(1), Decimal(10000000001))
@example(Decimal("0.01"), Decimal("99999999.99995"))
@example(Decimal(-200), Decimal(-100))
@example(Decimal(20000), Decimal(20001))
@example(Decimal(-20000), Decimal(-20001))
@example(Decimal(10000000), Decimal("9999999.99"))
@example(Decimal(0), Decimal(1))
def test_a_percent_is_the_models(old: Decimal, new: Decimal) -> None:
    found, expected = percent_change(old, new), percent_of(Fraction(old), Fraction(new))
    if found is None or expected is None:
        assert found == expected
        return
    # The nearest number that JSON's readers have, printed shortly, is the percent itself.
    assert found == float(expected)
    assert Fraction(str(Decimal(str(found)))) == expected
    assert str(found) != "-0.0"
    assert "e" not in f"{found!r}"


@given(st.lists(amounts, max_size=30), currencies)
def test_the_changes_of_a_history_add_up_to_its_total(
    balances: list[Decimal], currency: Currency
) -> None:
    history = balance_history.build_history(series(balances, currency), currency)
    changes = [Fraction(row.change.amount.amount) for row in history.snapshots[1:] if row.change]
    if not balances:
        assert (history.start, history.end, history.change) == (None, None, None)
        return
    assert history.snapshots[0].change is None
    assert len(changes) == len(balances) - 1
    assert history.change is not None
    assert sum(changes) == Fraction(history.change.amount.amount)
    assert Fraction(history.change.amount.amount) == Fraction(balances[-1]) - Fraction(balances[0])
    assert history.change.percent == percent_change(balances[0], balances[-1])


@given(st.lists(amounts, max_size=30), st.integers(1, 32), currencies)
def test_recent_is_the_history_reversed_with_a_change_for_its_oldest(
    balances: list[Decimal], limit: int, currency: Currency
) -> None:
    snapshots = series(balances, currency)
    recent = balance_history.build_recent_history(snapshots[-limit - 1 :], limit, currency)
    whole = balance_history.build_history(snapshots, currency)
    assert list(recent.snapshots) == list(whole.snapshots)[::-1][:limit]
    if balances:
        assert recent.start == snapshots[-limit:][0].balance
        assert recent.end == snapshots[-1].balance


@given(st.lists(st.tuples(amounts, currencies), max_size=30))
def test_totals_by_currency_are_the_models(balances: list[tuple[Decimal, Currency]]) -> None:
    totals = balance_history.totals_by_currency(Money(*balance) for balance in balances)
    assert list(totals) == sorted({currency.code for _, currency in balances})
    for code, total in totals.items():
        exact = sum(Fraction(amount) for amount, currency in balances if currency.code == code)
        assert Fraction(total.amount) == exact


@given(amounts, amounts)
def test_nothing_is_told_across_a_change_of_currency(one: Decimal, other: Decimal) -> None:
    before, after = series([one], Currency.of("DEM")) + series([other], Currency.of("EUR"))
    history = balance_history.build_history([before, after], Currency.of("EUR"))
    assert [row.change for row in history.snapshots] == [None, None]
    assert history.change is None
    assert history.currency.code == "EUR"
