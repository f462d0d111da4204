"""Examples in the pages: what to type into a terminal, and the JSON that comes back."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from dashtam.presentation.web.markup import Markup, element, joined, text

# Where `dashtam serve` listens unless it is told otherwise.
LOCAL: Final = "http://127.0.0.1:8000"

_LONG: Final = 60
_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>true|false|null)"
)


def curl(method: str, path: str, operation: Mapping[str, Any], server: str) -> str:
    """Return the command that sends an operation's example; `TOKEN` holds the access token."""
    options = [_quoted(server + _target(path, operation))]
    if operation["security"]:
        options.append('-H "Authorization: Bearer $TOKEN"')
    content: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    for media_type, media in content.items():
        options += _body(media_type, media.get("example", {}))
    is_plain = method == "GET" or (method == "POST" and content)
    return " \\\n  ".join(
        [("curl" if is_plain else f"curl -X {method}") + " " + options[0], *options[1:]]
    )


def figure(caption: str, code: Markup, label: str, *, class_: str = "json") -> Markup:
    """Return a code example; one that is wider than the page can be scrolled by keyboard."""
    return element(
        "figure",
        element("figcaption", text(caption)),
        element(
            "pre",
            element("code", code),
            class_=class_,
            tabindex="0",
            role="region",
            aria_label=label,
        ),
    )


def json_code(value: object) -> Markup:
    """Return JSON with its keys, texts and numbers told apart."""
    written = json.dumps(value, indent=2, ensure_ascii=False)
    return joined(_colored(written))


def _colored(written: str) -> Iterator[Markup]:
    end = 0
    for match in _TOKEN.finditer(written):
        yield text(written[end : match.start()])
        yield element("span", text(match.group()), class_=str(match.lastgroup))
        end = match.end()
    yield text(written[end:])


def _target(path: str, operation: Mapping[str, Any]) -> str:
    asked: list[tuple[str, Any]] = []
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(str(parameter["example"])))
        elif parameter["in"] == "query" and parameter["required"]:
            asked.append((parameter["name"], parameter["example"]))
    return f"{path}?{urlencode(asked, safe=':')}" if asked else path


def _body(media_type: str, example: Mapping[str, Any]) -> list[str]:
    if media_type == "multipart/form-data":
        fields = {**example, "file": "@balances.csv"}
        return [f"-F {_quoted(f'{name}={value}')}" for name, value in fields.items()]
    compact = json.dumps(example, ensure_ascii=False)
    if len(compact) > _LONG:
        compact = json.dumps(example, indent=2, ensure_ascii=False).replace("\n", "\n  ")
    return [f"--json {_quoted(compact)}"]


def _quoted(argument: str) -> str:
    return "'" + argument.replace("'", "'\\''") + "'"
