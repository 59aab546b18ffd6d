"""Every key in Redis, each with its type, its writer and its life. `docs/keyspace.md` shows this table.

All keys of a shard carry the hash tag `{shard}`, and a script touches one shard only, so that a cluster can hold them.
"""

from __future__ import annotations

import msgspec

_BUCKET_BITS = 14


class KeyRow(msgspec.Struct, frozen=True):
    """One kind of key, for the documentation."""

    name: str
    type: str
    writer: str
    life: str
    holds: str


TABLE: tuple[KeyRow, ...] = (
    KeyRow(
        "generation",
        "string",
        "rebuild",
        "until a flush",
        "Which installation this is; checked by every script.",
    ),
    KeyRow("config", "hash", "API", "as the monitor", "Monitor id → packed configuration."),
    KeyRow("state", "hash", "record, sweep, API", "as the monitor", "Monitor id → packed state."),
    KeyRow("deadlines", "zset", "record, sweep, API", "while watched", "Monitor id by its deadline in ms."),
    KeyRow(
        "keys:<bucket>",
        "hash",
        "API",
        "as the key",
        "Digest of a ping key → monitor id, in small packed buckets.",
    ),
    KeyRow(
        "tombstones",
        "hash",
        "API",
        "an hour or more",
        "Deleted monitor id → its last version and the moment, in ms.",
    ),
    KeyRow(
        "writers", "hash", "ingest", "while registered", "Writer slot → watermark, sequence, incarnation."
    ),
    KeyRow(
        "replies",
        "hash",
        "ingest",
        "until its next batch",
        "Writer slot → sequence and reply of its last batch.",
    ),
    KeyRow(
        "heard",
        "string",
        "ingest",
        "while no writer runs",
        "Up to when pings were heard before the last clean stop.",
    ),
    KeyRow(
        "blind",
        "string",
        "ingest, sweep",
        "the last 256",
        "Packed intervals in which pings could not be heard.",
    ),
    KeyRow(
        "walk", "string", "ingest, sweep", "seconds", "After a step back: how far windows are brought back."
    ),
    KeyRow(
        "tallies", "hash", "all scripts", "forever", "Counts: monitors by status, blind ms, history bytes."
    ),
    KeyRow("broken", "set", "record, sweep", "until repaired", "Monitor ids whose record cannot be read."),
    KeyRow("pings", "stream", "record", "until in SQLite", "Batches of recorded pings, one entry a batch."),
    KeyRow(
        "events",
        "stream",
        "record, sweep, API, recorder",
        "until in SQLite and delivered",
        "Transitions and threshold alerts, one entry each.",
    ),
    KeyRow(
        "raised",
        "string",
        "recorder",
        "forever",
        "The last message of a threshold rule that is among the events.",
    ),
    KeyRow("dispatched", "string", "dispatch", "forever", "The last event that was turned into deliveries."),
    KeyRow(
        "orgs", "hash", "API", "as the organisation", "Organisation id → version and its channel ids, packed."
    ),
    KeyRow("channels", "hash", "API", "as the channel", "Channel id → kind and settings, opaque to scripts."),
    KeyRow("plans", "hash", "API", "as the organisation", "Organisation id → limits of its plan, packed."),
    KeyRow("used", "hash", "record", "the last minute", "Organisation id → pings of this minute, packed."),
    KeyRow(
        "uses",
        "hash",
        "API",
        "this minute",
        "API key or sender → its calls of the admin API that are limited.",
    ),
    KeyRow(
        "deliveries", "hash", "dispatch", "until settled", "Delivery id → attempts and its event, packed."
    ),
    KeyRow(
        "due",
        "zset",
        "dispatch",
        "until settled",
        "Delivery id by its next attempt, or the end of its lease, in ms.",
    ),
    KeyRow(
        "lines",
        "hash",
        "dispatch",
        "until settled",
        "Channel and incident → deliveries in order, only the first is due.",
    ),
    KeyRow(
        "dead",
        "hash",
        "dispatch, API",
        "until retried; the last 10,000",
        "Delivery id → a delivery that was given up.",
    ),
    KeyRow("died", "zset", "dispatch, API", "as `dead`", "Delivery id by the moment it was given up, in ms."),
    KeyRow("buried", "hash", "dispatch, API", "as `dead`", "Channel and incident → dead letters in order."),
    KeyRow(
        "disabled",
        "hash",
        "dispatch",
        "as the channel",
        "Channel id → its epoch, and when its receiver asked never to be called again, packed.",
    ),
    KeyRow(
        "letters",
        "stream",
        "dispatch, API, recorder",
        "until in SQLite",
        "What became of deliveries, one entry a call.",
    ),
    KeyRow(
        "rebuilding",
        "string",
        "rebuild",
        "ten seconds, renewed",
        "Somebody is putting an empty Redis in order.",
    ),
    KeyRow("part:<name>", "string", "that part", "5 s", "A part is alive and ready."),
)


class Keyspace(msgspec.Struct, frozen=True):
    """The keys of one shard, spelled once."""

    shard: int

    def _key(self, name: str) -> str:
        return f"od:{{{self.shard}}}:{name}"

    @property
    def generation(self) -> str:
        return self._key("generation")

    @property
    def config(self) -> str:
        return self._key("config")

    @property
    def state(self) -> str:
        return self._key("state")

    @property
    def deadlines(self) -> str:
        return self._key("deadlines")

    @property
    def tombstones(self) -> str:
        return self._key("tombstones")

    @property
    def writers(self) -> str:
        return self._key("writers")

    @property
    def replies(self) -> str:
        return self._key("replies")

    @property
    def heard(self) -> str:
        return self._key("heard")

    @property
    def blind(self) -> str:
        return self._key("blind")

    @property
    def walk(self) -> str:
        return self._key("walk")

    @property
    def tallies(self) -> str:
        return self._key("tallies")

    @property
    def broken(self) -> str:
        return self._key("broken")

    @property
    def pings(self) -> str:
        return self._key("pings")

    @property
    def events(self) -> str:
        return self._key("events")

    @property
    def raised(self) -> str:
        return self._key("raised")

    @property
    def dispatched(self) -> str:
        return self._key("dispatched")

    @property
    def orgs(self) -> str:
        return self._key("orgs")

    @property
    def channels(self) -> str:
        return self._key("channels")

    @property
    def plans(self) -> str:
        return self._key("plans")

    @property
    def used(self) -> str:
        return self._key("used")

    @property
    def uses(self) -> str:
        return self._key("uses")

    @property
    def deliveries(self) -> str:
        return self._key("deliveries")

    @property
    def due(self) -> str:
        return self._key("due")

    @property
    def lines(self) -> str:
        return self._key("lines")

    @property
    def dead(self) -> str:
        return self._key("dead")

    @property
    def died(self) -> str:
        return self._key("died")

    @property
    def buried(self) -> str:
        return self._key("buried")

    @property
    def disabled(self) -> str:
        return self._key("disabled")

    @property
    def letters(self) -> str:
        return self._key("letters")

    @property
    def rebuilding(self) -> str:
        return self._key("rebuilding")

    def key_bucket(self, digest: bytes) -> str:
        """The hash that holds `digest`: 2^14 buckets, so that a million keys lie in small packed lists."""
        return self._key(f"keys:{int.from_bytes(digest[:2], 'big') >> (16 - _BUCKET_BITS)}")

    def part(self, name: str) -> str:
        return self._key(f"part:{name}")


def shard_of(monitor_id: int, shards: int) -> int:
    """Which shard a monitor lives in."""
    return monitor_id % shards
