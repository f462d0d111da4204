import re
from pathlib import Path

import pytest

from dashtam.application.rate_limits import POLICIES
from dashtam.presentation.cli.main import COMMANDS
from dashtam.providers.registry import load_providers
from dashtam.settings import PREFIX, Settings
from dashtam.statements.formats import FORMATS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_option_is_in_the_docs_with_its_sentence() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    named = zip(Settings.__struct_fields__, Settings.descriptions(), strict=True)
    missing = [
        name
        for name, sentence in named
        if name != "rate_limits"
        and not re.search(rf"\| `{PREFIX}{name.upper()}` \|[^|]*\| {re.escape(sentence)} \|", page)
    ]
    assert missing == []


def test_every_rate_limit_is_in_the_docs_with_its_default() -> None:
    for page in ("settings.md", "api.md"):
        text = (ROOT / "docs" / page).read_text()
        for policy in POLICIES:
            numbers = rf"{policy.capacity}(/| \| ){policy.per_minute}"
            assert re.search(rf"`{policy.name}` \| {numbers} \|", text), (page, policy)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_in_the_docs_leads_nowhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_docs_is_one(page: Path) -> None:
    named = re.findall(r"^\$ dashtam (?:--\S+ )*([a-z]+)", page.read_text(), flags=re.MULTILINE)
    assert [name for name in named if name not in COMMANDS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_in_the_docs_is_one(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"(?:`|^\$ )make ([a-z]+)", page.read_text(), flags=re.MULTILINE)
    assert [name for name in named if name not in targets] == []


def test_every_command_is_in_the_docs_with_its_help() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    rows = re.findall(r"^\| `dashtam ([a-z-]+)` \| (.*) \|$", page, flags=re.MULTILINE)
    assert dict(rows) == {name: sentence for name, (_, sentence) in COMMANDS.items()}


def test_every_statement_format_is_in_the_docs() -> None:
    assert slugs_in("importing.md", "slug") == [known.slug for known in FORMATS]


def test_every_provider_is_in_the_docs() -> None:
    assert slugs_in("providers.md", "slug") == list(load_providers([]))


def slugs_in(page: str, heading: str) -> list[str]:
    """Return the code in the first column of the page's table under this heading."""
    text = (ROOT / "docs" / page).read_text()
    (rows,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    return re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)
