"""Code examples of the API reference: shell commands, and JSON in colours."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

_LONGEST_LINE: Final = 60
_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=:))|(?P<string>"(?:[^"\\]|\\.)*")'
    r'|(?P<number>-?\d[\d.eE+-]*)|(?P<word>true|false|null)|[^"\w-]+'
)


def curl(method: str, path: str, operation: Mapping[str, Any], server: str) -> str:
    """Return the command that sends an operation's example; `TOKEN` holds the access token."""
    query: list[tuple[str, Any]] = []
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(str(parameter["example"])))
        elif parameter["in"] == "query" and parameter["required"]:
            query.append((parameter["name"], parameter["example"]))
    url = f"{server}{path}?{urlencode(query, safe=':')}" if query else server + path
    content: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    # curl sends GET by itself, and POST where there is a body.
    is_default = method == "GET" or (method == "POST" and content)
    arguments = [f"{'curl' if is_default else f'curl -X {method}'} {_quote(url)}"]
    if operation["security"]:
        arguments.append('-H "Authorization: Bearer $TOKEN"')
    # A PATCH has the same body by two names.
    for media_type, media in list(content.items())[:1]:
        example = media.get("example", {})
        if media_type == "multipart/form-data":
            fields = {**example, "file": "@balances.csv"}
            arguments += [f"-F {_quote(f'{name}={value}')}" for name, value in fields.items()]
        else:
            body = json.dumps(example, ensure_ascii=False)
            if len(body) > _LONGEST_LINE:
                body = json.dumps(example, indent=2, ensure_ascii=False).replace("\n", "\n  ")
            arguments.append(f"--json {_quote(body)}")
    return " \\\n  ".join(arguments)


def json_tokens(value: object) -> Iterator[tuple[str | None, str]]:
    """Yield the tokens of JSON, each with its kind: key, string, number, word, None for others."""
    for match in _TOKEN.finditer(json.dumps(value, indent=2, ensure_ascii=False)):
        yield match.lastgroup, match.group()


def _quote(argument: str) -> str:
    return "'" + argument.replace("'", "'\\''") + "'"
