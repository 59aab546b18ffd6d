"""A Hypothesis state machine that drives the scripts and the model side by side and compares them after every step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from hashlib import sha1
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from store.errors import Fenced, Unavailable
from store.live.monitors import put_monitor
from store.live.packing import LIFE_ONLY, OUT_OF_DATE, Event, Outcome, pack_head
from store.live.connect import Scripts
from store.live.scripts import Script, names
from store.live.writer import Writer
from store.monitor import MonitorConfig
from store.projection import PutMonitor
from tests.stage import CLOCK, START_MS, Stage, config_of, digest_of
from tests.store.live.compare import check_deadlines, check_events, look_at_model, look_at_redis
from tests.store.live.model import HOLE_MS, Beat, Model, Told

T = TypeVar("T")
SLOTS = ("main-0", "main-1")
MONITORS, NOBODY = 4, 999
LONGEST_LISTEN_MS = 12_000

which = st.integers(0, MONITORS)
intervals = st.sampled_from((1, 2, 3, 5, 90))
graces = st.sampled_from((0, 1, 3))
stamps = st.sampled_from((0, 0, 0, 0, -1, -300, -2500, -30_000, -70_000, 5000))
lags = st.sampled_from((0, 0, 0, 200, 950, 4000, -500))
beats = st.tuples(which, stamps, st.booleans(), st.sampled_from((False,) * 7 + (True,)))
limits = st.sampled_from((1, 2, 256))


class Theatre:
    """An event loop and a server that all examples of a run share; `alter` may rewrite the scripts."""

    def __init__(self, url: str, alter: Callable[[str, str], str] | None = None) -> None:
        self._url = url
        self._runner = asyncio.Runner()
        self._scripts = Scripts(CLOCK)
        if alter:
            altered = {name: _script(name, alter(name, self._scripts[name].source)) for name in names()}
            self._scripts._by_name = altered

    def __enter__(self) -> Theatre:
        self._runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.__exit__(kind, error, trace)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def new_stage(self) -> Stage:
        """An empty live side with one registered writer."""
        stage = Stage(self._url)
        stage.live.scripts._by_name = self._scripts._by_name
        self.run(stage.open())
        return stage


def _script(name: str, source: str) -> Script:
    return Script(name, source, sha1(source.encode(), usedforsecurity=False).hexdigest())


class LiveMachine(RuleBasedStateMachine):
    """Rules are what may happen to a shard; the invariant is that it looks as the model says."""

    theatre: ClassVar[Theatre]

    def __init__(self) -> None:
        super().__init__()
        self.stage = self.theatre.new_stage()
        self.model = Model()
        self.model.register(SLOTS[0])
        self.writers: dict[str, Writer] = {SLOTS[0]: self.stage.writer}
        self.ghosts: list[Writer] = []
        self.heard: dict[str, int] = {SLOTS[0]: 0}
        self.confessed: set[str] = set()
        self.last_batch: dict[str, tuple[int, tuple[Any, ...], bytes]] = {}
        self.carried: list[PutMonitor] = []
        self.dropped: dict[int, int] = {}
        self.events: list[Told] = []
        self.events_at_drop: dict[int, int] = {}

    def teardown(self) -> None:
        self.run(self.stage.close())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.theatre.run(work)

    # Configuration

    @initialize(interval=intervals, grace=graces)
    def begin(self, interval: int, grace: int) -> None:
        self._carry(config_of(1, interval, grace))

    @precondition(lambda self: len(self.model.monitors) < MONITORS)
    @rule(interval=intervals, grace=graces, paused=st.sampled_from((False, False, False, True)))
    def create(self, interval: int, grace: int, paused: bool) -> None:
        number = max(put.config.id for put in self.carried) + 1
        self._carry(config_of(number, interval, grace, paused=paused))

    @precondition(lambda self: self.model.monitors)
    @rule(one=which, interval=intervals, grace=graces)
    def edit(self, one: int, interval: int, grace: int) -> None:
        self._change(one, interval_s=interval, grace_s=grace)

    @precondition(lambda self: self.model.monitors)
    @rule(one=which)
    def rename(self, one: int) -> None:
        self._change(one, name="another name")

    @precondition(lambda self: self.model.monitors)
    @rule(one=which)
    def pause(self, one: int) -> None:
        self._change(one, paused=True)

    @precondition(lambda self: self.model.statuses()["paused"])
    @rule(one=which)
    def resume(self, one: int) -> None:
        paused = [number for number, found in self.model.monitors.items() if found.phase == "paused"]
        self._change(list(self.model.monitors).index(paused[one % len(paused)]), paused=False)

    @precondition(lambda self: self.model.monitors)
    @rule(one=which)
    def delete(self, one: int) -> None:
        number = self._number(one)
        self.dropped[number] = self.model.monitors[number].version + 1
        self._carry_drop(number)

    @rule(at=st.integers(0, 30))
    def carry_an_older_change_again(self, at: int) -> None:
        self._carry(self.carried[at % len(self.carried)].config, again=True)

    @precondition(lambda self: self.dropped)
    @rule(at=st.integers(0, 30), deletion=st.booleans())
    def carry_something_after_the_deletion(self, at: int, deletion: bool) -> None:
        if deletion:
            self._carry_drop(list(self.dropped)[at % len(self.dropped)])
        else:
            late = [put.config for put in self.carried if put.config.id in self.dropped]
            self._carry(late[at % len(late)], again=True)

    # Time

    @rule(ms=st.sampled_from((1, 200, 1000, 1001, 2500, 6000)), deaf=st.sampled_from((None, None, None, *SLOTS)))
    def listen(self, ms: int, deaf: str | None) -> None:
        self._listen(self.model.now + ms, deaf)

    @precondition(lambda self: self.model.monitors)
    @rule(one=which, ms=st.sampled_from((-1, 0, 0, 1, 700)), sweeps=st.booleans())
    def listen_until_the_deadline(self, one: int, ms: int, sweeps: bool) -> None:
        until = self.model.deadline(self.model.monitors[self._number(one)]) + ms
        self._listen(min(until, self.model.now + LONGEST_LISTEN_MS))
        if sweeps:
            self.sweep(256)

    @rule(ms=st.sampled_from((1, 300, 1000, 1001, 3000, 8000, 65_000, 100_000)))
    def pass_in_silence(self, ms: int) -> None:
        self._move_to(self.model.now + ms)

    # Pings and silence

    @precondition(lambda self: self.model.ears)
    @rule(slot=which, batch=st.lists(beats, min_size=1, max_size=3), lag=lags)
    def ping(self, slot: int, batch: list[tuple[int, int, bool, bool]], lag: int) -> None:
        sent = [Beat(self._anybody(one), self.model.now + at, life, old) for one, at, life, old in batch]
        self._send(self._slot(slot), sent, self.model.now - lag)

    @precondition(lambda self: self.model.ears and self.model.monitors)
    @rule(slot=which, one=which, batch=st.lists(st.tuples(stamps, st.booleans()), min_size=2, max_size=3))
    def ping_one_monitor_twice(self, slot: int, one: int, batch: list[tuple[int, bool]]) -> None:
        sent = [Beat(self._number(one), self.model.now + at, life) for at, life in batch]
        self._send(self._slot(slot), sent, self.model.now)

    @precondition(lambda self: self.model.ears)
    @rule(slot=which)
    def confess(self, slot: int) -> None:
        self.writers[self._slot(slot)].confess()
        self.confessed.add(self._slot(slot))

    @precondition(lambda self: self.last_batch)
    @rule(slot=which)
    def send_the_last_batch_again(self, slot: int) -> None:
        name = list(self.last_batch)[slot % len(self.last_batch)]
        sequence, arguments, reply = self.last_batch[name]
        assert self._send_as(name, sequence, arguments) == reply

    @precondition(lambda self: self.last_batch)
    @rule(slot=which, older=st.integers(1, 3))
    def send_a_stale_batch(self, slot: int, older: int) -> None:
        name = list(self.last_batch)[slot % len(self.last_batch)]
        sequence, arguments, _ = self.last_batch[name]
        with pytest.raises(Unavailable, match="STALE"):
            self._send_as(name, max(0, sequence - older), arguments)

    @rule(limit=limits)
    def sweep(self, limit: int) -> None:
        due, heard = self.model.due(), self.model.watermark
        swept = self.run(self.stage.sweep(limit))
        fresh = self._read_events()
        numbers = [told.monitor_id for told in fresh]
        assert swept.watermark_ms == (None if heard is None else START_MS + heard)
        assert swept.writers == len(self.model.ears)
        assert swept.looked_at <= limit
        assert len(set(numbers)) == len(numbers)
        assert set(numbers) == due if swept.looked_at < limit else set(numbers) <= due
        self.model.sweep(numbers)
        assert swept.delays_ms == [self.model.now - told.at for told in fresh]

    # Writers

    @precondition(lambda self: self.model.ears)
    @rule(slot=which)
    def crash_and_start_again(self, slot: int) -> None:
        self._register(self._slot(slot))

    @precondition(lambda self: len(self.model.ears) < len(SLOTS))
    @rule()
    def join(self) -> None:
        self._register(next(slot for slot in SLOTS if slot not in self.model.ears))

    @precondition(lambda self: self.model.ears)
    @rule(slot=which)
    def leave(self, slot: int) -> None:
        name = self._slot(slot)
        self.run(self.writers[name].deregister())
        self._forget(name)
        self.model.deregister(name)

    @precondition(lambda self: self.model.ears)
    @rule(slot=which)
    def register_once_more(self, slot: int) -> None:
        self._register_itself(self._slot(slot))

    @precondition(lambda self: self.model.ears)
    @rule()
    def lose_the_registry(self) -> None:
        self.run(self._delete(self.stage.shard.keys.writers))
        self.model.ears.clear()
        for slot in sorted(self.writers):
            self._register_itself(slot)

    @precondition(lambda self: self.ghosts and self.model.monitors)
    @rule(at=which)
    def a_replaced_writer_speaks(self, at: int) -> None:
        ghost = self.ghosts[at % len(self.ghosts)]
        arguments = self._arguments([Beat(self._number(0), self.model.now)], self.model.now)
        with pytest.raises(Fenced if ghost.slot in self.writers else Unavailable):
            self.run(ghost.record(*arguments))

    # What must hold

    @invariant()
    def the_live_side_is_as_the_model_says(self) -> None:
        self._read_events()
        found, scores = self.run(look_at_redis(self.stage, sorted({put.config.id for put in self.carried})))
        assert found == look_at_model(self.model)
        assert self.events == self.model.told
        check_deadlines(scores, self.model)
        check_events(self.events, self.events_at_drop)

    # How it is done

    def _number(self, one: int) -> int:
        return list(self.model.monitors)[one % len(self.model.monitors)]

    def _anybody(self, one: int) -> int:
        everybody = sorted({put.config.id for put in self.carried})[-MONITORS:]
        return everybody[one] if one < len(everybody) else NOBODY

    def _slot(self, at: int) -> str:
        return sorted(self.writers)[at % len(self.writers)]

    def _move_to(self, now: int) -> None:
        self.model.now = now
        self.run(self.stage.move_to(now / 1000))

    def _listen(self, until: int, deaf: str | None = None) -> None:
        while self.model.now < until:
            self._move_to(min(until, self.model.now + HOLE_MS))
            for slot in self.writers.keys() - {deaf}:
                self._send(slot, [], self.model.now)

    def _change(self, one: int, **changes: Any) -> None:
        number = self._number(one)
        latest = max((put.config for put in self.carried if put.config.id == number), key=lambda c: c.version)
        self._carry(msgspec.structs.replace(latest, version=latest.version + 1, **changes))

    def _carry(self, config: MonitorConfig, again: bool = False) -> None:
        put = PutMonitor(config, (digest_of(config.id),))
        self.run(put_monitor(self.stage.shard, put))
        if not again:
            self.carried.append(put)
        interval, grace = config.interval_s * 1000, config.grace_s * 1000
        self.model.put(config.id, config.version, interval, grace, config.paused)

    def _carry_drop(self, number: int) -> None:
        self.run(self.stage.drop(number, self.dropped[number]))
        self.model.drop(number, self.dropped[number])
        self._read_events()
        self.events_at_drop.setdefault(number, len(self.events))

    def _send(self, slot: str, batch: Iterable[Beat], heard: int) -> None:
        batch = list(batch)
        arguments = self._arguments(batch, heard)
        reply = self.run(self.writers[slot].record(*arguments))
        expected = self.model.record(slot, batch, heard, slot in self.confessed)
        self.heard[slot] = min(heard, self.model.now)
        self.confessed.discard(slot)
        self.last_batch[slot] = (self.writers[slot]._sequence, arguments, reply)
        assert [(Outcome(byte & ~OUT_OF_DATE), byte & OUT_OF_DATE > 0) for byte in reply] == expected

    def _send_as(self, slot: str, sequence: int, arguments: tuple[Any, ...]) -> bytes:
        writer = self.writers[slot]
        kept, writer._sequence = writer._sequence, sequence - 1
        try:
            return self.run(writer.record(*arguments))
        finally:
            writer._sequence = kept

    @staticmethod
    def _arguments(batch: list[Beat], heard: int) -> tuple[list[bytes], bytes, bytes, int]:
        heads = b"".join(
            pack_head(START_MS + beat.arrival, 2 if beat.stale_key else 1, 1, LIFE_ONLY if beat.life_only else 0)
            for beat in batch
        )
        return [str(beat.monitor_id).encode() for beat in batch], heads, b"history", START_MS + heard

    def _register(self, slot: str) -> None:
        self._forget(slot)
        self.writers[slot] = self.run(self.stage.new_writer(slot))
        self.model.register(slot)
        self.heard[slot] = self.model.now

    def _register_itself(self, slot: str) -> None:
        self.run(self.writers[slot].register())
        self.model.register(slot, self.heard.get(slot))
        self.confessed.discard(slot)
        self.last_batch.pop(slot, None)

    async def _delete(self, key: str) -> None:
        await self.stage.live.client.delete(key)

    def _forget(self, slot: str) -> None:
        if slot in self.writers:
            self.ghosts.append(self.writers.pop(slot))
        self.confessed.discard(slot)
        self.last_batch.pop(slot, None)

    def _read_events(self) -> list[Told]:
        fresh = [_told(event) for event in self.run(self.stage.events())]
        self.events += fresh
        return fresh


def _told(event: Event) -> Told:
    kind: Any = event.kind.name.lower()
    moments = (moment - START_MS for moment in (event.at_ms, event.silence_ms, event.started_ms))
    return Told(kind, event.monitor_id, *moments)


def machine_on(theatre: Theatre) -> type[LiveMachine]:
    """The machine, bound to a theatre."""
    return type("BoundMachine", (LiveMachine,), {"theatre": theatre})
