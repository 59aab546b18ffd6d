"""Errors as replies: one JSON shape, and the status that the error implies."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import ClientDisconnect

from ingest.api.wire import MAX_BODY_BYTES, Json, TooLarge, Unparsable
from store.errors import (
    BelowMinimum,
    Conflict,
    Invalid,
    LimitReached,
    NotFound,
    Outdated,
    OverdueError,
    TooOften,
    Unavailable,
)

# What a handler may raise on purpose; anything else is a bug and stays one.
EXPECTED = (OverdueError, TooLarge, Unparsable, ClientDisconnect)

NO_KEY = "An API key is needed, as `Authorization: Bearer <key>` or `x-api-key: <key>`."
WRONG_KEY = "This API key is not valid (or was revoked)."


class Problem(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Why a request was refused, in a sentence; `field` is there if one field is to blame."""

    error: str
    field: str | UnsetType = UNSET
    minimum: int | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    retry_after: int | UnsetType = UNSET


def problem(
    status: int,
    sentence: str,
    field: str | None = None,
    headers: dict[str, str] | None = None,
    **figures: int,
) -> Json:
    """A sentence, with the field it is about if there is one, and with figures that it is about."""
    content = Problem(error=sentence, field=UNSET if field is None else field, **figures)
    return Json(content, status, headers)


def reply_to(error: Exception) -> Json:
    """The reply that an expected error implies."""
    match error:
        case BelowMinimum():
            return problem(422, str(error), error.field, minimum=error.minimum)
        case Invalid():
            return problem(422, str(error), error.field)
        case NotFound():
            return problem(404, str(error))
        case LimitReached():
            return problem(403, str(error), limit=error.limit)
        case Conflict():
            return problem(409, str(error))
        case Outdated():
            return problem(412, str(error))
        case TooOften():
            wait_s = error.retry_after_s
            return problem(429, str(error), headers={"retry-after": str(wait_s)}, retry_after=wait_s)
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


def unauthorized(has_key: bool) -> Json:
    """Without a key, or with one that is nobody's (any more)."""
    sentence = WRONG_KEY if has_key else NO_KEY
    return problem(401, sentence, headers={"www-authenticate": "Bearer"})
