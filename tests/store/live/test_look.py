"""Looking at the states of monitors, of few and of very many."""

from __future__ import annotations

from store.live.monitors import MOST_AT_ONCE
from store.live.packing import read_state
from store.monitor import Phase
from tests.stage import START_MS, Stage, config_of

LAST_ID = 2**32 - 1


async def test_states_come_in_the_order_in_which_they_are_asked_for(stage: Stage) -> None:
    for number in (1, 2, LAST_ID):
        await stage.put(config_of(number, paused=number == 2))
    await stage.move_to(5)
    await stage.ping(LAST_ID)

    now_ms, states = await stage.live.states([2, 7, LAST_ID, 1, 2])

    assert now_ms == START_MS + 5000
    assert states[1] is None
    assert [one.phase for one in states if one] == [Phase.PAUSED, Phase.ACTIVE, Phase.ACTIVE, Phase.PAUSED]
    assert [one.seen_ms for one in states if one] == [0, START_MS + 5000, 0, 0]


async def test_nobody_is_asked_for_and_the_time_is_told(stage: Stage) -> None:
    assert await stage.live.states([]) == (START_MS, [])


async def test_what_cannot_be_read_is_as_if_it_were_not_there_and_hides_nobody(stage: Stage) -> None:
    for number in (1, 2, 3):
        await stage.put(config_of(number))
    await stage.redis.hset(stage.shard.keys.state, "2", b"too short")

    _, states = await stage.live.states([1, 2, 3])

    assert [one is None for one in states] == [False, True, False]


async def test_more_than_one_call_takes_are_looked_at_in_several(stage: Stage) -> None:
    last = 2 * MOST_AT_ONCE + 1
    await stage.put(config_of(1))
    await stage.put(config_of(last))

    _, packed = await stage.live.packed_states(range(1, last + 1))

    assert len(packed) == last
    assert [at + 1 for at, blob in enumerate(packed) if read_state(blob)] == [1, last]
