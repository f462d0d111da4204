"""The samples are those that their generator writes, and are read whole."""

import json
import subprocess
import sys
import tomllib
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dashtam.domain.statement import Position, Reading
from dashtam.statements import formats

EXAMPLES = Path(__file__).parents[2] / "examples"
MAPPED = ".mapping.json"
STATEMENTS = sorted(
    path.name
    for path in EXAMPLES.iterdir()
    if path.suffix in {".csv", ".ofx", ".qfx", ".sta", ".xml"}
)
NOW = datetime(2026, 11, 22, 20, tzinfo=UTC)

# Format, then each account's readings, its first and its last balance.
EXPECTED: dict[str, tuple[str, dict[tuple[str, str], tuple[int, str, str]]]] = {
    "halyard-card.ofx": (
        "ofx",
        {
            ("Credit card ••••4417", "USD"): (36, "-1742.78", "-1661.56"),
        },
    ),
    "monarch-balances.csv": (
        "balance_csv",
        {
            ("Everyday checking", "USD"): (1096, "9652.73", "9271.03"),
            ("Rainy day savings", "USD"): (1096, "14820.55", "9397.84"),
            ("Home loan", "USD"): (1096, "-318442.71", "-279525.21"),
            ("Index portfolio", "USD"): (1096, "48310.22", "103864.28"),
        },
    ),
    "quincefield-401k.ofx": (
        "ofx",
        {
            ("401(k) ••••2003", "USD"): (37, "58482.62", "130248.29"),
        },
    ),
    "quincefield-brokerage.qfx": (
        "ofx",
        {
            ("Brokerage ••••7714", "USD"): (37, "28880.67", "55832.15"),
        },
    ),
    "quittenhain-bauspar.csv": (
        "balance_csv",
        {
            ("Bausparvertrag", "EUR"): (36, "5274.59", "16911.87"),
        },
    ),
    "quittenhain-giro-2023.sta": (
        "mt940",
        {
            ("Account ••••1200", "EUR"): (7, "1929.98", "1805.45"),
        },
    ),
    "quittenhain-giro-2024.sta": (
        "mt940",
        {
            ("Account ••••1200", "EUR"): (52, "3005.35", "1364.22"),
        },
    ),
    "quittenhain-giro-2025.sta": (
        "mt940",
        {
            ("Account ••••1200", "EUR"): (52, "2448.82", "2812.08"),
        },
    ),
    "quittenhain-giro-2026.sta": (
        "mt940",
        {
            ("Account ••••1200", "EUR"): (46, "4773.08", "4155.96"),
        },
    ),
    "quittenhain-tagesgeld.xml": (
        "camt053",
        {
            ("Savings ••••1233", "EUR"): (37, "7424.33", "8628.51"),
        },
    ),
    "tamarack-hollow.ofx": (
        "ofx",
        {
            ("Checking ••••0027", "USD"): (37, "3275.05", "5919.78"),
            ("Money market ••••0035", "USD"): (37, "9143.60", "7324.21"),
        },
    ),
}


class Known:
    """The content of a file, account by account."""

    def __init__(self, name: str) -> None:
        path = EXAMPLES / name
        mapping = path.with_name(f"{name}{MAPPED}")
        told = json.loads(mapping.read_text()) if mapping.exists() else None
        self.readings: dict[tuple[str, str], list[Reading]] = defaultdict(list)
        self.accounts: set[tuple[str, str, str]] = set()
        self.institutions: set[str] = set()
        self.positions: list[Position] = []
        self.problems = 0
        with path.open("rb") as file:
            self.format = formats.detect(file)
            for statement in formats.read(file, format=None, mapping=told, now=NOW):
                identity = statement.identity
                self.institutions.add(identity.institution_key)
                self.accounts.add(
                    (identity.institution_key, identity.external_id, identity.currency.code)
                )
                self.readings[identity.name, identity.currency.code] += statement.readings
                self.positions = list(statement.positions or ())
                self.problems += len(statement.problems)


def test_the_generator_writes_the_samples_that_are_here(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-B", EXAMPLES / "make_examples.py", tmp_path], check=True)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    here = [*STATEMENTS, *(path.name for path in EXAMPLES.glob(f"*{MAPPED}"))]
    assert written == {name: (EXAMPLES / name).read_bytes() for name in here}


def test_the_wheel_carries_every_sample() -> None:
    project = tomllib.loads((EXAMPLES.parent / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    here = [*STATEMENTS, *(path.name for path in EXAMPLES.glob(f"*{MAPPED}"))]
    expected = {f"examples/{name}": f"dashtam/examples/{name}" for name in here}
    assert {name: to for name, to in carried.items() if name.startswith("examples/")} == expected


def test_the_samples_are_small() -> None:
    files = [path for path in EXAMPLES.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 600_000


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_sample_is_read_to_the_last_cent(name: str) -> None:
    known = Known(name)
    expected_format, accounts = EXPECTED[name]
    assert known.format == expected_format
    assert known.problems == 0
    assert accounts == {
        key: (len(readings), str(readings[0].balance), str(readings[-1].balance))
        for key, readings in known.readings.items()
    }


def test_no_account_is_in_two_files_of_different_kinds() -> None:
    files: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for name in STATEMENTS:
        for account in Known(name).accounts:
            files[account].add(name)
    assert len(files) == 12
    shared = [sorted(names) for names in files.values() if len(names) > 1]
    assert shared == [[f"quittenhain-giro-{year}.sta" for year in range(2023, 2027)]]


def test_files_of_one_institution_say_so() -> None:
    assert Known("quincefield-401k.ofx").institutions == {"Quincefield Investments/990003"}
    assert Known("quincefield-brokerage.qfx").institutions == {"Quincefield Investments/990003"}
    assert Known("quittenhain-tagesgeld.xml").institutions == {"QUITDEF0"}
    assert Known("quittenhain-giro-2026.sta").institutions == {"QUITDEF0"}


@pytest.mark.parametrize("name", ["quincefield-401k.ofx", "quincefield-brokerage.qfx"])
def test_positions_add_up_to_the_balance(name: str) -> None:
    known = Known(name)
    (readings,) = known.readings.values()
    values = [position.market_value for position in known.positions]
    assert len(values) == 3
    assert None not in values
    held = sum((value for value in values if value is not None), Decimal(0))
    assert readings[-1].balance == held + (readings[-1].cash_value or 0)
    assert readings[-1].holdings_value == held


def test_numbers_have_their_check_digits_and_belong_to_nobody() -> None:
    text = "".join((EXAMPLES / name).read_bytes().decode("latin-1") for name in STATEMENTS)
    for iban in ("DE40999999990004471200", "DE22999999990004471233"):
        assert iban in text
        assert int(f"{iban[4:]}1314{iban[2:4]}") % 97 == 1
    assert "991000012" in text
    weights = (3, 7, 1) * 3
    assert sum(int(a) * b for a, b in zip("991000012", weights, strict=True)) % 10 == 0
