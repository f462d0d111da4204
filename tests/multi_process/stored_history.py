"""The history that servers have stored, verified when none of them runs."""

from pathlib import Path

from dashtam.application.history.verification import verify
from dashtam.bootstrap import Installation


def assert_is_sound(data: Path, database_url: str) -> None:
    """Assert that every hash chain is whole, and the history cache that of the rows."""
    installation = Installation.open({"data": data, "database_url": database_url})
    report = verify(installation.database)
    assert (report.found, report.outdated_chunks) == (0, [])
    installation.close()
