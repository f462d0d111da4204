"""The command ``dashtam``, also as ``python -m dashtam``."""

import gc
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashtam.bootstrap import Installation


def main() -> None:
    """Run the command line."""
    # All that any command writes, SQLite's own files too, is its user's alone.
    os.umask(0o077)
    _open_missing_streams()
    # Modules are loaded in a tenth less time without a search for garbage, of which they make none.
    gc.disable()
    from dashtam.presentation.cli.main import run  # noqa: PLC0415 - see below

    run(_open)


def _open_missing_streams() -> None:
    """Open those of the three standard streams that are closed.

    The first files that the process opens would have their numbers, and get what is written there.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _open(settings: Mapping[str, object]) -> "Installation":
    # Only commands that need the application load it: `--help` answers at once.
    from dashtam.bootstrap import Installation  # noqa: PLC0415 - see above

    gc.freeze()
    gc.enable()
    return Installation.open(settings)


if __name__ == "__main__":
    main()
