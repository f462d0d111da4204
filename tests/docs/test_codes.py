"""Each code of runs and of their accounts is in the API's description and in the docs."""

import ast
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from dashtam.domain.sync import AccountCode, OutageCode, SyncFailureCode

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "dashtam"

# Codes of remarks: they reach the user as sentences alone.
REMARKS = {"interim_balance", "available_balance", "sign_assumed"}


def table(heading: str) -> set[str]:
    """Return the codes in the first column of the table with this heading."""
    text = (ROOT / "docs" / "syncs.md").read_text()
    lines = text.split(f"| {heading} | meaning |\n", 1)[1].split("\n\n", 1)[0].splitlines()
    return {code for line in lines[1:] for code in re.findall(r"`(\w+)`", line.split("|")[1])}


def written_codes() -> Iterator[str]:
    """Yield the codes of all reasons that the sources write."""
    at = {"RowError": 1, "UnusableField": 0}
    for module in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = at.get(node.func.id)
                if place is None:
                    continue
                code = next((one.value for one in node.keywords if one.arg == "code"), None)
                code = code or node.args[place]
                if isinstance(code, ast.Constant):
                    yield str(code.value)


@pytest.mark.parametrize(
    ("codes", "heading"),
    [(SyncFailureCode, "`code`"), (AccountCode, "`code` of an account")],
)
def test_each_code_is_in_the_api_and_in_the_docs(codes: type[StrEnum], heading: str) -> None:
    schemas = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]
    assert set(schemas[codes.__name__]["enum"]) == set(codes)
    assert table(heading) == set(codes)


def test_each_reason_that_the_sources_write_is_a_code() -> None:
    found = set(written_codes())
    assert {"no_history", "custom_currency"} <= found
    assert found - REMARKS <= set(AccountCode)
    assert set(OutageCode) <= {str(code) for code in AccountCode}


def test_a_code_of_another_provider_is_read_as_other() -> None:
    assert AccountCode("of_my_own") is AccountCode.OTHER
