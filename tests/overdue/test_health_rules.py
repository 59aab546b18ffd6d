"""What Redis has of a monitor beside its state is held against the book and the history, and repaired."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from overdue.health import checking, monitors
from overdue.health.causes import Causes
from overdue.health.checking import finding_of
from overdue.health.desk import Desk
from overdue.health.finding import Finding, Verdict
from overdue.health.monitors import Monitors
from store.beat import Signal
from store.book import maintenance
from store.book.letter_reader import LetterReader
from store.book.maintenance import Window
from store.live import streams
from store.live.event_kind import Cause
from store.live.packed_rules import pack_rules, read_rules
from store.live.packed_runs import RememberedRuns, pack_runs
from store.live.refreshing import note_kept_change
from store.maintenance import Once
from store.monitor_rules import MonitorRules
from tests.stage import ORG, START_MS, Stage
from tests.store.library import Library, library_on

START_S = START_MS // 1000
ID = "1"


class Patient:
    """A monitor of 30 + 10 s with a schedule, two failures and reminders, down since a failure; and the doctor."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.redis = library.stage.redis
        self.keys = library.stage.shard.keys
        self.desk = Desk(library.book, library.stage.live, LetterReader(library.desk.path))

    async def rules(self) -> MonitorRules:
        found = read_rules(await self.redis.hget(self.keys.rules, ID))
        assert found is not None
        return found

    async def become(self, **changed: object) -> None:
        """Redis has other rules than it was given."""
        packed = pack_rules(msgspec.structs.replace(await self.rules(), **changed))
        await self.redis.hset(self.keys.rules, ID, packed)

    async def come_up(self) -> None:
        await self.library.stage.ping(1)
        await self.library.desk.step()

    async def examine(self, fix: bool = False) -> list[Finding]:
        return [await finding_of(check(self.desk), fix) for check in (Monitors, Causes)]


@pytest.fixture
async def patient(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Patient]:
    monkeypatch.setattr(checking, "LOOK_AGAIN_S", 0)
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    monkeypatch.setattr(monitors, "wall_ms", lambda: stage.now_ms)
    async with library_on(stage, tmp_path) as library:
        row = await library.monitor()
        wishes = {"schedule": "0 * * * *", "timezone": "UTC", "failures": 2, "reminder_s": 60}
        await library.change(row, wishes=wishes)
        for _ in range(2):
            await stage.ping(1, signal=Signal.FAIL)
        await library.desk.step()
        yield Patient(library)


async def a_window_that_is_gone(one: Patient) -> None:
    await one.become(quiet=((START_S + 60, START_S + 90),))
    await note_kept_change(one.library.stage.live, 1)


async def a_run_beside_its_state(one: Patient) -> None:
    await one.come_up()
    await one.redis.hset(one.keys.runs, ID, pack_runs(RememberedRuns(under_way=((b"", START_MS),))))


async def a_state_beside_its_runs(one: Patient) -> None:
    await one.redis.hdel(one.keys.runs, ID)


HARMS: dict[str, tuple[Callable[[Patient], Awaitable[object]], str]] = {
    "lost rules": (lambda one: one.redis.hdel(one.keys.rules, ID), "rules that cannot be read"),
    "rules that cannot be read": (
        lambda one: one.redis.hset(one.keys.rules, ID, b"\1\2"),
        "rules that cannot be read",
    ),
    "other rules": (lambda one: one.become(failures=3), "other rules"),
    "other ticks": (lambda one: one.become(ticks=(START_S + 1, START_S + 9000)), "due at other times"),
    "no ticks": (lambda one: one.become(ticks=()), "due at other times"),
    "a window that is gone": (a_window_that_is_gone, "other maintenance windows"),
    "runs that its state does not know of": (a_run_beside_its_state, "or the other way round"),
    "a state that knows of lost runs": (a_state_beside_its_runs, "or the other way round"),
    "a reminder that is missing": (
        lambda one: one.redis.zrem(one.keys.reminders, ID),
        "would not be reminded",
    ),
    "another cause": (
        lambda one: one.redis.hset(one.keys.runs, ID, pack_runs(RememberedRuns(cause=Cause.OVERRUN))),
        "for another reason",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
async def test_what_is_wrong_beside_the_state_is_found_and_repaired(patient: Patient, harm: str) -> None:
    before = await patient.examine()
    assert [one.verdict for one in before] == [Verdict.GOOD] * 2, before
    do_harm, said = HARMS[harm]
    await do_harm(patient)
    found = " ".join(one.sentence for one in await patient.examine() if one.verdict is Verdict.BAD)
    assert said in found
    await patient.examine(fix=True)
    after = await patient.examine()
    assert [one.verdict for one in after] == [Verdict.GOOD] * 2, after


async def test_a_cause_that_is_repaired_is_told_at_the_end(patient: Patient) -> None:
    stage = patient.library.stage
    await stage.told()
    await patient.redis.hset(patient.keys.runs, ID, pack_runs(RememberedRuns(cause=Cause.OVERRUN)))
    await patient.examine(fix=True)
    await patient.come_up()
    assert [one.cause for one in await stage.events()] == [Cause.FAILED]


async def test_a_window_that_the_keeper_has_not_seen_to_is_no_finding(patient: Patient) -> None:
    window = Window(name="update", times=Once(START_S + 60, START_S + 90), is_for_all=True)
    await maintenance.create(patient.library.book, ORG, window, START_MS)
    assert [one.verdict for one in await patient.examine()] == [Verdict.GOOD] * 2
    await note_kept_change(patient.library.stage.live, 2)
    assert [one.verdict for one in await patient.examine()] == [Verdict.BAD, Verdict.GOOD]
