"""Errors as replies: one JSON shape, and the status that the error implies."""

from __future__ import annotations

from starlette.requests import ClientDisconnect

from ingest.api.wire import MAX_BODY_BYTES, Json, TooLarge, Unparsable
from store.errors import Invalid, NotFound, OverdueError, Unavailable

# What a handler may raise on purpose; anything else is a bug and stays one.
EXPECTED = (OverdueError, TooLarge, Unparsable, ClientDisconnect)


def problem(
    status: int, sentence: str, field: str | None = None, headers: dict[str, str] | None = None
) -> Json:
    """`{"error": sentence}`, with the field it is about if there is one."""
    content = {"error": sentence} if field is None else {"error": sentence, "field": field}
    return Json(content, status, headers)


def reply_to(error: Exception) -> Json:
    """The reply that an expected error implies."""
    match error:
        case Invalid():
            return problem(422, str(error), error.field)
        case NotFound():
            return problem(404, str(error))
        case Unavailable():
            return problem(503, str(error), headers={"retry-after": str(error.retry_after_s)})
        case Unparsable():
            return problem(400, f"The body is not JSON: {error}.")
        case TooLarge():
            return problem(413, f"The body is larger than {MAX_BODY_BYTES // 1024} KiB.")
        case ClientDisconnect():
            return problem(400, "The body ended before it was whole.")
        case _:
            raise error


def unauthorized() -> Json:
    return problem(
        401,
        "An API key is needed, as `Authorization: Bearer <key>` or `x-api-key: <key>`.",
        headers={"www-authenticate": "Bearer"},
    )
