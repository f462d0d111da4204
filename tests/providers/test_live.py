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
from dashtam.providers.demo import BEGINS_ON, DemoProvider
from dashtam.providers.http_client import Outbound
from dashtam.providers.registry import providers

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
GUIDE = Path(__file__).parents[2] / "docs" / "providers.md"
NO_WAY_OUT = Outbound(resolver=lambda _host, _port: []).client()


def guide_example() -> str:
    (example, *_) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return str(example)


@pytest.fixture
def nutshell(monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The guide's own example, as a module that can be imported."""
    module = types.ModuleType("dashtam_nutshell")
    exec(guide_example(), module.__dict__)  # noqa: S102 - the guide is ours
    monkeypatch.setitem(sys.modules, "dashtam_nutshell", module)
    provider: Provider = module.provider
    return provider


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "dashtam.providers")


class Answering:
    def __init__(self, body: bytes, status: int = 200) -> None:
        self.answer = HttpAnswer(status, {}, body)

    def request(self, method: str, url: str, **_: object) -> HttpAnswer:
        assert (method, url) == ("GET", "https://api.nutshell.example/balance")
        return self.answer


def test_ours_are_there() -> None:
    assert list(providers([])) == ["simplefin", "ibkr_flex", "alpaca", "demo"]
    assert list(providers()) == list(providers([]))


@pytest.mark.parametrize("slug", ["simplefin", "ibkr_flex", "alpaca", "demo"])
def test_ours_conform(slug: str) -> None:
    assert list(conformance.field_errors(providers([])[slug])) == []


def test_the_guides_example_is_found_and_conforms(nutshell: Provider) -> None:
    found = providers([entry("nutshell", "dashtam_nutshell:provider")])
    assert found["nutshell"] is nutshell
    assert list(conformance.field_errors(nutshell)) == []


def test_the_guides_example_tells_balances(nutshell: Provider) -> None:
    http = Answering(b'{"number": "NL01-1234", "balance": 12.50}')
    report = nutshell.fetch({"token": "t"}, http, now=NOW, backfill=True)
    assert list(conformance.report_faults(report, NOW)) == []
    (told,) = report.accounts
    assert told.current is not None
    assert (str(told.current.balance), told.identity.name) == ("12.50", "Savings 1234")


def test_the_guide_names_ours() -> None:
    text = GUIDE.read_text()
    for slug in providers([]):
        assert f"| `{slug}` |" in text


def test_the_check_runs_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "dashtam_nutshell.py").write_text(guide_example())
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
def test_one_that_cannot_be_used_is_left_out_and_named(
    nutshell: Provider, name: str, value: str
) -> None:
    assert nutshell.slug == "nutshell"
    with capture_logs() as lines:
        found = providers([entry(name, value)])
    assert list(found) == list(providers([]))
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
        told = DemoProvider().fetch({}, http, now=now, backfill=False).accounts[0]
        assert told.current is not None
        wrong = AccountReport(told.identity, None)
        return Report([told, wrong], [""])


def test_carelessness_is_found() -> None:
    found = "\n".join(conformance.field_errors(Careless()))
    for fault in ("ValueError", "RuntimeError", "told of twice", "no balance", "a sentence"):
        assert fault in found


def test_the_demonstration_is_the_same_for_the_same_seed() -> None:
    kept = DemoProvider().connect({"seed": "one"}, NO_WAY_OUT)
    first = DemoProvider().fetch(kept, NO_WAY_OUT, now=NOW, backfill=True)
    assert first == DemoProvider().fetch(kept, NO_WAY_OUT, now=NOW, backfill=True)
    other = DemoProvider().fetch({"seed": "two"}, NO_WAY_OUT, now=NOW, backfill=True)
    assert first != other
    assert list(conformance.report_faults(first, NOW)) == []


def test_the_demonstration_never_changes_its_past() -> None:
    earlier = DemoProvider().fetch({}, NO_WAY_OUT, now=NOW - timedelta(days=40), backfill=True)
    later = DemoProvider().fetch({}, NO_WAY_OUT, now=NOW, backfill=True)
    for before, after in zip(earlier.accounts, later.accounts, strict=True):
        assert list(before.history) == list(after.history[: len(before.history)])
        assert len(after.history) == (NOW.date() - BEGINS_ON).days


def test_the_demonstration_moves_while_one_watches() -> None:
    at = [NOW + timedelta(minutes=number) for number in range(5)]
    told = [
        DemoProvider().fetch({}, NO_WAY_OUT, now=now, backfill=False).accounts[-1] for now in at
    ]
    assert len({one.current.balance for one in told if one.current}) == 5
    assert all(not one.history for one in told)


def test_the_demonstration_is_a_plausible_household() -> None:
    told = DemoProvider().fetch({}, NO_WAY_OUT, now=NOW, backfill=True).accounts
    assert {one.identity.currency.code for one in told} == {"USD", "EUR"}
    kinds = {str(one.identity.account_type) for one in told}
    assert kinds == {"checking", "savings", "credit_card", "401k", "mortgage", "brokerage"}
    for one in told:
        owes = str(one.identity.account_type) in {"credit_card", "mortgage"}
        assert all((reading.balance < 0) == owes for reading in one.history)
        assert max(abs(reading.balance) for reading in one.history) < 400_000
