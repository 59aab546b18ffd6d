"""A slow Redis makes nothing blind as long as ingest is awake; what might have been heard late does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest import batch_endpoint
from ingest.attention import PIPELINED_MS, STOOD_STILL_MS, Attention, Vouching
from store.beat import Signal
from store.live.arrival import STEP_LEAST_MS, ArrivalClock
from store.live.heads import Outcome
from tests.ingest.entrance import Entrance, answers, entrance_on, seen
from tests.ingest.lane_cases import HOST
from tests.ingest.raw_http import talk
from tests.ingest.serving import serving
from tests.stage import Stage

SLOW_S = 1.3


class Hands:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def read(self) -> int:
        return self.now_ms


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def attention(hands: Hands) -> Attention:
    attention = Attention(hands.read)
    pass_ms(hands, attention, 1)
    return attention


@pytest.fixture
async def entrance(stage: Stage) -> AsyncIterator[Entrance]:
    async with entrance_on(stage.live.url, stage.redis) as entrance:
        yield entrance


def pass_ms(hands: Hands, attention: Attention, ms: int) -> None:
    """Time passes while the loop turns."""
    for _ in range(0, ms, 200):
        hands.now_ms += min(ms, 200)
        attention.turn()


async def holes_of(entrance: Entrance) -> list[tuple[int, int]]:
    return await entrance.live.holes(entrance.live.shards[0])


async def test_calls_that_take_more_than_a_second_leave_no_hole(entrance: Entrance) -> None:
    await entrance.put(1)
    await entrance.know(1)
    before = await holes_of(entrance)
    entrance.gate.shut()
    first = entrance.arrive(1)
    await asyncio.sleep(SLOW_S)
    second = entrance.arrive(1)
    entrance.gate.open()
    assert await answers([first, second]) == [Outcome.RECORDED] * 2
    await entrance.heard(second.arrival_ms)
    assert await holes_of(entrance) == before


async def test_a_loop_that_stood_still_for_more_than_a_second_leaves_one(entrance: Entrance) -> None:
    await entrance.put(1)
    await entrance.know(1)
    began_ms = entrance.intake.clock.now_ms()
    time.sleep(SLOW_S)
    await entrance.heard(began_ms + round(SLOW_S * 1000))
    assert await entrance.blind(began_ms + 500)


@pytest.mark.parametrize(("signal", "waiting"), [(Signal.START, 100), (Signal.SUCCESS, 1_100)])
async def test_it_leaves_one_also_where_so_much_waits_that_the_watermark_stays_behind(
    entrance: Entrance, signal: Signal, waiting: int
) -> None:
    """More than two batches: the watermark passes the time of the stand-still with none of the next."""
    await entrance.put(1)
    await entrance.put(2, interval_s=1, grace_s=0)
    await entrance.know(1, 2)
    entrance.gate.shut()
    pings = [entrance.arrive(1)]
    await seen(lambda: entrance.gate.waiting == 1)
    pings += [entrance.signal(1, signal) for _ in range(waiting)]
    began_ms = entrance.intake.clock.now_ms()
    time.sleep(2 * SLOW_S)
    pings.append(entrance.arrive(2))  # at some time in between, but it is stamped now
    entrance.gate.open()
    assert set(await answers(pings)) == {Outcome.RECORDED}
    await entrance.heard(pings[-1].arrival_ms)
    assert len(entrance.gate.batches) > 4
    assert await entrance.blind(began_ms + 500)
    assert await entrance.live.client.xlen(entrance.live.shards[0].keys.events) == 0


def test_who_turns_is_sure_and_who_stood_still_is_not_until_later(hands: Hands, attention: Attention) -> None:
    since_ms = hands.now_ms
    pass_ms(hands, attention, 5_000)
    assert attention.is_sure_since(since_ms)
    hands.now_ms += STOOD_STILL_MS
    assert attention.is_sure_since(since_ms)
    hands.now_ms += STOOD_STILL_MS + 1
    assert not attention.is_sure_since(since_ms)
    pass_ms(hands, attention, 200)
    since_ms = hands.now_ms
    pass_ms(hands, attention, 200)
    assert attention.is_sure_since(since_ms)


def test_while_something_is_held_back_nobody_is_sure(hands: Hands, attention: Attention) -> None:
    since_ms = hands.now_ms
    with attention.holding_back():
        pass_ms(hands, attention, 400)
        assert not attention.is_sure_since(hands.now_ms - 1)
    assert not attention.is_sure_since(since_ms)
    pass_ms(hands, attention, 200)
    assert attention.is_sure_since(hands.now_ms - 100)


def test_what_is_pipelined_leaves_a_doubt_for_a_while(hands: Hands, attention: Attention) -> None:
    attention.note_pipelined()
    pass_ms(hands, attention, PIPELINED_MS)
    assert not attention.is_sure_since(hands.now_ms)
    pass_ms(hands, attention, 400)
    assert attention.is_sure_since(hands.now_ms - 100)


@pytest.mark.parametrize(("leap_ms", "is_sure"), [(STEP_LEAST_MS, True), (STEP_LEAST_MS + 1, False)])
def test_nobody_vouches_across_a_correction_of_the_clock(
    hands: Hands, attention: Attention, leap_ms: int, is_sure: bool
) -> None:
    arrival = ArrivalClock(hands.read)
    # A way to Redis that is slow: the bounds are so wide that a step within them is not noticed.
    arrival.observe(hands.now_ms, hands.now_ms - 3_000, hands.now_ms)
    vouching = Vouching(attention, arrival)
    vouching.begin()
    pass_ms(hands, attention, 200)
    arrival.observe(hands.now_ms + leap_ms, hands.now_ms - 3_000, hands.now_ms)
    assert arrival.steps == 0
    assert vouching.vouch(arrival.now_ms() - 1) == is_sure
    pass_ms(hands, attention, 200)
    # The watermark has not passed the doubt yet.
    assert vouching.vouch(arrival.now_ms()) == is_sure
    pass_ms(hands, attention, 200)
    assert vouching.vouch(arrival.now_ms())


@pytest.mark.parametrize("lane", ["on", "off"])
async def test_a_ping_that_is_pipelined_behind_another_is_a_doubt(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lane: str
) -> None:
    noted = []
    monkeypatch.setattr(Attention, "note_pipelined", lambda _: noted.append(True))
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url, lane=lane) as served:
        key = (await served.make(interval=86_400))["key"].encode()
        raw = b"GET /ping/" + key + b" HTTP/1.1\r\n" + HOST + b"\r\n"
        await talk(served.port, [raw], 1)
        assert noted == []
        await talk(served.port, [raw * 2], 2)
        assert noted


async def test_a_batch_that_is_taken_up_in_portions_is_held_back(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_endpoint, "AT_ONCE", 2)
    held = []
    holding_back = Attention.holding_back

    def note(attention: Attention) -> object:
        held.append(True)
        return holding_back(attention)

    monkeypatch.setattr(Attention, "holding_back", note)
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        key = (await served.make())["key"]
        for items, expected in ((2, []), (3, [True])):
            reply = await served.client.post("/ping", json=[{"key": key}] * items)
            assert reply.json()["recorded"] == items
            assert held == expected
