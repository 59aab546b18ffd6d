"""What travels with a batch of pings: a head for each, and what became of it in the reply.

`scripts/record.lua` has the other side.
"""

from __future__ import annotations

import struct
from enum import IntEnum

_HEAD = struct.Struct("<IHHIB")
_USED = struct.Struct("<II")
_ENDED = struct.Struct("<HIH")
LIFE_ONLY = 1
RELAYED = 2
SIGNAL_SHIFT = 2
HAS_RUN = 16


def pack_head(arrival_ms: int, key_epoch: int, known_version: int, flags: int) -> bytes:
    """What `record.lua` needs of one ping, besides its monitor id.

    `flags`: LIFE_ONLY, RELAYED, its signal (`Signal` << SIGNAL_SHIFT), and HAS_RUN where it names a run: 16 bytes for
    each of these travel beside the heads.
    """
    return _HEAD.pack(arrival_ms & 0xFFFFFFFF, arrival_ms >> 32, key_epoch, known_version, flags)


class Outcome(IntEnum):
    """What became of a ping: the bytes of a record call's reply (without `OUT_OF_DATE`), and ingest's own 0 and 7."""

    UNAVAILABLE = 0
    RECORDED = 1
    UNKNOWN = 2
    PAUSED = 3
    LIMITED = 4
    BROKEN = 5
    ALIVE = 6
    TURNED_AWAY = 7


OUT_OF_DATE = 128


def read_ended(blob: bytes) -> dict[int, int]:
    """The runs that ended with a batch: the place of the ping that ended one, and when it had started, in ms."""
    return {at: low | high << 32 for at, low, high in _ENDED.iter_unpack(blob[: len(blob) // 8 * 8])}


def read_waits(blob: bytes) -> tuple[int, ...]:
    """The seconds to wait that a record call reports, one number per limited ping."""
    return struct.unpack(f"<{len(blob) // 4}I", blob)


def read_used(blob: bytes | None, now_s: int) -> int:
    """The pings that an organisation has used of the minute that `now_s` lies in; see scripts/shared/plans.lua."""
    if blob is None or len(blob) != _USED.size:
        return 0
    minute, count = _USED.unpack(blob)
    return int(count) if minute == now_s // 60 else 0
