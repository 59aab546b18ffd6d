"""Does everything twice, in Redis and in the model: what the rules of the machine are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from hashlib import sha1
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import msgspec

from store.errors import Unavailable
from store.live.connect import Scripts
from store.live.heads import HAS_RUN, LIFE_ONLY, OUT_OF_DATE, SIGNAL_SHIFT, Outcome, pack_head
from store.live.monitors import put_monitor
from store.live.packing import Event
from store.live.scripts import Script, names
from store.live.writer import Writer
from store.monitor import MonitorConfig
from store.monitor_rules import MonitorRules
from store.projection import PutMonitor
from tests.stage import CLOCK, START_MS, Stage, digest_of
from tests.store.live.model import HOLE_MS, NAMELESS, Beat, Model, Told

T = TypeVar("T")
SLOTS = ("main-0", "main-1")
NOBODY = 999
MONITORS = 4


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


class Drive:
    """One example: a fresh stage and a fresh model, kept side by side. What is done begins with `do_`."""

    theatre: ClassVar[Theatre]

    def set_up(self) -> None:
        self.run = self.theatre.run
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

    def number(self, one: int, phase: str = "") -> int:
        """One of the monitors that are there, if possible in this phase."""
        fitting = [number for number, found in self.model.monitors.items() if found.phase == phase]
        choice = fitting or list(self.model.monitors)
        return choice[one % len(choice)]

    def anybody(self, one: int, phase: str) -> int:
        """One of them, or with a bit of luck one that was deleted or never was."""
        if one == MONITORS:
            return max(self.dropped, default=NOBODY)
        return self.number(one, phase) if self.model.monitors else NOBODY

    def slot(self, at: int) -> str:
        """One of the writers that are there."""
        return sorted(self.writers)[at % len(self.writers)]

    def do_move_to(self, now: int) -> None:
        self.model.now = now
        self.run(self.stage.move_to(now / 1000))

    def do_listen(self, until: int, deaf: str | None = None, ahead: int = 0) -> None:
        while self.model.now < until:
            self.do_move_to(min(until, self.model.now + HOLE_MS))
            for slot in sorted(self.writers.keys() - {deaf}):
                self.do_send(slot, [], self.model.now + ahead)

    def do_change(self, number: int, change: dict[str, Any]) -> None:
        latest = max((put.config for put in self.carried if put.config.id == number), key=lambda c: c.version)
        self.do_carry(msgspec.structs.replace(latest, version=latest.version + 1, **change))

    def do_carry(self, config: MonitorConfig, again: bool = False) -> None:
        put = PutMonitor(config, (digest_of(config.id),))
        self.run(put_monitor(self.stage.shard, put))
        if not again:
            self.carried.append(put)
        interval, grace = config.interval_s * 1000, config.grace_s * 1000
        rules = config.rules or MonitorRules()
        self.model.put(
            config.id,
            config.version,
            interval,
            grace,
            config.paused,
            rules.failures,
            rules.max_runtime_s * 1000,
            rules.is_armed_by_ping,
        )

    def do_drop(self, number: int) -> None:
        self.run(self.stage.drop(number, self.dropped[number]))
        self.model.drop(number, self.dropped[number])
        self.read_events()
        self.events_at_drop.setdefault(number, len(self.events))

    def do_send(self, slot: str, batch: Iterable[Beat], heard: int) -> None:
        batch = list(batch)
        arguments = self.arguments(batch, heard)
        reply = self.run(self.writers[slot].record(*arguments)).outcomes
        expected = self.model.record(slot, batch, heard, slot in self.confessed)
        self.heard[slot] = min(heard, self.model.now)
        self.confessed.discard(slot)
        self.last_batch[slot] = (self.writers[slot]._sequence, arguments, reply)
        assert [(Outcome(byte & ~OUT_OF_DATE), byte & OUT_OF_DATE > 0) for byte in reply] == expected

    def do_send_as(self, slot: str, sequence: int, arguments: tuple[Any, ...]) -> bytes | None:
        """Sends a batch under an older number; None: it is refused as stale."""
        writer = self.writers[slot]
        kept = writer._sequence, writer._heard_ms
        writer._sequence = max(0, sequence) - 1
        try:
            return self.run(writer.record(*arguments)).outcomes
        except Unavailable as error:
            if "STALE" not in str(error):
                raise
            return None
        finally:
            writer._sequence, writer._heard_ms = kept

    @staticmethod
    def arguments(batch: list[Beat], heard: int) -> tuple[list[bytes], bytes, bytes, int, bytes]:
        heads = b"".join(
            pack_head(START_MS + beat.arrival, 2 if beat.stale_key else 1, 1, _flags(beat)) for beat in batch
        )
        runs = b"".join(run_id(beat.run) for beat in batch if beat.run != NAMELESS)
        return [str(beat.monitor_id).encode() for beat in batch], heads, b"history", START_MS + heard, runs

    def do_register(self, slot: str) -> None:
        self.do_forget(slot)
        self.writers[slot] = self.run(self.stage.new_writer(slot))
        self.model.register(slot)
        self.heard[slot] = self.model.now

    def do_register_again(self, slot: str) -> None:
        self.run(self.writers[slot].register())
        self.model.register(slot, self.heard.get(slot))
        self.heard[slot] = self.model.now
        self.confessed.discard(slot)
        self.last_batch.pop(slot, None)

    def do_lose_the_registry(self) -> None:
        self.run(self._delete(self.stage.shard.keys.writers))
        self.model.ears.clear()
        for slot in sorted(self.writers):
            self.do_register_again(slot)

    def do_forget(self, slot: str) -> None:
        if slot in self.writers:
            self.ghosts.append(self.writers.pop(slot))
        self.confessed.discard(slot)
        self.last_batch.pop(slot, None)

    def read_events(self) -> list[Told]:
        """What was told since the last look."""
        fresh = [_told(event) for event in self.run(self.stage.events())]
        self.events += fresh
        return fresh

    async def _delete(self, key: str) -> None:
        await self.stage.redis.delete(key)


def run_id(run: int) -> bytes:
    return run.to_bytes(16, "little")


def _flags(beat: Beat) -> int:
    has_run = HAS_RUN if beat.run != NAMELESS else 0
    return LIFE_ONLY * beat.life_only | beat.signal << SIGNAL_SHIFT | has_run


def _told(event: Event) -> Told:
    kind: Any = event.kind.name.lower()
    at, silence, started = (moment - START_MS for moment in (event.at_ms, event.silence_ms, event.started_ms))
    return Told(kind, event.monitor_id, at, silence, started, event.delayed_ms, event.cause)
