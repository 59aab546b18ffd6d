"""Pings are heard: no blind time goes on and on, in which nobody is declared down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from overdue.health.finding import Finding, Verdict
from store.blind_time import BlindTime, reaches
from store.errors import Unavailable
from store.live.live import Live
from store.live.writers import registered

# As in `store/recorder/unheard.py`: a quick restart is no news.
LONG_MS = 10_000
LOOK_AGAIN_S = 3.0


async def hearing_finding(url: str, shards: int) -> Finding | None:
    """Whether blind time goes on; looked at twice, as one that is over is still near for a moment.

    None: who listens, and whether Redis answers, is another finding.
    """
    try:
        async with _open_live(url, shards) as live:
            longest = await _longest_now(live)
            if longest is not None:
                await asyncio.sleep(LOOK_AGAIN_S)
                longest = await _longest_now(live)
    except (Unavailable, ValueError, TypeError):
        return None
    if longest is None:
        return Finding(Verdict.GOOD, "hearing", "what arrives is heard")
    sentence = (
        f"pings go unheard for {longest.length_ms // 1000} s and it goes on, so nobody is declared down: they "
        "are refused, or ingest stands still, again and again; look at the load of this machine and of Redis"
    )
    return Finding(Verdict.BAD, "hearing", sentence)


@asynccontextmanager
async def _open_live(url: str, shards: int) -> AsyncIterator[Live]:
    live = Live(url, shards, "")
    try:
        await live.follow_generation()
        yield live
    finally:
        await live.aclose()


async def _longest_now(live: Live) -> BlindTime | None:
    """The longest blind time that goes on, if one is long."""
    writers = await registered(live.shards)
    now_ms, holes = await live.blind_times()
    found = []
    for shard, own in zip(live.shards, holes, strict=True):
        silent_ms = [one.silent_ms for one in writers if one.shard == shard.keys.shard]
        watermark_ms = now_ms - max((one for one in silent_ms if one is not None), default=0)
        if own and own[-1].length_ms > LONG_MS and reaches(own[-1], watermark_ms):
            found.append(own[-1])
    return max(found, key=lambda one: one.length_ms, default=None)
