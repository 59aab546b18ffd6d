"""What a schema allows, in words: a text, a whole number from 1 to 1000, a list of these, one of those types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from ingest.openapi.schemas import PREFIX, Schema


class Piece(msgspec.Struct, frozen=True):
    """A part of a sentence: plain words, a value as it is written (`is_code`), or a link to a type."""

    text: str
    is_code: bool = False
    type: str = ""


_KINDS: Mapping[str, str] = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "object",
}
_FORMATS: Mapping[str, str] = {
    "uuid": "id (UUID)",
    "uri": "URL",
    "date-time": "moment (RFC 3339)",
    "email": "mail address",
}


def said(schema: Schema) -> list[Piece]:
    """The pieces of the sentence."""
    return list(_said(schema))


def _said(schema: Schema) -> Iterator[Piece]:
    branches = schema.get("anyOf", ())
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(PREFIX)
        yield Piece(name, type=name)
    elif branches:
        for number, branch in enumerate(branches):
            if number:
                yield Piece(" or ")
            yield from _said(branch)
    elif "enum" in schema:
        yield from _one_of([str(word) for word in schema["enum"]])
    elif schema.get("type") == "array":
        yield Piece("list of ")
        yield from _said(schema["items"])
        yield from _bounds(schema, "minItems", "maxItems", " entries")
    elif isinstance(schema.get("additionalProperties"), dict):
        yield Piece("object, each value ")
        yield from _said(schema["additionalProperties"])
    else:
        yield from _plain(schema)


def _plain(schema: Schema) -> Iterator[Piece]:
    yield Piece(_FORMATS.get(schema.get("format", "")) or _KINDS.get(schema.get("type", ""), "anything"))
    yield from _bounds(schema, "minimum", "maximum", "")
    yield from _bounds(schema, "minLength", "maxLength", " characters")


def _one_of(words: list[str]) -> Iterator[Piece]:
    for number, word in enumerate(filter(None, words)):
        if number:
            yield Piece(", ")
        yield Piece(word, is_code=True)


def _bounds(schema: Schema, least: str, most: str, unit: str) -> Iterator[Piece]:
    low, high = schema.get(least), schema.get(most)
    if low is not None and high is not None:
        yield Piece(f", {low:,} to {high:,}{unit}")
    elif high is not None:
        yield Piece(f", at most {high:,}{unit}")
    elif low is not None:
        yield Piece(", not empty" if unit else f", at least {low:,}")
