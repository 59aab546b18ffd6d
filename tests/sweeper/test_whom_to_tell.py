"""A monitor tells the channels that it names, or else the default ones of its own organisation."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from store.live.channel_event import ChannelTold, TrialEvent
from store.live.channels import restore_named
from store.live.delivering import deliver, lease
from store.live.telling import try_channel
from store.projection import ChannelTarget, PutChannels, PutMonitor
from tests.stage import ORG, Stage, config_of, digest_of

USUAL, RARE, THEIRS = 7, 8, 9


@pytest.fixture(autouse=True)
async def both(stage: Stage) -> None:
    usual, rare = (
        ChannelTarget(USUAL, "webhook", b"{}"),
        ChannelTarget(RARE, "webhook", b"{}", is_default=False),
    )
    await stage.live.project(PutChannels(ORG, 1, (usual, rare)))
    theirs = ChannelTarget(THEIRS, "webhook", b"{}")
    await stage.live.project(PutChannels(ORG + 1, 1, (theirs,)))


async def put(stage: Stage, *named: int, version: int = 1) -> None:
    await stage.live.project(PutMonitor(config_of(1, version=version), (digest_of(1),), channels=named))


async def told(stage: Stage) -> list[int]:
    """Which channels hear of monitor 1 when it goes down now."""
    await stage.listen(until=41)
    await stage.sweep()
    await deliver(stage.shard, 10)
    return sorted(one.channel_id for one in (await lease(stage.shard, 10, 5000, ())).leases)


async def test_without_names_the_default_ones_are_told(stage: Stage) -> None:
    await put(stage)
    assert await told(stage) == [USUAL]


async def test_those_that_are_named_are_told(stage: Stage) -> None:
    await put(stage, RARE)
    assert await told(stage) == [RARE]


async def test_names_can_be_taken_back(stage: Stage) -> None:
    await put(stage, RARE)
    await put(stage, version=2)
    assert await told(stage) == [USUAL]


async def test_an_older_change_does_not_bring_names_back(stage: Stage) -> None:
    await put(stage)
    await put(stage, version=3)
    await put(stage, RARE, version=2)
    assert await told(stage) == [USUAL]


async def test_a_channel_of_somebody_else_is_never_told(stage: Stage) -> None:
    await put(stage, THEIRS)
    assert await told(stage) == [USUAL]
    assert THEIRS not in await told(stage)


async def test_when_all_that_were_named_are_gone_the_default_ones_are_told(stage: Stage) -> None:
    await put(stage, RARE)
    await stage.live.project(PutChannels(ORG, 2, (ChannelTarget(USUAL, "webhook", b"{}"),)))
    assert await told(stage) == [USUAL]


async def test_names_survive_a_rebuild(stage: Stage) -> None:
    await put(stage)
    await restore_named(stage.shard, [(1, [RARE])])
    assert await told(stage) == [RARE]


async def test_a_trial_reaches_one_channel_and_nobody_else(stage: Stage) -> None:
    event = TrialEvent(
        at_ms=stage.now_ms,
        org_id=ORG,
        delivery_id=UUID(int=5),
        channel_id=RARE,
        told=ChannelTold("p", "rare", "webhook"),
    )
    assert await try_channel(stage.shard, event)
    assert not await try_channel(stage.shard, msgspec.structs.replace(event, channel_id=99))
    await deliver(stage.shard, 10)
    [one] = (await lease(stage.shard, 10, 5000, ())).leases
    assert (one.channel_id, one.event) == (RARE, event)
