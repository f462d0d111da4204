"""A file system of a few megabytes, which a test fills."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A mounted file system."""

    folder: Path

    def fill(self, leaving_bytes: int = 0) -> None:
        """Leave only so many bytes of space."""
        with self._filler.open("wb", buffering=0) as file:
            with suppress(OSError):
                while file.write(bytes(65536)) == 65536:
                    pass
            file.truncate(max(0, file.tell() - leaving_bytes))

    def free(self) -> None:
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Yield a new file system that every account can reach, and remove it afterwards."""
    with tempfile.TemporaryDirectory(dir="/tmp") as parent:
        Path(parent).chmod(0o755)
        folder = Path(parent) / "disk"
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        if subprocess.run(words, check=False, capture_output=True).returncode:
            pytest.skip("only root can mount a small file system")
        try:
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607 - wherever it is
