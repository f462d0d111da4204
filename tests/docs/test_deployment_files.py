"""What the files for deploying ask people to do before the first start."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["compose.yaml", "Dockerfile", "deploy/dashtam.service"])
def test_the_key_ring_is_made_before_the_first_start(name: str) -> None:
    comments = [line for line in (ROOT / name).read_text().splitlines() if line.startswith("#")]
    assert "keys create --data /" in "\n".join(comments)


def test_the_secrets_of_compose_are_readable_by_one_user_alone() -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert "umask 077 && mkdir -p secrets" in text
    assert "chmod 0400 secrets/database_url secrets/postgres_password" in text
    assert "0444" not in text
