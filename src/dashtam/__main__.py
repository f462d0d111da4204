"""The command ``dashtam``, also as ``python -m dashtam``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashtam.bootstrap import Installation


def main() -> None:
    """Run the command line."""
    from dashtam.presentation.cli.main import run  # noqa: PLC0415 - see below

    run(_open)


def _open(settings: Mapping[str, object]) -> "Installation":
    # Only commands that need the application load it: `--help` answers at once.
    from dashtam.bootstrap import Installation  # noqa: PLC0415 - see above

    return Installation.open(settings)


if __name__ == "__main__":
    main()
