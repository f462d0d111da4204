"""Files and functions that two pages name: a table or a recipe that leads nowhere fails here."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "dashtam"
PAGES = [ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]
MODULES = sorted(SOURCE.rglob("*.py"))

MANY_LINES = re.DOTALL | re.MULTILINE

ADDRESS = re.compile(r"/|(?:GET|POST|PATCH|DELETE) ")
FILE = re.compile(r"[\w.-]+\.(?:py|md|json|toml|txt|ts|tsx)")
PATH = re.compile(r"[\w./-]+")
FUNCTION = re.compile(r"[a-z_0-9]+(?:\.\w+)+")
NAME = re.compile(r"\w+(?:\.\w+)*")


@dataclass(frozen=True)
class Named:
    """The files, folders and functions that one line of a page names."""

    page: Path
    line: str

    @property
    def codes(self) -> Sequence[str]:
        found = re.findall(r"`([^`]+)`", self.line)
        return [one for one in found if not ADDRESS.match(one)]

    @property
    def paths(self) -> Sequence[str]:
        return [one for one in self.codes if PATH.fullmatch(one) and "/" in one]

    @property
    def files(self) -> Sequence[str]:
        return [one for one in self.codes if FILE.fullmatch(one)]

    @property
    def functions(self) -> Sequence[str]:
        return [one for one in self.codes if FUNCTION.fullmatch(one) and not FILE.fullmatch(one)]


def named() -> Iterator[Named]:
    for page in PAGES:
        # A fenced block holds commands and diagrams.
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=MANY_LINES)
        yield from (Named(page, line) for line in text.splitlines() if "`" in line)


LINES = list(named())


def resolve(path: str) -> Path | None:
    return next((root / path for root in (SOURCE, ROOT) if (root / path).exists()), None)


def is_defined(names: Sequence[str], body: Sequence[ast.stmt]) -> bool:
    """Tell whether the names, each inside the one before, are defined in the body."""
    first, *rest = names
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name == first:
                return not rest or is_defined(rest, node.body)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(one, ast.Name) and one.id == first for one in targets):
                return not rest
    return False


def defines(module: Path, names: Sequence[str]) -> bool:
    return is_defined(names, ast.parse(module.read_text()).body)


def test_the_pages_name_many_files_and_functions() -> None:
    assert sum(len(line.paths) for line in LINES) > 80
    assert sum(len(line.functions) for line in LINES) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_in_the_page_exists(page: Path) -> None:
    found = [path for line in LINES if line.page == page for path in line.paths]
    assert [path for path in found if resolve(path) is None] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_in_the_page_exists(page: Path) -> None:
    names = {path.name for path in (*MODULES, *ROOT.iterdir(), *(ROOT / "docs").iterdir())}
    found = [file for line in LINES if line.page == page for file in line.files]
    assert [file for file in found if file not in names] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_function_in_the_page_is_in_its_module(page: Path) -> None:
    """The module of a function is the file of that name in the same line, else any of that name."""
    missing = []
    for line in LINES:
        beside = [found for path in line.paths if (found := resolve(path)) and found.is_file()]
        for function in line.functions:
            stem, *names = function.split(".")
            here = [path for path in beside if path.stem == stem]
            modules = here or [path for path in MODULES if path.stem == stem]
            if line.page == page and not any(defines(path, names) for path in modules):
                missing.append(function)
    assert missing == []


def test_every_name_in_a_recipe_is_in_a_file_of_its_step() -> None:
    _, recipes = PAGES[1].read_text().split("## Recipes")
    missing = []
    for step in re.split(r"\n\n|\n(?=\d+\. )", recipes):
        line = Named(PAGES[1], step)
        files = [found for path in line.paths if (found := resolve(path)) and found.suffix == ".py"]
        names = [one for one in line.codes if NAME.fullmatch(one) and not FILE.fullmatch(one)]
        if files:
            missing += [
                name for name in names if not any(defines(file, name.split(".")) for file in files)
            ]
    assert missing == []


def test_the_table_of_questions_answers_each_with_a_file_and_a_function() -> None:
    rows = [line for line in LINES if line.line.startswith("| Where ")]
    assert len(rows) == 13
    for row in rows:
        modules = {Path(path).stem for path in row.paths if path.endswith(".py")}
        stems = {function.split(".")[0] for function in row.functions}
        assert stems, row.line
        assert stems <= modules, row.line


def test_the_layers_of_the_page_are_those_that_are_checked() -> None:
    contract = (ROOT / "pyproject.toml").read_text()
    (block,) = re.findall(r'^type = "layers"$.*?^layers = \[\n(.*?)^\]$', contract, MANY_LINES)
    checked = re.findall(r'"([^"]+)"', block)
    (shown,) = re.findall(r"^```\n(__main__ >.*?)^```$", PAGES[0].read_text(), MANY_LINES)
    layers = [layer.strip().strip("()") for layer in " ".join(shown.split()).split(" > ")]
    assert layers == checked
