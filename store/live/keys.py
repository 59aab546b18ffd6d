"""How every key in Redis is spelled. What each holds is in `key_table.py`.

All keys of a shard carry the hash tag `{shard}`, and a script touches one shard only, so that a cluster can hold them.
"""

from __future__ import annotations

import msgspec

from store.live.key_table import TABLE as TABLE

_BUCKET_BITS = 14


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
    def rules(self) -> str:
        return self._key("rules")

    @property
    def kept(self) -> str:
        return self._key("kept")

    @property
    def runs(self) -> str:
        return self._key("runs")

    @property
    def reminders(self) -> str:
        return self._key("reminders")

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
    def parked(self) -> str:
        return self._key("parked")

    @property
    def pauses(self) -> str:
        return self._key("pauses")

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
    def named(self) -> str:
        return self._key("named")

    @property
    def manners(self) -> str:
        return self._key("manners")

    @property
    def bursts(self) -> str:
        return self._key("bursts")

    @property
    def collected(self) -> str:
        return self._key("collected")

    @property
    def newcomers(self) -> str:
        return self._key("newcomers")

    @property
    def failing(self) -> str:
        return self._key("failing")

    @property
    def letters(self) -> str:
        return self._key("letters")

    @property
    def rebuilding(self) -> str:
        return self._key("rebuilding")

    def key_bucket(self, digest: bytes) -> str:
        """The hash that holds `digest`: 2^14 buckets, so that a million keys lie in small packed lists."""
        return self.bucket(str(int.from_bytes(digest[:2], "big") >> (16 - _BUCKET_BITS)))

    def bucket(self, number: str) -> str:
        """One of the hashes that hold digests; all of them by a pattern."""
        return self._key(f"keys:{number}")

    def part(self, name: str) -> str:
        return self._key(f"part:{name}")


def shard_of(monitor_id: int, shards: int) -> int:
    """Which shard a monitor lives in."""
    return monitor_id % shards
