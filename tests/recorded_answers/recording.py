"""A recording of HTTP answers: written down as text, and held against the text that was kept.

Ids, tokens and everything else that is random stand as numbered placeholders, in order of first
appearance. A trace id belongs to one answer, so each answer numbers its own anew.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

from httpx2 import Response

ANSWERS = Path(__file__).parent / "answers"
DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
NOBODYS_ID = "00000000-0000-4000-8000-000000000000"

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# The ids of examples, and the one that a test makes up, are no accidents.
_CHOSEN = frozenset([NOBODYS_ID, *re.findall(_UUID, DOCUMENT.read_text())])
_RANDOM = re.compile(
    rf"(?P<uuid>{_UUID})"
    r"|(?P<trace>(?:(?<=\nx-request-id: )|(?<=\"trace_id\":\"))[0-9a-f]{32})"
    r"|(?P<etag>(?<=\netag: \")[0-9a-f]{24})"
    r"|(?P<access_token>eyJ[\w-]+\.[\w-]+\.[\w-]+)"
    r"|(?P<refresh_token>dtr_[\w-]{80,})"
    r"|(?P<read_only_token>dta_[\w-]{40,})"
    r"|(?P<cursor>(?:(?<=\"next_cursor\":\")|(?<=cursor=))[\w-]{20,})"
    # Schedules have a random part, so that not everybody asks a provider at once.
    r"|(?P<instant>(?<=\"next_sync_at\":\")[^\"]+)"
    r"|(?P<sign_in>(?<=state=)[\w-]{40,})"
    r"|(?P<key_id>(?<=\"kid\":\")[^\"]+)"
    r"|(?P<public_key>(?<=\"x\":\")[^\"]+)"
)
_LONG = re.compile(r"x{100,}")
_MOST_LINES_OF_DIFF = 80


@dataclass
class Recording:
    """The answers of one file, in the order in which they were given."""

    name: str
    answers: list[str] = field(default_factory=list)
    _placeholders: dict[str, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _titles: set[str] = field(default_factory=set)
    _traces: set[str] = field(default_factory=set)

    def add(self, title: str, response: Response, leave_out: Sequence[str] = ()) -> None:
        """Write down an answer; a header or the ``body`` that is left out stands as `...`."""
        title = _LONG.sub("...", title)
        assert title not in self._titles, f"{title} stands in {self.name}.txt already."
        self._titles.add(title)
        trace = response.headers["x-request-id"]
        assert trace not in self._traces, "Two answers have the same trace id."
        self._traces.add(trace)
        headers = sorted(
            (name.lower(), "..." if name.lower() in leave_out else value)
            for name, value in response.headers.multi_items()
        )
        text = "".join(
            [
                f"### {title}\n{response.status_code}\n",
                *(f"{name}: {value}\n" for name, value in headers),
                "\n",
                "..." if "body" in leave_out else response.content.decode("utf-8"),
            ]
        )
        self.answers.append(self._without_accidents(text))

    def compare(self, *, rewrite: bool) -> None:
        """Hold the answers against the file, or write it."""
        path = ANSWERS / f"{self.name}.txt"
        text = "\n\n".join(self.answers) + "\n"
        if rewrite:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode())
        kept = path.read_bytes().decode() if path.exists() else ""
        if text != kept:
            raise AssertionError(_difference(path.name, kept, text))

    def _without_accidents(self, text: str) -> str:
        traces: dict[str, str] = {}

        def placeholder(found: re.Match[str]) -> str:
            kind, value = found.lastgroup, found.group()
            assert kind is not None, "each alternative has a name"
            if value in _CHOSEN:
                return value
            if kind == "trace":
                return traces.setdefault(value, f"<trace {len(traces) + 1}>")
            if value not in self._placeholders:
                self._counts[kind] += 1
                self._placeholders[value] = f"<{kind.replace('_', ' ')} {self._counts[kind]}>"
            return self._placeholders[value]

        return _RANDOM.sub(placeholder, text)


def _difference(name: str, kept: str, text: str) -> str:
    lines = list(
        unified_diff(kept.split("\n"), text.split("\n"), f"{name} kept", f"{name} now", "", "", 4)
    )
    more = len(lines) - _MOST_LINES_OF_DIFF
    shown = [line[:400] for line in lines[:_MOST_LINES_OF_DIFF]]
    if more > 0:
        shown.append(f"... and {more} lines more")
    shown.append("If this is meant: RECORD=1 python -m pytest tests/recorded_answers")
    return "The answers are not those that were recorded:\n" + "\n".join(shown)
