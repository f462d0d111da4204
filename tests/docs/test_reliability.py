"""The page of promises names each proof, and a run writes its figures."""

import re
from pathlib import Path

from proofs import PAGE, ROW, Results, with_figures

TESTS = Path(__file__).parents[1]


def test_each_promise_has_a_proof_and_each_proof_a_promise() -> None:
    proved = {
        number
        for module in TESTS.rglob("test_*.py")
        for number in re.findall(r"^@pytest\.mark\.proves\((\d+)", module.read_text(), re.MULTILINE)
    }
    assert {number for number, *_ in ROW.findall(PAGE.read_text())} == proved


def test_figures_of_a_promise_add_up_and_the_longest_duration_counts() -> None:
    page = "| | promise |\n| 1 | Whole. | Kills. | 3 kills |\n| 2 | Kept. | Cuts. | 5 cuts |\n"
    results: Results = {
        "1": {"a": (9.5, {"kills": 1000, "back_within_s": 1.0}), "b": (1.0, {"back_within_s": 2.5})}
    }
    written = with_figures(page, results)
    assert "| 1 | Whole. | Kills. | 1,000 kills, back within 2.5 s |\n" in written
    assert "| 2 | Kept. | Cuts. | 5 cuts |\n" in written
    failed = with_figures(page, {"2": {"a": (1.0, {"cuts": 5}), "b": (0.5, None)}})
    assert "| 2 | Kept. | Cuts. | **not reached** |\n" in failed
