"""Every document of ``files`` is read as the expected output beside it says.

Expectations of new documents are written by
``PYTHONPATH=tests python -m readers.test_documents``, and read by eye before they are kept.
"""

import json
from pathlib import Path

import pytest

from dashtam.statements import formats
from dashtam.statements.sandbox import read_statements
from readers.printed import NOW, printed

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


def read_here(path: Path) -> str:
    with path.open("rb") as file:
        return printed(formats.read(file, format=None, mapping=mapping_of(path), now=NOW))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_is_read_as_expected(path: Path) -> None:
    assert read_here(path) == expected_of(path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_child_hands_back_what_the_reader_understood(path: Path) -> None:
    with path.open("rb") as file:
        received = printed(read_statements(file, None, mapping_of(path), NOW))
    assert received == expected_of(path).read_text(encoding="utf-8")


if __name__ == "__main__":
    for document in DOCUMENTS:
        if not expected_of(document).exists():
            expected_of(document).write_text(read_here(document), encoding="utf-8")
