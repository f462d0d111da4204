"""The documented routes: each path and method of the OpenAPI document, and where it is recorded."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recorded_answers.caller import API
from recorded_answers.recording import DOCUMENT

_RESOURCES = {"me": "users", "current": "sessions", "formats": "imports", "events": "syncs",
              "sync": "balance-snapshots", "correction": "balance-snapshots",
              "decision": "holds", "completions": "authorizations"}  # fmt: skip


@dataclass(frozen=True)
class DocumentedRoute:
    """One path and method; ``path`` begins behind the API's base path."""

    method: str
    path: str
    operation: Mapping[str, Any]

    @property
    def resource(self) -> str:
        """The name of the file that holds the route's answers."""
        *_, last = (part for part in self.path.split("/") if not part.startswith("{"))
        return _RESOURCES.get(last, last)

    @property
    def tokens(self) -> Sequence[str]:
        """The kinds of token that the route takes, none where nobody needs one."""
        return [kind for one in self.operation["security"] for kind in one["bearer"]]

    @property
    def takes(self) -> str | None:
        """The media type of the body, None where the route reads none."""
        return next(iter(self._contents), None)

    @property
    def example(self) -> Any:  # noqa: ANN401 - JSON
        """A good body."""
        return next(iter(self._contents.values()))["example"]

    @property
    def _contents(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.operation.get("requestBody", {}).get("content", {})
        return found

    def parameters(self, place: str) -> dict[str, Mapping[str, Any]]:
        """Return the route's parameters of this place (path, query, header) by name."""
        found = self.operation.get("parameters", [])
        return {one["name"]: one for one in found if one["in"] == place}


def document() -> dict[str, Any]:
    """Return the OpenAPI document as it is kept."""
    kept: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return kept


def documented_routes() -> list[DocumentedRoute]:
    """Return every route of the API, in the document's order."""
    return [
        DocumentedRoute(method.upper(), path.removeprefix(API), operation)
        for path, operations in document()["paths"].items()
        if path.startswith(API)
        for method, operation in operations.items()
    ]
