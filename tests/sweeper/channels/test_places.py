"""Places for what costs a process or a connection each: a crowd that hangs leaves some to the others."""

from __future__ import annotations

import asyncio

import pytest

from sweeper.channels import places
from sweeper.channels.places import Places
from tests.patience import until


async def test_a_crowd_that_hangs_holds_up_others_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "SLOW_FROM_S", 0.05)
    some, never, entered = Places(4, 2), asyncio.Event(), []

    async def enter(owner: str) -> None:
        async with some.one_for(owner):
            entered.append(owner)
            await never.wait()

    async def came(count: int) -> None:
        await until(lambda: _is(len(entered) == count), 1)

    crowd = [asyncio.create_task(enter(f"{number}")) for number in range(4)]
    await asyncio.sleep(0)
    well = asyncio.create_task(enter("well"))
    assert (len(entered), some.waiting) == (4, 0)
    await came(5)
    assert entered[-1] == "well"
    # There is an end to it.
    more = [asyncio.create_task(enter(f"more {number}")) for number in range(4)]
    await came(8)
    assert some.waiting == 1
    well.cancel()
    await came(9)
    for task in (*crowd, *more, well):
        task.cancel()
    await asyncio.gather(*crowd, *more, well, return_exceptions=True)
    assert not +some._taken
    assert not some._young


async def _is(holds: bool) -> bool:
    return holds
