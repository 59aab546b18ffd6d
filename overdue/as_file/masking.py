"""Secrets of channels in a file: masked unless asked for, and a mask that comes back stands for what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ingest.api.channel_edit import with_secret
from ingest.api.webhook_headers import MASK
from ingest.api.within import Within
from overdue.as_file.current import SECRET, Thing
from store.book import channels
from store.errors import Invalid

_MASKED_ADDRESS = f"://{MASK}"


def unmasked(values: Mapping[str, Any], thing: Thing | None) -> dict[str, Any]:
    """The values of a channel with the address that a masked one stands for. With masked headers the API deals.

    Raises:
        Invalid: there is none that it could stand for.
    """
    url = values.get("url")
    if not isinstance(url, str) or not url.endswith(_MASKED_ADDRESS):
        return dict(values)
    if thing is None or thing.shown.get("url") != url:
        raise Invalid("The address is masked, and unknown here; write it out.", "url")
    return {**values, "url": thing.values["url"]}


def apart(values: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The signing secret, which no body of the API takes, and the other values."""
    return values.get(SECRET), {name: value for name, value in values.items() if name != SECRET}


async def set_secret(within: Within, channel_id: str, secret: Any, *, is_new: bool) -> None:
    """Let a webhook have this signing secret. One that has another is called with both for a day.

    Raises:
        Invalid: it is none, or the channel is no webhook.
    """
    if not isinstance(secret, str):
        raise Invalid("A signing secret is a text.", SECRET)
    _, change = await channels.change(
        within.book,
        within.org_id,
        UUID(channel_id),
        lambda row: with_secret(row, secret, within.now_ms, keep_former=not is_new),
        within.now_ms,
    )
    if change is not None:
        within.told.append(change.projection)
