"""What callers say of channels: a body of its own for each kind, and one that changes any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ingest.api.fields import Name
from ingest.api.webhook_headers import MOST_HEADERS
from ingest.api.webhook_url import MAX_URL
from store.errors import Invalid
from store.mail_server import is_mail_address
from store.projection import Burst

MOST_ADDRESSES = 10
# What people's channels have unless they are told otherwise.
USUAL_BURST = Burst(5, 60)


class BurstBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How many downs a window has before the rest is collected into one message."""

    size: Annotated[int, Meta(ge=1, le=1000)] = USUAL_BURST.size
    window_seconds: Annotated[int, Meta(ge=1, le=3600)] = USUAL_BURST.window_s


# Told only: the refusals are sentences of those who check them.
Headers = Annotated[dict[str, str], Meta(extra_json_schema={"maxProperties": MOST_HEADERS})]
Addresses = Annotated[
    tuple[Annotated[str, Meta(extra_json_schema={"format": "email"})], ...],
    Meta(extra_json_schema={"minItems": 1, "maxItems": MOST_ADDRESSES}),
]
WebhookUrl = Annotated[
    str, Meta(extra_json_schema={"format": "uri", "pattern": "^https?://", "maxLength": MAX_URL})
]


class _CreateBody(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", forbid_unknown_fields=True
):
    """What all kinds have. Without a `burst`, people's channels have the usual one, and webhooks none."""

    name: Name
    is_default: bool = True
    burst: BurstBody | UnsetType | None = UNSET


class CreateWebhook(_CreateBody, frozen=True, kw_only=True, tag="webhook"):
    """The body of POST /api/channels for a webhook."""

    url: WebhookUrl
    headers: Headers = {}


class CreateEmail(_CreateBody, frozen=True, kw_only=True, tag="email"):
    """The body of POST /api/channels for mail."""

    to: Addresses


class CreateApprise(_CreateBody, frozen=True, kw_only=True, tag="apprise"):
    """The body of POST /api/channels for a chat service."""

    url: str


CreateChannel = CreateWebhook | CreateEmail | CreateApprise


class PatchChannel(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The body of PATCH /api/channels/{id}; what is left out stays as it is. A kind takes what it has."""

    name: Name | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET
    burst: BurstBody | UnsetType | None = UNSET
    url: str | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    to: Addresses | UnsetType = UNSET


class RotateQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How a secret is replaced."""

    force: Annotated[
        bool, Meta(description="Also while the secret before this one is in force, which ends it at once.")
    ] = False


def check_addresses(addresses: Sequence[str]) -> tuple[str, ...]:
    """The addresses, each once.

    Raises:
        Invalid: there are none or too many, or one is no mail address; names the field `to`.
    """
    if not 1 <= len(addresses) <= MOST_ADDRESSES:
        raise Invalid(f"Mail goes to 1 to {MOST_ADDRESSES} addresses.", "to")
    for address in addresses:
        if not is_mail_address(address):
            raise Invalid("A mail address looks like name@example.org.", "to")
    return tuple(dict.fromkeys(addresses))


def burst_of(asked: BurstBody | UnsetType | None, usual: Burst | None) -> Burst | None:
    """The burst that is asked for; `usual` if nothing is said of it."""
    if isinstance(asked, UnsetType):
        return usual
    return None if asked is None else Burst(asked.size, asked.window_seconds)
