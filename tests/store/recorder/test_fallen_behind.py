"""Redis loses its last moments, and comes back by a clock that is behind: nothing is skipped, nothing is there twice.

The ids of streams are the server's own clock. So what is lost here had its ids from a clock five seconds ahead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL

import pytest

from store.live import streams
from store.live.delivering import Report, Settlement, deliver, lease, settle
from store.live.forgotten import tell_forgotten
from store.live.heads import Outcome
from store.live.streams import trim_pings
from store.silence import Silence
from tests.servers import valkey_binary
from tests.stage import START_MS, Stage, config_of
from tests.store.live.server_on_disk import ServerOnDisk, server_on_disk
from tests.store.recorder.desk import Desk, ping, row_of
from tests.system.test_faked_time import LIBRARIES, FakedClock, faking

AHEAD_MS = 5_000
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


class PowerLoss:
    """A Redis on a disk with a stage, and a recorder beside it."""

    def __init__(self, server: ServerOnDisk, stage: Stage, folder: Path) -> None:
        self.server = server
        self.stage = stage
        self.desk = Desk(stage, folder / "history.db")
        self._kept = 0

    def nothing_more_gets_to_the_disk(self) -> None:
        self._kept = self.server.incremental_file.stat().st_size

    async def move_ahead(self, *names: str, by_ms: int = AHEAD_MS) -> None:
        """The newest entry of each of these streams gets the id that a clock would give which is ahead."""
        redis, keys = self.stage.redis, self.stage.shard.keys
        seconds, _ = await redis.time()
        for key in (getattr(keys, name) for name in names):
            [(entry_id, fields)] = await redis.xrevrange(key, count=1)
            await redis.xdel(key, entry_id)
            await redis.xadd(key, fields, id=f"{seconds * 1000 + by_ms}-0")

    async def give_again(self, name: str) -> None:
        """The newest entry of this stream gets the very id of the last one that was read."""
        redis, key = self.stage.redis, getattr(self.stage.shard.keys, name)
        [(entry,)] = self.desk.rows(f"SELECT entry FROM positions WHERE stream = '{name}'")
        [(entry_id, fields)] = await redis.xrevrange(key, count=1)
        await redis.xdel(key, entry_id)
        await redis.xadd(key, fields, id=entry)

    async def strike(self) -> None:
        file = self.server.incremental_file
        self.server.stop(SIGKILL)
        with file.open("r+b") as log:
            log.truncate(self._kept)
        self.server.start()
        for client in (self.stage.redis, self.desk.reader._client):
            await client.connection_pool.disconnect()
        await self.stage.move_to(now_s(self.stage))
        self.stage.writer = await self.stage.new_writer()

    async def a_recorder_begins(self) -> None:
        await self.desk.crash()
        self.desk.reopen()


@pytest.fixture
async def loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PowerLoss]:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    with server_on_disk(valkey_binary(), *ALWAYS) as server:
        async with staged(server) as stage:
            loss = PowerLoss(server, stage, tmp_path)
            yield loss
            await loss.desk.crash()


@asynccontextmanager
async def staged(server: ServerOnDisk) -> AsyncIterator[Stage]:
    stage = Stage(server.url)
    await stage.open()
    for number in (1, 2, 3):
        await stage.put(config_of(number))
    yield stage
    await stage.close()


def now_s(stage: Stage) -> float:
    return (stage.now_ms - START_MS) / 1000


async def record(desk: Desk) -> None:
    while await desk.step():
        pass


async def said(stage: Stage, monitor_id: int, body: bytes) -> None:
    assert await ping(stage, row_of(monitor_id, now_s(stage), body)) == [Outcome.RECORDED]


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_pings_whose_ids_are_not_above_those_that_were_lost_are_recorded_once(
    loss: PowerLoss, is_restarted: bool
) -> None:
    stage, desk = loss.stage, loss.desk
    for number in (1, 2):
        await said(stage, number, b"kept")
    loss.nothing_more_gets_to_the_disk()
    await said(stage, 3, b"lost")
    await loss.move_ahead("pings")
    await record(desk)  # and what it trims now is there again after the loss
    await loss.strike()
    assert await stage.redis.xlen(stage.shard.keys.pings) == 2
    for number in (1, 2, 3):
        await said(stage, number, b"new")
    if is_restarted:
        await loss.a_recorder_begins()
    await record(desk)
    expected = [(1, b"kept"), (2, b"kept"), (3, b"lost"), (1, b"new"), (2, b"new"), (3, b"new")]
    assert desk.pings() == expected
    assert await desk.waiting() == (0, 0)
    tallies = await stage.live.tallies()
    assert tallies.history_trimmed == tallies.history_appended
    await said(stage, 1, b"later")
    await record(desk)
    assert desk.pings() == [*expected, (1, b"later")]


async def test_a_recorder_that_was_away_until_ids_were_above_the_lost_ones_again_skips_nothing(
    loss: PowerLoss,
) -> None:
    stage, desk = loss.stage, loss.desk
    loss.nothing_more_gets_to_the_disk()
    await said(stage, 3, b"lost")
    await loss.move_ahead("pings")
    await record(desk)
    await loss.strike()
    for number in (1, 2):
        await said(stage, number, b"new")
    await loss.move_ahead("pings", by_ms=2 * AHEAD_MS)
    await said(stage, 3, b"new")
    await loss.a_recorder_begins()
    await record(desk)
    assert desk.pings() == [(3, b"lost"), (1, b"new"), (2, b"new"), (3, b"new")]


@pytest.mark.slow
@pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed (Debian's package faketime)")
@pytest.mark.parametrize("step_s", [-1, -5, -3600])
async def test_where_the_clock_of_the_server_is_really_behind_nothing_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: int
) -> None:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    clock = FakedClock(tmp_path / "faketime")
    for name, text in faking(tmp_path / "faketime").items():
        monkeypatch.setenv(name, text)
    with server_on_disk(valkey_binary(), *ALWAYS) as server:
        async with staged(server) as stage:
            loss = PowerLoss(server, stage, tmp_path)
            await said(stage, 1, b"kept")
            loss.nothing_more_gets_to_the_disk()
            await said(stage, 3, b"lost")
            await record(loss.desk)
            clock.step(step_s)
            await loss.strike()
            for number in (1, 2, 3):
                await said(stage, number, b"new")
            await record(loss.desk)
            expected = [(1, b"kept"), (3, b"lost"), (1, b"new"), (2, b"new"), (3, b"new")]
            assert loss.desk.pings() == expected
            assert await loss.desk.waiting() == (0, 0)
            await loss.desk.crash()


async def test_what_nobody_has_read_is_not_trimmed(loss: PowerLoss) -> None:
    stage, desk = loss.stage, loss.desk
    loss.nothing_more_gets_to_the_disk()
    await said(stage, 3, b"lost")
    await loss.move_ahead("pings")
    await record(desk)
    [lost] = desk.rows("SELECT entry, appended_bytes FROM positions WHERE stream = 'pings'")
    await loss.strike()
    await said(stage, 1, b"new")
    assert await trim_pings(stage.shard, *lost) == 0
    assert await stage.redis.xlen(stage.shard.keys.pings) == 1


async def go_down(stage: Stage) -> None:
    await stage.listen(until=now_s(stage) + 41)
    await stage.sweep()


async def tell(stage: Stage, outcome: Settlement) -> None:
    """Deliveries are made, and each is attempted once."""
    await deliver(stage.shard, 100)
    for one in (await lease(stage.shard, 100, 5_000, [])).leases:
        report = Report(was_made=True, status=200 if outcome == "done" else 500, reason="")
        await settle(stage.shard, one, outcome, 3_600_000, report)


async def test_events_and_deliveries_are_in_the_history_once(loss: PowerLoss) -> None:
    stage, desk = loss.stage, loss.desk
    await stage.channels(1)
    await go_down(stage)
    await tell(stage, "retry")
    loss.nothing_more_gets_to_the_disk()
    await said(stage, 1, b"lost")
    await loss.move_ahead("pings", "events")
    await tell(stage, "done")
    await loss.move_ahead("letters")
    await record(desk)
    await loss.strike()
    await said(stage, 2, b"new")
    await said(stage, 3, b"new")
    await record(desk)
    assert desk.rows("SELECT count(*) FROM untold_events") == [(2,)]
    await tell(stage, "done")
    await record(desk)
    assert await desk.waiting() == (0, 0)
    assert await stage.redis.xlen(stage.shard.keys.letters) == 0
    ended = desk.rows("SELECT monitor_id FROM incidents WHERE ended_ms IS NOT NULL ORDER BY monitor_id")
    assert ended == [(1,), (2,), (3,)]
    downs = desk.rows("SELECT monitor_id, attempts FROM deliveries WHERE type = 'monitor.down' ORDER BY 1")
    assert downs == [(1, 1), (2, 1), (3, 1)]
    assert desk.rows("SELECT count(*) FROM delivery_attempts") == [(3,)]
    ups = desk.rows("SELECT monitor_id FROM deliveries WHERE type = 'monitor.up' ORDER BY 1")
    assert ups == [(1,), (2,), (3,)]
    assert desk.rows("SELECT count(*) FROM untold_events") == [(0,)]


async def test_nothing_is_told_of_incidents_before_their_events_are_read_again(loss: PowerLoss) -> None:
    stage, desk = loss.stage, loss.desk
    await go_down(stage)
    await record(desk)
    loss.nothing_more_gets_to_the_disk()
    await said(stage, 3, b"lost")
    await loss.move_ahead("pings", "events")
    await record(desk)
    await loss.strike()
    await said(stage, 1, b"new")
    [(entry,)] = desk.rows("SELECT entry FROM positions WHERE stream = 'events'")
    [(name, silence_ms, started_ms)] = desk.rows(
        "SELECT id, silence_ms, started_ms FROM incidents WHERE monitor_id = 1"
    )
    incident = Silence(id=name, monitor_id=1, silence_ms=silence_ms, started_ms=started_ms, delayed_ms=0)
    assert await tell_forgotten(stage.shard, entry, [incident]) == []
    await record(desk)
    assert desk.rows("SELECT count(*) FROM incidents WHERE monitor_id = 1 AND ended_ms IS NOT NULL") == [(1,)]


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("name", ["pings", "events"])
async def test_what_gets_the_very_id_of_the_last_entry_that_was_read_is_not_taken_for_it(
    loss: PowerLoss, name: str, is_restarted: bool
) -> None:
    stage, desk = loss.stage, loss.desk
    await go_down(stage)
    await record(desk)
    loss.nothing_more_gets_to_the_disk()
    await said(stage, 3, b"lost")
    await loss.move_ahead(name)
    await record(desk)
    await loss.strike()
    await said(stage, 1, b"new")
    await loss.give_again(name)
    if is_restarted:
        await loss.a_recorder_begins()
    await record(desk)
    assert desk.pings() == [(3, b"lost"), (1, b"new")]
    ended = desk.rows("SELECT monitor_id FROM incidents WHERE ended_ms IS NOT NULL ORDER BY monitor_id")
    assert ended == [(1,), (3,)]


async def test_a_recorder_that_begins_where_something_is_left_does_not_speak_of_a_loss(
    loss: PowerLoss, caplog: pytest.LogCaptureFixture
) -> None:
    await go_down(loss.stage)
    await record(loss.desk)
    await loss.a_recorder_begins()
    await record(loss.desk)
    assert (await loss.desk.waiting())[1] == 3
    assert "lost its last moments" not in caplog.text
    assert loss.desk.rows("SELECT count(*) FROM incidents") == [(3,)]
