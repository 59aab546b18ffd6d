"""The `/ping/<key>` dialect: the body, if there is one, is a flat JSON object of metrics of at most 1 KB."""

from __future__ import annotations

from ingest.doors.door import Refusal
from ingest.doors.metrics_body import complaint_about
from ingest.doors.reply import Reply, make_reply

_OK = make_reply(200, b'{"ok":true}', lasting=True)


class SimpleDoor:
    """Reads every body as JSON whatever its Content-Type: `curl -d` sends a form type."""

    name = "ping"
    prefix = "/ping/"
    kept_bytes = 1024
    strict_length = True

    def judge(self, body: bytes) -> Refusal | None:
        complaint = complaint_about(body)
        return None if complaint is None else Refusal(400, complaint)

    def welcome(self, monitor: str, arrival_ms: int) -> Reply:
        return _OK
