"""Every kind of bad receiver at once, beside three that are well: for an hour, and until everything is settled."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from store.live.letters import Moved, MovedTo, letter_entry
from sweeper.channels.attempt import ATTEMPTS_PER_CHANNEL
from sweeper.schedule import JITTER, WAITS_S
from tests.servers import running_server, valkey_binary
from tests.stage import START_MS, Stage, config_of
from tests.staged_sweeper import Life, StagedSweeper, sweeping_on_stage
from tests.system.bad_receivers import (
    FLOODING,
    HEALTHY,
    LOST,
    RECOVERING,
    RETRY_AFTER_S,
    Cast,
    Heard,
    assembled,
)

pytestmark = pytest.mark.slow

FLEET = range(1, 37)
# Every other one comes back.
BACK = FLEET[::2]
LIMIT_S, STORY_S = 40, 40 + FLEET[-1] + 5
# A second of the clock in real time while latencies are measured.
PACE_S = 0.5
# Who is told of a failing channel may fail as well: two long schedules.
# So short that nobody counts as slow, and a month passes soon; a dozen that hang have the real time.
HOUR_S, MONTH_S, ATTEMPT_S = 3600, 30 * 86_400, 0.6
HANGING, REAL_ATTEMPT_S = 12, 10.0
REST_OF_ANSWER_S = 1.0
IDLE_LOOK_S = 0.05
# The clock leaps over this part of the time that has passed, so that a wave of attempts takes few leaps.
LEAP = 0.02
MOST_ATTEMPTS = len(WAITS_S) + 1
# What a single receiver that hangs would add, were anybody to wait for it, is a second.
MOST_SLOWED, SLACK_S = 2.0, 0.15
MOST_MEMORY_GROWN = 48 * 2**20
MOST_READ_OF_A_FLOOD = 16 * 2**20
STUCK = ("hang", "drip")
MONITOR_EVENTS = {"monitor.down", "monitor.up"}
DEADLINE_S = 300


class Day:
    """A stage, its cast and its sweeper; the clock is in step with real time, or leaps from attempt to attempt."""

    def __init__(self, stage: Stage, sweeper: StagedSweeper) -> None:
        self.stage = stage
        self.sweeper = sweeper
        self.cast = Cast(lambda: self.second)
        self.log: list[Moved] = []
        self.heard_at_s: dict[int, float] = {}
        self._read_up_to = "0-0"

    @property
    def second(self) -> float:
        return (self.stage.now_ms - START_MS) / 1000

    async def play(self) -> None:
        """Each falls silent in a second of its own; then some come back."""
        loop = asyncio.get_running_loop()
        self.cast.ill_until_s = STORY_S + HOUR_S
        for number in FLEET:
            await self.stage.put(config_of(number))
        began_s = loop.time()
        for second in range(1, STORY_S):
            await asyncio.sleep(began_s + (second - LIMIT_S) * PACE_S - loop.time())
            await self.stage.move_to(second)
            await self.stage.ping(*(one for one in FLEET if one == second))
            self.heard_at_s[second] = loop.time()
            if second < LIMIT_S:
                began_s = loop.time()  # until then there is nothing to measure
        await self.stage.ping(*BACK)
        for number in BACK:  # or they would go down again in the hour
            await self.stage.put(config_of(number, version=2, paused=True))

    async def leap_until(self, end_s: float) -> None:
        """From attempt to attempt, until then or until nothing waits; while one is under way the clock stands."""
        async with asyncio.timeout(DEADLINE_S):
            while self.second < end_s and (due_s := await self._next_due_s()) is not None:
                if due_s <= self.second or await self._is_any_under_way():
                    await asyncio.sleep(IDLE_LOOK_S)
                else:
                    await self.stage.move_to(min(end_s, due_s + LEAP * self.second))

    async def _next_due_s(self) -> float | None:
        events, dispatched = (
            self.stage.shard.keys.events,
            await self.stage.redis.get(self.stage.shard.keys.dispatched),
        )
        newest = (await self.stage.redis.xinfo_stream(events))["last-generated-id"]
        keys = self.stage.shard.keys
        due = await self.stage.redis.zrange(keys.due, 0, 0, withscores=True)
        parked = await self.stage.redis.zrange(keys.parked, 0, -1, withscores=True)
        pauses = dict(await self.stage.redis.zrange(keys.pauses, 0, -1, withscores=True))
        # What is parked waits for the end of a pause, or for nothing but its turn.
        ends_ms = [pauses.get(b"%d" % channel, 0) for _, channel in parked]
        if newest != dispatched:
            return self.second
        moments_ms = [moment_ms for _, moment_ms in due] + ends_ms
        return (min(moments_ms) - START_MS) / 1000 if moments_ms else None

    async def _is_any_under_way(self) -> bool:
        """Whether one was leased whose attempt the log does not know yet."""
        await self.read_log()
        known = {(one.delivery_id, one.attempt) for one in self.log}
        waiting = await self.stage.redis.hgetall(self.stage.shard.keys.deliveries)
        leased = ((name.decode(), struct.unpack_from("<BH", blob)[1]) for name, blob in waiting.items())
        return any(attempt and (name, attempt) not in known for name, attempt in leased)

    async def read_log(self) -> None:
        entries = await self.stage.redis.xrange(self.stage.shard.keys.letters, f"({self._read_up_to}")
        for entry_id, fields in entries:
            self._read_up_to = entry_id.decode()
            self.log += [one for one in letter_entry(entry_id, fields).records if isinstance(one, Moved)]

    def moved(self, channel: str, to: MovedTo) -> list[str]:
        """The deliveries of a channel that got there."""
        number = self.cast.names.index(channel) + 1
        return [
            one.delivery_id for one in self.log if one.to is to and one.delivery_id.endswith(f":{number}")
        ]

    def latencies_s(self) -> list[float]:
        """From the moment at which a silence could be known to the call of each healthy receiver, in order."""
        return sorted(
            heard.at_s - self.heard_at_s[LIMIT_S + int(heard.told.monitor.removeprefix("job "))]
            for name in HEALTHY
            for heard in self.cast.heard[name]
            if heard.told.type == "monitor.down"
        )


@asynccontextmanager
async def day(
    folder: Path, *, with_bad_ones: bool, attempt_s: float = ATTEMPT_S, hanging: int = 0
) -> AsyncIterator[Day]:
    folder.mkdir()
    with running_server(valkey_binary()) as url:
        stage = Stage(url)
        await stage.open()
        life = Life(url, str(folder), attempt_s=attempt_s, idle_look_s=IDLE_LOOK_S)
        with sweeping_on_stage(life) as (sweeper,):
            day = Day(stage, sweeper)
            async with assembled(day.cast, stage.live, with_bad_ones=with_bad_ones, stuck=hanging):
                yield day
        await stage.close()


def p99(sorted_s: list[float]) -> float:
    return sorted_s[len(sorted_s) * 99 // 100]


def of_monitors(heard: Iterable[Heard]) -> list[Heard]:
    return [one for one in heard if one.told.type in MONITOR_EVENTS]


async def test_all_bad_receivers_at_once_cost_a_bounded_share_and_nobody_else_anything(
    tmp_path: Path,
) -> None:
    async with (
        day(tmp_path / "good", with_bad_ones=False) as good,
        day(tmp_path / "bad", with_bad_ones=True) as bad,
    ):
        # At the same time, so that whatever else this machine does slows both.
        await asyncio.gather(good.play(), bad.play())
        await good.leap_until(STORY_S + HOUR_S)
        await bad.leap_until(STORY_S + HOUR_S)
        in_an_hour = {name: list(heard) for name, heard in bad.cast.heard.items()}
        await bad.leap_until(STORY_S + MONTH_S)
        await bad.read_log()
        tallies = await bad.stage.live.tallies()
        usual_s, took_s = good.latencies_s(), bad.latencies_s()
        usual_bytes, peak_bytes = good.sweeper.peak_bytes(), bad.sweeper.peak_bytes()
    print(
        f"p50 {median(took_s) * 1000:.0f} ms against {median(usual_s) * 1000:.0f} ms, "
        f"p99 {p99(took_s) * 1000:.0f} ms against {p99(usual_s) * 1000:.0f} ms, "
        f"{(peak_bytes - usual_bytes) / 2**20:.1f} MiB more, {len(bad.log)} steps of deliveries, "
        f"{bad.cast.sent_bytes / 2**20:.1f} MiB of {len(bad.cast.heard[FLOODING])} floods"
    )

    assert median(took_s) <= MOST_SLOWED * median(usual_s) + SLACK_S
    assert p99(took_s) <= MOST_SLOWED * p99(usual_s) + SLACK_S
    assert peak_bytes - usual_bytes < MOST_MEMORY_GROWN
    for name in (*HEALTHY, FLOODING):
        assert_told_once_in_order(bad.cast.heard[name])
    assert_told_once_in_order(good.cast.heard[HEALTHY[0]])
    assert_recovered_on_schedule(bad, in_an_hour)
    assert_bounded(bad)
    # What is lost is there to be seen: each delivery of each lost channel, and nothing waits any more.
    for name in LOST:
        assert len(set(bad.moved(name, MovedTo.DEAD))) >= len(FLEET) + len(BACK)
        assert bad.moved(name, MovedTo.DELIVERED) == []
        assert not any(one.told.type == "monitor.up" for one in bad.cast.heard.get(name, ()))
    assert tallies.deliveries == 0
    assert tallies.dead_letters == len({one.delivery_id for one in bad.log if one.to is MovedTo.DEAD})
    told_of = {
        one.told.message["data"]["channel"]["name"]
        for one in bad.cast.heard[HEALTHY[0]]
        if one.told.type == "channel.failing"
    }
    assert told_of == set(LOST)


async def test_a_dozen_that_hang_as_long_as_they_may_delay_nobody_else(tmp_path: Path) -> None:
    async with (
        day(tmp_path / "good", with_bad_ones=False) as good,
        day(tmp_path / "bad", with_bad_ones=False, attempt_s=REAL_ATTEMPT_S, hanging=HANGING) as bad,
    ):
        await asyncio.gather(good.play(), bad.play())
        wanted = len(HEALTHY) * len(FLEET)
        async with asyncio.timeout(DEADLINE_S):
            while min(len(good.latencies_s()), len(bad.latencies_s())) < wanted:
                await asyncio.sleep(IDLE_LOOK_S)
        usual_s, took_s = good.latencies_s(), bad.latencies_s()
        usual_bytes, peak_bytes = good.sweeper.peak_bytes(), bad.sweeper.peak_bytes()
    print(
        f"p50 {median(took_s) * 1000:.0f} ms against {median(usual_s) * 1000:.0f} ms, "
        f"p99 {p99(took_s) * 1000:.0f} ms against {p99(usual_s) * 1000:.0f} ms, "
        f"{(peak_bytes - usual_bytes) / 2**20:.1f} MiB more"
    )
    assert median(took_s) <= MOST_SLOWED * median(usual_s) + SLACK_S
    assert p99(took_s) <= MOST_SLOWED * p99(usual_s) + SLACK_S
    assert peak_bytes - usual_bytes < MOST_MEMORY_GROWN
    # Each of them was tried, and had few places.
    stuck = [heard for name, heard in bad.cast.heard.items() if name not in HEALTHY]
    assert [0 < len(heard) <= ATTEMPTS_PER_CHANNEL for heard in stuck] == [True] * HANGING


def assert_told_once_in_order(heard: list[Heard]) -> None:
    """Each down and each up, once, and no up before its down."""
    of_fleet = of_monitors(heard)
    assert len({one.told.webhook_id for one in of_fleet}) == len(of_fleet) == len(FLEET) + len(BACK)
    assert_no_up_before_its_down(of_fleet)


def assert_no_up_before_its_down(heard: list[Heard]) -> None:
    told: set[str] = set()
    for one in heard:
        if one.status == 200 and one.told.type == "monitor.down":
            told.add(one.told.incident_id)
        assert one.told.type != "monitor.up" or one.told.incident_id in told


def assert_recovered_on_schedule(bad: Day, in_an_hour: dict[str, list[Heard]]) -> None:
    """Whoever refused for an hour was called when it should be, and has heard everything in the end."""
    for name in RECOVERING:
        least_s = RETRY_AFTER_S if name == "429" else 0
        assert all(
            one.status != 200 and one.told.type != "monitor.up" for one in of_monitors(in_an_hour[name])
        )
        heard = of_monitors(bad.cast.heard[name])
        assert_no_up_before_its_down(heard)
        assert_told_once_in_order([one for one in heard if one.status == 200])
        if name == "429":
            assert_paused(in_an_hour[name])
        by_id: dict[str, list[Heard]] = defaultdict(list)
        for one in heard:
            by_id[one.told.webhook_id].append(one)
        for same in by_id.values():
            assert len({one.told.body for one in same}) == 1
            for usual_s, former, later in zip(WAITS_S, same, same[1:], strict=False):
                wanted_s, waited_s = max(usual_s, least_s), later.second - former.second
                slack_s = LEAP * later.second + 2
                assert wanted_s - 1 <= waited_s
                # A pause is one for all, and the first one after it may be answered with another pause.
                assert name == "429" or waited_s <= wanted_s * (1 + JITTER) + slack_s, name


def assert_paused(heard: list[Heard]) -> None:
    """As long as it asked for a pause, nothing of its channel was attempted before that was over."""
    moments_s = [one.second for one in heard if one.status == 429]
    assert len(moments_s) > 3
    assert all(later - former >= RETRY_AFTER_S - 1 for former, later in pairwise(moments_s))


def assert_bounded(bad: Day) -> None:
    """In time, number and bytes: nobody had more than a share, no attempt took too long, nobody was misled."""
    attempts = Counter(one.delivery_id for one in bad.log if one.attempt)
    assert max(attempts.values()) == MOST_ATTEMPTS
    assert max(one.duration_ms for one in bad.log) <= (ATTEMPT_S + REST_OF_ANSWER_S + 1) * 1000
    for name, most in bad.cast.most_under_way.items():
        assert name in STUCK or most <= ATTEMPTS_PER_CHANNEL
    for name in STUCK:  # whose receivers do not know when they are left; the first may have come late
        began_s = [one.at_s for one in bad.cast.heard[name]]
        for first_s, one_more_s in zip(began_s, began_s[ATTEMPTS_PER_CHANNEL:], strict=False):
            assert one_more_s - first_s >= 0.5 * ATTEMPT_S
    # Those that were under way when the first was answered 410, and no other.
    assert len(bad.cast.heard["410"]) <= ATTEMPTS_PER_CHANNEL
    assert bad.cast.trapped == 0
    assert bad.cast.sent_bytes <= len(bad.cast.heard[FLOODING]) * MOST_READ_OF_A_FLOOD
