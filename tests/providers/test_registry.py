import re
import subprocess
import sys
import types
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dashtam.application.provider import (
    AccountReport,
    CredentialField,
    Http,
    HttpAnswer,
    Pace,
    Provider,
    Report,
)
from dashtam.providers import conformance
from dashtam.providers.demo import DemoProvider
from dashtam.providers.registry import load_providers
from dashtam.providers.version_1 import VersionOne

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
GUIDE = Path(__file__).parents[2] / "docs" / "providers.md"


def read_guide_example(number: int = 0) -> str:
    examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return str(examples[number])


@pytest.fixture
def nutshell(monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The guide's own example, as a module that can be imported."""
    module = types.ModuleType("dashtam_nutshell")
    exec(read_guide_example(), module.__dict__)  # noqa: S102 - the guide is ours
    monkeypatch.setitem(sys.modules, "dashtam_nutshell", module)
    provider: Provider = module.provider
    return provider


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "dashtam.providers")


class OneAnswer:
    def __init__(self, body: bytes, status: int = 200) -> None:
        self.answer = HttpAnswer(status, {}, body)

    def request(self, method: str, url: str, **_: object) -> HttpAnswer:
        assert (method, url) == ("GET", "https://api.nutshell.example/balance")
        return self.answer


def test_ours_are_listed() -> None:
    assert list(load_providers([])) == [
        "simplefin",
        "enable_banking",
        "akahu",
        "lunch_flow",
        "snap_trade",
        "ibkr_flex",
        "alpaca",
        "trading_212",
        "demo",
    ]
    assert list(load_providers()) == list(load_providers([]))


@pytest.mark.parametrize("slug", load_providers([]))
def test_ours_conform(slug: str) -> None:
    assert list(conformance.faults(load_providers([])[slug])) == []


def test_the_guides_example_is_found_and_conforms(nutshell: Provider) -> None:
    found = load_providers([entry("nutshell", "dashtam_nutshell:provider")])
    assert found["nutshell"] is nutshell
    assert list(conformance.faults(nutshell)) == []


def test_the_guides_example_reads_balances(nutshell: Provider) -> None:
    http = OneAnswer(b'{"number": "NL01-1234", "balance": 12.50}')
    report = nutshell.fetch({"token": "t"}, http, now=NOW, backfill=True, renew=lambda _: None)
    assert list(conformance.report_faults(report, NOW)) == []
    (result,) = report.accounts
    assert result.current is not None
    assert (str(result.current.balance), result.identity.name) == ("12.50", "Savings 1234")


def test_the_guides_example_of_a_browser_conforms() -> None:
    module = types.ModuleType("dashtam_walnut")
    exec(read_guide_example(1), module.__dict__)  # noqa: S102 - the guide is ours
    assert list(conformance.faults(module.provider)) == []


def test_a_provider_of_version_1_still_works_and_is_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("old_provider")
    module.provider = Careless()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "old_provider", module)
    with capture_logs() as lines:
        found = load_providers([entry("careless", "old_provider:provider")])
    assert found["careless"].uses_browser is False
    assert [line["event"] for line in lines] == ["provider_of_version_1"]


def test_the_guide_names_ours() -> None:
    text = GUIDE.read_text()
    for slug in load_providers([]):
        assert f"| `{slug}` |" in text


def test_the_check_runs_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "dashtam_nutshell.py").write_text(read_guide_example())
    (tmp_path / "broken.py").write_text("provider = object()\n")
    command = [sys.executable, "-m", "dashtam.providers.conformance"]
    ended = {
        name: subprocess.run(
            [*command, name], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        for name in ("dashtam_nutshell:provider", "broken:provider", "nothing")
    }
    assert [one.returncode for one in ended.values()] == [0, 1, 2]
    assert "no faults" in ended["dashtam_nutshell:provider"].stderr
    assert "slug begins with" in ended["broken:provider"].stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nutshell", "no_such_module:provider"),
        ("nutshell", "dashtam_nutshell:missing"),
        ("nutshell", "dashtam_nutshell:ADDRESS"),
        ("walnut", "dashtam_nutshell:provider"),
        ("simplefin", "dashtam_nutshell:provider"),
    ],
)
def test_an_unusable_provider_is_left_out_and_logged(
    nutshell: Provider, name: str, value: str
) -> None:
    assert nutshell.slug == "nutshell"
    with capture_logs() as lines:
        found = load_providers([entry(name, value)])
    assert list(found) == list(load_providers([]))
    assert type(found["simplefin"]).__name__ == "SimpleFin"
    assert [(line["event"], line["entry"]) for line in lines] == [("provider_left_out", name)]


class Careless:
    """Everything that an author can get wrong."""

    slug = "careless"
    name = "Careless"
    credentials: Sequence[CredentialField] = (CredentialField("token", "Token"),)
    pace = Pace(timedelta(hours=1), 10)

    def connect(self, given: Mapping[str, str], http: Http) -> Mapping[str, str]:
        del http
        raise ValueError(given["token"])

    def fetch(
        self, kept: Mapping[str, str], http: Http, *, now: datetime, backfill: bool
    ) -> Report:
        del backfill
        answer = http.request("GET", f"https://careless.example/{kept['token']}")
        if answer.status != 200:
            raise RuntimeError(answer.body)
        result = DemoProvider().fetch({}, http, now=now, backfill=False).accounts[0]
        assert result.current is not None
        wrong = AccountReport(result.identity, None)
        return Report([result, wrong], [""])


def test_the_check_finds_the_faults_of_a_careless_provider() -> None:
    found = "\n".join(conformance.faults(VersionOne(Careless())))
    for fault in ("ValueError", "RuntimeError", "reported twice", "no balance", "a sentence"):
        assert fault in found
