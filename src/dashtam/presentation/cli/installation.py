"""What the command line asks of an installation; ``bootstrap`` provides it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # --help and version need none of what this loads
    from dashtam.application.ports import Services


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: the environment variable, its value now, its default, and its sentence.

    ``value`` is hidden where it is a secret; ``is_set`` tells whether anyone set it.
    """

    variable: str
    value: str
    default: str
    is_set: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that ``doctor`` looked at: what it found, and what to do when it is not well."""

    name: str
    is_well: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key by its id; ``retired_at`` is when another took over, None while it signs."""

    id: str
    made_at: datetime
    retired_at: datetime | None


class InstallationPort(Protocol):
    """One Dashtam, as its settings say."""

    def services(self) -> "Services":
        """Return what use cases ask for; the database is brought up to date first."""

    def close(self) -> None:
        """Let go of what was opened; it can be asked again afterwards."""

    def options(self) -> Sequence[Option]:
        """Return every setting."""

    def warnings(self) -> Sequence[str]:
        """Return what the operator should know before others use this installation."""

    def upgrade(self) -> tuple[str | None, str]:
        """Bring the schema to today's; return the revision before (None: empty) and the one now.

        A SQLite database that holds something is backed up first.
        """

    def backup(self, folder: Path) -> Path:
        """Write the database and the key ring into a new folder inside this one; return it.

        Raises:
            Refusal: the database is PostgreSQL, which has tools of its own.
        """

    def restore(self, backup: Path) -> None:
        """Put a backup in the place of the database and the key ring; what was there is kept aside.

        Raises:
            Refusal: it is not a whole backup, or Dashtam is running on this database.
        """

    def create_keys(self) -> Path:
        """Make the key ring if there is none; return where it lies."""

    def rotate_keys(self) -> str:
        """Make a new signing key, sign nobody out, and return the new key's id."""

    def keys(self) -> Sequence[Key]:
        """Return the signing keys by which tokens are still verified, the one that signs first."""

    def checks(self) -> Sequence[Check]:
        """Look at everything that can go wrong, and tell what was found."""

    def serve(self, started: Callable[[Mapping[str, str]], None]) -> None:
        """Serve until told to stop.

        ``started`` is called once, when requests are answered, with ``url`` and, where the first
        user needs one, ``setup_code``.
        """

    def work(self, started: Callable[[], None]) -> None:
        """Sync what is due until told to stop; ``started`` is called once, when it begins."""


InstallationOpener = Callable[[Mapping[str, object]], InstallationPort]
"""Opens an installation, some settings given on the command line (``data``, ``port`` and such).

Raises:
    Refusal: an option is unknown, or has a value that it cannot have.
"""
