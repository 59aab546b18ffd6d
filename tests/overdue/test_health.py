"""Each thing that can be wrong between the books and Redis is found, explained with an example, and repaired."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from overdue.health import checking, log
from overdue.health.checking import Check, finding_of
from overdue.health.desk import Desk
from overdue.health.finding import Finding, Verdict
from overdue.health.links import links
from overdue.health.log import DeliveryLog
from overdue.health.monitors import Monitors
from overdue.health.named import Named
from overdue.health.orphans import OrphanKeys, OrphanMonitors, StrangeNames
from overdue.health.statuses import Statuses
from overdue.health.strangers import Strangers
from overdue.health.told import Channels, Plans
from overdue.health.waiting import Deliveries, backlogs
from store.book import channels, monitors, outbox, plans
from store.book.channels import NewChannel
from store.book.letter_reader import LetterReader
from store.book.monitors import MonitorRow
from store.live import streams
from store.live.delivering import deliver, lease, settle
from store.live.inspecting import inspect
from store.plans import PlanChange
from store.settings import read_settings
from tests.patience import until
from tests.stage import ORG, Stage
from tests.store.library import NOW_MS, Library, library_on, public_id

CHECKS: dict[str, Callable[[Desk], Check]] = {
    one.what: one
    for one in (
        Monitors,
        OrphanMonitors,
        OrphanKeys,
        Channels,
        Plans,
        Named,
        Strangers,
        Deliveries,
        DeliveryLog,
        StrangeNames,
        Statuses,
    )
}
Harm = Callable[["Ward"], Awaitable[object]]


class Ward:
    """An installation with two monitors and a channel, of which the first monitor gets ill."""

    def __init__(self, library: Library, job: MonitorRow, other: MonitorRow) -> None:
        self.library = library
        self.stage = library.stage
        self.keys = library.stage.shard.keys
        self.redis: Any = library.stage.redis
        self.desk = Desk(library.book, library.stage.live, LetterReader(library.desk.path))
        self.job, self.other = job, other
        self._stop = asyncio.Event()
        self._recording = asyncio.create_task(self.record())

    @property
    def id(self) -> int:
        return self.job.config.id

    async def examine(self, fix: bool = False) -> dict[str, Finding]:
        return {what: await finding_of(check(self.desk), fix) for what, check in CHECKS.items()}

    async def log_is_read(self) -> bool:
        return not await self.redis.xlen(self.keys.letters)

    async def record(self) -> None:
        """As the recorder does."""
        while not self._stop.is_set():
            await self.library.desk.step()

    async def stop_recording(self) -> None:
        self._stop.set()
        await self._recording

    async def score(self, moved_s: int) -> None:
        await self.redis.zincrby(self.keys.deadlines, moved_s * 1000, str(self.id))


@pytest.fixture
async def ward(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ward]:
    monkeypatch.setattr(checking, "LOOK_AGAIN_S", 0)
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    async with library_on(stage, tmp_path) as library:
        job, other = await library.monitor("job"), await library.monitor("other")
        await library.channel()
        ward = Ward(library, job, other)
        yield ward
        await ward.stop_recording()


async def a_delivery_without_its_turn(ward: Ward) -> None:
    await ward.stage.listen(until=41)
    await ward.stage.sweep()
    assert (await deliver(ward.stage.shard, 10)).deliveries == 2
    for name, _ in (await ward.redis.zrange(ward.keys.due, 0, 0, withscores=True))[:1]:
        await ward.redis.zrem(ward.keys.due, name)
    await until(ward.log_is_read)


async def a_delivery_that_is_logged(ward: Ward) -> str:
    """Two deliveries, both in the log; the first one's id."""
    await ward.stage.listen(until=41)
    await ward.stage.sweep()
    assert (await deliver(ward.stage.shard, 10)).deliveries == 2
    await until(ward.log_is_read)
    return str(min(await ward.redis.hkeys(ward.keys.deliveries)).decode())


async def a_delivery_that_the_log_lost(ward: Ward) -> None:
    one = await a_delivery_that_is_logged(ward)
    with closing(sqlite3.connect(ward.library.desk.path)) as history, history:
        history.execute("DELETE FROM deliveries WHERE live_id = ?", (one,))


async def a_dead_letter_that_the_log_lost(ward: Ward) -> None:
    await a_delivery_that_is_logged(ward)
    leased = await lease(ward.stage.shard, 1, 60_000, ())
    await settle(ward.stage.shard, leased.leases[0], "dead")
    await until(ward.log_is_read)
    with closing(sqlite3.connect(ward.library.desk.path)) as history, history:
        history.execute("DELETE FROM deliveries WHERE state = 'dead'")


async def a_channel_that_a_monitor_names_no_more(ward: Ward) -> None:
    """Nor does Redis know that it did."""
    (channel,) = await ward.redis.hkeys(ward.keys.channels)
    await ward.redis.hset(ward.keys.named, ward.id, int(channel).to_bytes(4, "little"))


async def limits_that_nobody_told(ward: Ward) -> None:
    async with ward.library.book.write() as tx:
        await plans.change(tx, PlanChange(name="unlimited", limits={"pings_per_minute": 7}), NOW_MS)
    await outbox.settle(ward.library.book, [one.id for one in await outbox.pending(ward.library.book, 9)])


HARMS: dict[str, tuple[str, Harm, str]] = {
    "a lost configuration": ("monitors", lambda w: w.redis.hdel(w.keys.config, w.id), "nobody watches them"),
    "a lost state": ("monitors", lambda w: w.redis.hdel(w.keys.state, w.id), "nobody watches them"),
    "a state that cannot be read": (
        "monitors",
        lambda w: w.redis.hset(w.keys.state, w.id, b"?"),
        "cannot be read",
    ),
    "a lost deadline": (
        "monitors",
        lambda w: w.redis.zrem(w.keys.deadlines, w.id),
        "silence would not be noticed",
    ),
    "a late deadline": ("monitors", lambda w: w.score(+1), "too late"),
    "an early deadline": ("monitors", lambda w: w.score(-1), "too early"),
    "a change that Redis never heard of": (
        "monitors",
        lambda w: w.library.change(w.job, carry=False, interval_s=77),
        "configured otherwise",
    ),
    "a mark that has outlived its reason": (
        "monitors",
        lambda w: w.redis.sadd(w.keys.broken, w.id),
        "marked as unreadable",
    ),
    "a lost ping key": (
        "monitors",
        lambda w: w.redis.hdel(w.keys.key_bucket(w.job.digests[0]), w.job.digests[0]),
        "answered 404",
    ),
    "a ping key of somebody else": (
        "ping keys",
        lambda w: w.redis.hset(w.keys.key_bucket(w.job.digests[0]), w.job.digests[0], w.other.config.id),
        "somebody else's",
    ),
    "a ping key of nobody": (
        "ping keys",
        lambda w: w.redis.hset(w.keys.key_bucket(b"x" * 16), b"x" * 16, 99),
        "nobody's",
    ),
    "a deletion that Redis never heard of": (
        "orphans",
        lambda w: monitors.delete(w.library.book, ORG, public_id(w.job), NOW_MS),
        "nobody asked for",
    ),
    "a deadline of nobody": (
        "orphans",
        lambda w: w.redis.zadd(w.keys.deadlines, {"99": 1}),
        "nobody asked for",
    ),
    "a lost channel": ("channels", lambda w: w.redis.delete(w.keys.channels), "other channels"),
    "a channel with other manners": (
        "channels",
        lambda w: w.redis.hset(w.keys.manners, 1, b"\0" * 7),
        "other channels",
    ),
    "a channel that a monitor does not name": (
        "named",
        a_channel_that_a_monitor_names_no_more,
        "told wrongly",
    ),
    "an organisation of nobody": (
        "strangers",
        lambda w: w.redis.hset(w.keys.orgs, 99, (7).to_bytes(4, "little")),
        "organisation 99",
    ),
    "the limits of nobody": (
        "strangers",
        lambda w: w.redis.hset(w.keys.plans, 99, b"\1" * 12),
        "organisation 99",
    ),
    "a channel of nobody": ("strangers", lambda w: w.redis.hset(w.keys.channels, 99, b"?"), "channel 99"),
    "a count that is wrong": (
        "statuses",
        lambda w: w.redis.hincrby(w.keys.tallies, "paused", 3),
        "3 instead of 0 that are paused in shard 0",
    ),
    "a delivery that the log lost": ("delivery log", a_delivery_that_the_log_lost, "filled again without"),
    "a dead letter that the log lost": (
        "delivery log",
        a_dead_letter_that_the_log_lost,
        "filled again without",
    ),
    "a lost list of channels": ("channels", lambda w: w.redis.delete(w.keys.orgs), "other channels"),
    "limits that nobody told": ("plans", limits_that_nobody_told, "other limits"),
    "a delivery without its turn": ("deliveries", a_delivery_without_its_turn, "nobody would be told"),
}


@pytest.mark.parametrize("harm", HARMS)
async def test_what_is_wrong_is_found_with_an_example_and_repaired(ward: Ward, harm: str) -> None:
    what, do_harm, said = HARMS[harm]
    await do_harm(ward)
    # What the outbox still holds is on its way; here it was lost.
    await outbox.settle(ward.library.book, [one.id for one in await outbox.pending(ward.library.book, 9)])

    found = (await ward.examine())[what]
    assert (found.verdict, found.wrong) == (Verdict.BAD, 1)
    assert said in found.sentence
    assert "such as" in found.sentence
    repaired = await ward.examine(fix=True)
    assert repaired[what].verdict is Verdict.GOOD
    assert sum(one.repaired for one in repaired.values()) >= 1, repaired
    after = await ward.examine()
    assert {one.verdict for one in after.values()} == {Verdict.GOOD}, after
    assert await outbox.pending(ward.library.book, 9) == []


async def test_messages_to_people_without_a_link_are_a_warning(ward: Ward) -> None:
    settings, book = read_settings({}), ward.library.book
    assert (await links(ward.desk, settings)).verdict is Verdict.GOOD
    await channels.create(book, NewChannel(org_id=ORG, type="email", name="ops", settings=b"{}"), NOW_MS)
    found = await links(ward.desk, settings)
    assert (found.verdict, "OVERDUE_BASE_URL" in found.sentence) == (Verdict.WARNING, True)
    reached = msgspec.structs.replace(settings, base_url="https://overdue.example.org")
    assert (await links(ward.desk, reached)).verdict is Verdict.GOOD


async def test_an_installation_that_is_well_is_not_touched(ward: Ward) -> None:
    before = {key: await ward.redis.dump(key) for key in await ward.redis.keys("od:*")}
    found = await ward.examine(fix=True)
    assert {one.verdict for one in found.values()} == {Verdict.GOOD}
    assert found["monitors"].sentence.startswith("2 are watched")
    assert {key: await ward.redis.dump(key) for key in await ward.redis.keys("od:*")} == before


async def test_a_deadline_that_does_not_know_of_a_hole_yet_is_in_order(ward: Ward) -> None:
    start, end = ward.stage.now_ms + 1000, ward.stage.now_ms + 5000
    hole = start.to_bytes(6, "little") + end.to_bytes(6, "little")
    await ward.redis.set(ward.keys.blind, hole)
    (one,) = await inspect(ward.stage.shard, [ward.id])
    assert one.stored_ms == one.least_ms
    assert one.deadline_ms == end + ward.job.config.limit_ms
    assert (await ward.examine())["monitors"].verdict is Verdict.GOOD
    await ward.redis.zadd(ward.keys.deadlines, {str(ward.id): one.deadline_ms})
    assert (await ward.examine())["monitors"].verdict is Verdict.GOOD
    await ward.redis.zadd(ward.keys.deadlines, {str(ward.id): one.deadline_ms + 1})
    assert (await ward.examine())["monitors"].verdict is Verdict.BAD


async def test_what_is_on_its_way_is_no_finding(ward: Ward) -> None:
    await ward.library.change(ward.job, carry=False, interval_s=77)
    await monitors.delete(ward.library.book, ORG, public_id(ward.other), NOW_MS)
    found = await ward.examine()
    assert {one.verdict for one in found.values()} == {Verdict.GOOD}, found
    assert (await backlogs(ward.desk)).verdict is Verdict.GOOD
    async with ward.library.book.write() as tx:
        await tx.execute("UPDATE outbox SET created_ms = 0")
    waits = await backlogs(ward.desk)
    assert waits.verdict is Verdict.BAD
    assert "2 changes" in waits.sentence


async def test_a_count_that_differs_otherwise_at_the_second_look_was_only_changing(ward: Ward) -> None:
    check = Statuses(ward.desk)
    await ward.redis.hincrby(ward.keys.tallies, "up", 3)
    (found,) = await check.look()
    await ward.redis.hincrby(ward.keys.tallies, "up", -1)
    assert await check.look_again([found]) == {}
    assert list(await check.look_again([found])) == [found]


async def test_while_the_recorder_is_behind_the_log_is_not_compared(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "LOOKS", 1)
    await a_delivery_that_the_log_lost(ward)
    await ward.stop_recording()
    await ward.redis.xadd(ward.keys.letters, {"t": 1, "c": 0, "d": "", "r": b""})
    finding = (await ward.examine())["delivery log"]
    assert (finding.verdict, finding.wrong) == (Verdict.GOOD, 0)
    assert "nothing was compared" in finding.sentence


async def test_a_name_that_is_not_ours_is_shown_and_left_alone(ward: Ward) -> None:
    await ward.redis.set("od:{0}:secrets", "x")
    await ward.redis.hset(ward.keys.key_bucket(b"xy"), b"0" * 16, 1)
    assert "od:{0}:secrets" in (await ward.examine(fix=True))["key names"].sentence
    assert await ward.redis.get("od:{0}:secrets") == b"x"


def test_a_finding_is_json_for_programs() -> None:
    one = msgspec.json.decode(msgspec.json.encode(Finding(Verdict.BAD, "monitors", "1 is wrong", wrong=1)))
    assert one == {"verdict": "BAD", "what": "monitors", "sentence": "1 is wrong", "wrong": 1, "repaired": 0}
