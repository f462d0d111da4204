"""The application on each database, its answers held against those that were recorded."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from recorded_answers.caller import RecordedApp, applications_to_record
from recorded_answers.recording import Recording


class Recorded(Protocol):
    """Opens the application; at the end its answers are those of the file of this name."""

    def __call__(
        self, name: str, writer: str = "sqlite"
    ) -> AbstractContextManager[RecordedApp]: ...


@pytest.fixture
def recorded(database_url: str, tmp_path: Path) -> Recorded:
    @contextmanager
    def open_recorded(name: str, writer: str = "sqlite") -> Iterator[RecordedApp]:
        recording = Recording(name)
        app = RecordedApp(applications_to_record(database_url, tmp_path / "data"), recording)
        try:
            yield app
        finally:
            app.close()
        is_asked = os.environ.get("RECORD") == "1"  # noqa: TID251 (no setting of the application)
        # The file that one database wrote holds for the other.
        recording.compare(rewrite=is_asked and database_url.startswith(writer))

    return open_recorded
