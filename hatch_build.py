"""Has every wheel carry the dashboard: it is built first where it is missing or out of date."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDER = Path(__file__).resolve().parent / "dashboard"
sys.path.insert(0, str(_FOLDER))

import build_dashboard as dashboard  # noqa: E402 - it stands beside its sources


class DashboardHook(BuildHookInterface[Any]):
    """An editable install does without: a clone builds it with ``make dashboard``."""

    def dependencies(self) -> list[str]:
        """Return what the build needs beyond hatchling: Node, where the machine has none."""
        return (
            [dashboard.NODE_PACKAGE] if self._is_due() and not dashboard.machine_has_node() else []
        )

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, unless this is an editable install."""
        del build_data
        if version != "editable" and self._is_due() and dashboard.main("build") != 0:
            msg = "The dashboard could not be built."
            raise RuntimeError(msg)

    def _is_due(self) -> bool:
        return self.target_name == "wheel" and not dashboard.is_current()
