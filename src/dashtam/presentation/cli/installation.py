"""The port between the command line and an installation, which ``bootstrap`` implements."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # --help and version do without the modules that this loads
    from dashtam.application.ports import Services
    from dashtam.database.unit_of_work import Database


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its environment variable, its value and its default as text, and its purpose.

    ``value`` is hidden where it is a secret; ``is_set`` tells it from the default.
    """

    variable: str
    value: str
    default: str
    is_set: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check of ``doctor``; ``advice`` is empty where none is needed."""

    name: str
    is_well: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key by its id; ``retired_at`` is the end of its signing, None until then."""

    id: str
    made_at: datetime
    retired_at: datetime | None


class InstallationPort(Protocol):
    """One installation of Dashtam with its settings."""

    @property
    def database(self) -> "Database":
        """The database; its first use upgrades the schema."""

    def services(self) -> "Services":
        """Return the services of the use cases; the first call upgrades the schema."""

    def close(self) -> None:
        """Close the database; a later call opens it again."""

    def options(self) -> Sequence[Option]:
        """Return every setting."""

    def warnings(self) -> Sequence[str]:
        """Return a sentence for each setting that puts others' data at risk."""

    def upgrade(self) -> tuple[str | None, str]:
        """Upgrade the schema; return the revision before (None: empty) and the present one.

        A SQLite database that holds data is backed up first.
        """

    def backup(self, folder: Path) -> Path:
        """Write the database and the key ring into a new folder inside this one; return it.

        Raises:
            DashtamError: the database is PostgreSQL, which has tools of its own.
        """

    def restore(self, backup: Path) -> None:
        """Replace the database and the key ring with a backup; the replaced files are kept aside.

        Raises:
            DashtamError: the backup is not whole, or Dashtam is running on this database.
        """

    def create_keys(self) -> Path:
        """Make the key ring unless there is one; return its path."""

    def rotate_keys(self) -> str:
        """Sign and seal with new keys from now on, and return the id of the signing key.

        Nobody is signed out. An interrupted rotation can be repeated.
        """

    def keys(self) -> Sequence[Key]:
        """Return the signing keys that still verify tokens, the one that signs first."""

    def checks(self) -> Sequence[Check]:
        """Check the installation, also without a database; return every result."""

    def serve(self, started: Callable[[Mapping[str, str]], None]) -> None:
        """Serve until interrupted.

        ``started`` is called once, when requests are answered, with ``url`` and, where the first
        user needs one, ``setup_code``.
        """

    def work(self, started: Callable[[], None]) -> None:
        """Sync due connections until interrupted; ``started`` is called once, at the beginning."""


InstallationOpener = Callable[[Mapping[str, object]], InstallationPort]
"""Opens an installation; its argument are settings such as ``data`` and ``port``.

Raises:
    DashtamError: a setting is unknown, or has a value that it cannot have.
"""
