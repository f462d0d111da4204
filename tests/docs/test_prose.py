"""Sentences name their subject: clauses with these words are rare in prose, and absent in texts."""

import ast
import json
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "dashtam"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

AVOIDED = {"what", "whatever", "whoever", "whose", "whom"}
MOST_PER_1000_WORDS = 1

# Shorter literals are names, keys and formats.
SHORTEST_TEXT_WORDS = 3
DESCRIPTIONS = {"title", "summary", "description", "detail"}

DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def per_1000_words(texts: Iterable[str]) -> float:
    found = [word for text in texts for word in words(text)]
    return 1000 * sum(word in AVOIDED for word in found) / len(found)


def with_an_avoided_word(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if not AVOIDED.isdisjoint(words(text))]


def docstrings_and_comments(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, DOCUMENTED):
            yield ast.get_docstring(node) or ""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.string


def texts_in_code(path: Path) -> Iterator[str]:
    """Yield the string literals that have several words, and the parts of formatted ones."""
    tree = ast.parse(path.read_text())
    # A string that stands alone is a docstring, or describes the value above it.
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in alone:
            continue
        if isinstance(node.value, str) and len(node.value.split()) >= SHORTEST_TEXT_WORDS:
            yield node.value


def descriptions(value: object) -> Iterator[str]:
    """Yield the texts of an OpenAPI document that are for people, those of examples too."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in DESCRIPTIONS and isinstance(inner, str):
                yield inner
            else:
                yield from descriptions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from descriptions(inner)


def test_docstrings_and_comments_name_their_subjects() -> None:
    prose = [text for path in SOURCE.rglob("*.py") for text in docstrings_and_comments(path)]
    assert per_1000_words(prose) <= MOST_PER_1000_WORDS, with_an_avoided_word(prose)


def test_the_docs_name_their_subjects() -> None:
    lines = [line for page in PAGES for line in page.read_text().splitlines()]
    assert per_1000_words(lines) <= MOST_PER_1000_WORDS, with_an_avoided_word(lines)


def test_no_text_in_the_code_has_an_avoided_word() -> None:
    texts = [text for path in SOURCE.rglob("*.py") for text in texts_in_code(path)]
    assert len(texts) > 500
    assert with_an_avoided_word(texts) == []


def test_no_description_of_the_api_has_an_avoided_word() -> None:
    texts = list(descriptions(json.loads((ROOT / "docs" / "openapi.json").read_text())))
    assert len(texts) > 200
    assert with_an_avoided_word(texts) == []


def test_no_source_of_the_pages_has_an_avoided_word() -> None:
    folders = [ROOT / "dashboard" / "src", SOURCE / "presentation" / "web" / "templates"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    lines = [line for path in files for line in path.read_text().splitlines()]
    assert len(files) > 50
    assert with_an_avoided_word(lines) == []
