"""A Hypothesis state machine that drives the scripts and the model side by side and compares them after every step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from store.beat import Signal
from store.errors import Fenced, Unavailable
from store.monitor_rules import MonitorRules
from tests.stage import START_MS, config_of
from tests.store.live.compare import check_deadlines, check_events, look_at_model, look_at_redis
from tests.store.live.drive import MONITORS, SLOTS, Drive, Theatre
from tests.store.live.model import NAMELESS, Beat

LONGEST_LISTEN_MS = 12_000

which = st.integers(0, MONITORS)
intervals = st.sampled_from((1, 2, 2, 3, 5, 90))
graces = st.sampled_from((0, 1, 3))
stamps = st.sampled_from((0, 0, 0, 0, -1, -300, -2500, -30_000, -70_000, 5000))
lags = st.sampled_from((0, 0, 0, 200, 950, 4000, -500))
phases = st.sampled_from(("", "down", "down"))
signals = st.sampled_from((Signal.SUCCESS,) * 5 + tuple(Signal))
runs = st.sampled_from((NAMELESS, NAMELESS, 1, 2))
beats = st.tuples(which, stamps, st.booleans(), st.sampled_from((False,) * 7 + (True,)), signals, runs)
rules = st.sampled_from(
    (
        None,
        None,
        None,
        MonitorRules(failures=2),
        MonitorRules(max_runtime_s=2),
        MonitorRules(is_armed_by_ping=True),
        MonitorRules(failures=3, is_armed_by_ping=True),
    )
)
changes = st.one_of(
    st.builds(lambda interval, grace: {"interval_s": interval, "grace_s": grace}, intervals, graces),
    st.builds(lambda rules: {"rules": rules}, rules),
    st.sampled_from(({"paused": True}, {"name": "another name"})),
)
deaf = st.sampled_from((None, None, None, None, None, None, *SLOTS))
limits = st.sampled_from((1, 2, 256))


class LiveMachine(Drive, RuleBasedStateMachine):
    """Rules are what may happen to a shard; the invariant is that it looks as the model says."""

    def __init__(self) -> None:
        super().__init__()
        self.set_up()

    def teardown(self) -> None:
        self.run(self.stage.close())

    # Configuration

    @initialize(
        asked=st.lists(st.tuples(intervals, graces, rules), min_size=1, max_size=3), alone=st.booleans()
    )
    def begin(self, asked: list[tuple[int, int, MonitorRules | None]], alone: bool) -> None:
        if not alone:
            self.do_register(SLOTS[1])
        for number, (interval, grace, ruled) in enumerate(asked, start=1):
            self.do_carry(config_of(number, interval, grace, rules=ruled))

    @precondition(lambda self: len(self.model.monitors) < MONITORS)
    @rule(interval=intervals, grace=graces, paused=st.sampled_from((False, False, False, True)))
    def create(self, interval: int, grace: int, paused: bool) -> None:
        number = max(put.config.id for put in self.carried) + 1
        self.do_carry(config_of(number, interval, grace, paused=paused))

    @precondition(lambda self: self.model.monitors)
    @rule(one=which, change=changes)
    def change(self, one: int, change: dict[str, Any]) -> None:
        self.do_change(self.number(one), change)

    @precondition(lambda self: self.model.monitors)
    @rule(one=which)
    def pause(self, one: int) -> None:
        self.do_change(self.number(one, "down"), {"paused": True})

    @precondition(lambda self: self.model.statuses()["paused"])
    @rule(one=which)
    def resume(self, one: int) -> None:
        self.do_change(self.number(one, "paused"), {"paused": False})

    @precondition(lambda self: len(self.model.monitors) > 1)
    @rule(one=which)
    def delete(self, one: int) -> None:
        number = self.number(one)
        self.dropped[number] = self.model.monitors[number].version + 1
        self.do_drop(number)

    @rule(at=st.integers(0, 30))
    def carry_an_older_change_again(self, at: int) -> None:
        gone = [put.config for put in self.carried if put.config.id in self.dropped]
        older = gone or [put.config for put in self.carried]
        self.do_carry(older[at % len(older)], again=True)

    @precondition(lambda self: self.dropped)
    @rule(at=which)
    def carry_a_deletion_again(self, at: int) -> None:
        self.do_drop(list(self.dropped)[at % len(self.dropped)])

    # Time

    @rule(ms=st.sampled_from((1, 200, 1000, 1001, 2500, 6000)), deaf=deaf, ahead=st.sampled_from((0, 0, 500)))
    def listen(self, ms: int, deaf: str | None, ahead: int) -> None:
        self.do_listen(self.model.now + ms, deaf, ahead)

    @precondition(lambda self: self.model.monitors)
    @rule(
        one=which,
        ms=st.sampled_from((-1, 0, 0, 1, 700)),
        deaf=deaf,
        then=st.sampled_from(("sweep", "ping", "")),
    )
    def listen_until_the_deadline(self, one: int, ms: int, deaf: str | None, then: str) -> None:
        number = self.number(one, "active")
        until = self.model.judged(self.model.monitors[number])[0] + ms
        self.do_listen(min(until, self.model.now + LONGEST_LISTEN_MS), deaf)
        if then == "sweep":
            self.sweep(256)
        elif then == "ping" and self.writers:
            self.do_send(self.slot(one), [Beat(number, self.model.now)], self.model.now)

    @rule(ms=st.sampled_from((1, 300, 1000, 1001, 3000, 8000, 65_000, 100_000)))
    def pass_in_silence(self, ms: int) -> None:
        self.do_move_to(self.model.now + ms)

    @rule(ms=st.sampled_from((300, 500, 501, 1500, 6000, 90_000, 3_600_000)))
    def step_the_clock_back(self, ms: int) -> None:
        self.do_move_to(self.model.now - ms)

    # Pings and silence

    @precondition(lambda self: self.model.ears)
    @rule(slot=which, batch=st.lists(beats, min_size=1, max_size=3), lag=lags, phase=phases)
    def ping(
        self, slot: int, batch: list[tuple[int, int, bool, bool, Signal, int]], lag: int, phase: str
    ) -> None:
        sent = [
            Beat(self.anybody(one, phase), self.model.now + at, life, old, signal, run)
            for one, at, life, old, signal, run in batch
        ]
        self.do_send(self.slot(slot), sent, self.model.now - lag)

    @precondition(lambda self: self.model.ears and self.model.monitors)
    @rule(
        slot=which,
        one=which,
        batch=st.lists(st.tuples(stamps, st.booleans(), signals), min_size=2, max_size=3),
    )
    def ping_one_monitor_twice(self, slot: int, one: int, batch: list[tuple[int, bool, Signal]]) -> None:
        sent = [
            Beat(self.number(one), self.model.now + at, life, signal=signal) for at, life, signal in batch
        ]
        self.do_send(self.slot(slot), sent, self.model.now)

    @precondition(lambda self: self.model.ears)
    @rule(slot=which)
    def confess(self, slot: int) -> None:
        self.writers[self.slot(slot)].confess()
        self.confessed.add(self.slot(slot))

    @precondition(lambda self: self.last_batch)
    @rule(slot=which, older=st.integers(0, 2))
    def send_the_last_batch_again_or_as_an_older_one(self, slot: int, older: int) -> None:
        name = list(self.last_batch)[slot % len(self.last_batch)]
        sequence, arguments, reply = self.last_batch[name]
        assert self.do_send_as(name, sequence - older, arguments) == (None if older else reply)

    @rule(soon=which)
    def listen_until_somebody_is_due_and_sweep(self, soon: int) -> None:
        waiting = [self.model.judged(one)[0] for one in self.model.monitors.values() if one.phase == "active"]
        near = [deadline for deadline in sorted(waiting) if deadline < self.model.now + LONGEST_LISTEN_MS]
        self.do_listen(near[soon % len(near)] if near else self.model.now)
        self.sweep(256)

    @rule(limit=limits)
    def sweep(self, limit: int) -> None:
        self.model.look_around()
        due, heard = self.model.due(), self.model.watermark
        swept = self.run(self.stage.sweep(limit))
        fresh = self.read_events()
        numbers = [told.monitor_id for told in fresh]
        assert swept.watermark_ms == (None if heard is None else START_MS + min(heard, self.model.now))
        assert swept.writers == len(self.model.ears)
        assert swept.looked_at <= limit
        assert len(set(numbers)) == len(numbers)
        assert set(numbers) == due if swept.looked_at < limit else set(numbers) <= due
        self.model.sweep(numbers)
        assert swept.delays_ms == [self.model.now - told.at for told in fresh]

    # Writers

    @precondition(lambda self: self.model.ears)
    @rule(slot=which, itself=st.booleans())
    def start_again_without_having_stopped(self, slot: int, itself: bool) -> None:
        if itself:
            self.do_register_again(self.slot(slot))
        else:
            self.do_register(self.slot(slot))

    @precondition(lambda self: len(self.model.ears) < len(SLOTS))
    @rule()
    def join(self) -> None:
        self.do_register(next(slot for slot in SLOTS if slot not in self.model.ears))

    @precondition(lambda self: self.model.ears)
    @rule(slot=which)
    def leave(self, slot: int) -> None:
        name = self.slot(slot)
        self.run(self.writers[name].deregister())
        self.do_forget(name)
        self.model.deregister(name)

    @precondition(lambda self: self.model.ears)
    @rule()
    def lose_the_registry(self) -> None:
        self.do_lose_the_registry()

    @precondition(lambda self: self.ghosts and self.model.monitors)
    @rule(at=which)
    def a_replaced_writer_speaks(self, at: int) -> None:
        ghost = self.ghosts[at % len(self.ghosts)]
        arguments = self.arguments([Beat(self.number(0), self.model.now)], self.model.now)
        with pytest.raises(Fenced if ghost.slot in self.writers else Unavailable):
            self.run(ghost.record(*arguments))

    # What must hold

    @invariant()
    def the_live_side_is_as_the_model_says(self) -> None:
        self.read_events()
        found, scores = self.run(look_at_redis(self.stage, sorted({put.config.id for put in self.carried})))
        assert found == look_at_model(self.model)
        assert self.events == self.model.told
        check_deadlines(scores, self.model)
        check_events(self.events, self.events_at_drop)


def machine_on(theatre: Theatre) -> type[LiveMachine]:
    """The machine, bound to a theatre."""
    return type("BoundMachine", (LiveMachine,), {"theatre": theatre})
