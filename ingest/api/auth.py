"""Who is calling: from an API key to its organisation and what it may do. Wrong keys and writes are limited."""

from __future__ import annotations

from math import ceil

from starlette.requests import Request

from ingest.api.live import Live
from ingest.senders import network_of
from store.book import keys
from store.book.database import ConfigBook
from store.book.keys import ApiKeyRow, KeyHolder
from store.errors import TooOften, Unavailable

# A key's last use is noted at most this often, so that reading stays reading.
USE_NOTED_EVERY_MS = 60_000


# A sender who tries wrong keys is told 401 so often, and then to wait. Right keys are not counted, and always work.
WRONG_KEYS_A_MINUTE = 100


async def find_caller(request: Request) -> KeyHolder | None:
    """The holder of the key in the headers; None without a key or with a wrong one.

    Each request asks the database again, so a revoked key opens nothing from that moment on, in every process.

    Raises:
        TooOften: too many wrong keys came from the same sender.
    """
    key = key_in(request)
    return await holder_of(request, key) if key else None


async def holder_of(request: Request, key: str) -> KeyHolder | None:
    """Who holds a key; None, and counted against the sender, if nobody does.

    Raises:
        TooOften: too many wrong keys came from the same sender.
    """
    caller = await keys.holder(request.state.book, key)
    if caller is None:
        sender = network_of(request.client.host if request.client else "")
        sentence = "Too many wrong API keys were tried from this address; wait before trying another."
        await _count(request.state.live, f"from:{sender}", WRONG_KEYS_A_MINUTE, sentence)
    return caller


async def count_write(live: Live, caller: KeyHolder) -> None:
    """Note a call that may change something.

    Raises:
        TooOften: the plan does not allow so many a minute with one key.
    """
    most = caller.plan.writes_per_minute
    if most:
        sentence = (
            f"The plan {caller.plan.name!r} allows {most} changes a minute with one key; wait a little."
        )
        await _count(live, f"key:{caller.id}", most, sentence)


async def note_use(book: ConfigBook, caller: ApiKeyRow, now_ms: int) -> None:
    """Note that the key was used, unless that was noted a moment ago."""
    if caller.last_used_ms is None or now_ms - caller.last_used_ms >= USE_NOTED_EVERY_MS:
        await keys.note_use(book, caller.id, now_ms)


async def _count(live: Live, who: str, most_a_minute: int, sentence: str) -> None:
    """Count a call. While Redis is away nothing is counted: whether the call can be answered is for others to say."""
    try:
        wait_ms = await live.count_use(who, most_a_minute)
    except Unavailable:
        return
    if wait_ms:
        raise TooOften(sentence, ceil(wait_ms / 1000))


def key_in(request: Request) -> str:
    """A Bearer key, else `x-api-key`: some proxies put an Authorization of their own."""
    headers = request.headers
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return headers.get("x-api-key", "").strip()
