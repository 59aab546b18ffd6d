"""What would be told of a monitor, and to whom: what dispatch would send if something happened to it now."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ingest.api import channels, registry
from ingest.api.call import Call
from ingest.api.channel_replies import ToldReply
from ingest.api.operation import operation
from ingest.api.paging import PageQuery
from ingest.api.query import QueryDecoder
from ingest.api.registry import Watched
from ingest.api.wire import Json
from store.book.history_reader import HISTORY_DB
from store.book.last_pings import Wanted, last_pings
from store.errors import Invalid, Unavailable
from store.last_ping import LastPing, Noted
from store.live.event_kind import Cause, EventKind
from store.live.event_types import INCIDENT_KINDS
from store.live.packing import Event
from store.messages.message import notice_of
from store.messages.wording import words_of

# What can be asked for, by the word for it: what happens, and why the monitor is down.
OCCASIONS = {
    **{kind: (EventKind.DOWN, cause) for cause, kind in INCIDENT_KINDS.items()},
    "reminder": (EventKind.REMINDER, Cause.MISSED),
    "up": (EventKind.UP, Cause.MISSED),
}
# For so long it would have been down, in a reminder and in an up.
DOWN_FOR_MS = 3_600_000
LAST_PING_WITHIN_MS = 500


class CallShown(msgspec.Struct, frozen=True):
    """The body of a webhook's call."""

    body: msgspec.Raw


class TextShown(msgspec.Struct, frozen=True):
    """A message to people as plain text."""

    subject: str
    text: str


class MailShown(TextShown, frozen=True):
    """A mail, which has the same as HTML."""

    html: str


class MessagesShown(msgspec.Struct, frozen=True):
    """What each kind of channel would get."""

    webhook: CallShown
    email: MailShown
    apprise: TextShown


class PreviewReply(ToldReply, frozen=True, rename="camel", kw_only=True):
    """The messages, and a page of the channels that would get them."""

    occasion: str
    messages: MessagesShown


class PreviewQuery(PageQuery, frozen=True, kw_only=True):
    """Which page of the channels, and what happens."""

    occasion: Annotated[
        str,
        Meta(
            description="What happens: `silence`, `fail`, `overrun`, `reminder` or `up`.",
            extra_json_schema={"enum": list(OCCASIONS)},
        ),
    ] = INCIDENT_KINDS[Cause.MISSED]


_PREVIEW = QueryDecoder(PreviewQuery)


@operation(
    "Channels",
    "Look at what would be told of a monitor",
    "What each kind of channel would get if something happened now, and which channels would get it.",
    query=_PREVIEW,
    reply=PreviewReply,
)
async def show(call: Call) -> Response:
    return Json(await find(call))


async def find(call: Call) -> PreviewReply:
    """What would be told of the monitor that the path names, on the occasion that the query names."""
    query = _PREVIEW.decode(call.request)
    occasion = query.occasion
    if occasion not in OCCASIONS:
        raise Invalid(f"An occasion is one of {', '.join(OCCASIONS)}.", "occasion")
    told = await channels.told_of(call, query)
    watched = await registry.find(call, call.public_id)
    kind, cause = OCCASIONS[occasion]
    noted = Noted() if kind == EventKind.UP else await _noted(call, watched)
    messages = _messages(call, _event(watched, kind, cause), noted)
    known: dict[str, Any] = {name: getattr(told, name) for name in told.__struct_fields__}
    return PreviewReply(**known, occasion=occasion, messages=messages)


def _messages(call: Call, event: Event, noted: Noted) -> MessagesShown:
    notice = notice_of(event, noted, call.settings.base_url)
    words = words_of(notice.body, call.settings.base_url)
    return MessagesShown(
        webhook=CallShown(msgspec.Raw(notice.body)),
        email=MailShown(words.subject, words.text, words.html),
        apprise=TextShown(words.subject, words.text),
    )


def _event(watched: Watched, kind: EventKind, cause: Cause) -> Event:
    """As if it happened now; the incident's id is one that none has."""
    config, now_ms = watched.row.config, watched.now_ms
    return Event(
        kind=kind,
        at_ms=now_ms,
        silence_ms=0,
        started_ms=now_ms if kind == EventKind.DOWN else now_ms - DOWN_FOR_MS,
        seen_ms=watched.seen_ms or 0,
        monitor_id=config.id,
        org_id=config.org_id,
        interval_s=config.interval_s,
        grace_s=config.grace_s,
        public_id=config.public_id,
        name=config.name,
        cause=cause,
        schedule=config.rules.schedule if config.rules else "",
    )


async def _noted(call: Call, watched: Watched) -> Noted:
    rules = watched.row.config.rules
    ping = await _last_ping(call, watched)
    return Noted(ping, rules.max_runtime_s, failures=rules.failures) if rules else Noted(ping)


async def _last_ping(call: Call, watched: Watched) -> LastPing | None:
    """As dispatch would find it; no older than the plan shows."""
    seen_ms, path = watched.seen_ms, call.settings.data / HISTORY_DB
    if seen_ms is None or seen_ms < call.history_since_ms:
        return None
    wanted = Wanted(watched.row.config.id, seen_ms, watched.now_ms)
    try:
        [found] = await asyncio.to_thread(last_pings, path, [wanted], LAST_PING_WITHIN_MS)
    except Unavailable:
        return None
    return found
