"""The pages' HTML, rendered from the OpenAPI document with the templates.

No other module imports Jinja2: the first request for a page loads it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from dashtam.presentation.http.problems import MEDIA_TYPE
from dashtam.presentation.web.code_examples import curl, json_tokens

# The address at which `dashtam serve` listens by default.
_LOCAL: Final = "http://127.0.0.1:8000"


class Operation(NamedTuple):
    """One operation of the document."""

    method: str
    path: str
    details: Mapping[str, Any]


def render_start(document: Mapping[str, Any]) -> str:
    """Return the start page."""
    return _render("start.html", document)


def render_reference(document: Mapping[str, Any]) -> str:
    """Return the API reference."""
    operations = [
        Operation(method.upper(), path, details)
        for path, methods in document["paths"].items()
        for method, details in methods.items()
    ]
    tags = [tag["name"] for tag in document["tags"]]
    problems = {
        name: {
            slug: example["value"]
            for slug, example in response["content"][MEDIA_TYPE]["examples"].items()
        }
        for name, response in document["components"]["responses"].items()
    }
    return _render(
        "reference.html",
        document,
        introduction=document["info"]["description"],
        operations_by_tag={
            tag: [operation for operation in operations if operation.details["tags"] == [tag]]
            for tag in tags
        },
        schemas=document["components"]["schemas"],
        problems_by_response=problems,
        # A response for two errors repeats problems that have a response of their own.
        problems={slug: one for found in problems.values() for slug, one in found.items()},
    )


def _render(template: str, document: Mapping[str, Any], **values: object) -> str:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["curl"] = curl
    environment.filters.update(
        anchor=lambda title: re.sub(r"[^a-z0-9]+", "-", title.lower()),
        # A field that refers to a shape has its description among its choices.
        description=lambda schema: next(
            (
                choice["description"]
                for choice in (schema, *schema.get("anyOf", ()))
                if "description" in choice
            ),
            "",
        ),
        json_tokens=json_tokens,
        reference_name=lambda reference: reference.rpartition("/")[2],
    )
    url = document["servers"][0]["url"]
    return environment.get_template(template).render(
        values, version=document["info"]["version"], server=url if "://" in url else _LOCAL
    )
