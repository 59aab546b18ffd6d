"""Which monitor a ping key opens: a bounded memory of keys that were found, and a brief one of keys that were not."""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgspec

from store.live.monitors import Resolved

# A monitor pings again and again: whoever watches a million needs them all, at about 350 bytes each.
MOST_KNOWN = 2**20
MOST_UNKNOWN = 20_000
UNKNOWN_LIFE_MS = 2_000
# A full memory drops this part of it at once. One entry at a time would be dear: a dict finds its first one by walking
# over the places of all that were dropped before.
DROPPED_SHARE = 64


class KnownKey(msgspec.Struct, frozen=True, gc=False):
    """What ingest remembers of a key; `version` and `key_epoch` travel with every ping, so that a change is noticed.

    The garbage collector does not look at these: walking over a million of them would hold up every ping.
    """

    monitor_id: int
    wire_id: bytes
    shard: int
    version: int
    key_epoch: int
    name: str
    has_rules: bool = False


def known_key(resolved: Resolved) -> KnownKey:
    """What is worth remembering of a monitor that was found."""
    config = resolved.config
    wire_id = str(resolved.monitor_id).encode()
    return KnownKey(
        resolved.monitor_id,
        wire_id,
        resolved.shard,
        config.version,
        config.key_epoch,
        config.name,
        config.has_rules,
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
            _drop_oldest(self._known)
        self._known[key] = known

    def forget(self, key: str) -> None:
        """The key has to be looked up again."""
        self._known.pop(key, None)

    def note_unknown(self, key: str, now_ms: int) -> None:
        """Remember for a moment that nobody has this key, so that a scan cannot load Redis."""
        if len(self._unknown) >= self._most_unknown and key not in self._unknown:
            _drop_oldest(self._unknown)
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


def _drop_oldest(memory: dict[str, Any]) -> None:
    for key in list(islice(memory, max(1, len(memory) // DROPPED_SHARE))):
        del memory[key]
