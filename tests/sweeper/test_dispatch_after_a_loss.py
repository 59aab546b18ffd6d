"""The story of a flush: a receiver fails, Redis loses everything, and the receiver still hears it all in order."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from store.book import channels, outbox
from store.book.channels import NewChannel
from store.keeping import disable_channels
from store.live import streams
from store.projection import Burst
from store.rebuild import rebuild_if_empty
from tests.stage import ORG, START_MS, Stage
from tests.store.library import NOW_MS, Library, library_on
from tests.sweeper.channels.receivers import SECRET, Receiver, receiving
from tests.sweeper.telling import Teller, statuses, telling, told


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)


async def webhook(library: Library, receiver: Receiver) -> channels.ChannelRow:
    """The receiver is a channel of the organisation."""
    settings = msgspec.json.encode({"url": receiver.url(), "secret": SECRET})
    new = NewChannel(org_id=ORG, type="webhook", name="ops", settings=settings)
    row, change = await channels.create(library.book, new, NOW_MS)
    await library.stage.live.project(change.projection)
    await outbox.settle(library.book, [change.id])
    return row


async def record(library: Library) -> None:
    while await library.desk.step():
        pass


async def lose_everything(library: Library) -> None:
    stage = library.stage
    await stage.redis.flushall()
    await stage.redis.set("test-clock", stage.now_ms)
    assert await rebuild_if_empty(stage.live, library.book, library.history)
    stage.writer = await stage.new_writer()


async def go_down(stage: Stage, teller: Teller) -> None:
    await stage.listen(until=(stage.now_ms - START_MS) / 1000 + 41)
    await stage.sweep()
    await teller.finish()


async def test_a_failing_receiver_gets_the_down_with_its_id_and_then_the_up_though_redis_was_flushed(
    stage: Stage, tmp_path: Path
) -> None:
    async with (
        library_on(stage, tmp_path) as library,
        receiving(statuses(500, 500, 200)) as receiver,
        telling(stage.shard) as teller,
    ):
        await webhook(library, receiver)
        monitor = await library.monitor()
        await go_down(stage, teller)
        await record(library)
        await lose_everything(library)
        await library.pings(monitor)
        for second in (50, 70, 100):
            await stage.move_to(second)
            await teller.finish()
        await record(library)
        first, second_, third, up = told(receiver)
        log = library.desk.rows("SELECT type, state, attempts FROM deliveries ORDER BY number")
    assert [one.type for one in told(receiver)] == ["monitor.down"] * 3 + ["monitor.up"]
    assert len({one.webhook_id for one in (first, second_, third)}) == 1
    assert len({one.body for one in (first, second_, third)}) == 1
    assert up.incident_id == first.incident_id
    assert log == [("monitor.down", "delivered", 3), ("monitor.up", "delivered", 1)]


async def test_a_channel_that_was_disabled_stays_so_over_a_loss_until_it_is_enabled(
    stage: Stage, tmp_path: Path
) -> None:
    async with (
        library_on(stage, tmp_path) as library,
        receiving(statuses(410, 200)) as receiver,
        telling(stage.shard) as teller,
    ):
        channel = await webhook(library, receiver)
        monitor = await library.monitor()
        await go_down(stage, teller)
        known = await disable_channels(stage.live, library.book, {})
        assert known == {channel.id: (1, START_MS + 41_000)}
        assert await disable_channels(stage.live, library.book, known) == known
        [row] = await channels.page(library.book, ORG, 0, 10)
        assert (row.disabled_ms, row.epoch) == (START_MS + 41_000, 1)
        await record(library)
        await lose_everything(library)
        await library.pings(monitor)
        await go_down(stage, teller)
        assert len(receiver.calls) == 1
        row, change = await channels.enable(library.book, ORG, channel.public_id, NOW_MS)
        assert change is not None and (row.disabled_ms, row.epoch) == (None, 2)
        await stage.live.project(change.projection)
        assert await disable_channels(stage.live, library.book, {}) == {}
        await library.pings(monitor)
        await go_down(stage, teller)
        await record(library)
        log = library.desk.rows("SELECT type, state, last_status FROM deliveries ORDER BY number")
    assert [one.type for one in told(receiver)] == ["monitor.down", "monitor.down"]
    assert [kind for kind, *_ in log] == ["monitor.down", "monitor.up"] * 2 + ["monitor.down"]
    assert [state for _, state, _ in log] == ["dead"] * 4 + ["delivered"]
    assert log[0][2] == 410


async def test_a_wish_of_a_former_epoch_disables_nothing(stage: Stage, tmp_path: Path) -> None:
    async with (
        library_on(stage, tmp_path) as library,
        receiving(statuses(410, 200)) as receiver,
        telling(stage.shard) as teller,
    ):
        channel = await webhook(library, receiver)
        await library.monitor()
        await go_down(stage, teller)
        await disable_channels(stage.live, library.book, {})
        _, change = await channels.enable(library.book, ORG, channel.public_id, NOW_MS)
        assert change is not None
        await stage.live.project(change.projection)
        await disable_channels(stage.live, library.book, {})
        [row] = await channels.page(library.book, ORG, 0, 10)
        assert row.disabled_ms is None
        delete = await channels.delete(library.book, ORG, channel.public_id, NOW_MS)
        await stage.live.project(delete.projection)
        assert await stage.live.refusals() == {}


async def test_what_was_collected_before_redis_was_flushed_is_told_after_it_with_all_that_it_holds(
    stage: Stage, tmp_path: Path
) -> None:
    async with (
        library_on(stage, tmp_path) as library,
        receiving(statuses(200)) as receiver,
        telling(stage.shard) as teller,
    ):
        settings = msgspec.json.encode({"url": receiver.url(), "secret": SECRET})
        new = NewChannel(org_id=ORG, type="webhook", name="ops", settings=settings, burst=Burst(2, 60))
        _, change = await channels.create(library.book, new, NOW_MS)
        await stage.live.project(change.projection)
        fleet = [await library.monitor(f"job {number}") for number in range(5)]
        await go_down(stage, teller)
        fleet += [await library.monitor(f"job {number}") for number in range(5, 8)]
        await stage.listen(until=90)
        await stage.sweep()
        await teller.finish()
        await record(library)
        await lose_everything(library)
        await library.pings(*fleet)
        for second in (120, 200):
            await stage.listen(until=second, step=10)
            await teller.finish()
        await record(library)
        log = library.desk.rows("SELECT type, events, state FROM deliveries ORDER BY number")
    kinds = [one.type for one in told(receiver)]
    collected = kinds.index("monitors.down")
    assert told(receiver)[collected].message["data"]["count"] == 6
    members = {one["incident"]["id"] for one in told(receiver)[collected].message["data"]["monitors"]}
    assert len(members) == 6
    for number, one in enumerate(told(receiver)):
        if one.type == "monitors.up":
            assert number > collected
            assert {each["incident"]["id"] for each in one.message["data"]["monitors"]} <= members
        elif one.type == "monitor.up":
            assert one.incident_id not in members
    assert ("monitors.down", 6, "delivered") in log
    assert sum(events for kind, events, _ in log if kind.endswith(".up")) == 8
