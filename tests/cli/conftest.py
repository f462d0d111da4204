"""The command, run as people run it, on each database."""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conftest import TEMPLATE, database, run, url_of
from dashtam.bootstrap import Installation, now
from dashtam.database.unit_of_work import Clock
from dashtam.presentation.cli.context import CommandContext
from dashtam.presentation.cli.main import dashtam

EMAIL = "ada@example.org"
PASSWORD = "a pelican under nine bridges"  # noqa: S105 - nobody's


class CommandLine:
    """A terminal with one installation, else with that of the environment."""

    def __init__(self, **settings: object) -> None:
        self.settings = settings
        self.clock: Clock = now

    @property
    def data(self) -> Path:
        """The installation's folder."""
        return Path(str(self.settings["data"]))

    def open(self, settings: Mapping[str, object]) -> Installation:
        return Installation.open(self.settings | dict(settings), clock=self.clock)

    def run(self, *words: object, typed: str | None = None) -> Result:
        result = CliRunner().invoke(
            dashtam,
            [str(word) for word in words],
            input=typed,
            obj=CommandContext(self.open),
            prog_name="dashtam",
        )
        assert "Traceback" not in result.output, result.output
        assert "fault of Dashtam" not in result.output, result.output
        return result

    def __call__(self, *words: object, typed: str | None = None) -> str:
        """Return the answer of a command that succeeds."""
        result = self.run(*words, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: object) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self(*words, "--json"))

    def refused(self, *words: object, typed: str | None = None, status: int = 1) -> str:
        """Return the message of a command that is refused and answers nothing."""
        result = self.run(*words, typed=typed)
        assert (result.exit_code, result.stdout) == (status, ""), result.output
        return result.stderr


Filling = Callable[[CommandLine], object]
"""Commands that fill a database, given the terminal of its installation."""


def register(terminal: CommandLine) -> None:
    terminal("users", "create", EMAIL, typed=f"{PASSWORD}\n")


class Templates:
    """Databases that are filled once, and copied for each test."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._made: dict[tuple[str, Filling | None], tuple[str, Path]] = {}

    @contextmanager
    def copied(self, kind: str, filling: Filling | None, folder: Path) -> Iterator[str]:
        """Yield the URL of a copy; a SQLite database lies in the folder, the keys in ``data``."""
        template, data = self._made.get((kind, filling)) or self._make(kind, filling)
        if (data / "keys").exists():
            shutil.copytree(data / "keys", folder / "data" / "keys")
        if kind == "postgresql":
            with database(self._request.getfixturevalue("migrated_postgresql"), template) as url:
                yield url
        else:
            shutil.copyfile(template, folder / "dashtam.db")
            yield f"sqlite:///{folder / 'dashtam.db'}"

    def _make(self, kind: str, filling: Filling | None) -> tuple[str, Path]:
        data = self._folder / uuid.uuid4().hex
        data.mkdir()
        if kind == "postgresql":
            server = self._request.getfixturevalue("migrated_postgresql")
            template = TEMPLATE if filling is None else f"template_{data.name}"
            if filling is not None:
                run(server, "CREATE DATABASE {} TEMPLATE {}", template, TEMPLATE)
            url = url_of(server, template)
        else:
            template = str(data / "template.db")
            shutil.copyfile(self._request.getfixturevalue("migrated_sqlite"), template)
            url = f"sqlite:///{template}"
        if filling is not None:
            filling(CommandLine(database_url=url, data=data))
        assert not Path(f"{template}-wal").exists()
        self._made[kind, filling] = template, data
        return template, data


@pytest.fixture(scope="session")
def templates(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Templates:
    return Templates(request, tmp_path_factory.mktemp("templates"))


@pytest.fixture
def filling(request: pytest.FixtureRequest) -> Filling | None:
    """One user, for tests with a terminal; a file of tests can have a filling of its own."""
    return register if "terminal" in request.fixturenames else None


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, templates: Templates, filling: Filling | None, tmp_path: Path
) -> Iterator[str]:
    """A database of this test's own, filled already."""
    with templates.copied(request.param, filling, tmp_path) as url:
        yield url


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> CommandLine:
    """A terminal where nobody keeps accounts yet."""
    return CommandLine(database_url=database_url, data=tmp_path / "data")


@pytest.fixture
def terminal(empty: CommandLine) -> CommandLine:
    """A terminal where one person keeps accounts."""
    if not (empty.data / "keys").exists():
        empty("keys", "create")
    return empty


@pytest.fixture
def offline(tmp_path: Path) -> CommandLine:
    """A terminal for commands that open no database."""
    return CommandLine(data=tmp_path / "data")
