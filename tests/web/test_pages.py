"""The pages for people: self-contained, complete, and strict about their sources."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.routing import Router
from starlette.testclient import TestClient

from dashtam.presentation.http.problems import Problems
from dashtam.presentation.openapi.document import build_document, text
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.web.code_examples import curl, json_tokens
from dashtam.presentation.web.pages import Pages
from dashtam.presentation.web.rendering import render_reference

PATHS = ["/", "/docs", "/style.css", "/favicon.svg"]
HTML = ["/", "/docs"]
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
VOID = {"meta", "link", "img", "wbr", "path"}


class Outline(HTMLParser):
    """The elements of a page; it fails where an element is not closed in its order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.attributes if found == name]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    routes = Pages(Problems(), lambda: text().encode()).routes()
    with TestClient(Router(routes)) as client:
        yield client


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text())
    return found


@pytest.mark.parametrize("path", PATHS)
def test_a_page_may_load_nothing_but_our_own(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", HTML)
def test_a_page_needs_no_script_and_no_style_of_its_own(client: TestClient, path: str) -> None:
    outline = Outline(client.get(path).text)
    assert not {"script", "style", "iframe", "object", "form"} & outline.names
    assert not [name for name, _ in outline.attributes if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("path", HTML)
def test_every_link_of_a_page_stays_here(client: TestClient, path: str) -> None:
    outline = Outline(client.get(path).text)
    links = [*outline.values("href"), *outline.values("src")]
    assert links
    assert all(link[0] in "/#" and not link.startswith("//") for link in links)
    served = {*PATHS, "/openapi.json"}
    assert {link for link in links if link.startswith("/")} <= served


def test_a_server_loads_the_templates_with_the_first_page() -> None:
    script = "import sys, dashtam.presentation.app; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("path", ["/style.css", "/favicon.svg"])
def test_a_file_of_a_page_loads_no_other(client: TestClient, path: str) -> None:
    content = client.get(path).text
    assert "url(" not in content
    assert "@import" not in content
    assert "href" not in content


@pytest.mark.parametrize("path", HTML)
def test_a_page_is_laid_out_for_readers_of_every_kind(client: TestClient, path: str) -> None:
    outline = Outline(client.get(path).text)
    assert {"main", "nav", "h1", "h2"} <= outline.names
    assert outline.values("lang") == ["en"]
    ids = outline.values("id")
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in outline.values("href") if link.startswith("#")} <= set(ids)
    assert set(outline.values("aria-labelledby")) <= set(ids)


def test_the_reference_has_every_operation(client: TestClient, described: dict[str, Any]) -> None:
    outline = Outline(client.get("/docs").text)
    ids = outline.values("id")
    operations = [one for path in described["paths"].values() for one in path.values()]
    assert {operation["operationId"] for operation in operations} <= set(ids)
    assert {f"shape-{name}" for name in described["components"]["schemas"]} <= set(ids)


def test_the_reference_has_every_error(client: TestClient, described: dict[str, Any]) -> None:
    ids = Outline(client.get("/docs").text).values("id")
    for response in described["components"]["responses"].values():
        slugs = response["content"]["application/problem+json"]["examples"]
        assert {f"error-{slug}" for slug in slugs} <= set(ids)


def test_the_texts_of_a_document_are_escaped() -> None:
    described = build_document(
        ROUTES, version="<script>", server=None, errors_url="https://e.example/"
    )
    described["info"]["description"] = "<img src=x> & `<b>`"
    operation = described["paths"]["/api/v1/accounts"]["get"]
    operation["responses"]["200"]["content"]["application/json"]["example"] = {"<b>": "<i>"}
    page = render_reference(described)
    assert not {"<script>", "<b>", "<i>"} & set(re.findall("<[^>]*>", page))
    assert "&lt;img src=x&gt; &amp; <code>&lt;b&gt;</code>" in page


def test_examples_go_to_where_the_installation_is() -> None:
    described = build_document(ROUTES, version="1", server="https://m.example", errors_url="e:/")
    page = render_reference(described)
    assert "https://m.example/api/v1/balance-snapshots" in page
    assert "127.0.0.1" not in page


def test_a_shell_reads_a_command_as_it_is_meant(described: dict[str, Any]) -> None:
    path = "/api/v1/accounts/{id}/balance-history"
    command = curl("GET", path, described["paths"][path]["get"], "http://here")
    assert shlex.split(command.replace("\\\n", "")) == [
        "curl",
        (
            "http://here/api/v1/accounts/123e4567-e89b-12d3-a456-426614174000/balance-history"
            "?start_date=2025-01-01T00:00:00Z&end_date=2025-12-31T23:59:59Z"
        ),
        "-H",
        "Authorization: Bearer $TOKEN",
    ]


def test_a_command_sends_its_body_whole(described: dict[str, Any]) -> None:
    path = "/api/v1/accounts/{id}"
    operation = described["paths"][path]["patch"]
    operation["requestBody"]["content"]["application/json"]["example"] = {"name": "Ann's " * 20}
    words = shlex.split(curl("PATCH", path, operation, "http://here").replace("\\\n", ""))
    assert words[1:3] == ["-X", "PATCH"]
    assert json.loads(words[-1]) == {"name": "Ann's " * 20}


def test_the_tokens_of_json_make_up_the_whole() -> None:
    value = {"a": [1, -2.5, None, True, 'say "<hi>"'], "12": "3"}
    shown = "".join(token for _, token in json_tokens(value))
    assert json.loads(shown) == value


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_only_read(client: TestClient, path: str) -> None:
    refused = client.post(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert client.options(path).status_code == 204
