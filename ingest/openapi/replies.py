"""What an operation may be answered: its reply, and the refusals that follow from what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingest.api.operation import JSON
from ingest.openapi.examples import whole
from ingest.openapi.listed import Listed
from ingest.openapi.path_parameters import PART
from ingest.openapi.schemas import Schema, Schemas

_PHRASES = {200: "It went well.", 201: "It is made.", 202: "It will be done.", 204: "It is gone."}
_READING = ("GET", "HEAD")
_WAITING = (429, 503)
_WITHOUT_CONTENT = (204, 304)

_BAD_KEY = "No API key, or a wrong one."
_NOT_ALLOWED = "The key may only read."
_NO_ROOM = "The key may only read, or the plan has no room for one more."
_NOT_THERE = "It is not there, or not yours."
_BAD_BODY = "The body is not JSON."
_TOO_LARGE = "The body is larger than 64 KiB."
_BAD_FIELD = "A field is bad, missing or unknown; `field` names it."
_BAD_QUERY = "A parameter or a header is bad; `field` names it."
_TOO_OFTEN = "Too many wrong keys were tried from this address; wait."
_TOO_MANY = "Too many changes for the plan, or too many wrong keys; wait."
_AWAY = "Redis or the database is away; try again."


def refusals_of(one: Listed) -> Mapping[int, str]:
    """The statuses of refusals with what they mean, in order."""
    return dict(sorted({**_general(one), **one.operation.refusals}.items()))


def replies_of(one: Listed, schemas: Schemas) -> Schema:
    """All replies by their status."""
    told = one.operation
    replies = {str(told.status): _reply(one, schemas)}
    for status, meaning in refusals_of(one).items():
        replies[str(status)] = _refusal(one, status, meaning)
    return dict(sorted(replies.items()))


def _general(one: Listed) -> dict[int, str]:
    return {} if one.is_open else dict(_behind_the_key(one))


def _behind_the_key(one: Listed) -> Iterator[tuple[int, str]]:
    """What follows from the method, the path, the body and the query of an operation that needs a key."""
    is_reading = one.method in _READING
    if one.operation.body is not None:
        yield from ((400, _BAD_BODY), (413, _TOO_LARGE), (422, _BAD_FIELD))
    elif one.operation.query is not None or one.operation.headers:
        yield 422, _BAD_QUERY
    yield 401, _BAD_KEY
    if not is_reading:
        yield 403, _NO_ROOM if one.operation.status == 201 else _NOT_ALLOWED
    if PART.search(one.path):
        yield 404, _NOT_THERE
    yield 429, _TOO_OFTEN if is_reading else _TOO_MANY
    yield 503, _AWAY


def _reply(one: Listed, schemas: Schemas) -> Schema:
    told = one.operation
    reply: Schema = {"description": _PHRASES.get(told.status, "It went well.")}
    if told.reply_headers:
        reply["headers"] = {name: _header(text) for name, text in told.reply_headers.items()}
    if told.status in _WITHOUT_CONTENT or one.method == "HEAD":
        return reply
    if told.reply is None:
        return reply | {"content": {told.media: {"schema": {"type": "string"}}}}
    schema = schemas.of[told.reply]
    return reply | {"content": {told.media: {"schema": schema, "example": whole(schema, schemas.named)}}}


def _refusal(one: Listed, status: int, meaning: str) -> Schema:
    reply: Schema = {"description": meaning}
    if status in _WAITING:
        reply["headers"] = {"Retry-After": _header("Seconds to wait.", type="integer")}
    if status == 401:
        reply["headers"] = {"WWW-Authenticate": _header("`Bearer`.")}
    problem = one.operation.problem
    if status in _WITHOUT_CONTENT or one.method == "HEAD":
        return reply
    if problem is None:
        return reply | {"content": {one.operation.media: {"schema": {"type": "string"}}}}
    return reply | {"content": {JSON: {"schema": {"$ref": f"#/components/schemas/{problem.__name__}"}}}}


def _header(meaning: str, type: str = "string") -> dict[str, Any]:
    return {"description": meaning, "schema": {"type": type}}
