"""The `/ping/<key>` dialect: the body, if there is one, is a flat JSON object of metrics of at most 1 KB."""

from __future__ import annotations

import msgspec

from ingest.doors.body import Refusal
from ingest.doors.reply import Reply, make_reply
from store.flat_json import Complaint, read_metrics


class PingTaken(msgspec.Struct, frozen=True):
    """The ping counted."""

    ok: bool = True


_OK = make_reply(200, msgspec.json.encode(PingTaken()), lasting=True)


class SimpleDoor:
    """Reads every body as JSON whatever its Content-Type: `curl -d` sends a form type."""

    name = "ping"
    prefix = "/ping/"
    kept_bytes = 1024
    strict_length = True

    def judge(self, body: bytes) -> Refusal | None:
        found = read_metrics(body)
        return Refusal(400, found.sentence) if isinstance(found, Complaint) else None

    def welcome(self, monitor: str, arrival_ms: int) -> Reply:
        return _OK
