"""The whole document, as OpenAPI 3.1 has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from starlette.routing import Route

from ingest.openapi.examples import smallest
from ingest.openapi.listed import Listed, listed
from ingest.openapi.path_parameters import path_parameters, public_path
from ingest.openapi.replies import replies_of
from ingest.openapi.schemas import Schema, Schemas, header_parameter, parameters_of, schemas_of

TAGS = {
    "Pings": "What workers call. No key is needed but the one in the path.",
    "Monitors": "What is watched: names, intervals and grace periods, in seconds.",
    "Monitors, first spelling": "The same monitors with other words: a schedule in words, and a short key.",
    "History": "What happened: pings, incidents, uptime, lateness, and when nothing could be heard.",
    "Metrics and alerts": "The figures that pings bring along, and rules on them.",
    "Maintenance": "Times in which nobody is told what goes wrong. Pings are taken as always.",
    "Channels": "Who is told: webhooks, mail, chat and paging services.",
    "Deliveries": "Who was told what, and how that went.",
    "Organisation and keys": "Whose it is, what the plan allows, and who may call.",
    "Overdue itself": "For those who watch the installation.",
}
ABOUT = (
    "Overdue is a dead man's switch for fleets: workers ping it, and the moment one falls silent, someone is told.\n\n"
    "The admin API takes an API key, as `Authorization: Bearer <key>` or as `x-api-key: <key>`. Bodies are JSON "
    "whatever their content type says. Times are UTC, durations seconds unless their name says otherwise. A refusal "
    "says why in `error`, and names the field that is to blame in `field`. A route that answers `GET` answers `HEAD` "
    "too. There may be more fields in replies one day: take what you do not know as not being there."
)
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key as `Authorization: Bearer <key>`.",
    },
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "An API key in a header.",
    },
}
_BEHIND_THE_KEY: list[dict[str, list[str]]] = [{name: []} for name in _SECURITY]


def document_of(routes: Iterable[Route], base_url: str = "") -> Schema:
    """The document of these routes; without a base URL its paths are those of where it was got."""
    operations = listed(routes)
    schemas = schemas_of(_types(operations))
    paths: dict[str, Any] = {}
    for one in operations:
        path = paths.setdefault(public_path(one.path), {})
        path[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Overdue", "version": version("overdue"), "description": ABOUT},
        "servers": [{"url": base_url or "/"}],
        "tags": _tags(operations),
        "paths": paths,
        "components": {"schemas": schemas.named, "securitySchemes": _SECURITY},
    }


def _tags(operations: Sequence[Listed]) -> list[Schema]:
    """The tags in the order in which people want them; one that nobody has described yet comes last."""
    used = dict.fromkeys([*TAGS, *(one.operation.tag for one in operations if one.operation.tag)])
    return [{"name": name, "description": TAGS.get(name, "")} for name in used]


def _types(operations: Sequence[Listed]) -> Iterator[Any]:
    for one in operations:
        told = one.operation
        yield from (type for type in (told.body, told.reply, told.problem) if type is not None)


def _operation(one: Listed, schemas: Schemas) -> Schema:
    told = one.operation
    parameters = path_parameters(one.path)
    parameters += [] if told.query is None else parameters_of(told.query)
    parameters += [header_parameter(name, meaning) for name, meaning in told.headers.items()]
    operation: Schema = {
        "operationId": one.id,
        "tags": [told.tag] if told.tag else [],
        "summary": told.summary or f"{one.method} {one.path}",
        "description": told.description,
        "security": [] if one.is_open else _BEHIND_THE_KEY,
        "parameters": parameters,
        "responses": replies_of(one, schemas),
    }
    if told.body is not None:
        operation["requestBody"] = _body(one, schemas)
    return {name: value for name, value in operation.items() if value or name == "security"}


def _body(one: Listed, schemas: Schemas) -> Schema:
    told, schema = one.operation, schemas.of[one.operation.body]
    example = smallest(schema, schemas.named)
    content = {media: {"schema": schema, "example": example} for media in told.bodies}
    return {"required": told.body_required, "content": content}
