"""The channels that a form of a monitor offers, and whether there is anybody who could be told at all."""

from __future__ import annotations

import msgspec

from ingest.api.call import Call
from store.book import channels


class Choice(msgspec.Struct, frozen=True):
    """One channel of the organisation; a default one is told of every monitor that names none."""

    id: str
    name: str
    kind: str
    is_default: bool
    is_disabled: bool


async def choices(call: Call) -> list[Choice]:
    """All channels of the caller's organisation, oldest first."""
    found = await channels.page(call.book, call.org_id, 0, channels.MAX_CHANNELS)
    return [
        Choice(str(one.public_id), one.name, one.type, one.is_default, one.disabled_ms is not None)
        for one in found
    ]
