"""Nobody but its owner has access to what Dashtam keeps, whatever the umask."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashtam.bootstrap import Installation, private_files
from multi_process.remote_user import RemoteUser
from server_process import serving, start


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def database_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A database that somebody copied into a folder that all may write."""
    data = tmp_path / "data"
    data.mkdir(mode=0o777)
    (data / "dashtam.db").write_bytes(migrated_sqlite.read_bytes())
    return f"sqlite:///{data / 'dashtam.db'}"


def run(data: Path, database_url: str, *words: str) -> None:
    process = start(data, *words, DATABASE_URL=database_url, stderr=subprocess.PIPE)
    _, message = process.communicate()
    assert process.returncode == 0, message


def open_to_others(folder: Path) -> dict[str, str]:
    return {
        str(path): oct(path.stat().st_mode)
        for path in [folder, *folder.rglob("*")]
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    }


def test_all_files_of_a_server_and_its_commands_are_private(
    tmp_path: Path, database_url: str
) -> None:
    data, export = tmp_path / "data", tmp_path / "export.json"
    assert open_to_others(data)
    with serving(data, database_url, "--workers", "2") as server:
        RemoteUser.register(server, "ada@example.org")
        for words in (("db", "backup"), ("db", "backup", str(tmp_path / "new" / "backups"))):
            run(data, database_url, *words)
        run(data, database_url, "export", "--output", str(export))
        assert {path.name for path in data.iterdir()} >= {
            "dashtam.db", "dashtam.db-wal", "dashtam.db-shm", "dashtam.db.in-use", "keys",
            "backups",
        }  # fmt: skip
        assert open_to_others(data) == open_to_others(tmp_path / "new") == {}
        assert stat.S_IMODE(export.stat().st_mode) == 0o600


def test_what_cannot_be_made_private_is_told(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    data = tmp_path / "data"
    installation = Installation.open({"data": data, "database_url": database_url})
    (warning,) = [one for one in installation.warnings() if str(data) in one]
    assert warning == f"Other users of this machine have access to {data} and 1 more."
    (check,) = [one for one in installation.checks() if one.name == "access"]
    assert not check.is_well
    assert check.advice == f"As their owner, run chmod go= {data} {data / 'dashtam.db'}"
    installation.close()


def test_a_shared_folder_stays_shared(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    private_files.make_private([tmp_path])
    assert private_files.exposed_paths([tmp_path]) == [tmp_path]
