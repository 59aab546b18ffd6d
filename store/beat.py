"""The neutral beat: what every ping dialect maps to, and how a batch of them travels to the recorder."""

from __future__ import annotations

import msgspec


class Beat(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was sent with a ping. Texts are the bytes of the request as they came; the ping key is never among them."""

    method: str
    host: bytes
    query: bytes
    content_type: bytes
    user_agent: bytes
    sender: str
    body: bytes


class BeatRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A beat with the monitor it belongs to and its arrival in ms of Redis' clock."""

    monitor_id: int
    arrival_ms: int
    beat: Beat


encode_history = msgspec.msgpack.Encoder().encode
decode_history = msgspec.msgpack.Decoder(list[BeatRow]).decode
