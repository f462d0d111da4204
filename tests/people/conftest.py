from collections.abc import Iterator
from pathlib import Path

import pytest

from people.people_services import Stage, stage


@pytest.fixture
def people(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    yield from stage(database_url, tmp_path)
