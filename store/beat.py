"""The neutral beat: what every ping dialect maps to, and how a batch of them travels to the recorder."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

MOST_MONITORS = 2**32 - 1


class Signal(IntEnum):
    """What a ping says. A `LOG` is history alone; a `START` is a sign of life only where a run has a longest time."""

    SUCCESS = 0
    START = 1
    FAIL = 2
    LOG = 3


class Signalled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a ping says beyond "all is well". `run`: the 16 bytes of a UUID, or nothing. `duration_ms`: as it told."""

    signal: Signal = Signal.SUCCESS
    run: bytes = b""
    exit_code: int | None = None
    duration_ms: int | None = None


class Beat(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was sent with a ping. Texts are the bytes of the request as they came; the ping key is never among them.

    `signalled` is None for a plain ping, so that it costs a byte.
    """

    method: str
    host: bytes
    query: bytes
    content_type: bytes
    user_agent: bytes
    sender: str
    body: bytes
    signalled: Signalled | None = None


class BeatRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A beat with the monitor it belongs to and its arrival in ms of Redis' clock.

    `beat` is None where it equals that of the row before: those who ping beside each other often say the same.
    """

    monitor_id: Annotated[int, msgspec.Meta(ge=1, le=MOST_MONITORS)]
    arrival_ms: int
    beat: Beat | None = None


def size_of(beat: Beat) -> int:
    """About how many bytes a beat takes: whatever a sender decides the length of."""
    return len(beat.body) + len(beat.query) + len(beat.user_agent) + len(beat.host) + len(beat.content_type)


encode_history = msgspec.msgpack.Encoder().encode
decode_history = msgspec.msgpack.Decoder(list[BeatRow]).decode
