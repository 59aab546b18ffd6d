"""The `/api/v1/heartbeat/<key>` dialect: any body is taken, and its first 10 KB are kept."""

from __future__ import annotations

import msgspec

from ingest.doors.body import AnyBody
from ingest.doors.reply import Reply, make_reply
from store.timestamps import rfc3339_seconds

_encode = msgspec.json.Encoder().encode


class HeartbeatTaken(msgspec.Struct, frozen=True):
    """The ping counted, at this second."""

    status: str
    monitor: str
    pinged_at: str


class HeartbeatDoor(AnyBody):
    """Says the monitor's name and the second of the ping in its reply."""

    name = "heartbeat"
    prefix = "/api/v1/heartbeat/"

    def welcome(self, monitor: str, arrival_ms: int) -> Reply:
        pinged_at = rfc3339_seconds(arrival_ms // 1000)
        return make_reply(200, _encode(HeartbeatTaken("ok", monitor, pinged_at)))
