"""Callers of the scripts that raise events of metrics, turn events into deliveries, lease and settle these."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal

import msgspec

from store import last_ping
from store.last_ping import Noted
from store.live.channel_event import ChannelTold, encode_told
from store.live.noted import take_apart
from store.live.packing import AnyEvent, EventKind, read_event
from store.live.shard import Shard
from store.projection import ChannelTarget

Settlement = Literal["done", "retry", "dead", "gone"]
_DISABLED = struct.Struct("<I6s")
# As in scripts/shared/lines.lua.
_A_LEASE = 256


class Delivered(msgspec.Struct, frozen=True):
    """What one step made of the events that waited; all of them up to `last` are deliveries now."""

    events: int
    deliveries: int
    kinds: list[EventKind]
    last: str


class Lease(msgspec.Struct, frozen=True):
    """One delivery, ours for one attempt. `turn` is the token that settling asks for; every lease has another.

    `channel` is None when it was deleted meanwhile, `event` is None when its record cannot be read. `refused_epoch` is
    the epoch of the channel in which its receiver asked never to be called again. `noted` is what was looked up to be
    told with the event; None: nobody has looked yet.
    """

    delivery_id: str
    turn: int
    event: AnyEvent | None
    channel: ChannelTarget | None
    refused_epoch: int | None = None
    noted: Noted | None = None

    @property
    def channel_id(self) -> int:
        return int(self.delivery_id.rsplit(":", 1)[1])

    @property
    def attempt(self) -> int:
        """The number of the attempt that it is for, from 1: one more than those that were made and settled."""
        return self.turn % _A_LEASE + 1

    @property
    def leases(self) -> int:
        """How often it was leased for this attempt, with this time: those before have ended without a word."""
        return self.turn // _A_LEASE

    @property
    def is_disabled(self) -> bool:
        """Whether the channel may not be called: its book says so, or dispatch has just learned it."""
        return self.channel is not None and (
            self.channel.disabled or self.channel.epoch == self.refused_epoch
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the log is to know of an attempt, or of why there was none. `disables`: never call this channel again.

    `failing` is what the other channels are told, if this was the last attempt or somebody will not get it. `noted` is
    what is noted from now on of a delivery that is not done; None: what was.
    """

    was_made: bool = True
    status: int | None = None
    duration_ms: int = 0
    reason: str = ""
    disables: bool = False
    failing: ChannelTold | None = None
    noted: Noted | None = None


class Leased(msgspec.Struct, frozen=True):
    """Some leases, and in how many ms the next delivery is due (None: nothing waits)."""

    next_due_in_ms: int | None
    leases: list[Lease]


_target = msgspec.msgpack.Decoder(ChannelTarget)


async def raise_events(shard: Shard, believed_id: int, events: Sequence[tuple[int, bytes]]) -> int:
    """Append events of metrics, each with its id; answers the last id that is there.

    That is less than `believed_id` if Redis has lost what was there; then nothing was appended.
    """
    keys = shard.keys
    pairs = [part for one in events for part in one]
    return int(await shard.call("raise_event", (keys.events, keys.raised), believed_id, *pairs))


async def deliver(shard: Shard, limit: int) -> Delivered:
    """Turn at most `limit` events into deliveries and acknowledge them."""
    keys = shard.keys
    events, deliveries, kinds, last = await shard.call(
        "deliver",
        (
            keys.events,
            keys.dispatched,
            keys.orgs,
            keys.deliveries,
            keys.due,
            keys.lines,
            keys.channels,
            keys.dead,
            keys.died,
            keys.buried,
            keys.letters,
            keys.tallies,
            keys.named,
            keys.manners,
            keys.bursts,
            keys.collected,
            keys.newcomers,
        ),
        limit,
    )
    return Delivered(events, deliveries, [EventKind(kind) for kind in kinds], bytes(last).decode())


async def lease(shard: Shard, limit: int, lease_ms: int, busy_channels: Sequence[int]) -> Leased:
    """Take at most `limit` due deliveries for `lease_ms`, none of the busy channels."""
    keys = shard.keys
    reply = await shard.call(
        "lease",
        (keys.deliveries, keys.due, keys.channels, keys.disabled),
        limit,
        lease_ms,
        *busy_channels,
    )
    leases = [
        _lease(bytes(name).decode(), turn, event, channel, disabled)
        for name, turn, event, channel, disabled in zip(
            *(reply[at::5] for at in (1, 2, 3, 4, 5)), strict=True
        )
    ]
    return Leased(None if reply[0] == -1 else reply[0], leases)


def _lease(delivery_id: str, turn: int, blob: bytes, channel: bytes | None, disabled: bytes | None) -> Lease:
    event, noted = take_apart(blob)
    return Lease(
        delivery_id,
        turn,
        read_event(event),
        _target.decode(channel) if channel else None,
        _refused_epoch(disabled),
        noted,
    )


async def renew(shard: Shard, lease_ms: int, leases: Sequence[Lease]) -> int:
    """Prolong the leases of attempts that are under way; answers how many were still ours."""
    pairs = [part for lease in leases for part in (lease.delivery_id, lease.turn)]
    keys = shard.keys
    return int(await shard.call("renew", (keys.deliveries, keys.due), lease_ms, *pairs))


async def settle(
    shard: Shard, lease: Lease, settlement: Settlement, wait_ms: int = 0, report: Report | None = None
) -> bool:
    """End an attempt; False when the lease was not ours any more, then nothing changed."""
    keys, report = shard.keys, report or Report()
    settled = await shard.call(
        "settle",
        (
            keys.deliveries,
            keys.due,
            keys.lines,
            keys.dead,
            keys.died,
            keys.buried,
            keys.disabled,
            keys.letters,
            keys.tallies,
            keys.events,
            keys.failing,
        ),
        lease.delivery_id,
        lease.turn,
        settlement,
        wait_ms,
        int(report.was_made),
        report.status or 0,
        report.duration_ms,
        report.reason,
        lease.channel.epoch if report.disables and lease.channel else "",
        lease.channel.epoch if lease.channel else 0,
        encode_told(report.failing) if report.failing else "",
        last_ping.encode(report.noted) if report.noted else "",
    )
    return bool(settled)


def read_refusal(blob: bytes) -> tuple[int, int] | None:
    """The epoch of a channel whose receiver asked never to be called again, and the moment; None: it cannot be read."""
    if len(blob) != _DISABLED.size:
        return None
    epoch, at_ms = _DISABLED.unpack(blob)
    return epoch, int.from_bytes(at_ms, "little")


def _refused_epoch(blob: bytes | None) -> int | None:
    refusal = read_refusal(blob) if blob else None
    return refusal[0] if refusal else None
