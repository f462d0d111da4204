"""Every document of ``files`` is read as in the expected output beside it.

``PYTHONPATH=tests python -m statements.test_expected_output`` writes the expected output of new
documents; a person reads it before it is committed.
"""

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

from dashtam.domain.errors import DashtamError
from dashtam.statements import formats
from statements.statement_text import NOW, read_in_sandbox, to_text

FILES = Path(__file__).parent / "files"
DOCUMENTS = sorted(
    path for path in FILES.iterdir() if not path.name.endswith((".expected", ".mapping.json"))
)


def mapping_of(path: Path) -> dict[str, object] | None:
    beside = path.with_name(path.name + ".mapping.json")
    mapping: dict[str, object] | None = json.loads(beside.read_text()) if beside.exists() else None
    return mapping


def expected_of(path: Path) -> Path:
    return path.with_name(path.name + ".expected")


def read_directly(path: Path) -> str:
    with path.open("rb") as file:
        return to_text(formats.read(file, format=None, mapping=mapping_of(path), now=NOW))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_is_read_as_expected(path: Path) -> None:
    assert read_directly(path) == expected_of(path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_sandbox_returns_the_statements_of_the_reader(path: Path) -> None:
    with path.open("rb") as file:
        received = to_text(read_in_sandbox(file, None, mapping_of(path)))
    assert received == expected_of(path).read_text(encoding="utf-8")


def test_each_format_of_the_documentation_has_a_document_that_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
    table = page.partition("The format is found by content")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert documented == {known.slug for known in formats.FORMATS}
    read: set[str] = set()
    for path in DOCUMENTS:
        with path.open("rb") as file, suppress(DashtamError):
            if re.search(
                r"^  \d{4}-\d\d-\d\dT", expected_of(path).read_text("utf-8"), re.MULTILINE
            ):
                read.add(formats.detect(file))
    # Workbooks are written by the tests of spreadsheets.
    assert documented - read == {"workbook"}


if __name__ == "__main__":
    for document in DOCUMENTS:
        if not expected_of(document).exists():
            expected_of(document).write_text(read_directly(document), encoding="utf-8")
