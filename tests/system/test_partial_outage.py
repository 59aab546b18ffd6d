"""A part of us is away or slow: the clock of verdicts holds, and nobody who pings on schedule is called dead."""

from __future__ import annotations

import pytest

from store.errors import Unavailable
from store.live.heads import pack_head
from store.live.writer import Writer
from tests.stage import START_MS, Stage, config_of

INTERVAL_S, GRACE_S, FLEET = 30, 5, range(1, 31)
LIMIT_S = INTERVAL_S + GRACE_S
DEAD = 99


class Fleet:
    """Jobs that ping on time, each in its own second, and one that died. They ping `writer`, which may be slow."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.second = 0
        self.told: list[tuple[str, int]] = []
        self.waiting: list[tuple[int, int]] = []
        self.backlog_s = 0

    async def begin(self) -> None:
        for number in (*FLEET, DEAD):
            await self.stage.put(config_of(number, INTERVAL_S, GRACE_S))
        await self.stage.ping(*FLEET, DEAD)

    async def live(self, seconds: int, *writers: Writer, backlog_s: int = 0) -> list[tuple[str, int]]:
        """So much time passes; the writers take turns. A ping is committed `backlog_s` after it came."""
        told = []
        for _ in range(seconds):
            self.second += 1
            await self.stage.move_to(self.second)
            self.waiting += [
                (self.second, one) for one in FLEET if self.second % INTERVAL_S == one % INTERVAL_S
            ]
            for at, writer in enumerate(writers):
                await self._commit(
                    writer, [one for one in self.waiting if one[1] % len(writers) == at], backlog_s
                )
            await self.stage.sweep()
            told += [(kind, one) for kind, one, _ in await self.stage.told()]
        return told

    async def _commit(self, writer: Writer, mine: list[tuple[int, int]], backlog_s: int) -> None:
        ready = [one for one in mine if one[0] <= self.second - backlog_s]
        self.waiting = [one for one in self.waiting if one not in ready]
        left = [at for at, _ in mine if at > self.second - backlog_s]
        heard_ms = START_MS + min([self.second, *left]) * 1000 - (1 if left else 0)
        heads = b"".join(pack_head(START_MS + at * 1000, 1, 1, 0) for at, _ in ready)
        await writer.record([b"%d" % one for _, one in ready], heads, b"", heard_ms)


@pytest.fixture
async def fleet(stage: Stage) -> Fleet:
    fleet = Fleet(stage)
    await fleet.begin()
    return fleet


async def test_commits_that_are_a_minute_late_alarm_nobody(fleet: Fleet) -> None:
    writer = fleet.stage.writer
    assert await fleet.live(10, writer) == []
    assert await fleet.live(200, writer, backlog_s=60) == [("down", DEAD)]
    assert await fleet.live(2 * LIMIT_S, writer) == []


async def test_a_registry_that_is_deleted_alarms_nobody(fleet: Fleet) -> None:
    stage = fleet.stage
    assert await fleet.live(20, stage.writer) == []
    await stage.redis.delete(stage.shard.keys.writers)
    with pytest.raises(Unavailable):
        await fleet.live(1, stage.writer)
    assert (await stage.sweep()).watermark_ms is None
    await stage.writer.register()
    fleet.waiting.clear()
    assert await fleet.live(LIMIT_S - 1, stage.writer) == []
    assert await fleet.live(3 * LIMIT_S, stage.writer) == [("down", DEAD)]


async def test_a_writer_that_was_killed_and_never_comes_back_holds_the_clock(fleet: Fleet) -> None:
    stage = fleet.stage
    other = await stage.new_writer("main-1")
    assert await fleet.live(20, stage.writer, other) == []
    assert await fleet.live(10 * LIMIT_S, stage.writer) == []
    assert (await stage.sweep()).watermark_ms == START_MS + 20_000


async def test_a_writer_that_stood_still_for_two_minutes_alarms_nobody_when_it_goes_on(fleet: Fleet) -> None:
    stage = fleet.stage
    other = await stage.new_writer("main-1")
    assert await fleet.live(20, stage.writer, other) == []
    assert await fleet.live(120, stage.writer) == []
    assert await fleet.live(LIMIT_S - 1, stage.writer, other) == []
    assert await fleet.live(2 * LIMIT_S, stage.writer, other) == [("down", DEAD)]
    assert (20, 141) in await stage.holes()


async def test_a_redis_that_comes_back_without_its_last_moments_is_deaf_for_them(fleet: Fleet) -> None:
    """The watermark falls back with the pings, so the gap in the sequence of batches covers what was lost."""
    stage = fleet.stage
    assert await fleet.live(29, stage.writer) == []
    kept = {key: await stage.redis.dump(key) async for key in stage.redis.scan_iter("od:*")}
    await stage.move_to(29.4)
    await stage.ping(DEAD)
    await stage.redis.unlink(*[key async for key in stage.redis.scan_iter("od:*")])
    for key, blob in kept.items():
        await stage.redis.restore(key, 0, blob)
    assert await fleet.live(1, stage.writer) == []
    assert await stage.holes() == [(29, 30)]
    assert await fleet.live(LIMIT_S - 1, stage.writer) == []
    assert await fleet.live(LIMIT_S, stage.writer) == [("down", DEAD)]
