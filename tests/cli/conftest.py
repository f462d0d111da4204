"""The command, run as people run it, on each database."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dashtam.bootstrap import Installation
from dashtam.presentation.cli.context import CommandContext
from dashtam.presentation.cli.main import dashtam

EMAIL = "ada@example.org"
PASSWORD = "a pelican under nine bridges"  # noqa: S105 - nobody's


class CommandLine:
    """A terminal with one installation."""

    def __init__(self, database_url: str, data: Path) -> None:
        self.data = data
        self.given = {"database_url": database_url, "data": data}

    def open(self, given: Mapping[str, object]) -> Installation:
        return Installation.open(self.given | dict(given))

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
        """Return the answer of a command that does what it is asked."""
        result = self.run(*words, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: object) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self(*words, "--json"))

    def refused(self, *words: object, typed: str | None = None, status: int = 1) -> str:
        """Return what is said of a command that is refused; it answers nothing."""
        result = self.run(*words, typed=typed)
        assert (result.exit_code, result.stdout) == (status, ""), result.output
        return result.stderr


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> CommandLine:
    """A terminal where nobody keeps accounts yet."""
    return CommandLine(database_url, tmp_path / "data")


@pytest.fixture
def terminal(empty: CommandLine) -> CommandLine:
    """A terminal where one person keeps accounts."""
    empty("users", "create", EMAIL, typed=f"{PASSWORD}\n")
    return empty
