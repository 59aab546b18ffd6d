"""A channel that is made while a monitor is down hears of its end only if it has heard of the incident."""

from __future__ import annotations

from store.live.channels import restore_channels
from store.live.delivering import Lease, deliver, lease, settle
from store.projection import Burst, ChannelTarget, PutChannels
from tests.packed_events import remind
from tests.stage import ORG, Stage
from tests.sweeper.telling import silence

OLD, NEW = 7, 8


async def there_are(stage: Stage, *ids: int, version: int, burst: Burst | None = None) -> None:
    targets = tuple(ChannelTarget(one, "email", b"{}", burst=burst) for one in ids)
    await stage.live.project(PutChannels(ORG, version, targets))


async def told(stage: Stage) -> list[tuple[str, int]]:
    """What was told since the last look, and to whom."""
    found: list[Lease] = []
    while (await deliver(stage.shard, 128)).events:
        pass
    while leases := (await lease(stage.shard, 100, 5000, ())).leases:
        for one in leases:
            assert await settle(stage.shard, one, "done")
        found += leases
    return sorted((one.event.kind.name, one.channel.id) for one in found if one.event and one.channel)


async def notes(stage: Stage) -> set[bytes]:
    return set(await stage.redis.hkeys(stage.shard.keys.newcomers))


async def test_the_end_of_what_it_never_heard_of_is_not_told(stage: Stage) -> None:
    await there_are(stage, OLD, version=1)
    await silence(stage, 1)
    assert await told(stage) == [("DOWN", OLD)]
    await there_are(stage, OLD, NEW, version=2)
    await stage.ping(1)
    assert await told(stage) == [("UP", OLD)]
    await stage.listen(until=90)
    await stage.sweep()
    await stage.ping(1)
    assert await told(stage) == [("DOWN", OLD), ("DOWN", NEW), ("UP", OLD), ("UP", NEW)]
    assert await notes(stage) == {b"7", b"8"}


async def test_whoever_was_reminded_hears_of_the_end(stage: Stage) -> None:
    await there_are(stage, OLD, version=1)
    await silence(stage, 1)
    await told(stage)
    await there_are(stage, OLD, NEW, version=2)
    await remind(stage, 1)
    assert await told(stage) == [("REMINDER", OLD), ("REMINDER", NEW)]
    noted = await stage.redis.hvals(stage.shard.keys.newcomers)
    await remind(stage, 1)
    assert await told(stage) == [("REMINDER", OLD), ("REMINDER", NEW)]
    assert await stage.redis.hvals(stage.shard.keys.newcomers) == noted
    await stage.ping(1)
    assert await told(stage) == [("UP", OLD), ("UP", NEW)]
    assert await notes(stage) == {b"7", b"8"}


async def test_whoever_came_before_the_beginning_went_out_hears_of_both(stage: Stage) -> None:
    await there_are(stage, OLD, version=1, burst=Burst(5, 60))
    await silence(stage, 1)
    await there_are(stage, OLD, NEW, version=2, burst=Burst(5, 60))
    assert await told(stage) == [("DOWN", OLD), ("DOWN", NEW)]
    await stage.ping(1)
    assert await told(stage) == [("UP", OLD), ("UP", NEW)]


async def test_nobody_is_new_after_a_rebuild_or_a_repair(stage: Stage) -> None:
    """Who heard of what is not known then; to hear of an end too often is better than not to."""
    await silence(stage, 1)
    target = ChannelTarget(OLD, "email", b"{}")
    await restore_channels(stage.shard, PutChannels(ORG, 1, (target,)))
    await stage.redis.delete(stage.shard.keys.orgs)
    await there_are(stage, OLD, version=2)
    assert await notes(stage) == set()
    await told(stage)


async def test_what_is_noted_goes_with_the_channel(stage: Stage) -> None:
    await there_are(stage, OLD, NEW, version=1)
    await there_are(stage, OLD, version=2)
    assert await notes(stage) == {b"7"}
