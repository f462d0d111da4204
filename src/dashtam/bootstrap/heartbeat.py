"""Heartbeats of workers: files in the data folder, by which other processes notice a silent one."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

POLL_S: Final = 5.0
"""The seconds between two looks of a worker that finds nothing due."""

SILENT_S: Final = 2 * POLL_S
"""The silence after which a worker is reported."""

FOLDER: Final = "workers"
"""The folder of the heartbeats, in the data folder."""


class Heartbeat:
    """The heartbeat of one worker: a file that it touches, and holds locked while it lives."""

    def __init__(self, data: Path) -> None:
        self._path = data / FOLDER / f"{uuid4().hex}.heartbeat"
        self._descriptor: int | None = None

    def beat(self) -> None:
        """Note that the worker looked for due connections now; no failure stops the worker."""
        with suppress(OSError):
            if self._descriptor is None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                if not os.fstat(self._descriptor).st_nlink:
                    # Another process took it for that of a killed worker; the next one is new.
                    os.close(self._descriptor)
                    self._descriptor = None
                    return
            os.utime(self._descriptor)

    def end(self) -> None:
        """Remove the file: the worker ends as it should."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None


def longest_silence_s(data: Path) -> float:
    """Return the seconds since the most silent worker on this data folder looked; 0 without any."""
    silences = [0.0]
    for path in (data / FOLDER).glob("*.heartbeat"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                silences.append(time.time() - os.fstat(descriptor).st_mtime)
            else:
                # The worker was killed: the operating system has released its lock.
                path.unlink()
            finally:
                os.close(descriptor)
    return max(silences)
