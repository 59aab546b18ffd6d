"""A channel after a change, a webhook with another secret, and what a trial says. Pure but for what is drawn."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from uuid import uuid4

import msgspec
from msgspec import UnsetType

from ingest.api.channel_bodies import PatchChannel, burst_of, check_addresses
from ingest.api.channel_replies import webhook_settings
from ingest.api.webhook_headers import check_headers
from ingest.api.webhook_url import check_webhook_url
from store.book.channels import ChannelRow
from store.book.names import check_name
from store.channel_settings import AppriseSettings, EmailSettings, FormerSecret, WebhookSettings
from store.chat_schemes import check_chat_address
from store.errors import Conflict, Invalid
from store.live.channel_event import ChannelTold, TrialEvent
from store.timestamps import rfc3339

SECRET_BYTES = 32
BOTH_SECRETS_MS = 86_400_000
# Which fields a kind has besides those of all kinds.
_OWN = {"webhook": {"url", "headers"}, "email": {"to"}, "apprise": {"url"}}


def draw_secret() -> str:
    """A signing secret as Standard Webhooks writes it."""
    return "whsec_" + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def edited(row: ChannelRow, asked: PatchChannel) -> ChannelRow:
    """The channel with what is asked for.

    Raises:
        Invalid: its kind has no such field, or a value is bad; names the field.
    """
    for name in ("url", "headers", "to"):
        if not isinstance(getattr(asked, name), UnsetType) and name not in _OWN[row.type]:
            raise Invalid(f"A channel of the kind {row.type} has no {name}.", name)
    return msgspec.structs.replace(
        row,
        name=row.name if isinstance(asked.name, UnsetType) else check_name(asked.name),
        is_default=row.is_default if isinstance(asked.is_default, UnsetType) else asked.is_default,
        burst=burst_of(asked.burst, row.burst),
        settings=_settings(row, asked),
    )


def rotated(row: ChannelRow, now_ms: int, is_forced: bool = False) -> ChannelRow:
    """The webhook with a new secret; the former one is in force for another day.

    Raises:
        Conflict: the one before it is in force too, would end at once, and nobody has said that it may.
        Invalid: this kind has no secret of ours.
    """
    if row.type != "webhook":
        raise Invalid(f"A channel of the kind {row.type} has no secret of ours.")
    settings = webhook_settings(row)
    if not is_forced and settings.former is not None and now_ms < settings.former.until_ms:
        until = rfc3339(settings.former.until_ms)
        raise Conflict(
            f"The secret was replaced not long ago: the one before it is in force until {until}, "
            "and another new one would end it at once."
        )
    former = FormerSecret(settings.secret, now_ms + BOTH_SECRETS_MS)
    settings = msgspec.structs.replace(settings, secret=draw_secret(), former=former)
    return msgspec.structs.replace(row, settings=msgspec.json.encode(settings))


def with_secret(row: ChannelRow, secret: str, now_ms: int, keep_former: bool) -> ChannelRow:
    """The webhook with a secret that somebody has already; if asked for, the former one is in force for another day.

    Raises:
        Invalid: this is no such secret, or no webhook.
    """
    if row.type != "webhook":
        raise Invalid(f"A channel of the kind {row.type} has no secret of ours.", "secret")
    _check_secret(secret)
    settings = webhook_settings(row)
    if settings.secret == secret:
        return row
    former = FormerSecret(settings.secret, now_ms + BOTH_SECRETS_MS) if keep_former else None
    settings = msgspec.structs.replace(settings, secret=secret, former=former)
    return msgspec.structs.replace(row, settings=msgspec.json.encode(settings))


def _check_secret(secret: str) -> None:
    """As Standard Webhooks has it: 24 to 64 bytes in base64."""
    try:
        size = len(b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        size = 0
    if not secret.startswith("whsec_") or not 24 <= size <= 64:
        raise Invalid("A signing secret is whsec_ and the base64 of 24 to 64 bytes.", "secret")


def trial_of(row: ChannelRow, now_ms: int) -> TrialEvent:
    """The event by which somebody tries a channel."""
    told = ChannelTold(str(row.public_id), row.name, row.type)
    return TrialEvent(at_ms=now_ms, org_id=row.org_id, delivery_id=uuid4(), channel_id=row.id, told=told)


def _settings(row: ChannelRow, asked: PatchChannel) -> bytes:
    settings: WebhookSettings | EmailSettings | AppriseSettings
    if row.type == "webhook":
        settings = webhook_settings(row)
        if not isinstance(asked.url, UnsetType):
            settings = msgspec.structs.replace(settings, url=check_webhook_url(asked.url, settings.url))
        if not isinstance(asked.headers, UnsetType):
            headers = check_headers(asked.headers, settings.headers)
            settings = msgspec.structs.replace(settings, headers=headers)
    elif row.type == "email" and not isinstance(asked.to, UnsetType):
        settings = EmailSettings(check_addresses(asked.to))
    elif row.type == "apprise" and not isinstance(asked.url, UnsetType):
        former = msgspec.json.decode(row.settings, type=AppriseSettings).url
        settings = AppriseSettings(check_chat_address(asked.url, former))
    else:
        return row.settings
    return msgspec.json.encode(settings)
