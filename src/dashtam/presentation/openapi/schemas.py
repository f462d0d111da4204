"""The schemas of the wire shapes, by the names under which clients know them."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, get_args

import msgspec

_PLACE: Final = "#/components/schemas/"


def schema_reference(shape: type[msgspec.Struct]) -> dict[str, str]:
    """Return the reference to a shape's schema."""
    return {"$ref": _PLACE + _clean(shape.__name__)}


def component_schemas(shapes: Iterable[type[msgspec.Struct]]) -> dict[str, Any]:
    """Return the schema of each shape and of all that they hold, by name."""
    wanted = list(dict.fromkeys(shapes))
    _, found = msgspec.json.schema_components(wanted, ref_template=_PLACE + "{name}")
    for shape in _with_parts(wanted):
        _tell_instants(shape, found[shape.__name__]["properties"])
    clean = {_clean(name): _cleaned(schema) for name, schema in found.items()}
    assert len(clean) == len(found), "two shapes have the same name on the wire"
    return dict(sorted(clean.items()))


def _clean(name: str) -> str:
    return name.removesuffix("Shape")


def _cleaned(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(schema, list):
        return [_cleaned(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _clean(value)
        if key in {"$ref", "title"} and isinstance(value, str)
        else _cleaned(value)
        for key, value in schema.items()
    }


def _with_parts(shapes: Iterable[type[msgspec.Struct]]) -> Iterator[type[msgspec.Struct]]:
    """Yield the shapes and those of their fields, each once."""
    seen: set[type[msgspec.Struct]] = set()
    waiting = list(shapes)
    while waiting:
        shape = waiting.pop()
        if shape in seen:
            continue
        seen.add(shape)
        yield shape
        for field in msgspec.structs.fields(shape):
            waiting += [part for part in _leaves(field.type) if _is_shape(part)]


def _tell_instants(shape: type[msgspec.Struct], properties: dict[str, Any]) -> None:
    """Name the format of instants; msgspec leaves it out where a type does not demand an offset."""
    for field in msgspec.structs.fields(shape):
        if datetime in _leaves(field.type):
            schema = properties[field.encode_name]
            for choice in schema.get("anyOf", [schema]):
                if choice["type"] == "string":
                    choice["format"] = "date-time"


def _leaves(kind: Any) -> list[Any]:  # noqa: ANN401 - whatever stands in an annotation
    parts = get_args(kind)
    return [leaf for part in parts for leaf in _leaves(part)] if parts else [kind]


def _is_shape(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
