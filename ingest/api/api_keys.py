"""API keys: who may call this API for an organisation. A key is shown once, when it is made."""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.creating import creates
from ingest.api.fields import Name
from ingest.api.operation import operation
from ingest.api.paging import PAGE_QUERY, cut, seal
from ingest.api.wire import Json
from store.book import keys
from store.book.keys import ApiKeyRow
from store.book.names import check_name
from store.errors import NotFound
from store.timestamps import moment, rfc3339

_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)  # fits 64 bits


class CreateKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /api/keys."""

    name: Name
    scope: Literal["write", "read"]


class KeyReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An API key as callers see it; `prefix` is what may be shown of the key itself."""

    id: int
    name: str
    scope: str
    prefix: str
    admin: bool
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class CreatedKeyReply(KeyReply, frozen=True, rename="camel", kw_only=True):
    """An API key as its maker sees it, this once: whole. In the reply to a repeated call `key` is null."""

    key: str | None


class KeysReply(msgspec.Struct, frozen=True, rename="camel"):
    keys: list[KeyReply]
    next_cursor: str | None


_CREATE = msgspec.json.Decoder(CreateKey)


async def again(call: Call, made: str) -> Response:
    """The reply to a creation, but for the key itself, which is shown once."""
    row = await keys.find(call.book, call.org_id, int(made))
    return Json(CreatedKeyReply(**msgspec.structs.asdict(_reply(row)), key=None), 201)


@operation(
    "Organisation and keys",
    "Make an API key",
    "It is shown whole in this reply, and never again.",
    body=_CREATE,
    reply=CreatedKeyReply,
    status=201,
)
@creates(again, once="key")
async def create(call: Call) -> Response:
    return Json(await make(call, await call.body(_CREATE)), 201)


@operation(
    "Organisation and keys",
    "List API keys",
    "Also those that were revoked.",
    query=PAGE_QUERY,
    reply=KeysReply,
)
async def listing(call: Call) -> Response:
    return Json(await page(call))


async def make(call: Call, asked: CreateKey) -> CreatedKeyReply:
    """A new key, whole this once."""
    key_id, key = await keys.create(call.book, call.org_id, check_name(asked.name), asked.scope, call.now_ms)
    made = _reply(await keys.find(call.book, call.org_id, key_id))
    return CreatedKeyReply(**msgspec.structs.asdict(made), key=str(key))


async def page(call: Call) -> KeysReply:
    """The keys that the request's query asks for."""
    asked = PAGE_QUERY.decode(call.request).page
    found = await keys.page(call.book, call.org_id, asked.after_id, asked.limit_and_one)
    rows, last = cut(found, asked.limit)
    return KeysReply([_reply(row) for row in rows], seal(str(last.id)) if last else None)


@operation(
    "Organisation and keys",
    "Revoke an API key",
    "From the next request on it opens nothing. It may be the one that you call with.",
    status=204,
    refusals={409: "It is the admin key, which can only be replaced."},
)
async def revoke(call: Call) -> Response:
    await end(call)
    return Response(status_code=204)


async def find(call: Call) -> KeyReply:
    """The key that the path names."""
    return _reply(await keys.find(call.book, call.org_id, _key_id(call)))


async def end(call: Call) -> None:
    """From the next request on the key in the path opens nothing. It may be the caller's own.

    Raises:
        Conflict: it is the admin key.
    """
    row = await keys.find(call.book, call.org_id, _key_id(call))
    await keys.revoke(call.book, row.id, call.now_ms)


def _key_id(call: Call) -> int:
    text = call.request.path_params["id"]
    if not _ID.fullmatch(text):
        raise NotFound("There is no such key.")
    return int(text)


def _reply(row: ApiKeyRow) -> KeyReply:
    return KeyReply(
        id=row.id,
        name=row.name,
        scope=row.scope,
        prefix=row.prefix,
        admin=row.is_admin,
        created_at=rfc3339(row.created_ms),
        last_used_at=moment(row.last_used_ms),
        revoked_at=moment(row.revoked_ms),
    )
