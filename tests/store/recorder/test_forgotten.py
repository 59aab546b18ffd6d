"""A Redis that comes back without its last moments forgets incidents that were told; their ends are told after all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.beat import Signal
from store.book import database, history_writer
from store.live import streams
from store.live.event_kind import Cause, EventKind
from store.monitor_rules import MonitorRules
from store.recorder.forgotten import Forgotten
from tests.stage import Stage, config_of
from tests.store.recorder.desk import Desk

MONITOR = 1


class Crash:
    """What Redis holds at a moment, and a return to it. A monitor of 30 + 10 s has pinged once."""

    def __init__(self, stage: Stage, desk: Desk) -> None:
        self.stage, self.desk = stage, desk
        self.forgotten = Forgotten(stage.live, desk.ledger)
        self._kept: dict[bytes, bytes] = {}

    async def record(self) -> None:
        while await self.desk.step():
            pass

    async def keep(self) -> None:
        self._kept = {
            key: await self.stage.redis.dump(key) async for key in self.stage.redis.scan_iter("od:*")
        }

    async def lose(self) -> None:
        """What has happened since is gone, and the writer goes on."""
        await self.stage.redis.unlink(*[key async for key in self.stage.redis.scan_iter("od:*")])
        for key, blob in self._kept.items():
            await self.stage.redis.restore(key, 0, blob)
        await self.stage.ping()
        await self.stage.told()

    async def fail_and_lose_it(self) -> None:
        await self.stage.listen(until=9)
        await self.stage.ping(MONITOR, signal=Signal.START)
        await self.record()
        await self.keep()
        await self.stage.listen(until=10)
        await self.stage.ping(MONITOR, signal=Signal.FAIL)
        await self.record()
        await self.lose()

    def incidents(self) -> list[tuple[int, bool]]:
        return self.desk.rows("SELECT monitor_id, ended_ms IS NULL FROM incidents ORDER BY started_ms")

    async def fall_silent_and_lose_it(self) -> None:
        await self.stage.listen(until=39)
        await self.record()
        await self.keep()
        await self.stage.listen(until=41)
        await self.stage.sweep()
        assert await self.stage.told() == [("down", MONITOR, 40)]
        await self.record()
        assert self.incidents() == [(MONITOR, True)]
        await self.lose()


@pytest.fixture
async def crash(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crash]:
    monkeypatch.setattr(streams, "BLOCK_MS", 5)
    monkeypatch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "PRAGMA synchronous = OFF"))
    monkeypatch.setattr(history_writer, "PRAGMAS", (*history_writer.PRAGMAS, "PRAGMA synchronous = OFF"))
    await stage.put(config_of(MONITOR, 30, 10))
    await stage.ping(MONITOR)
    desk = Desk(stage, tmp_path / "history.db")
    yield Crash(stage, desk)
    await desk.crash()


async def test_whoever_pings_before_it_is_missed_again_is_told_to_be_back(crash: Crash) -> None:
    await crash.fall_silent_and_lose_it()
    assert await crash.forgotten.step() == 0  # who knows whether it is back
    await crash.stage.move_to(42)
    await crash.stage.ping(MONITOR)
    await crash.record()
    assert await crash.forgotten.step() == 1
    down, up = await crash.stage.events()
    assert [one.kind.name for one in (down, up)] == ["DOWN", "UP"]
    assert down.incident_id == up.incident_id
    await crash.record()
    assert crash.incidents() == [(MONITOR, False)]
    assert await crash.forgotten.step() == 0


async def test_one_that_stays_silent_is_missed_again_under_its_own_id_and_left_alone(crash: Crash) -> None:
    await crash.fall_silent_and_lose_it()
    await crash.stage.listen(until=90)
    await crash.stage.sweep()
    assert [kind for kind, _, _ in await crash.stage.told()] == ["down"]
    await crash.record()
    assert await crash.forgotten.step() == 0
    assert crash.incidents() == [(MONITOR, True)]


async def test_one_that_was_paused_meanwhile_ends_without_a_word(crash: Crash) -> None:
    await crash.fall_silent_and_lose_it()
    await crash.stage.put(config_of(MONITOR, 30, 10, version=2, paused=True))
    assert await crash.forgotten.step() == 1
    assert await crash.stage.told() == []
    assert crash.incidents() == [(MONITOR, False)]


async def test_nothing_is_ended_that_the_recorder_has_not_read_to_its_end(crash: Crash) -> None:
    await crash.stage.listen(until=41)
    await crash.stage.sweep()
    await crash.record()
    await crash.stage.move_to(42)
    await crash.stage.ping(MONITOR)
    assert await crash.forgotten.step() == 0
    assert [kind for kind, _, _ in await crash.stage.told()] == ["down", "up"]
    await crash.record()
    assert await crash.forgotten.step() == 0
    assert crash.incidents() == [(MONITOR, False)]


async def test_what_is_down_stays_down(crash: Crash) -> None:
    await crash.stage.listen(until=41)
    await crash.stage.sweep()
    await crash.record()
    await crash.stage.told()
    assert await crash.forgotten.step() == 0
    assert await crash.stage.told() == []
    assert crash.incidents() == [(MONITOR, True)]


async def test_a_failure_ends_with_the_next_success_and_is_called_one(crash: Crash) -> None:
    await crash.fail_and_lose_it()
    await crash.stage.listen(until=13)
    await crash.stage.ping(MONITOR)
    await crash.record()
    assert await crash.forgotten.step() == 1
    events = await crash.stage.events()
    assert [(one.kind, one.cause) for one in events] == [
        (EventKind.DOWN, Cause.FAILED),
        (EventKind.UP, Cause.FAILED),
    ]
    await crash.record()
    assert crash.incidents() == [(MONITOR, False)]


async def test_neither_a_start_nor_an_edit_nor_a_late_success_ends_a_failure(crash: Crash) -> None:
    await crash.stage.put(config_of(MONITOR, 30, 10, version=2, rules=MonitorRules(max_runtime_s=60)))
    await crash.fail_and_lose_it()
    await crash.stage.ping(MONITOR, at=9.5)
    assert await crash.forgotten.step() == 0
    await crash.stage.listen(until=12)
    await crash.stage.ping(MONITOR, signal=Signal.START)
    assert await crash.forgotten.step() == 0
    await crash.stage.listen(until=13)
    await crash.stage.put(config_of(MONITOR, 90, 10, version=3, rules=MonitorRules(max_runtime_s=60)))
    assert await crash.forgotten.step() == 0
    assert await crash.stage.told() == []
    assert crash.incidents() == [(MONITOR, True)]


async def test_an_overrun_ends_with_the_next_success(crash: Crash) -> None:
    await crash.stage.put(config_of(MONITOR, 30, 10, version=2, rules=MonitorRules(max_runtime_s=5)))
    await crash.stage.listen(until=2)
    await crash.record()
    await crash.keep()
    await crash.stage.ping(MONITOR, signal=Signal.START)
    await crash.stage.listen(until=7)
    await crash.stage.sweep()
    await crash.record()
    assert crash.incidents() == [(MONITOR, True)]
    await crash.lose()
    await crash.stage.listen(until=8)
    await crash.stage.ping(MONITOR)
    await crash.record()
    assert await crash.forgotten.step() == 1
    assert [(one.kind, one.cause) for one in await crash.stage.events()] == [
        (EventKind.DOWN, Cause.OVERRUN),
        (EventKind.UP, Cause.OVERRUN),
    ]
    await crash.record()
    assert crash.incidents() == [(MONITOR, False)]
