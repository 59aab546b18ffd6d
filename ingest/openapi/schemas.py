"""The schemas of the types that parse and render, each field with what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from ingest.openapi.words import word_for

Schema = dict[str, Any]
PREFIX = "#/components/schemas/"


class Schemas(msgspec.Struct, frozen=True):
    """What a type's schema is, by the type, and what the schemas refer to, by its name."""

    of: Mapping[Any, Schema]
    named: Mapping[str, Schema]


def schemas_of(types: Iterable[Any]) -> Schemas:
    """The schemas of these types."""
    wanted = tuple(dict.fromkeys(types))
    made, named = msgspec.json.schema_components(wanted, ref_template=PREFIX + "{name}")
    return Schemas(
        dict(zip(wanted, made, strict=True)),
        {name: _told(name, schema) for name, schema in sorted(named.items())},
    )


def parameters_of(query: type[msgspec.Struct]) -> list[Schema]:
    """The fields of a query as parameters; several words stand in one parameter with commas between."""
    _, named = msgspec.json.schema_components([query])
    return [_parameter(name, schema) for name, schema in named[query.__name__]["properties"].items()]


def header_parameter(name: str, meaning: str) -> Schema:
    """A header of the request that may be there."""
    return {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}


def path_parameter(name: str, type: Any) -> Schema:
    """A part of the path as a parameter."""
    (schema,), _ = msgspec.json.schema_components([type])
    return {"name": name, "in": "path", "required": True, **_split(schema)}


def resolved(schema: Schema, named: Mapping[str, Schema]) -> Schema:
    """The schema that a reference leads to, or the schema itself."""
    reference = schema.get("$ref")
    return schema if reference is None else named[reference.removeprefix(PREFIX)]


def _told(type_name: str, schema: Schema) -> Schema:
    """A struct's schema with a meaning for each field. Its title would only repeat its name."""
    fields = {name: _field(type_name, name, one) for name, one in schema.get("properties", {}).items()}
    rest = {name: value for name, value in schema.items() if name != "title" and value != []}
    return rest | {"properties": fields}


def _field(type_name: str, name: str, schema: Schema) -> Schema:
    word = word_for(type_name, name)
    if word is None:
        return schema
    told = {"description": word.meaning, **(_formatted(schema, word.format) if word.format else schema)}
    return told if word.example is UNSET else told | {"examples": [word.example]}


def _formatted(schema: Schema, format: str) -> Schema:
    """The schema whose text, which may be one of several things, has a format."""
    if schema.get("type") == "string":
        return {**schema, "format": format}
    branches = [_formatted(one, format) for one in schema.get("anyOf", ())]
    return {**schema, "anyOf": branches} if branches else schema


def _parameter(name: str, schema: Schema) -> Schema:
    told = {"name": name, "in": "query", **_split(_present(schema))}
    if told["schema"].get("type") == "array":
        told |= {"style": "form", "explode": False}
    return told


def _present(schema: Schema) -> Schema:
    """A parameter is there or not: never null, and what is empty by default is not there by default."""
    if not schema.get("default", True):
        schema = {name: value for name, value in schema.items() if name != "default"}
    branches: list[Schema] = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(branches) != 1:
        return schema
    return {name: value for name, value in schema.items() if name != "anyOf"} | branches[0]


def _split(schema: Schema) -> Schema:
    """A parameter says its meaning beside its schema."""
    rest = {name: value for name, value in schema.items() if name not in {"description", "examples"}}
    return {"description": schema.get("description", ""), "schema": rest}
