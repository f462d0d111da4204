"""The schemas of wire shapes, by the names under which clients know them."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

_REFERENCE: Final = "#/components/schemas/"


def schema_reference(shape: type[msgspec.Struct]) -> dict[str, str]:
    """Return the reference to a shape's schema."""
    return {"$ref": _REFERENCE + _component_name(shape.__name__)}


def component_schemas(shapes: Iterable[type[msgspec.Struct]]) -> dict[str, Any]:
    """Return the schemas of the shapes, and of the shapes of their fields, by name."""
    template = _REFERENCE + "{name}"
    _, found = msgspec.json.schema_components(dict.fromkeys(shapes), ref_template=template)
    renamed = {_component_name(name): _rename(schema) for name, schema in found.items()}
    assert len(renamed) == len(found), "two shapes have the same name on the wire"
    return dict(sorted(renamed.items()))


def _component_name(name: str) -> str:
    return name.removesuffix("Shape")


def _rename(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema with the names of components in its titles and references."""
    if isinstance(schema, list):
        return [_rename(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _component_name(value)
        if key in {"$ref", "title"} and isinstance(value, str)
        else _rename(value)
        for key, value in schema.items()
    }
