"""Which monitor a ping key opens: a bounded memory of keys that were found, and a brief one of keys that were not."""

from __future__ import annotations

import msgspec

from store.live.monitors import Resolved

MOST_KNOWN = 500_000
MOST_UNKNOWN = 20_000
UNKNOWN_LIFE_MS = 2_000


class KnownKey(msgspec.Struct, frozen=True, gc=False):
    """What ingest remembers of a key; `version` and `key_epoch` travel with every ping, so that a change is noticed.

    Hundreds of thousands of them live long and hold no other objects, so the garbage collector need not visit them.
    """

    monitor_id: int
    wire_id: bytes
    shard: int
    version: int
    key_epoch: int
    name: str


def known_as(resolved: Resolved) -> KnownKey:
    """What is remembered of a key that was found."""
    config = resolved.config
    wire_id = str(resolved.monitor_id).encode()
    return KnownKey(
        resolved.monitor_id, wire_id, resolved.shard, config.version, config.key_epoch, config.name
    )


class Keyring:
    """Both memories. The oldest entries go first when one is full."""

    def __init__(self, most_known: int = MOST_KNOWN, most_unknown: int = MOST_UNKNOWN) -> None:
        self._known: dict[str, KnownKey] = {}
        self._unknown: dict[str, int] = {}
        self._most_known = most_known
        self._most_unknown = most_unknown
        self.find = self._known.get

    def learn(self, key: str, known: KnownKey) -> None:
        """Remember a key that was found."""
        self._unknown.pop(key, None)
        if len(self._known) >= self._most_known and key not in self._known:
            del self._known[next(iter(self._known))]
        self._known[key] = known

    def forget(self, key: str) -> None:
        """The key has to be looked up again."""
        self._known.pop(key, None)

    def note_unknown(self, key: str, now_ms: int) -> None:
        """Remember for a moment that nobody has this key, so that a scan cannot load Redis."""
        if len(self._unknown) >= self._most_unknown and key not in self._unknown:
            del self._unknown[next(iter(self._unknown))]
        self._unknown[key] = now_ms + UNKNOWN_LIFE_MS

    def is_unknown(self, key: str, now_ms: int) -> bool:
        """Whether the key was looked up in vain a moment ago."""
        until_ms = self._unknown.get(key)
        if until_ms is None:
            return False
        if until_ms > now_ms:
            return True
        del self._unknown[key]
        return False
