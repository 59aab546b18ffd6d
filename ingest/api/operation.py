"""What a handler of the admin API takes and answers, told beside it, for the published document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.problems import Problem
from ingest.api.query import QueryDecoder

Handler = Callable[[Call], Awaitable[Response]]
JSON = "application/json"


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """What something around a handler adds to its operation: headers of the request and of the reply, and refusals.

    Whatever wraps handlers has a function `adds` that tells it by the method, or else adds nothing.
    """

    headers: Mapping[str, str] = {}
    reply_headers: Mapping[str, str] = {}
    refusals: Mapping[int, str] = {}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    `id` is what programs call it, if its route does not tell. `body` is the type that the body is decoded as, `query`
    that of the query. `reply` is the type of the reply with `status`; None: it has no body, or is a text of the kind
    `media`. `headers` are optional headers of the request with what they do. `refusals` are statuses with what they
    mean, besides those that follow from the rest; `problem` is the type of their replies, None if they are a text too.
    """

    id: str = ""
    tag: str = ""
    summary: str = ""
    description: str = ""
    query: type[msgspec.Struct] | None = None
    body: Any = None
    bodies: tuple[str, ...] = (JSON,)
    body_required: bool = True
    status: int = 200
    reply: Any = None
    media: str = JSON
    headers: Mapping[str, str] = {}
    reply_headers: Mapping[str, str] = {}
    refusals: Mapping[int, str] = {}
    problem: Any = Problem


class Described:
    """A handler and what is told of it."""

    def __init__(self, handler: Handler, operation: Operation) -> None:
        self.handler = handler
        self.operation = operation

    def __call__(self, call: Call) -> Awaitable[Response]:
        return self.handler(call)

    def by(self, method: str) -> Operation:
        """All that is told of it, called by this method."""
        adds: Callable[[str], Addition] | None = getattr(self.handler, "adds", None)
        return self.operation if adds is None else _with(self.operation, adds(method))


def operation(
    tag: str,
    summary: str,
    description: str = "",
    *,
    query: QueryDecoder[Any] | None = None,
    body: msgspec.json.Decoder[Any] | None = None,
    reply: Any = None,
    status: int = 200,
    media: str = JSON,
    reply_headers: Mapping[str, str] | None = None,
    refusals: Mapping[int, str] | None = None,
) -> Callable[[Handler], Described]:
    """Tell of the handler below: what it is for, and the decoders that it uses."""
    told_of = Operation(
        tag=tag,
        summary=summary,
        description=description,
        query=None if query is None else query.type,
        body=None if body is None else body.type,
        reply=reply,
        status=status,
        media=media,
        reply_headers=reply_headers or {},
        refusals=refusals or {},
    )
    return lambda handler: Described(handler, told_of)


def _with(operation: Operation, adds: Addition) -> Operation:
    return msgspec.structs.replace(
        operation,
        headers={**operation.headers, **adds.headers},
        reply_headers={**operation.reply_headers, **adds.reply_headers},
        refusals={**adds.refusals, **operation.refusals},
    )
