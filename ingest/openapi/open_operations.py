"""What is told of the routes that need no key: pings, and what is there for those who watch Overdue itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ingest.api.operation import JSON, Operation
from ingest.batch_report import BatchReply
from ingest.doors.batch import MOST_ITEMS, PATH
from ingest.doors.batch_item import Item
from ingest.doors.door import Door
from ingest.doors.heartbeat import HeartbeatDoor, HeartbeatTaken
from ingest.doors.reply import PingProblem
from ingest.doors.signals import LONGEST_MS
from ingest.doors.simple import PingTaken, SimpleDoor

DOCUMENT_PATH = "/openapi.json"
PINGS, WATCHING = "Pings", "Overdue itself"
_TEXT = "text/plain; charset=utf-8"

Metrics = dict[str, float | str]

# An item as it is sent: its metrics are read later, by a reader of their own.
BatchItem = msgspec.defstruct(
    "BatchItem",
    [
        (one.name, Metrics, msgspec.field(default_factory=dict))
        if one.type is msgspec.Raw
        else (one.name, one.type)
        if one.required
        else (one.name, one.type, one.default)
        for one in msgspec.structs.fields(Item)
    ],
    rename={one.name: one.encode_name for one in msgspec.structs.fields(Item)},
    forbid_unknown_fields=True,
    namespace={"__doc__": "A ping in a batch."},
)
Batch = Annotated[list[BatchItem], Meta(min_length=1, max_length=MOST_ITEMS)]  # type: ignore[valid-type]


class PingQuery(msgspec.Struct, frozen=True):
    """What a ping may say in its query; the doors read it by themselves, in a microsecond."""

    rid: Annotated[
        str,
        Meta(
            description="The run, so that runs that overlap are told apart: its start and its end name the same one.",
            extra_json_schema={"format": "uuid"},
        ),
    ] = ""
    duration_ms: (
        Annotated[int, Meta(ge=0, le=LONGEST_MS, description="So long the run took; else it is measured.")]
        | None
    ) = None


_PING_REFUSALS: Mapping[int, str] = {
    400: "The body, the `rid` or the `duration_ms` cannot be read. What the ping signals counts all the same.",
    404: "No monitor has this key, or it is none, or there is no such signal.",
    408: "The request took too long to arrive.",
    429: "Too soon or too many for the plan: the sign of life counts all the same. Or too many unknown keys came from "
    "this address.",
    503: "Away or overloaded; ping again.",
}
_TOO_LARGE: Mapping[int, str] = {
    413: "The body is too large. The sign of life counts all the same.",
}
_SIGNAL = "Ping, and say more than that all is well"
_SIGNALS = (
    "`start`: the job has begun. `fail`, or an exit code from 1 to 255: it failed, and an incident opens at once. "
    "`log`: only kept. `0`: all is well. Only this last one is a sign of "
    "life, and `start` where a run has a longest time. Any body is taken, the end of a job's "
    "output, say, and its first 10 KB are kept."
)
_UNTOLD: tuple[str, str, Any, str, Any] = ("", "", None, JSON, None)
# By the name of the door: what it is for, what it says of bodies, the type and kind of the body, the reply.
_DOORS: Mapping[str, tuple[str, str, Any, str, Any]] = {
    SimpleDoor.name: (
        "Ping",
        "A body, if there is one, is read as a flat JSON object of figures, whatever its content type says.",
        Metrics,
        JSON,
        PingTaken,
    ),
    HeartbeatDoor.name: (
        "Ping, and hear the monitor's name",
        "Any body is taken, and its first 10 KB are kept.",
        str,
        "text/plain",
        HeartbeatTaken,
    ),
}


def of_door(door: Door, path: str, method: str) -> Operation:
    """A ping at a door, with a signal or without."""
    summary, description, body, media, reply = _DOORS.get(door.name, _UNTOLD)
    is_post, is_strict = method == "POST", door.strict_length
    if path.endswith("/{signal}"):
        summary, description, body, media, is_strict = _SIGNAL, _SIGNALS, str, "text/plain", False
    return Operation(
        tag=PINGS,
        summary=summary,
        description=description,
        query=PingQuery,
        body=body if is_post else None,
        bodies=(media,),
        body_required=False,
        reply=None if method == "HEAD" else reply,
        problem=None if method == "HEAD" else PingProblem,
        refusals={**_PING_REFUSALS, **(_TOO_LARGE if is_post and is_strict else {})},
    )


OPEN: Mapping[tuple[str, str], Operation] = {
    ("POST", PATH): Operation(
        id="batch_post",
        tag=PINGS,
        summary="Ping many at once",
        description="For a relay that collects the pings of many workers: a JSON array, one JSON object per line, or a "
        "MessagePack array (`Content-Type: application/msgpack`), plain or as gzip, of at most 1 MB. A bad item harms "
        "no other: the reply names it by its place, and is 200 all the same.",
        body=Batch,
        reply=BatchReply,
        problem=PingProblem,
        refusals={
            400: "The body as a whole cannot be read, is empty or has too many items.",
            408: "The request took too long to arrive.",
            413: "The body is too large.",
            415: "The body is in a `Content-Encoding` that is none of ours.",
            503: "Nothing could be recorded; send it again.",
        },
    ),
    ("GET", "/livez"): Operation(
        tag=WATCHING,
        summary="Is it alive?",
        description="200 as long as the process answers.",
        media=_TEXT,
        problem=None,
    ),
    ("GET", "/readyz"): Operation(
        tag=WATCHING,
        summary="Is it ready?",
        description="200 when all parts are ready.",
        media=_TEXT,
        problem=None,
        refusals={503: "Something is missing; the text says what."},
    ),
    ("GET", "/metrics"): Operation(
        tag=WATCHING,
        summary="Scrape Overdue itself",
        description="How it is doing, in Prometheus' text format.",
        media=CONTENT_TYPE_LATEST,
        problem=None,
    ),
    ("GET", DOCUMENT_PATH): Operation(
        tag=WATCHING,
        summary="Get this document",
        description="OpenAPI 3.1, made from the routes and types that answer.",
        reply=dict[str, Any],
        problem=None,
        headers={"If-None-Match": "The `ETag` of the document that you have."},
        reply_headers={"ETag": "Changes with the document."},
        refusals={304: "It is the one that you have."},
    ),
}
