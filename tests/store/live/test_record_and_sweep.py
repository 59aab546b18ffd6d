"""A ping moves a deadline, a silence is noticed, and nothing that went wrong on our side becomes somebody's alarm."""

from __future__ import annotations

from collections import Counter

import pytest

from store.errors import Fenced, GenerationMissing, Unavailable
from store.live.heads import Outcome, pack_head
from store.projection import PutMonitor, PutMonitors
from tests.stage import START_MS, Stage, config_of, digest_of


async def test_a_ping_moves_the_deadline_to_interval_plus_grace_after_it(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    assert await stage.deadline(1) == 40
    await stage.listen(until=20)
    assert await stage.ping(1) == [Outcome.RECORDED]
    assert await stage.deadline(1) == 60


async def test_pings_within_one_grace_are_put_in_order_once_and_judged_by_the_last(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    for second in (20, 23, 29):
        await stage.listen(until=second)
        await stage.ping(1)
        assert await stage.deadline(1) == 60
    await stage.listen(until=60)
    assert (await stage.sweep()).looked_at == 1
    assert await stage.told() == []
    assert await stage.deadline(1) == 69
    await stage.listen(until=69)
    await stage.sweep()
    assert await stage.told() == [("down", 1, 69)]


async def test_the_first_ping_of_the_next_grace_is_put_in_order_anew(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    for second, deadline in ((29, 69), (30, 70), (39, 70), (40, 80)):
        await stage.listen(until=second)
        await stage.ping(1)
        assert await stage.deadline(1) == deadline


async def test_who_comes_back_is_put_in_order_whenever_its_ping_arrived(stage: Stage) -> None:
    await stage.put(config_of(1, 10, 30))
    await stage.listen(until=41)
    await stage.sweep()
    assert await stage.deadline(1) is None
    await stage.ping(1, at=20)
    assert await stage.told() == [("down", 1, 40), ("up", 1, 40)]
    assert await stage.deadline(1) == 60


async def test_without_a_grace_every_ping_is_put_in_order(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 0))
    for second in (5, 6, 6.5):
        await stage.listen(until=second)
        await stage.ping(1)
        assert await stage.deadline(1) == second + 30


async def test_a_silence_is_one_down_and_the_next_ping_one_up_of_the_same_incident(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=41)
    assert (await stage.sweep()).looked_at == 1
    assert (await stage.sweep()).looked_at == 0
    await stage.listen(until=50)
    await stage.ping(1)
    down, up = await stage.events()
    assert (down.kind.name, up.kind.name) == ("DOWN", "UP")
    assert down.incident_id == up.incident_id
    assert up.started_ms == down.at_ms
    assert await stage.deadline(1) == 90


async def test_a_monitor_goes_down_at_its_deadline_and_not_a_millisecond_before(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=39.999)
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(until=40)
    await stage.sweep()
    assert await stage.told() == [("down", 1, 40)]


async def test_a_ping_that_arrives_exactly_at_the_deadline_is_on_time(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=39)
    await stage.move_to(40)
    await stage.ping(1)
    assert await stage.told() == []


async def test_a_late_ping_writes_the_miss_that_no_sweep_has_seen(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=45)
    await stage.ping(1)
    await stage.sweep()
    assert await stage.told() == [("down", 1, 40), ("up", 1, 45)]


async def test_a_ping_that_was_committed_late_but_arrived_in_time_is_no_miss(stage: Stage) -> None:
    """900 ms after its deadline, though it had come before it; and a sweep has looked in between."""
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=39.92)
    await stage.move_to(40.5)
    await stage.sweep()
    await stage.move_to(40.9)
    await stage.ping(1, at=39.95)
    await stage.sweep()
    assert await stage.holes() == []
    assert await stage.told() == []
    assert await stage.deadline(1) == pytest.approx(79.95)


async def test_the_sweep_judges_by_the_watermark_and_never_by_the_wall_clock(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=39)
    await stage.move_to(100)
    swept = await stage.sweep()
    assert swept.looked_at == 0
    assert swept.now_ms - (swept.watermark_ms or 0) == 61_000


async def test_without_a_writer_there_is_no_verdict(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.writer.deregister()
    await stage.move_to(1000)
    assert (await stage.sweep()).watermark_ms is None
    assert await stage.told() == []


async def test_the_slowest_of_several_writers_holds_the_clock(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.new_writer("main-1")
    await stage.listen(until=60)
    assert (await stage.sweep()).looked_at == 0
    assert await stage.told() == []


async def test_a_hole_in_the_watermark_gives_a_whole_window_after_it(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=20)
    await stage.move_to(140)
    await stage.ping()
    assert await stage.holes() == [(20, 140)]
    await stage.sweep()
    await stage.listen(until=179.999)
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(until=180)
    await stage.sweep()
    assert await stage.told() == [("down", 1, 180)]


async def test_a_ping_after_a_hole_is_not_late(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=20)
    await stage.move_to(140)
    await stage.ping(1)
    assert await stage.told() == []


async def test_a_hole_that_ended_before_the_window_began_changes_nothing(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.move_to(20)
    await stage.ping()
    await stage.listen(until=21)
    await stage.ping(1)
    await stage.listen(until=62)
    await stage.sweep()
    assert await stage.told() == [("down", 1, 61)]


async def test_a_skipped_sequence_number_makes_even_a_short_gap_blind(stage: Stage) -> None:
    await stage.ping()
    await stage.move_to(0.2)
    stage.writer.confess()
    await stage.ping()
    assert await stage.holes() == [(0, 0.2)]


async def test_a_batch_that_was_seen_before_changes_nothing_and_gets_the_same_reply(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.move_to(5)
    await stage.ping(1, 99)
    before = await stage.redis.xlen(stage.shard.keys.pings)
    await stage.move_to(9)
    stage.writer._sequence -= 1
    assert await stage.ping(1, 99) == [Outcome.RECORDED, Outcome.UNKNOWN]
    state = await stage.state(1)
    assert state is not None and state.base_ms == START_MS + 5000
    assert await stage.redis.xlen(stage.shard.keys.pings) == before


async def test_an_older_batch_than_the_last_one_is_refused(stage: Stage) -> None:
    await stage.ping()
    await stage.ping()
    stage.writer._sequence -= 2
    with pytest.raises(Unavailable, match="STALE"):
        await stage.ping()


async def test_two_pings_of_one_monitor_in_a_batch_are_folded_in_order(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=45)
    assert await stage.ping(1, 1) == [Outcome.RECORDED, Outcome.RECORDED]
    assert await stage.told() == [("down", 1, 40), ("up", 1, 45)]
    assert await stage.deadline(1) == 85


async def test_last_seen_never_moves_backwards(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=20)
    await stage.ping(1)
    await stage.ping(1, at=5)
    assert await stage.deadline(1) == 60


async def test_an_arrival_stamp_is_kept_within_the_last_minute(stage: Stage) -> None:
    await stage.put(config_of(1, 300, 10))
    await stage.listen(until=200)
    await stage.ping(1, at=10)
    assert await stage.deadline(1) == 140 + 310
    await stage.ping(1, at=900)
    assert await stage.deadline(1) == 200 + 310


async def test_a_sign_of_life_alone_moves_the_deadline_and_leaves_no_history(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=20)
    assert await stage.ping(1, life_only=True) == [Outcome.ALIVE]
    assert await stage.deadline(1) == 60
    assert await stage.redis.xlen(stage.shard.keys.pings) == 0


async def test_a_paused_monitor_answers_pings_and_never_goes_down(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.put(config_of(1, 30, 10, version=2, paused=True))
    await stage.listen(until=100)
    assert await stage.ping(1) == [Outcome.PAUSED]
    await stage.sweep()
    assert await stage.told() == []
    await stage.put(config_of(1, 30, 10, version=3))
    assert await stage.deadline(1) == 140


async def test_an_edit_alone_never_makes_a_monitor_overdue(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 0))
    await stage.listen(until=100)
    await stage.put(config_of(1, 30, 10, version=2))
    assert await stage.deadline(1) == 140


async def test_a_longer_interval_counts_from_the_last_ping(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=20)
    await stage.ping(1)
    await stage.listen(until=30)
    await stage.put(config_of(1, 100, 10, version=2))
    assert await stage.deadline(1) == 130


async def test_an_older_version_of_a_monitor_is_ignored(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10, version=2))
    await stage.put(config_of(1, 300, 10, version=1))
    assert await stage.deadline(1) == 40


async def test_a_deleted_monitor_stays_deleted_when_an_old_change_arrives(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.drop(1, version=2)
    await stage.put(config_of(1, 30, 10))
    assert await stage.ping(1) == [Outcome.UNKNOWN]
    await stage.listen(until=100)
    await stage.sweep()
    assert await stage.told() == []


async def test_pausing_a_down_monitor_closes_its_incident(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=41)
    await stage.sweep()
    await stage.put(config_of(1, 30, 10, version=2, paused=True))
    assert await stage.told() == [("down", 1, 40), ("closed", 1, 41)]


async def test_an_empty_redis_refuses_everything_before_any_write(stage: Stage) -> None:
    await stage.redis.flushall()
    await stage.move_to(0)
    with pytest.raises(GenerationMissing):
        await stage.ping(1)
    with pytest.raises(GenerationMissing):
        await stage.sweep()
    assert await stage.redis.keys("od:*") == []


async def test_a_replaced_writer_is_fenced_and_the_gap_between_them_is_blind(stage: Stage) -> None:
    await stage.ping()
    former = stage.writer
    await stage.move_to(0.5)
    stage.writer = await stage.new_writer("main-0")
    assert await stage.holes() == [(0, 0.5)]
    with pytest.raises(Fenced):
        await former.record([], b"", b"", stage.now_ms)


async def test_the_time_between_a_clean_stop_and_the_next_start_is_blind(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=10)
    await stage.writer.deregister()
    await stage.move_to(130)
    stage.writer = await stage.new_writer()
    assert await stage.holes() == [(10, 130)]
    await stage.listen(until=169.9)
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(until=170)
    await stage.sweep()
    assert await stage.told() == [("down", 1, 170)]


async def test_a_writer_that_joins_others_leaves_no_hole(stage: Stage) -> None:
    await stage.listen(until=10)
    await stage.new_writer("main-1")
    assert await stage.holes() == []


async def test_one_broken_record_spoils_nothing_but_itself(stage: Stage) -> None:
    for monitor_id in (1, 2, 3, 4):
        await stage.put(config_of(monitor_id, 30, 10))
    await stage.redis.hset(stage.shard.keys.state, "2", b"short")
    await stage.redis.hset(stage.shard.keys.config, "3", b"\x00junk")
    outcomes = await stage.ping(1, 2, 3, 4)
    assert outcomes == [Outcome.RECORDED, Outcome.BROKEN, Outcome.BROKEN, Outcome.RECORDED]
    await stage.listen(until=41)
    await stage.sweep()
    assert [(kind, one) for kind, one, _ in await stage.told()] == [("down", 1), ("down", 4)]
    assert (await stage.sweep()).looked_at == 0
    assert (await stage.live.tallies()).broken == 2


@pytest.mark.parametrize(
    ("key", "poison"),
    [
        ("state", b"short"),
        ("state", b"\xff" * 64),
        ("config", b"\x00junk"),
        ("config", b"\xff\xfe not UTF-8, and far too long " * 100),
        ("config", b"9" * 400),
    ],
    ids=[
        "a short state",
        "a huge state",
        "a config that is none",
        "a config of invalid UTF-8",
        "a huge config",
    ],
)
async def test_one_poisoned_record_of_five_hundred_is_refused_alone(
    stage: Stage, key: str, poison: bytes
) -> None:
    fleet = range(1, 501)
    await stage.live.project(
        PutMonitors(tuple(PutMonitor(config_of(one), (digest_of(one),)) for one in fleet))
    )
    await stage.redis.hset(getattr(stage.shard.keys, key), "250", poison)
    outcomes = await stage.ping(*fleet)
    assert Counter(outcomes) == {Outcome.RECORDED: 499, Outcome.BROKEN: 1}
    assert outcomes[249] is Outcome.BROKEN
    await stage.listen(until=41)
    while (await stage.sweep()).looked_at:
        pass
    told = await stage.told()
    assert sorted(one for _, one, _ in told) == [one for one in fleet if one != 250]
    assert (await stage.live.tallies()).broken == 1


async def test_a_key_of_the_wrong_type_refuses_the_whole_batch_before_any_write(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    for key in ("deadlines", "state", "config", "pings", "events", "tallies", "replies", "broken"):
        name = getattr(stage.shard.keys, key)
        kept = await stage.redis.dump(name)
        await stage.redis.delete(name)
        await stage.redis.set(name, "not what it should be")
        before = await stage.redis.hget(stage.shard.keys.writers, "main-0")
        await stage.move_to(5)
        with pytest.raises(Unavailable):
            await stage.ping(1)
        assert await stage.redis.hget(stage.shard.keys.writers, "main-0") == before
        await stage.redis.delete(name)
        if kept:
            await stage.redis.restore(name, 0, kept)


async def test_history_beyond_its_cap_is_dropped_and_counted_but_the_sign_of_life_counts(
    stage: Stage,
) -> None:
    await stage.put(config_of(1, 30, 10))
    stage.writer._cap = 100
    await stage.move_to(20)
    assert await stage.ping(1) == [Outcome.RECORDED]
    assert await stage.deadline(1) == 60
    assert (await stage.live.tallies()).history_dropped == 1
    assert await stage.redis.xlen(stage.shard.keys.pings) == 0


async def test_the_tallies_count_monitors_by_status(stage: Stage) -> None:
    for monitor_id in (1, 2, 3, 4, 5):
        await stage.put(config_of(monitor_id, 30, 10))
    await stage.put(config_of(4, 30, 10, version=2, paused=True))
    await stage.ping(1, 2)
    await stage.drop(5, version=2)
    tallies = await stage.live.tallies()
    assert (tallies.new, tallies.up, tallies.down, tallies.paused) == (1, 2, 0, 1)
    await stage.listen(until=41)
    await stage.sweep()
    tallies = await stage.live.tallies()
    assert (tallies.new, tallies.up, tallies.down, tallies.paused) == (0, 0, 3, 1)


async def test_whoever_restarts_all_the_time_hears_of_a_dead_monitor_all_the_same(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    for second in range(30, 400, 30):
        await stage.listen(until=second - 1)
        await stage.sweep()
        stage.writer = await stage.new_writer()
        await stage.move_to(second)
        stage.writer = await stage.new_writer()
    # A hole of a second ends at 30, 60, 90 and so on; up to 149 three times 40 s were listened through.
    assert await stage.told() == [("down", 1, 160)]


async def test_a_late_ping_is_no_miss_while_another_writer_may_hold_the_one_in_time(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    other = await stage.new_writer("main-1")
    await stage.listen(until=69)
    await stage.ping(1)
    await other.record([b"1"], pack_head(START_MS + 39_000, 1, 1, 0), b"h", stage.now_ms)
    await stage.sweep()
    assert await stage.told() == []


async def test_a_writer_that_lagged_behind_leaves_a_hole_when_it_goes(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    other = await stage.new_writer("main-1")
    await stage.listen(until=60)
    await other.deregister()
    assert await stage.holes() == [(0, 60)]
    await stage.sweep()
    assert await stage.told() == []


async def test_a_clock_that_was_stepped_back_takes_no_monitor_down_early(stage: Stage) -> None:
    await stage.listen(until=100)
    await stage.move_to(10)
    await stage.put(config_of(1, 30, 10))
    await stage.ping()
    await stage.sweep()
    assert await stage.told() == []
