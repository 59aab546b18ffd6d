"""What is kept of a fleet, for how long, and that long work leaves turns to others."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ingest.api.call import Call
from ingest.pages import fleets as fleets_module
from ingest.pages import turns
from ingest.pages.fleets import Fleets
from store.clock import monotonic_ms
from tests.ingest.api.cast import Api
from tests.stage import Stage


class CountedLive:
    """The real one, which counts how often many states are asked for."""

    def __init__(self, live: Any) -> None:
        self.looks = 0
        self._live = live

    async def packed_states(self, ids: Any) -> Any:
        self.looks += 1
        return await self._live.packed_states(ids)


def call_of(api: Api, live: CountedLive, org_id: int = 1) -> Call:
    return cast(Call, SimpleNamespace(book=api.book, live=live, org_id=org_id))


@pytest.fixture
def long_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets_module, "KEPT_MS_PER_MONITOR", 1e6)


@pytest.mark.usefixtures("long_kept")
async def test_states_are_read_once_for_all_who_look_until_a_monitor_is_changed(api: Api) -> None:
    made = await api.monitor(name="b")
    live, fleets = CountedLive(api.live), Fleets()
    call = call_of(api, live)

    several = await asyncio.gather(*(fleets.of(call) for _ in range(5)))
    assert all(one is several[0] for one in several)
    assert live.looks == 1

    await api.owner.patch(f"/api/monitors/{made['id']}", json={"name": "z"})
    await api.monitor(name="a")

    assert [one.name for one in (await fleets.of(call)).monitors] == ["a", "z"]
    await api.owner.delete(f"/api/monitors/{made['id']}")
    assert [one.name for one in (await fleets.of(call)).monitors] == ["a"]


async def test_a_large_fleet_is_kept_longer_than_a_small_one(api: Api) -> None:
    await api.monitor()
    fleet = await Fleets().of(call_of(api, CountedLive(api.live)))

    assert fleet.is_fresh(fleet.read_ms)
    assert not fleet.is_fresh(fleet.read_ms + 1)
    assert fleet.redis_ms(fleet.read_ms + 5) == fleet.now_ms + 5


async def test_what_was_known_is_judged_anew_when_its_time_has_come(
    api: Api, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets_module, "KEPT_MS_PER_MONITOR", -1)
    await api.monitor(interval=60, gracePeriod=30)
    live, fleets = CountedLive(api.live), Fleets()

    found = []
    for second in (0, 60, 61):
        await stage.move_to(second)
        found.append((await fleets.of(call_of(api, live))).standings[0])

    assert [one.status for one in found] == ["new", "new", "late"]
    assert found[0] is found[1]


@pytest.mark.usefixtures("long_kept")
async def test_a_fleet_that_was_looked_at_longest_ago_makes_room(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets_module, "MOST_KEPT", 1)
    await api.monitor(), await api.monitor()
    assert (await api.stranger.post("/api/monitors", json={"name": "theirs"})).status_code == 201
    live, fleets = CountedLive(api.live), Fleets()

    await fleets.of(call_of(api, live))
    await fleets.of(call_of(api, live, org_id=2))
    await fleets.of(call_of(api, live, org_id=2))
    assert live.looks == 2
    await fleets.of(call_of(api, live))
    assert live.looks == 3


async def test_of_a_fleet_that_is_too_large_the_newest_are_shown_and_the_others_counted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets_module, "STEP", 2)
    monkeypatch.setattr(fleets_module, "MOST_SHOWN", 4)
    for number in range(5):
        await api.monitor(name=f"{number}")

    fleet = await Fleets().of(call_of(api, CountedLive(api.live)))

    assert ([one.name for one in fleet.monitors], fleet.hidden) == (["1", "2", "3", "4"], 1)


async def test_sorting_in_turns_is_sorting_and_leaves_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "STEP", 10)
    drawn = random.Random(1)
    for count in (0, 1, 9, 10, 11, 95, 137):
        keys = [drawn.randrange(20) for _ in range(count)]
        assert await turns.sort_in_turns(range(count), keys) == sorted(range(count), key=keys.__getitem__)

    others = 0

    async def wait() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(wait())
    await turns.sort_in_turns(range(100), list(range(100)))
    waiting.cancel()
    assert others >= 10


async def test_a_text_that_takes_long_leaves_turns() -> None:
    others = 0

    async def wait() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    def slow() -> Any:
        for number in range(4):
            until_ms = monotonic_ms() + turns.SLICE_MS
            while monotonic_ms() < until_ms:
                pass
            yield str(number)

    waiting = asyncio.create_task(wait())
    assert await turns.join_in_turns(slow()) == "0123"
    waiting.cancel()
    assert others >= 3
