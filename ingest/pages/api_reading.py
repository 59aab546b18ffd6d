"""The published document as the page for people shows it: by tag, with tables of fields and calls to be copied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ingest.openapi.schemas import PREFIX, Schema, resolved
from ingest.pages.api_types import Piece, said

_PART = re.compile(r"{(\w+)}")
# A HEAD is its GET without the body.
_NOT_SHOWN = frozenset({"head"})


class Field(msgspec.Struct, frozen=True):
    """A line of a table: a parameter or a member of an object. `default` is as JSON; empty: none or null."""

    name: str
    meaning: str
    kind: list[Piece]
    is_required: bool
    default: str
    where: str = ""


class Shape(msgspec.Struct, frozen=True):
    """An object with its members. `is_asked`: callers send it, so what is required is needed from them."""

    name: str
    about: str
    fields: list[Field]
    is_asked: bool


class Answer(msgspec.Struct, frozen=True):
    """A reply: what its status means, what is in it, and how that may look; empty: nothing."""

    status: str
    meaning: str
    kind: list[Piece]
    example: str


class Told(msgspec.Struct, frozen=True):
    """One method of one path."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    needs_key: bool
    parameters: list[Field]
    bodies: list[Shape]
    body: list[Piece]
    answers: list[Answer]
    curl: str


class Section(msgspec.Struct, frozen=True):
    """What belongs together."""

    id: str
    name: str
    about: str
    operations: list[Told]


class Reading(msgspec.Struct, frozen=True):
    """All of it."""

    about: list[str]
    version: str
    sections: list[Section]
    types: list[Shape]


def read(document: Schema, base_url: str) -> Reading:
    """The document; the calls lead to `base_url`."""
    named: Mapping[str, Schema] = document["components"]["schemas"]
    sections = [_section(tag, document, named, base_url) for tag in document["tags"]]
    asked = {shape.name for section in sections for one in section.operations for shape in one.bodies}
    return Reading(
        about=document["info"]["description"].split("\n\n"),
        version=document["info"]["version"],
        sections=sections,
        types=[_shape(name, schema, is_asked=name in asked) for name, schema in named.items()],
    )


def _section(tag: Schema, document: Schema, named: Mapping[str, Schema], base_url: str) -> Section:
    operations = [
        _told(method, path, one, named, base_url)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
        if method not in _NOT_SHOWN and tag["name"] in one.get("tags", ())
    ]
    return Section(re.sub(r"\W+", "-", tag["name"].lower()), tag["name"], tag["description"], operations)


def _told(method: str, path: str, one: Schema, named: Mapping[str, Schema], base_url: str) -> Told:
    body = _first(one.get("requestBody", {}).get("content", {}))
    parameters = one.get("parameters", [])
    return Told(
        id=one["operationId"],
        method=method.upper(),
        path=path,
        summary=one["summary"],
        description=one.get("description", ""),
        needs_key=bool(one["security"]),
        parameters=[_parameter(parameter) for parameter in parameters],
        bodies=list(_shapes(body.get("schema", {}), named)),
        body=said(body["schema"]) if body else [],
        answers=[_answer(status, reply) for status, reply in one["responses"].items()],
        curl=_curl(method.upper(), base_url + _filled(path, parameters), one, body),
    )


def _parameter(parameter: Schema) -> Field:
    schema = parameter["schema"]
    is_several = schema.get("type") == "array"
    return Field(
        name=parameter["name"],
        meaning=parameter["description"],
        kind=[*said(schema["items"]), Piece("; several with commas between")] if is_several else said(schema),
        is_required=parameter.get("required", False),
        default=_default(schema),
        where=parameter["in"],
    )


def _shapes(schema: Schema, named: Mapping[str, Schema]) -> Iterator[Shape]:
    """The objects that a body may be; one shape for each kind."""
    for one in schema.get("anyOf", [schema]):
        inner = one.get("items", one)
        if "$ref" in inner:
            yield _shape(inner["$ref"].removeprefix(PREFIX), resolved(inner, named), is_asked=True)


def _shape(name: str, schema: Schema, *, is_asked: bool) -> Shape:
    required = schema.get("required", ())
    fields = [
        Field(field, one.get("description", ""), said(one), field in required, _default(one))
        for field, one in schema.get("properties", {}).items()
    ]
    return Shape(name, schema.get("description", ""), fields, is_asked)


def _default(schema: Schema) -> str:
    default = schema.get("default")
    return "" if default is None else json.dumps(default, ensure_ascii=False)


def _answer(status: str, reply: Schema) -> Answer:
    content = _first(reply.get("content", {}))
    example = json.dumps(content["example"], indent=2, ensure_ascii=False) if "example" in content else ""
    return Answer(status, reply["description"], said(content["schema"]) if content else [], example)


def _first(content: Mapping[str, Schema]) -> Schema:
    return next(iter(content.values()), {})


def _filled(path: str, parameters: list[Schema]) -> str:
    """A path with names in capitals where something is to be filled in, as a shell has them."""
    return _PART.sub(lambda part: "$" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", part[1]).upper(), path)


def _curl(method: str, url: str, one: Schema, body: Schema) -> str:
    words = ["curl"]
    if method not in {"GET", "POST"} or (method == "POST" and not body):
        words.append(f"-X {method}")
    words.append(f'"{url}"')
    if one["security"]:
        words.append('-H "x-api-key: $API_KEY"')
    if body:
        words.append(f"-d {_quoted(body['example'])}")
    return " ".join(words)


def _quoted(example: Any) -> str:
    text = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
    return "'" + text.replace("'", "'\\''") + "'"
