"""Channels as callers see them: a reply of its own for each kind; what may be a secret is masked."""

from __future__ import annotations

import msgspec

from ingest.api.channel_bodies import BurstBody
from ingest.api.webhook_headers import masked as masked_headers
from ingest.api.webhook_url import masked as masked_url
from store.book.channels import ChannelRow
from store.channel_settings import AppriseSettings, EmailSettings, WebhookSettings
from store.chat_schemes import masked as masked_address
from store.timestamps import moment, rfc3339


class ChannelReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What all kinds have; `disabled_at` is the moment since which it is not called."""

    id: str
    type: str
    name: str
    is_default: bool
    burst: BurstBody | None
    created_at: str
    disabled_at: str | None


class WebhookReply(ChannelReply, frozen=True, rename="camel", kw_only=True):
    """A webhook. Of its headers the values are not shown, nor of its URL what may be a secret."""

    url: str
    headers: dict[str, str]


class EmailReply(ChannelReply, frozen=True, rename="camel", kw_only=True):
    """Mail to these addresses."""

    to: tuple[str, ...]


class AppriseReply(ChannelReply, frozen=True, rename="camel", kw_only=True):
    """A chat service. Of its address only the scheme is shown."""

    url: str


class SecretReply(WebhookReply, frozen=True, rename="camel", kw_only=True):
    """A webhook as its maker sees it, this once: with the secret, and the whole URL."""

    secret: str


AnyChannelReply = WebhookReply | EmailReply | AppriseReply


class ChannelsReply(msgspec.Struct, frozen=True, rename="camel"):
    channels: list[AnyChannelReply]
    next_cursor: str | None


class ToldReply(msgspec.Struct, frozen=True, rename="camel"):
    """Which channels are told of a monitor: those that it names (`named`), or else the default ones (`default`)."""

    source: str
    channels: list[AnyChannelReply]
    next_cursor: str | None


class TrialReply(msgspec.Struct, frozen=True, rename="camel"):
    """The delivery by which a channel is tried."""

    delivery_id: str


_WEBHOOK = msgspec.json.Decoder(WebhookSettings)
_EMAIL = msgspec.json.Decoder(EmailSettings)
_APPRISE = msgspec.json.Decoder(AppriseSettings)


def reply_of(row: ChannelRow) -> AnyChannelReply:
    """A channel as everybody sees it who may see it."""
    common = {
        "id": str(row.public_id),
        "type": row.type,
        "name": row.name,
        "is_default": row.is_default,
        "burst": BurstBody(row.burst.size, row.burst.window_s) if row.burst else None,
        "created_at": rfc3339(row.created_ms),
        "disabled_at": moment(row.disabled_ms),
    }
    if row.type == "email":
        return EmailReply(to=_EMAIL.decode(row.settings).to, **common)  # type: ignore[arg-type]
    if row.type == "apprise":
        url = masked_address(_APPRISE.decode(row.settings).url)
        return AppriseReply(url=url, **common)  # type: ignore[arg-type]
    settings = webhook_settings(row)
    headers = masked_headers(settings.headers)
    return WebhookReply(url=masked_url(settings.url), headers=headers, **common)  # type: ignore[arg-type]


def secret_reply_of(row: ChannelRow) -> SecretReply:
    """A webhook with its secret."""
    settings = webhook_settings(row)
    known = {**msgspec.structs.asdict(reply_of(row)), "url": settings.url}
    return SecretReply(**known, secret=settings.secret)


def webhook_settings(row: ChannelRow) -> WebhookSettings:
    return _WEBHOOK.decode(row.settings)
