"""JSON schemas as tables of fields, for people."""

from collections.abc import Mapping
from typing import Any

from dashtam.presentation.web.markup import Markup, element, inline, joined, text


def shape_anchor(name: str) -> str:
    """Return where a shape is described."""
    return f"shape-{name}"


def shape_link(reference: str) -> Markup:
    """Return a link to the shape that a schema refers to."""
    name = reference.rpartition("/")[2]
    return element("a", text(name), href=f"#{shape_anchor(name)}")


def kind(schema: Mapping[str, Any]) -> Markup:
    """Return what a value is, in a few words."""
    if "$ref" in schema:
        return shape_link(schema["$ref"])
    if "anyOf" in schema:
        return joined(map(kind, schema["anyOf"]), " or ")
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return joined((element("code", text(str(value))) for value in values), ", ")
    return _plain_kind(schema)


def fields(schema: Mapping[str, Any], caption: str, *, is_sent: bool) -> Markup:
    """Return a table of an object's fields: what must be sent is marked, or what may be missing."""
    required = schema.get("required", [])
    rows = [
        row(
            name, field, described(field), mark=_mark(is_sent=is_sent, is_required=name in required)
        )
        for name, field in schema.get("properties", {}).items()
    ]
    return table(caption, rows)


def table(caption: str, rows: list[Markup]) -> Markup:
    """Return a table with a row for each name; its caption is for those who cannot see it."""
    head = joined(element("th", text(title), scope="col") for title in ("Name", "Description"))
    return element(
        "table",
        element("caption", text(caption)),
        element("thead", element("tr", head)),
        element("tbody", *rows),
    )


def row(
    name: str, schema: Mapping[str, Any], description: str, *, mark: str, place: str = ""
) -> Markup:
    """Return the row of a field or parameter."""
    marked = element("span", text(mark), class_=mark) if mark else text("")
    return element(
        "tr",
        element("th", element("code", breakable(name)), marked, scope="row"),
        element(
            "td",
            element("span", kind(schema), text(place and f", {place}"), class_="kind"),
            element("span", inline(description)) if description else text(""),
        ),
    )


def described(schema: Mapping[str, Any]) -> str:
    """Return what a schema says of itself, or what its first choice says."""
    choices = [schema, *schema.get("anyOf", [])]
    return next((choice["description"] for choice in choices if "description" in choice), "")


def breakable(name: str) -> Markup:
    """Return a name that may be broken behind each underscore."""
    return Markup(text(name).replace("_", "_<wbr>"))


def _mark(*, is_sent: bool, is_required: bool) -> str:
    if is_sent:
        return "required" if is_required else ""
    return "" if is_required else "optional"


def _plain_kind(schema: Mapping[str, Any]) -> Markup:
    match schema.get("type"):
        case "array":
            return joined([text("list of "), kind(schema["items"])])
        case "object" if "additionalProperties" in schema:
            return joined([text("object of "), kind(schema["additionalProperties"])])
        case None:
            return text("anything")
        case plain:
            return text(schema.get("format") or f"{plain}{_bounds(schema)}")


def _bounds(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f", {schema['minimum']} to {schema['maximum']}"
    return ""
