"""Callers of the scripts that carry channels, and which of them monitors name."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from store.live.packing import pack_ids
from store.live.shard import Shard
from store.projection import ChannelTarget, PutChannels

_MANNERS = struct.Struct("<BHI")
_DEFAULT = 1


async def put_channels(shard: Shard, put: PutChannels) -> bool:
    """Carry all channels of an organisation; False: a later version was carried before."""
    return bool(await shard.call("put_channels", _keys(shard), put.org_id, put.version, *_flat(put)))


async def restore_channels(shard: Shard, put: PutChannels) -> None:
    """Put the channels of an organisation back into an empty Redis."""
    await shard.call("restore_channels", _keys(shard), put.org_id, put.version, *_flat(put))


async def restore_named(shard: Shard, named: Sequence[tuple[int, Sequence[int]]]) -> None:
    """Put back which channels monitors name: pairs of a monitor and its channels."""
    pairs = [part for monitor_id, channels in named for part in (monitor_id, pack_ids(channels))]
    await shard.call("restore_named", (shard.keys.named,), *pairs)


def _keys(shard: Shard) -> tuple[str, ...]:
    keys = shard.keys
    used = (keys.orgs, keys.channels, keys.disabled, keys.manners, keys.bursts, keys.failing)
    return *used, keys.newcomers


def _flat(put: PutChannels) -> list[bytes | int]:
    return [
        part
        for channel in put.channels
        for part in (channel.id, msgspec.msgpack.encode(channel), pack_manners(channel))
    ]


def pack_manners(channel: ChannelTarget) -> bytes:
    """Whether it is a default one, and how it is told of many downs at once, as the scripts read it."""
    burst = channel.burst
    return _MANNERS.pack(
        _DEFAULT if channel.is_default else 0, burst.size if burst else 0, burst.window_s if burst else 0
    )
