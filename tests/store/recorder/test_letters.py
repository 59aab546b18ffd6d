"""Deliveries and their attempts are in history.db exactly once, and so is what waits to be told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from store.live.dead_letters import retry_letter
from store.live.delivering import Lease, Report, Settlement, deliver, lease, settle
from store.recorder import recorder as recorder_module
from store.recorder.forgetting import forget_deliveries
from tests.stage import GENERATION, START_MS, Stage, config_of
from tests.store.recorder.desk import Desk
from tests.store.recorder.test_recorder import Killed, killing

STATE = "state, attempts, tries, last_status, last_reason, next_ms - {start}, settled_ms - {start}"
ATTEMPTS = (
    "SELECT attempt, at_ms - {start}, outcome, status, reason, duration_ms FROM delivery_attempts ORDER BY id"
)
DAY_MS = 86_400_000
Rows = list[tuple[Any, ...]]


@pytest.fixture
async def desk(stage: Stage, tmp_path: Path) -> AsyncIterator[Desk]:
    """A recorder, and a monitor that has been silent for too long since second 2."""
    await stage.channels(7)
    await stage.put(config_of(1, 1, 1))
    await stage.listen(until=2)
    await stage.sweep()
    desk = Desk(stage, tmp_path / "history.db")
    yield desk
    await desk.crash()


async def take(stage: Stage) -> list[Lease]:
    return (await lease(stage.shard, 100, 5000, ())).leases


async def attempt(stage: Stage, outcome: Settlement, wait_ms: int = 0, **said: Any) -> str:
    """One attempt of what is due."""
    [one] = await take(stage)
    assert await settle(stage.shard, one, outcome, wait_ms, Report(**said))
    return one.delivery_id


async def tell(stage: Stage) -> None:
    """The monitor goes down, and is told of at the second attempt."""
    await deliver(stage.shard, 10)
    await attempt(stage, "retry", 5000, status=500, duration_ms=30, reason="no")
    await stage.move_to(7)
    await attempt(stage, "done", status=204, duration_ms=40, reason="yes")


def states(desk: Desk) -> Rows:
    return desk.rows(f"SELECT {STATE.format(start=START_MS)} FROM deliveries ORDER BY number")


def attempts(desk: Desk) -> Rows:
    return desk.rows(ATTEMPTS.format(start=START_MS))


def untold(desk: Desk) -> Rows:
    return desk.rows("SELECT generation, entry_ms || '-' || entry_seq FROM untold_events ORDER BY entry_ms")


async def test_a_delivery_is_followed_from_its_event_to_its_end(stage: Stage, desk: Desk) -> None:
    [down] = await stage.events()
    await deliver(stage.shard, 10)
    await desk.step()
    who = "org_id, monitor_id, channel_id, incident_id, type, created_ms"
    assert desk.rows(f"SELECT {who} FROM deliveries") == [
        (1, 1, 7, str(down.incident_id), "monitor.down", START_MS + 2000)
    ]
    assert states(desk) == [("waiting", 0, 0, None, None, None, None)]
    await attempt(stage, "retry", 5000, status=500, duration_ms=30, reason="no")
    await desk.step()
    assert states(desk) == [("retrying", 1, 1, 500, "no", 7000, None)]
    await stage.move_to(7)
    await attempt(stage, "done", status=204, duration_ms=40, reason="yes")
    await desk.step()
    assert states(desk) == [("delivered", 2, 2, 204, "yes", None, 7000)]
    assert attempts(desk) == [(1, 1970, "retry", 500, "no", 30), (2, 6960, "delivered", 204, "yes", 40)]
    assert await stage.redis.xlen(stage.shard.keys.letters) == 0
    tallies = await stage.live.tallies()
    assert tallies.letters_trimmed == tallies.letters_appended > 0


async def test_a_dead_letter_that_is_sent_again_begins_anew(stage: Stage, desk: Desk) -> None:
    await deliver(stage.shard, 10)
    letter = await attempt(stage, "dead", status=500, reason="no")
    await desk.step()
    assert states(desk) == [("dead", 1, 1, 500, "no", None, 2000)]
    await retry_letter(stage.shard, letter)
    await desk.step()
    assert states(desk) == [("waiting", 1, 0, 500, "no", None, None)]
    await attempt(stage, "done", status=200, reason="yes")
    await desk.step()
    assert states(desk) == [("delivered", 2, 1, 200, "yes", None, 2000)]


async def test_what_moved_without_an_attempt_is_no_attempt(stage: Stage, desk: Desk) -> None:
    await deliver(stage.shard, 10)
    await attempt(stage, "gone", was_made=False, reason="why")
    await desk.step()
    assert states(desk) == [("dropped", 0, 0, None, "why", None, 2000)]
    assert attempts(desk) == []


# Exactly once


async def test_a_crash_before_the_commit_loses_nothing(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(stage)
    monkeypatch.setattr(desk.writer, "set_position", killing(after=desk.writer.set_position))
    with pytest.raises(Killed):
        await desk.step()
    await desk.crash()
    desk.reopen()
    assert (states(desk), attempts(desk)) == ([], [])
    await desk.step()
    assert [state for state, *_ in states(desk)] == ["delivered"]
    assert len(attempts(desk)) == 2


async def test_a_crash_between_the_commit_and_the_trim_writes_nothing_twice(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(stage)
    with monkeypatch.context() as dying:
        dying.setattr(recorder_module, "trim_letters", killing())
        with pytest.raises(Killed):
            await desk.step()
    await desk.crash()
    assert await stage.redis.xlen(stage.shard.keys.letters) == 3
    before = states(desk), attempts(desk)
    desk.reopen()
    assert await desk.step() == 1  # the event, which a recorder that begins reads again
    assert (states(desk), attempts(desk)) == before
    assert len(attempts(desk)) == 2
    assert await stage.redis.xlen(stage.shard.keys.letters) == 0


async def test_what_redis_makes_again_after_a_crash_of_its_own_is_the_same_delivery(
    stage: Stage, desk: Desk
) -> None:
    """It came back without its last moments, which were recorded."""
    keys = stage.shard.keys
    kept = await stage.redis.dump(keys.events)
    await deliver(stage.shard, 10)
    await attempt(stage, "done", status=200)
    await desk.step()
    await stage.redis.restore(keys.events, 0, kept, replace=True)
    await stage.redis.delete(keys.dispatched)
    await deliver(stage.shard, 10)
    await desk.step()
    assert states(desk) == [("waiting", 1, 0, 200, None, None, None)]


async def test_another_delivery_under_a_former_id_is_another_one(stage: Stage, desk: Desk) -> None:
    """Redis was emptied, and its clock stepped back."""
    await deliver(stage.shard, 10)
    await desk.step()
    desk.writer.connection.execute("UPDATE deliveries SET event = x'00'")
    [(live_id,)] = desk.rows("SELECT live_id FROM deliveries")
    entry = live_id.partition(":")[0]
    event = (await stage.redis.hget(stage.shard.keys.deliveries, live_id))[3:]
    await stage.redis.delete(stage.shard.keys.events, stage.shard.keys.dispatched)
    await stage.redis.xadd(stage.shard.keys.events, {"e": event}, id=entry)
    await deliver(stage.shard, 10)
    await desk.step()
    assert desk.rows("SELECT live_id FROM deliveries ORDER BY number") == [(None,), (live_id,)]


# What is not told yet


async def test_an_event_is_kept_until_it_is_turned_into_deliveries(stage: Stage, desk: Desk) -> None:
    await desk.step()
    [(entry, _)] = await stage.redis.xrange(stage.shard.keys.events)
    assert untold(desk) == [(GENERATION, entry.decode())]
    await deliver(stage.shard, 10)
    await desk.step()
    assert untold(desk) == []


async def test_an_event_that_is_read_after_its_deliveries_is_not_kept(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.ping(1)
    await deliver(stage.shard, 10)
    monkeypatch.setattr(recorder_module, "ENTRIES_AT_ONCE", 1)
    for _ in range(3):
        await desk.step()
        assert untold(desk) == []
    assert len(states(desk)) == 2


async def test_of_events_that_were_turned_into_deliveries_one_by_one_none_is_kept(
    stage: Stage, desk: Desk
) -> None:
    await desk.step()
    await stage.ping(1)
    assert [(await deliver(stage.shard, 1)).events for _ in range(3)] == [1, 1, 0]
    await desk.step()
    assert untold(desk) == []


async def test_what_redis_has_lost_is_dropped_from_the_log(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "COMPARE_EVERY_MS", 0)
    monkeypatch.setattr(recorder_module, "COMPARED_AT_ONCE", 1)
    await stage.channels(7, 8, 9, version=2)
    await deliver(stage.shard, 10)
    _, dead, lost = sorted(await take(stage), key=lambda one: one.channel_id)
    await settle(stage.shard, dead, "dead")
    for _ in range(5):
        await desk.step()
    assert [state for state, *_ in states(desk)] == ["waiting", "dead", "waiting"]
    await stage.redis.hdel(stage.shard.keys.deliveries, lost.delivery_id)
    for _ in range(4):
        await desk.step()
    assert [state for state, *_ in states(desk)] == ["waiting", "dead", "dropped"]


# Forgetting


async def test_old_deliveries_go_with_their_attempts_and_what_waits_stays(stage: Stage, desk: Desk) -> None:
    await tell(stage)
    await stage.channels(7, 8, version=2)
    await stage.put(config_of(2, 1, 1))
    await stage.listen(until=12)
    await stage.sweep()
    await deliver(stage.shard, 10)
    _, dead = sorted(await take(stage), key=lambda one: one.channel_id)
    await settle(stage.shard, dead, "dead")
    await desk.step()
    await forget_deliveries(desk.ledger, [stage.shard], 30, stage.now_ms + 29 * DAY_MS)
    assert [state for state, *_ in states(desk)] == ["delivered", "waiting", "dead"]
    await forget_deliveries(desk.ledger, [stage.shard], 30, stage.now_ms + 31 * DAY_MS)
    assert [state for state, *_ in states(desk)] == ["waiting", "dead"]
    assert len(attempts(desk)) == 1
    await stage.move_to(31 * 86_400)
    await forget_deliveries(desk.ledger, [stage.shard], 30, stage.now_ms)
    await desk.step()
    await forget_deliveries(desk.ledger, [stage.shard], 30, stage.now_ms)
    assert [state for state, *_ in states(desk)] == ["waiting"]
    assert attempts(desk) == []
    assert (await stage.live.tallies()).dead_letters == 0
