"""Amounts come out as they went in, digit for digit, on both databases."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import msgspec
import pytest

from application import Person
from dashtam.presentation.schemas.snapshots import LatestSnapshots, SnapshotHistory
from proofs import Proof

DIGITS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4, "DEM": 2, "ITL": 0, "XAU": 0}

LARGEST = "9" * 20
EDGES = [
    "0",
    "-0",
    "-0.00",
    "0.000000000000000001",
    "-0.000000000000000001",
    "99999999999999999999",
    "-99999999999999999999.999999999999999999",
    "99999999999999999999.999999999999999999",
    "0.10",
    "0.1",
    "1.2300",
    "000000000000000000.5",
    "0.000000000000000000",
    "100",
    "12345678901234567890.1",
    "0.07",
    "1000000000000.005",
]


def written(text: str, digits: int) -> str:
    """The reported number with its own fraction digits, padded to the currency's."""
    whole, _, fraction = text.removeprefix("-").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.ljust(digits, "0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return f"-{plain}" if text.startswith("-") and plain.strip("0.") else plain


def difference(later: str, earlier: str, digits: int) -> str:
    """Their exact difference, with the fraction digits of the longer one."""
    places = max(len(text.partition(".")[2]) for text in (later, earlier))
    scaled = (Fraction(later) - Fraction(earlier)) * 10**places
    assert scaled.denominator == 1
    padded = str(abs(scaled.numerator)).rjust(places + 1, "0")
    plain = f"{padded[:-places]}.{padded[-places:]}" if places else padded
    return written(f"-{plain}" if scaled < 0 else plain, digits)


def percent(later: str, earlier: str) -> float | None:
    """The change in percent, rounded half away from zero; None where it cannot be told."""
    old = Fraction(earlier)
    if not old:
        return None
    exact = (Fraction(later) - old) / abs(old) * 100
    hundredths = int(abs(exact) * 100 + Fraction(1, 2))
    if hundredths >= 10**14:
        return None
    rounded = float(Fraction(hundredths, 100))
    return -rounded if exact < 0 and hundredths else rounded


def amounts(count: int) -> Iterator[str]:
    """The edges, then numbers of every length, the same ones every time."""
    chance = random.Random(20251226)  # noqa: S311 - no secret
    yield from EDGES[:count]
    for _ in range(count - len(EDGES)):
        whole = str(chance.randrange(10 ** chance.randint(1, 20)))
        places = chance.choice([0, 0, 1, 2, 2, 2, 3, 4, 8, 18])
        fraction = "".join(chance.choices("0123456789", k=places))
        yield chance.choice(["", "-"]) + whole + (f".{fraction}" if places else "")


def instants(count: int) -> list[str]:
    first = datetime(2024, 1, 1, 12, tzinfo=UTC)
    days = (first + timedelta(days=number) for number in range(count))
    return [f"{day:%Y-%m-%dT%H:%M:%SZ}" for day in days]


def assert_history_is(history: dict[str, object], texts: list[str], currency: str) -> None:
    digits, rows = DIGITS[currency], history["snapshots"]
    assert isinstance(rows, list)
    assert [row["balance"] for row in rows] == [written(text, digits) for text in texts]
    assert (rows[0]["change_amount"], rows[0]["change_percent"]) == (None, None)
    for row, earlier, later in zip(rows[1:], texts, texts[1:], strict=False):
        assert row["change_amount"] == difference(later, earlier, digits)
        assert row["change_percent"] == percent(later, earlier)
        assert str(row["change_percent"]) != "-0.0"
    assert history["start_balance"] == written(texts[0], digits)
    assert history["end_balance"] == written(texts[-1], digits)
    assert history["total_change_amount"] == difference(texts[-1], texts[0], digits)
    assert history["total_change_percent"] == percent(texts[-1], texts[0])
    assert history["currency"] == currency


@pytest.mark.parametrize("currency", DIGITS)
def test_typed_balances_are_served_as_they_were_typed(
    ada: Person, currency: str, proof: Proof
) -> None:
    texts = list(amounts(max(len(EDGES), proof(200))))
    times = instants(len(texts))
    account_id = ada.account(texts[0], currency, captured_at=times[0])
    for text, at in zip(texts[1:], times[1:], strict=True):
        typed = ada.type(account_id, text, at, available_balance=text, cash_value=text)
        for field in ("balance", "available_balance", "cash_value"):
            assert typed[field] == written(text, DIGITS[currency])
        assert typed["holdings_value"] is None
    assert_history_is(ada.history(account_id), texts, currency)


def test_an_imported_file_is_served_as_it_was_written(
    ada: Person, subtests: pytest.Subtests
) -> None:
    for currency in DIGITS:
        with subtests.test(currency=currency):
            texts = list(amounts(200))
            rows = [
                f"{at[:10]},{text},Giro,{currency}"
                for at, text in zip(instants(200), texts, strict=True)
            ]
            file = "\n".join(["Date,Balance,Account,Currency", *rows, ""]).encode()
            done = ada.post("/imports", files={"file": ("balances.csv", file)}).json()
            assert (done["recorded"], done["skipped"], done["refused"]) == (200, 0, 0)
            assert_history_is(ada.history(done["accounts"][0]["account_id"]), texts, currency)


def test_a_file_with_decimal_commas_loses_no_digit(ada: Person) -> None:
    file = b"Datum;Saldo;Konto;Waehrung\n2025-01-01;1.234,50;Giro;EUR\n2025-01-02;-0,070;Giro;EUR\n"
    done = ada.post("/imports", files={"file": ("konto.csv", file)}).json()
    rows = ada.history(done["accounts"][0]["account_id"])["snapshots"]
    assert [row["balance"] for row in rows] == ["1234.50", "-0.070"]
    assert rows[1]["change_amount"] == "-1234.570"


def test_totals_are_exact_sums_in_alphabetical_order_of_currencies(ada: Person) -> None:
    for balance, currency in [
        ("0.1", "USD"),
        ("0.2", "USD"),
        ("99999999999999999999.999999999999999999", "EUR"),
        ("99999999999999999999.999999999999999999", "EUR"),
        ("-5", "JPY"),
        ("5", "JPY"),
        ("0.0001", "CLF"),
    ]:
        ada.account(balance, currency)
    answer = ada.get("/balance-snapshots").json()
    assert list(answer["total_balance_by_currency"].items()) == [
        ("CLF", "0.0001"),
        ("EUR", "199999999999999999999.999999999999999998"),
        ("JPY", "0"),
        ("USD", "0.30"),
    ]


def test_a_text_that_is_no_plain_amount_is_unprocessable(
    ada: Person, subtests: pytest.Subtests
) -> None:
    for text in [
        "1e3", "+1", "1.", ".5", "1,5", "NaN", "Infinity", "\uff11", "1_000",
        " 1", "1 ", "", "--1", "0x1",
        "1" * 21, "0." + "1" * 19, "1\n", "\u0661", "1E400", "-", "null"
    ]:  # fmt: skip
        with subtests.test(text=text):
            account_id = ada.account()
            for field in ("balance", "available_balance", "holdings_value", "cash_value"):
                body = {"balance": "1", "captured_at": "2025-01-01"} | {field: text}
                answer = ada.post(f"/accounts/{account_id}/balance-snapshots", json=body)
                assert answer.status_code == 422, text
                assert answer.json()["errors"][0]["pointer"] == f"/{field}"
            assert ada.history(account_id)["total_count"] == 1


def test_an_amount_that_is_no_string_is_unprocessable(
    ada: Person, subtests: pytest.Subtests
) -> None:
    for number in [
        "1", "1.5", "0", "-1", "1e2", "true", "[]", "{}"
    ]:  # fmt: skip
        with subtests.test(number=number):
            account_id = ada.account()
            answer = ada.post(
                f"/accounts/{account_id}/balance-snapshots",
                content=f'{{"balance": {number}}}',
                headers={"Content-Type": "application/json"},
            )
            assert answer.status_code == 422


def test_sums_and_differences_have_the_form_that_the_document_describes(ada: Person) -> None:
    account_id = ada.account(f"-{LARGEST}")
    ada.type(account_id, LARGEST, "2025-02-01T00:00:00Z")
    ada.account(LARGEST)
    latest = msgspec.json.decode(ada.get("/balance-snapshots").content, type=LatestSnapshots)
    assert latest.total_balance_by_currency == {"USD": f"1{LARGEST[1:]}8.00"}
    query = "start_date=1900-01-01&end_date=9999-12-31"
    answer = ada.get(f"/accounts/{account_id}/balance-history?{query}")
    history = msgspec.json.decode(answer.content, type=SnapshotHistory)
    assert history.total_change_amount == f"1{LARGEST[1:]}8.00"
    assert history.snapshots[-1].change_amount == history.total_change_amount
