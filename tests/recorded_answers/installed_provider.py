"""A provider of another package: it answers as a test tells it, and reaches nobody."""

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest

# No other module of these tests imports these, so that only this one follows when they move.
from dashtam.application.provider import (
    CredentialsRefused,
    ProviderFailed,
    ProviderRateLimited,
    Report,
)
from scripted_provider import Answer, Nowhere, Scripted, account, position, problem

__all__ = [
    "Answer",
    "Bank",
    "CredentialsRefused",
    "ProviderFailed",
    "ProviderRateLimited",
    "Report",
    "account",
    "install",
    "position",
    "problem",
]


class Bank(Scripted):
    """The scripted provider without its requests."""

    def connect(self, given: Mapping[str, str], http: object) -> Mapping[str, str]:
        del http
        return super().connect(given, Nowhere(lambda: None))

    def fetch(
        self, kept: Mapping[str, str], http: object, *, now: datetime, backfill: bool
    ) -> Report:
        del http
        return super().fetch(kept, Nowhere(lambda: None), now=now, backfill=backfill)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Bank:
    """Install the provider as a package would, by an entry point, until the test ends."""
    bank = Bank()
    module = ModuleType("scripted_bank")
    module.bank = bank  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    metadata = folder / "scripted_bank-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted_bank\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[dashtam.providers]\nscripted = scripted_bank:bank\n"
    )
    monkeypatch.syspath_prepend(folder)
    return bank
