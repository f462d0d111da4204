"""The application on each database, its answers held against those that were recorded."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from recorded_answers import installed_provider as bank
from recorded_answers.caller import Application
from recorded_answers.recording import Recording


class Recorded(Protocol):
    """Opens the application; at the end its answers are those of the file of this name."""

    def __call__(
        self, name: str, writer: str = "sqlite"
    ) -> AbstractContextManager[Application]: ...


@pytest.fixture
def recorded(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Recorded:
    @contextmanager
    def open_recorded(name: str, writer: str = "sqlite") -> Iterator[Application]:
        provider = bank.install(tmp_path / "packages", monkeypatch)
        recording = Recording(name)
        app = Application(database_url, tmp_path / "data", provider, recording)
        try:
            yield app
        finally:
            app.close()
        is_asked = os.environ.get("RECORD") == "1"  # noqa: TID251 (no setting of the application)
        # The file that one database wrote holds for the other.
        recording.compare(rewrite=is_asked and database_url.startswith(writer))

    return open_recorded
