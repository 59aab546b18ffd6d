"""Channels: who is told. Kept here; called by the sweeper's dispatch."""

from __future__ import annotations

from uuid import UUID

import msgspec
from msgspec import UnsetType
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.channel_bodies import (
    USUAL_BURST,
    CreateApprise,
    CreateChannel,
    CreateEmail,
    CreateWebhook,
    PatchChannel,
    RotateQuery,
    burst_of,
    check_addresses,
)
from ingest.api.channel_edit import draw_secret, edited, rotated, trial_of
from ingest.api.channel_replies import (
    AnyChannelReply,
    ChannelsReply,
    CreatedChannelReply,
    SecretReply,
    ToldReply,
    TrialReply,
    reply_of,
    secret_reply_of,
)
from ingest.api.creating import creates
from ingest.api.entity_tags import tagged
from ingest.api.operation import operation
from ingest.api.paging import PAGE_QUERY, PageQuery, cut, seal
from ingest.api.projecting import project
from ingest.api.query import QueryDecoder
from ingest.api.webhook_headers import check_headers
from ingest.api.webhook_url import check_webhook_url
from ingest.api.wire import Json
from store.book import channels, monitors
from store.book.channels import NewChannel
from store.book.database import ConfigBook, Transaction
from store.book.names import check_name
from store.channel_settings import AppriseSettings, EmailSettings, WebhookSettings
from store.chat_schemes import check_chat_address
from store.errors import Conflict, Invalid

_CREATE = msgspec.json.Decoder(CreateChannel)
_PATCH = msgspec.json.Decoder(PatchChannel)
_ROTATE = QueryDecoder(RotateQuery)


async def configured(call: Call, source: ConfigBook | Transaction) -> object:
    """What was asked for of the channel in the path, also what replies mask."""
    row = await channels.find(source, call.org_id, call.public_id)
    return row.name, row.is_default, row.burst, row.settings.decode()


async def again(call: Call, made: str) -> Response:
    """The reply to a creation, but for the secret, which is shown once."""
    row = await channels.find(call.book, call.org_id, UUID(made))
    return Json(secret_reply_of(row) if row.type == "webhook" else reply_of(row), 201)


@operation(
    "Channels",
    "Add a channel",
    "A webhook, mail or a chat service. The secret of a webhook is shown in this reply, and never again.",
    body=_CREATE,
    reply=CreatedChannelReply,
    status=201,
)
@creates(again, once="secret", tagged=configured)
async def create(call: Call) -> Response:
    return Json(await make(call, await call.body(_CREATE)), 201)


@operation("Channels", "List channels", query=PAGE_QUERY, reply=ChannelsReply)
async def listing(call: Call) -> Response:
    return Json(await page(call))


@operation("Channels", "Look at a channel", reply=AnyChannelReply)
@tagged(configured)
async def show(call: Call) -> Response:
    return Json(await find(call))


@operation(
    "Channels",
    "Change a channel",
    "What is left out stays as it is. A channel takes the fields of its kind.",
    body=_PATCH,
    reply=AnyChannelReply,
)
@tagged(configured)
async def change(call: Call) -> Response:
    return Json(await edit(call, await call.body(_PATCH)))


@operation(
    "Channels",
    "Delete a channel",
    "With the threshold rules that name it; what waits for it is dropped.",
    status=204,
)
@tagged(configured)
async def delete(call: Call) -> Response:
    await remove(call)
    return Response(status_code=204)


@operation(
    "Channels",
    "Enable a channel",
    "One that its receiver's 410 has disabled is called again.",
    reply=AnyChannelReply,
)
async def enable(call: Call) -> Response:
    return Json(await call_again(call))


@operation(
    "Channels",
    "Replace a signing secret",
    "The new one is shown in this reply, and never again. For a day calls are signed with both.",
    query=_ROTATE,
    reply=SecretReply,
    refusals={409: "The secret before this one is still in force.", 422: "It is no webhook."},
)
async def rotate_secret(call: Call) -> Response:
    is_forced = _ROTATE.decode(call.request).force
    try:
        return Json(await replace_secret(call, is_forced))
    except Conflict as error:
        raise Conflict(f"{error} To do so all the same, send it with ?force=true.") from error


@operation(
    "Channels",
    "Try a channel",
    "A message is sent by the way that all messages take; what became of it is in the log of deliveries.",
    reply=TrialReply,
    status=202,
    refusals={409: "It is disabled, or was made just now."},
)
async def test(call: Call) -> Response:
    return Json(await try_out(call), 202)


@operation("Channels", "Look at who would be told of a monitor", query=PAGE_QUERY, reply=ToldReply)
async def of_monitor(call: Call) -> Response:
    return Json(await told_of(call, PAGE_QUERY.decode(call.request)))


async def make(call: Call, asked: CreateChannel) -> AnyChannelReply:
    """A new channel; if it is a webhook, with its secret, which is shown this once."""
    is_webhook = isinstance(asked, CreateWebhook)
    new = NewChannel(
        org_id=call.org_id,
        type=str(asked.__struct_config__.tag),
        name=check_name(asked.name),
        settings=msgspec.json.encode(_settings_of(call, asked)),
        is_default=asked.is_default,
        burst=burst_of(asked.burst, None if is_webhook else USUAL_BURST),
    )
    if isinstance(asked, CreateApprise):
        await call.request.state.chat_reader.check(asked.url)
    await call.live.ready()
    row, change = await channels.create(call.book, new, call.now_ms)
    await project(call, change)
    return secret_reply_of(row) if is_webhook else reply_of(row)


async def page(call: Call) -> ChannelsReply:
    """The channels that the request's query asks for."""
    asked = PAGE_QUERY.decode(call.request).page
    found = await channels.page(call.book, call.org_id, asked.after_id, asked.limit_and_one)
    rows, last = cut(found, asked.limit)
    return ChannelsReply([reply_of(row) for row in rows], seal(str(last.id)) if last else None)


async def find(call: Call) -> AnyChannelReply:
    """The channel that the path names."""
    return reply_of(await channels.find(call.book, call.org_id, call.public_id))


async def told_of(call: Call, query: PageQuery) -> ToldReply:
    """The channels that are told of the monitor that the path names, as a request's query asks for them."""
    asked, monitor = query.page, await monitors.find(call.book, call.org_id, call.public_id)
    is_named, found = await channels.told_of(
        call.book, call.org_id, monitor.config.id, asked.after_id, asked.limit_and_one
    )
    rows, last = cut(found, asked.limit)
    return ToldReply(
        "named" if is_named else "default",
        [reply_of(row) for row in rows],
        seal(str(last.id)) if last else None,
    )


async def edit(call: Call, asked: PatchChannel) -> AnyChannelReply:
    """Change what is given of the channel that the path names."""
    public_id = call.public_id
    if not isinstance(asked.url, UnsetType):
        await _check_new_address(call, asked)
    await call.live.ready()
    row, change = await channels.change(
        call.book, call.org_id, public_id, lambda former: edited(former, asked), call.now_ms
    )
    if change is not None:
        await project(call, change)
    return reply_of(row)


async def replace_secret(call: Call, is_forced: bool) -> SecretReply:
    """A new secret for the webhook that the path names; for a day calls are signed with both.

    Raises:
        Conflict: this would end a former secret that is still in force; not if it `is_forced`.
    """
    public_id = call.public_id
    await call.live.ready()
    row, change = await channels.change(
        call.book, call.org_id, public_id, lambda former: rotated(former, call.now_ms, is_forced), call.now_ms
    )
    if change is not None:
        await project(call, change)
    return secret_reply_of(row)


async def try_out(call: Call) -> TrialReply:
    """Send a message to the channel that the path names, by the way that all messages take.

    Raises:
        Conflict: it is disabled, so that nothing would be sent.
    """
    row = await channels.find(call.book, call.org_id, call.public_id)
    if row.disabled_ms is not None:
        raise Conflict("The channel is disabled; enable it first.")
    event = trial_of(row, call.now_ms)
    if not await call.live.try_channel(event):
        raise Conflict("The channel is not known to dispatch yet; try again in a moment.")
    return TrialReply(str(event.delivery_id))


async def call_again(call: Call) -> AnyChannelReply:
    """Enable the channel that the path names, if its receiver's wish had disabled it."""
    public_id = call.public_id
    await call.live.ready()
    row, change = await channels.enable(call.book, call.org_id, public_id, call.now_ms)
    if change is not None:
        await project(call, change)
    return reply_of(row)


async def remove(call: Call) -> None:
    """Delete the channel that the path names."""
    public_id = call.public_id
    await call.live.ready()
    await project(call, await channels.delete(call.book, call.org_id, public_id, call.now_ms))


async def _check_new_address(call: Call, asked: PatchChannel) -> None:
    """Ask whether the address of a chat service can be read, unless it stays what it is."""
    row = await channels.find(call.book, call.org_id, call.public_id)
    after = edited(row, asked)
    if row.type == "apprise" and after.settings != row.settings:
        await call.request.state.chat_reader.check(
            msgspec.json.decode(after.settings, type=AppriseSettings).url
        )


def _settings_of(call: Call, asked: CreateChannel) -> WebhookSettings | EmailSettings | AppriseSettings:
    if isinstance(asked, CreateWebhook):
        return WebhookSettings(check_webhook_url(asked.url), draw_secret(), check_headers(asked.headers, {}))
    if isinstance(asked, CreateEmail):
        if call.settings.smtp_url is None:
            raise Invalid("This installation has no mail server (OVERDUE_SMTP_URL).", "type")
        return EmailSettings(check_addresses(asked.to))
    return AppriseSettings(check_chat_address(asked.url))
