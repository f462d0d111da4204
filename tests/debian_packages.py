"""Programs of Debian that tests run, installed where that can be done."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path


def find_or_install(find: Callable[[], str | None], package: str) -> str | None:
    """Return what is found, after the package was installed if nothing was; None without."""
    found, apt_get = find(), shutil.which("apt-get")
    if found is not None or os.geteuid() != 0 or apt_get is None:
        return found
    # One process after the other: a second apt-get would fail at the first one's locks.
    with Path(tempfile.gettempdir(), "dashtam-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := find()) is None:
            for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
                program = [apt_get, "-qq", *command]
                subprocess.run(program, check=False, capture_output=True)
            found = find()
    return found
