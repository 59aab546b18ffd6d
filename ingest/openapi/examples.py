"""A value as a schema has it, put together from the examples of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.openapi.schemas import Schema, resolved

_PLAIN: Mapping[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
}


def whole(schema: Schema, named: Mapping[str, Schema]) -> Any:
    """A value with every field."""
    return _value(schema, named, least=False)


def smallest(schema: Schema, named: Mapping[str, Schema]) -> Any:
    """A value with the fields that have to be there; where none has to be, with the first one."""
    return _value(schema, named, least=True)


def _value(schema: Schema, named: Mapping[str, Schema], *, least: bool) -> Any:
    schema = resolved(schema, named)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _value(schema[several][0], named, least=least)
    match schema.get("type"):
        case "array":
            return [_value(schema["items"], named, least=least)]
        case "object":
            return _object(schema, named, least=least)
        case kind:
            return _PLAIN.get(str(kind))


def _object(schema: Schema, named: Mapping[str, Schema], *, least: bool) -> dict[str, Any]:
    fields = schema.get("properties", {})
    if not fields:
        inner = schema.get("additionalProperties")
        return {"key": _value(inner, named, least=least)} if isinstance(inner, dict) else {}
    chosen = list(fields)
    if least:
        chosen = [name for name in fields if name in schema.get("required", ())] or chosen[:1]
    return {name: _value(fields[name], named, least=least) for name in chosen}
