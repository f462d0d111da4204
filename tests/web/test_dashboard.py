"""The dashboard's files on the wire: compressed, kept as long as they may be, and bound to us."""

import re
from collections.abc import Iterator

import pytest
from starlette.routing import Router
from starlette.testclient import TestClient

from dashtam.presentation.http.problems import Problems
from dashtam.presentation.web.dashboard import SHELL_PATHS, Dashboard

SHELL = [path.replace("{id}", "123e4567-e89b-12d3-a456-426614174000") for path in SHELL_PATHS]


def client_of(base_path: str) -> TestClient:
    routes = Dashboard(Problems(), base_path).routes()
    assert routes, "make dashboard builds it"
    return TestClient(Router(routes))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of("") as client:
        yield client


@pytest.fixture(scope="module")
def assets(client: TestClient) -> list[str]:
    return [f"/{path}" for path in re.findall(r'"\./([^"]+)"', client.get("/").text)]


@pytest.mark.parametrize("path", SHELL)
def test_every_page_is_the_one_page(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    assert page.content == client.get("/").content


def test_nothing_may_be_run_or_loaded_but_our_own_files(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives.pop("default-src") == "'none'"
    assert set(directives.values()) == {"'self'", "'none'"}
    assert directives["frame-ancestors"] == "'none'"
    page = client.get("/").text
    assert "style=" not in page
    assert page.count("<script") == page.count(" src=")


def test_names_that_change_with_their_content_are_kept_for_ever(
    client: TestClient, assets: list[str]
) -> None:
    assert len(assets) == 2
    for path in assets:
        assert "immutable" in client.get(path).headers["cache-control"]
    assert client.get("/sw.js").headers["cache-control"] == "no-cache"


def test_code_is_sent_compressed_to_clients_that_accept_it(
    client: TestClient, assets: list[str]
) -> None:
    for path in assets:
        packed = client.get(path, headers={"accept-encoding": "gzip"})
        plain = client.get(path, headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        refused = client.get(path, headers={"accept-encoding": "gzip;q=0"})
        assert "content-encoding" not in refused.headers
        assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
        assert packed.content == plain.content


def test_the_code_is_light(client: TestClient, assets: list[str]) -> None:
    paths = ["/", "/theme.js", "/sw.js", *assets]
    sizes = [int(client.get(path).headers["content-length"]) for path in paths]
    assert sum(sizes) <= 76_000


def test_behind_a_path_of_a_proxy_everything_is_found_below_it() -> None:
    with client_of("/money") as client:
        assert '<base href="/money/">' in client.get("/").text


def test_files_have_their_media_types(client: TestClient) -> None:
    assert (
        client.get("/manifest.webmanifest").headers["content-type"] == "application/manifest+json"
    )
    assert client.get("/sw.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/icon-192.png").headers["content-type"] == "image/png"


@pytest.mark.parametrize("path", ["/index.html", "/assets/", "/assets/../pages.py", "/sw.js.gz"])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
