"""Kill a restoration at each of its file operations, and the next start at each of its own.

Run as ``python restoration_kills.py TEMPLATE FOLDER STEP``: ``FOLDER/first-second`` is then a copy
of the template that was left at these points; where the second is 0 the next start was not killed.
The next start is killed after each restoration whose first point is a multiple of the step.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from dashtam.database import restoration

NOW = datetime(2026, 11, 27, tzinfo=UTC)
_OPERATIONS = {"open", "os.chmod", "os.link", "os.remove", "os.rename", "shutil.copyfile"}


def restore(folder: Path) -> None:
    restoration.restore(
        folder / "backup", database=folder / "a.db", ring=folder / "keys" / "ring.json", now=NOW
    )


def start(folder: Path) -> None:
    with restoration.hold(folder / "a.db", folder / "keys" / "ring.json"):
        pass


def is_killed(run: Callable[[Path], None], folder: Path, point: int) -> bool:
    """Run it in a process that is killed before this operation; False where it has fewer."""
    child = os.fork()
    if child == 0:
        left = point

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in _OPERATIONS and str(folder) in str(arguments[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        run(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}, f"it failed at point {point}"
    return status != 0


def main(template: Path, results: Path, step: int) -> None:
    first, goes_on = 1, True
    while goes_on:
        second, goes_on_again = 0, True
        while goes_on_again:
            folder = results / f"{first}-{second}"
            shutil.copytree(template, folder)
            goes_on = is_killed(restore, folder, first)
            goes_on_again = goes_on and first % step == 0
            if second:
                goes_on_again = is_killed(start, folder, second)
            second += 1
        first += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
