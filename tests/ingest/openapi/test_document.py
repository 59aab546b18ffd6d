"""The published document is OpenAPI, says all there is, and says it in words; what is new appears by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.endpoint import route
from ingest.api.operation import Addition, operation
from ingest.api.query import QueryDecoder
from ingest.openapi.document import document_of
from ingest.openapi.listed import undescribed
from ingest.openapi.path_parameters import public_path
from tests.ingest.openapi.cast import Json, complaints, document, operations, routes
from tests.test_docs import DOCS, methods_of, rows


def test_it_is_openapi() -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_routes_document_and_book_name_the_same_operations() -> None:
    answered = {(method, public_path(one.path)) for one in routes() for method in methods_of(one)}
    told = {
        (method, public_path(path.strip("`")))
        for methods, path, _ in rows(DOCS / "api.md", "| methods | path | what it does |")
        for method in methods.replace("`", "").split()
    }

    assert set(operations()) == answered == told


def test_every_route_is_described() -> None:
    assert undescribed(routes()) == [], "say beside the handler, by `@operation`, what it is for"


def test_every_operation_has_one_tag_that_the_document_explains() -> None:
    explained = {tag["name"] for tag in document()["tags"] if tag["description"]}

    assert [key for key, one in operations().items() if not set(one["tags"]) <= explained] == []
    assert {len(one["tags"]) for one in operations().values()} == {1}


def test_every_parameter_and_every_field_says_what_it_means() -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in document()["components"]["schemas"].items()
        for field, one in schema["properties"].items()
        if not one.get("description")
    ]
    silent += [
        f"{key}: {one['name']}"
        for key, told in operations().items()
        for one in told.get("parameters", ())
        if not one["description"]
    ]

    assert silent == [], "say it in the type, or in ingest/openapi/words.py"


def examples() -> Iterator[tuple[str, Json, Any]]:
    for key, one in operations().items():
        contents = [one.get("requestBody", {}), *one["responses"].values()]
        for content in (media for part in contents for media in part.get("content", {}).values()):
            if "example" in content:
                yield str(key), content["schema"], content["example"]


def test_every_example_is_what_its_schema_says() -> None:
    wrong = [(key, problem) for key, schema, value in examples() for problem in complaints(schema, value)]

    assert wrong == []
    assert len(list(examples())) > 50


def test_all_but_what_is_open_needs_a_key_and_may_say_401() -> None:
    for (method, path), one in operations().items():
        is_admin = path.startswith("/api/") and not path.startswith("/api/v1/heartbeat/")
        assert bool(one["security"]) is is_admin, path
        assert ("401" in one["responses"]) is is_admin, path
        assert ("403" in one["responses"]) is (is_admin and method != "GET"), path


class Colour(msgspec.Struct, frozen=True):
    """How it looks."""

    shade: Annotated[int, Meta(ge=0, le=9, description="How dark it is.")]


class ColoursQuery(msgspec.Struct, frozen=True):
    """Which colours."""

    darker_than: Annotated[int, Meta(ge=0, le=9, description="Only the darker ones.")] = 0


_COLOUR = msgspec.json.Decoder(Colour)
_COLOURS = QueryDecoder(ColoursQuery)


@operation("Monitors", "Paint", query=_COLOURS, body=_COLOUR, reply=Colour, status=201)
async def paint(call: Call) -> Response:
    return Response()


async def wash(call: Call) -> Response:
    return Response()


class Dried:
    """Something around a handler."""

    __name__ = "dry"

    def adds(self, method: str) -> Addition:
        return Addition(
            headers={"X-Wind": f"How strong it blows, for a {method}."},
            reply_headers={"X-Dry": "Whether it is."},
            refusals={412: "It rains."},
        )

    async def __call__(self, call: Call) -> Response:
        return Response()


@pytest.fixture
def coloured() -> Json:
    paths = document_of([route("/api/colours/{id}", POST=paint, DELETE=wash)])["paths"]
    found: Json = paths["/api/colours/{id}"]
    return found


def test_a_new_route_appears_with_the_types_that_its_handler_uses(coloured: Json) -> None:
    post = coloured["post"]

    bounds = {"type": "integer", "minimum": 0, "maximum": 9}
    assert [(one["name"], one["in"], one["description"]) for one in post["parameters"]] == [
        ("id", "path", "Its id."),
        ("darker_than", "query", "Only the darker ones."),
    ]
    assert bounds.items() <= post["parameters"][1]["schema"].items()
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Colour")
    assert post["requestBody"]["content"]["application/json"]["example"] == {"shade": 1}
    assert list(post["responses"]) == ["201", "400", "401", "403", "404", "413", "422", "429", "503"]


def test_what_stands_around_a_handler_is_told_too() -> None:
    dry = operation("Monitors", "Dry", refusals={409: "It is painted."})(Dried())
    told = document_of([route("/api/colours", GET=dry)])["paths"]["/api/colours"]["get"]

    (wind,) = told["parameters"]
    assert (wind["name"], wind["in"], wind["description"]) == (
        "X-Wind", "header", "How strong it blows, for a GET.",
    )  # fmt: skip
    assert list(told["responses"]) == ["200", "401", "409", "412", "422", "429", "503"]
    assert "X-Dry" in told["responses"]["200"]["headers"]


def test_a_route_that_nobody_has_described_appears_and_is_named(coloured: Json) -> None:
    routes = [route("/api/colours/{id}", POST=paint, DELETE=wash)]

    assert coloured["delete"]["summary"] == "DELETE /api/colours/{id}"
    assert list(coloured["delete"]["responses"]) == ["200", "401", "403", "404", "429", "503"]
    assert undescribed(routes) == ["DELETE /api/colours/{id}"]
