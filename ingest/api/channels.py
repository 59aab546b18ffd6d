"""Channels: who is told. Kept here; called by the sweeper's dispatch."""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import Literal

import msgspec
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.paging import cut, read_page, seal
from ingest.api.projecting import project
from ingest.api.webhook_url import check_webhook_url
from ingest.api.wire import Json
from store.book import channels
from store.book.channels import ChannelRow, NewChannel
from store.book.names import check_name
from store.timestamps import moment, rfc3339

SECRET_BYTES = 32


class CreateChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /api/channels."""

    type: Literal["webhook"]
    name: str
    url: str


class WebhookSettings(msgspec.Struct, frozen=True):
    """What is kept of a webhook; dispatch reads it."""

    url: str
    secret: str


class ChannelReply(msgspec.Struct, frozen=True, rename="camel"):
    """A channel as callers see it; `disabled_at` is the moment since which it is not called."""

    id: str
    type: str
    name: str
    url: str
    created_at: str
    disabled_at: str | None


class CreatedChannelReply(ChannelReply, frozen=True, rename="camel"):
    """A channel as its maker sees it, this once: with the secret."""

    secret: str


class ChannelsReply(msgspec.Struct, frozen=True, rename="camel"):
    channels: list[ChannelReply]
    next_cursor: str | None


_CREATE = msgspec.json.Decoder(CreateChannel)
_SETTINGS = msgspec.json.Decoder(WebhookSettings)


async def create(call: Call) -> Response:
    return Json(await make(call, await call.body(_CREATE)), 201)


async def listing(call: Call) -> Response:
    return Json(await page(call))


async def show(call: Call) -> Response:
    return Json(await find(call))


async def delete(call: Call) -> Response:
    await remove(call)
    return Response(status_code=204)


async def enable(call: Call) -> Response:
    return Json(await call_again(call))


async def make(call: Call, asked: CreateChannel) -> CreatedChannelReply:
    """A new channel with its secret, which is shown this once."""
    settings = WebhookSettings(check_webhook_url(asked.url), draw_secret())
    new = NewChannel(
        org_id=call.org_id,
        type=asked.type,
        name=check_name(asked.name),
        settings=msgspec.json.encode(settings),
    )
    await call.live.ready()
    row, change = await channels.create(call.book, new, call.now_ms)
    await project(call, change)
    return CreatedChannelReply(**msgspec.structs.asdict(_reply(row)), secret=settings.secret)


async def page(call: Call) -> ChannelsReply:
    """The channels that the request's query asks for."""
    asked = read_page(call.request)
    found = await channels.page(call.book, call.org_id, asked.after_id, asked.limit_and_one)
    rows, last = cut(found, asked.limit)
    return ChannelsReply([_reply(row) for row in rows], seal(str(last.id)) if last else None)


async def find(call: Call) -> ChannelReply:
    """The channel that the path names."""
    return _reply(await channels.find(call.book, call.org_id, call.public_id))


async def call_again(call: Call) -> ChannelReply:
    """Enable the channel that the path names, if its receiver's wish had disabled it."""
    public_id = call.public_id
    await call.live.ready()
    row, change = await channels.enable(call.book, call.org_id, public_id, call.now_ms)
    if change is not None:
        await project(call, change)
    return _reply(row)


async def remove(call: Call) -> None:
    """Delete the channel that the path names."""
    public_id = call.public_id
    await call.live.ready()
    await project(call, await channels.delete(call.book, call.org_id, public_id, call.now_ms))


def draw_secret() -> str:
    """A signing secret as Standard Webhooks writes it."""
    return "whsec_" + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _reply(row: ChannelRow) -> ChannelReply:
    url = _SETTINGS.decode(row.settings).url
    return ChannelReply(
        str(row.public_id), row.type, row.name, url, rfc3339(row.created_ms), moment(row.disabled_ms)
    )
