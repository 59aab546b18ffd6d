"""Exactly once: rows and position in one transaction, then the trim, whatever dies between them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from store.book.history_reader import HistoryReader
from store.book.history_writer import HistoryWriter
from store.errors import GenerationMissing, Unavailable
from store.live import streams
from store.live.delivering import deliver
from store.live.heads import Outcome
from store.live.keys import Keyspace
from store.live.shard import Shard
from store.live.streams import StreamReader
from store.recorder import recorder as recorder_module
from store.recorder.recorder import Recorder
from tests.stage import GENERATION, START_MS, Stage, config_of
from tests.store.recorder.desk import Desk, ping, row_of

# The midnight (UTC) that comes first on stage, in seconds after its start.
MIDNIGHT_S = 86_400 - START_MS // 1000 % 86_400
OTHER_GENERATION = "f" * 32


class Killed(BaseException):
    """Stands for SIGKILL: nobody is prepared for it."""


@pytest.fixture
async def desk(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    await stage.put(config_of(1))
    desk = Desk(stage, tmp_path / "history.db")
    yield desk
    await desk.crash()


def killing(after: Any = None) -> Any:
    """A function that dies, after it has done the real thing if that is given."""

    def die(*arguments: Any, **named: Any) -> None:
        if after is not None:
            after(*arguments, **named)
        raise Killed

    return die


# Pings


async def test_rows_are_the_pings_that_were_accepted_in_their_order(stage: Stage, desk: Desk) -> None:
    await stage.put(config_of(2))
    await stage.put(config_of(2, version=2, paused=True))
    outcomes = await ping(
        stage, row_of(1, 0, b"a"), row_of(99, 0, b"b"), row_of(2, 0, b"c"), row_of(1, 0, b"d")
    )
    assert outcomes == [Outcome.RECORDED, Outcome.UNKNOWN, Outcome.PAUSED, Outcome.RECORDED]
    await ping(stage, row_of(1, 0, b"alive only"), life_only=True)
    await ping(stage, row_of(1, 0, b"e"))
    assert await desk.step() == 2
    assert desk.pings("id, monitor_id, outcome, body") == [
        (1, 1, "recorded", b"a"),
        (2, 2, "paused", b"c"),
        (3, 1, "recorded", b"d"),
        (4, 1, "recorded", b"e"),
    ]
    assert await desk.waiting() == (0, 0)


async def test_history_that_cannot_be_read_spoils_no_other_entry(stage: Stage, desk: Desk) -> None:
    await ping(stage, row_of(1, 0, b"a"))
    await stage.ping(1)
    await stage.redis.xadd(stage.shard.keys.pings, {"odd": "entry"})
    await ping(stage, row_of(1, 0, b"b"))
    assert await desk.step() == 4
    assert desk.pings() == [(1, b"a"), (1, b"b")]
    assert await desk.waiting() == (0, 0)


async def test_pings_around_midnight_lie_in_tables_of_their_own_days_and_ids_go_on(
    stage: Stage, desk: Desk
) -> None:
    await stage.listen(until=MIDNIGHT_S - 1, step=3600)
    await ping(stage, row_of(1, MIDNIGHT_S - 1, b"before"))
    await stage.move_to(MIDNIGHT_S + 1)
    await ping(
        stage,
        row_of(1, MIDNIGHT_S, b"at"),
        row_of(1, MIDNIGHT_S - 0.001, b"just before"),
        row_of(1, MIDNIGHT_S + 1, b"after"),
    )
    await desk.step()
    assert desk.days() == ["pings_20270115", "pings_20270116"]
    first, second = (desk.rows(f"SELECT id, body FROM {day} ORDER BY id") for day in desk.days())
    assert first == [(1, b"before"), (3, b"just before")]
    assert second == [(2, b"at"), (4, b"after")]
    await desk.crash()
    desk.reopen()
    await ping(stage, row_of(1, MIDNIGHT_S + 1))
    await desk.step()
    assert [ping_id for (ping_id,) in desk.pings("id")] == [1, 2, 3, 4, 5]


async def test_what_is_recorded_gives_its_room_in_the_backlog_back(stage: Stage, desk: Desk) -> None:
    await ping(stage, row_of(1, 0))
    tallies = await stage.live.tallies()
    assert (tallies.history_appended > 0, tallies.history_trimmed) == (True, 0)
    await desk.step()
    tallies = await stage.live.tallies()
    assert tallies.history_trimmed == tallies.history_appended


async def test_a_reader_sees_whole_batches_while_the_recorder_writes(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = HistoryReader(desk.path)
    await ping(stage, row_of(1, 0, b"a"))
    await desk.step()
    await ping(stage, row_of(1, 0, b"b"), row_of(1, 0, b"c"))
    loop, seen = asyncio.get_running_loop(), []
    change = desk.writer.change_incidents

    def look_before_the_end(changes: Any) -> None:
        change(changes)
        seen.append(asyncio.run_coroutine_threadsafe(reader.pings(1, 10), loop).result(10))

    monkeypatch.setattr(desk.writer, "change_incidents", look_before_the_end)
    await desk.step()
    assert [len(pings) for pings in seen] == [1]
    assert len(await reader.pings(1, 10)) == 3


# Incidents


async def test_an_incident_opens_with_its_down_and_ends_with_its_up(stage: Stage, desk: Desk) -> None:
    await stage.listen(until=41)
    await stage.sweep()
    await desk.step()
    [down] = await stage.events()
    incident = "id, monitor_id, org_id, kind, silence_ms, started_ms, ended_ms"
    opened = (str(down.incident_id), 1, 1, "silence", START_MS, START_MS + 40_000, None)
    assert desk.rows(f"SELECT {incident} FROM incidents") == [opened]
    await stage.move_to(50)
    await ping(stage, row_of(1, 50))
    await desk.step()
    assert desk.rows(f"SELECT {incident} FROM incidents") == [(*opened[:-1], START_MS + 50_000)]


async def test_an_incident_says_how_much_later_blind_time_made_it(stage: Stage, desk: Desk) -> None:
    await stage.move_to(12)
    await stage.ping()
    await stage.listen(until=53)
    await stage.sweep()
    await desk.step()
    assert desk.rows("SELECT started_ms, delayed_ms FROM incidents") == [(START_MS + 52_000, 12_000)]
    await stage.ping(1)
    await desk.step()
    assert desk.rows("SELECT ended_ms, delayed_ms FROM incidents") == [(START_MS + 53_000, 12_000)]


async def test_an_incident_of_a_monitor_that_is_paused_ends(stage: Stage, desk: Desk) -> None:
    await stage.listen(until=41)
    await stage.sweep()
    await stage.put(config_of(1, version=2, paused=True))
    await desk.step()
    assert desk.rows("SELECT ended_ms FROM incidents") == [(START_MS + 41_000,)]


async def test_an_end_without_a_beginning_leaves_a_whole_incident(stage: Stage, desk: Desk) -> None:
    await stage.listen(until=41)
    await stage.sweep()
    await stage.redis.xtrim(stage.shard.keys.events, maxlen=0)
    await ping(stage, row_of(1, 41))
    await desk.step()
    assert desk.rows("SELECT silence_ms, started_ms, ended_ms FROM incidents") == [
        (START_MS, START_MS + 40_000, START_MS + 41_000)
    ]


async def test_an_incident_that_is_told_twice_stays_one_and_does_not_open_again(
    stage: Stage, desk: Desk
) -> None:
    await stage.listen(until=41)
    await stage.sweep()
    await ping(stage, row_of(1, 41))
    await desk.step()
    keys = stage.shard.keys
    again = await stage.redis.xrange(keys.events)
    for _, fields in again:
        await stage.redis.xadd(keys.events, fields)
    await desk.step()
    assert desk.rows("SELECT count(*), count(ended_ms) FROM incidents") == [(1, 1)]


async def test_an_event_that_cannot_be_read_spoils_no_other(stage: Stage, desk: Desk) -> None:
    for fields in ({"e": b"short"}, {"odd": "entry"}):
        await stage.redis.xadd(stage.shard.keys.events, fields)
    await stage.listen(until=41)
    await stage.sweep()
    assert await desk.step() == 3
    assert desk.rows("SELECT count(*) FROM incidents") == [(1,)]


async def test_events_stay_until_they_are_recorded_and_dispatched(stage: Stage, desk: Desk) -> None:
    await stage.listen(until=41)
    await stage.sweep()
    await desk.step()
    assert await desk.waiting() == (0, 1)
    await deliver(stage.shard, 10)
    assert await desk.waiting() == (0, 1)
    assert await desk.step() == 1  # of the log of deliveries
    assert await desk.waiting() == (0, 0)


async def test_events_that_are_dispatched_stay_until_they_are_recorded(stage: Stage, desk: Desk) -> None:
    await stage.listen(until=41)
    await stage.sweep()
    await deliver(stage.shard, 10)
    assert await desk.waiting() == (0, 1)
    await desk.step()
    assert await desk.waiting() == (0, 0)
    assert desk.rows("SELECT count(*) FROM incidents") == [(1,)]


# Crashes


async def test_a_crash_before_the_commit_loses_nothing(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ping(stage, row_of(1, 0, b"a"))
    await stage.listen(until=41)
    await stage.sweep()
    monkeypatch.setattr(desk.writer, "set_position", killing(after=desk.writer.set_position))
    with pytest.raises(Killed):
        await desk.step()
    await desk.crash()
    desk.reopen()
    assert desk.pings() == []
    assert await desk.step() == 2
    assert desk.pings() == [(1, b"a")]
    assert desk.rows("SELECT count(*) FROM incidents") == [(1,)]


async def test_a_crash_between_the_commit_and_the_trim_writes_nothing_twice(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ping(stage, row_of(1, 0, b"a"))
    with monkeypatch.context() as dying:
        dying.setattr(recorder_module, "trim_pings", killing())
        with pytest.raises(Killed):
            await desk.step()
    await desk.crash()
    assert desk.pings() == [(1, b"a")]
    assert await desk.waiting() == (1, 0)
    desk.reopen()
    assert await desk.step() == 0
    assert await desk.waiting() == (0, 0)
    await ping(stage, row_of(1, 0, b"b"))
    await desk.step()
    assert desk.pings() == [(1, b"a"), (1, b"b")]


async def test_a_step_that_failed_can_be_made_again(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ping(stage, row_of(1, 0, b"a"))

    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as failing:
        failing.setattr(desk.writer, "set_position", full)
        with pytest.raises(Unavailable, match="full"):
            await desk.step()
    assert desk.pings() == []
    assert desk.days() == []
    assert await desk.step() == 1
    assert desk.pings("id, body") == [(1, b"a")]


async def test_a_foreign_lock_is_waited_out(stage: Stage, desk: Desk) -> None:
    desk.writer.connection.execute("PRAGMA busy_timeout = 20")
    await ping(stage, row_of(1, 0, b"a"))
    with closing(sqlite3.connect(desk.path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match="locked"):
            await desk.step()
        assert await ping(stage, row_of(1, 0, b"b")) == [Outcome.RECORDED]
        stranger.execute("ROLLBACK")
    assert await desk.step() == 2
    assert desk.pings() == [(1, b"a"), (1, b"b")]


# Another Redis, more shards


async def exchange_generation(stage: Stage, *, entry_id: str = "*") -> None:
    """What a rebuild does to the streams: empty, of a new generation, and a first ping comes."""
    keys = stage.shard.keys
    [(_, fields)] = await stage.redis.xrange(keys.pings, count=1) or [(None, None)]
    await stage.redis.delete(keys.pings, keys.events, keys.dispatched, keys.tallies)
    await stage.redis.set(keys.generation, OTHER_GENERATION)
    if fields is not None:
        await stage.redis.xadd(keys.pings, fields, id=entry_id)


async def test_in_another_generation_the_streams_are_read_from_their_beginning(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ping(stage, row_of(1, 0, b"a"))
    await desk.step()
    await ping(stage, row_of(1, 0, b"b"))
    await exchange_generation(stage, entry_id="5-1")
    with pytest.raises(GenerationMissing):
        await desk.step()
    await stage.live.follow_generation()
    assert await desk.step() == 1
    assert await desk.waiting() == (0, 0)
    assert desk.pings() == [(1, b"a"), (1, b"b")]


async def test_what_comes_in_another_generation_while_the_recorder_waits_is_recorded_once(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BLOCK_MS", 3000)
    await ping(stage, row_of(1, 0, b"a"))
    await desk.step()
    waiting = asyncio.create_task(desk.step())
    while not (await stage.redis.info("clients"))["blocked_clients"]:
        await asyncio.sleep(0.01)
    keys = stage.shard.keys
    await stage.redis.delete(keys.pings, keys.tallies)
    await stage.redis.set(keys.generation, OTHER_GENERATION)
    stage.live.generation.value = OTHER_GENERATION
    await ping(stage, row_of(1, 0, b"b"))
    stage.live.generation.value = GENERATION
    with pytest.raises(GenerationMissing):
        await waiting
    await stage.live.follow_generation()
    await desk.step()
    assert desk.pings() == [(1, b"a"), (1, b"b")]


async def test_the_recorders_of_several_shards_share_one_file(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Shard(stage.shard.caller, Keyspace(1), stage.live.generation)
    await stage.redis.set(other.keys.generation, GENERATION)
    reader = StreamReader(stage.live.url, other)
    both = [desk.recorder, Recorder(other, reader, desk.ledger)]
    for number in range(20):
        await ping(stage, row_of(1, 0, b"%d" % number))
        [(entry, fields)] = await stage.redis.xrevrange(stage.shard.keys.pings, count=1)
        await stage.redis.xadd(other.keys.pings, fields, id=entry)
        await asyncio.gather(*(one.step() for one in both))
    assert [ping_id for (ping_id,) in desk.pings("id")] == list(range(1, 41))
    assert sorted(body for (body,) in desk.pings("body")) == sorted(b"%d" % (n // 2) for n in range(40))
    await reader.aclose()


async def test_nothing_to_do_is_no_transaction(desk: Desk) -> None:
    await desk.step()  # the first one has looked at the threshold rules
    before = desk.writer.connection.total_changes
    assert await desk.step() == 0
    assert desk.writer.connection.total_changes == before


async def test_a_file_that_is_locked_at_the_start_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    HistoryWriter(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("PRAGMA locking_mode = EXCLUSIVE")
        stranger.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match="locked"):
            HistoryWriter(path, busy_timeout_s=0.05)
