"""The published document as everybody gets it, made of all routes, and its parts as tests look at them."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.routing import Route

from ingest.app import answers
from ingest.batch_endpoint import BatchEndpoint
from ingest.doors import DOORS
from ingest.endpoint import DoorEndpoint
from ingest.intake import Intake
from ingest.openapi.endpoint import Published

Json = dict[str, Any]


@cache
def published() -> Published:
    doors = [DoorEndpoint(door, number, cast(Intake, None)) for number, door in enumerate(DOORS)]
    return Published(answers(doors, BatchEndpoint(cast(Intake, None), len(doors))), "")


def routes() -> list[Route]:
    return published().routes


def document() -> Json:
    return published().document


def operations() -> dict[tuple[str, str], Json]:
    """All operations by method and path."""
    return {
        (method.upper(), path): one
        for path, methods in document()["paths"].items()
        for method, one in methods.items()
    }


def complaints(schema: Json, value: Any) -> list[str]:
    """What is wrong with a value, by a schema of the document."""
    whole = Resource.from_contents(document(), default_specification=DRAFT202012)
    registry: Registry[Json] = Registry().with_resource("urn:document", whole)
    absolute = {"$ref": "urn:document" + schema["$ref"]} if "$ref" in schema else _absolute(schema)
    return [error.message for error in Draft202012Validator(absolute, registry=registry).iter_errors(value)]


def _absolute(value: Any) -> Any:
    """A schema that stands alone, whose references lead into the document."""
    if isinstance(value, dict):
        return {
            name: "urn:document" + one if name == "$ref" else _absolute(one) for name, one in value.items()
        }
    return [_absolute(one) for one in value] if isinstance(value, list) else value
