"""The scene on each database, and someone in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from application import Person
from syncs import sync_services as scenes
from syncs.sync_services import Scene


@pytest.fixture
def scene(database_url: str, tmp_path: Path) -> Iterator[Scene]:
    """A world with a scripted provider."""
    yield from scenes.scene(database_url, tmp_path)


@pytest.fixture
def ada(scene: Scene) -> Person:
    """Someone who is signed in."""
    return scene.person()
