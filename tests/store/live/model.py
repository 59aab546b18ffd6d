"""What the live side ought to do, in plain Python: the oracle that the scripts are compared with.

Written from the words of docs/design.md, not from the scripts: slow, obvious, with nothing packed and nothing cached.
Times are whole milliseconds after the start of the stage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from store.beat import Signal
from store.live.event_kind import Cause
from store.live.heads import Outcome

HOLE_MS = 1000
PATIENCE = 3
TOLD_WITHIN_MS = 30_000
STEP_MS = 500
STEP_BLIND_MS = 1000
OLDEST_STAMP_MS = 60_000
ENDED_KEPT = 4
ENDED_LIFE_MS = 600_000
NEVER = 10**15
NAMELESS = 0

Phase = Literal["active", "down", "paused"]
Kind = Literal["down", "up", "closed"]


class Told(NamedTuple):
    """An event: what happened to whom at which moment, since when it was silent, which deadline it missed."""

    kind: Kind
    monitor_id: int
    at: int
    silence: int
    started: int
    delayed: int
    cause: Cause = Cause.MISSED


class Beat(NamedTuple):
    """One ping of a batch."""

    monitor_id: int
    arrival: int
    life_only: bool = False
    stale_key: bool = False
    signal: Signal = Signal.SUCCESS
    run: int = NAMELESS


@dataclass
class Run:
    """A run under way; `told`: that it overran is an incident, or counted, already."""

    id: int
    start: int
    told: bool = False


@dataclass
class Watched:
    """A monitor as asked for, and as it is."""

    version: int
    interval: int
    grace: int
    base: int
    failures: int = 1
    max_runtime: int = 0
    is_armed_by_ping: bool = False
    phase: Phase = "active"
    seen: int | None = None
    recorded: int | None = None
    down_at: int | None = None
    delayed: int = 0
    cause: Cause = Cause.MISSED
    fails: int = 0
    runs: list[Run] = field(default_factory=list)
    ended: list[tuple[int, int]] = field(default_factory=list)

    @property
    def limit(self) -> int:
        return self.failures * self.interval + self.grace

    @property
    def is_remembered(self) -> bool:
        """Whether more is known of it than a window and what was last seen."""
        return bool(self.fails or self.runs or self.ended or self.cause)

    @property
    def is_special(self) -> bool:
        """Whether it is written with every batch that names it."""
        ruled = self.failures > 1 or self.max_runtime > 0 or self.is_armed_by_ping
        return ruled or self.is_remembered

    def forget_runs(self) -> None:
        self.cause, self.fails, self.runs, self.ended = Cause.MISSED, 0, [], []

    @property
    def status(self) -> str:
        if self.phase == "active":
            return "new" if self.seen is None else "up"
        return self.phase


@dataclass
class Ear:
    """A registered writer: everything that reached it before `heard` is committed."""

    heard: int


@dataclass
class Model:
    """The whole live side of one shard."""

    now: int = 0
    monitors: dict[int, Watched] = field(default_factory=dict)
    buried: dict[int, int] = field(default_factory=dict)
    ears: dict[str, Ear] = field(default_factory=dict)
    last_heard: int | None = None
    holes: list[tuple[int, int]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    recorded_pings: int = 0
    blind_ms: int = 0
    walk_is_due: bool = False

    def register(self, slot: str, itself_heard: int | None = None) -> None:
        """A writer starts. What its dead predecessor, or nobody at all, or it itself failed to hear is blind."""
        heard = self.ears[slot].heard if slot in self.ears else None
        if not self.ears:
            heard = self.last_heard
        known = [ear.heard for ear in self.ears.values()] + ([] if heard is None else [heard])
        if self.notice_step_back(known) and heard is not None:
            heard = min(heard, self.now)
        if heard is not None:
            self.blind(heard, self.now)
        if itself_heard is not None:
            self.blind(itself_heard, self.now)
        self.ears[slot] = Ear(self.now if heard is None else max(self.now, heard))
        self.last_heard = None

    def deregister(self, slot: str) -> None:
        """A writer stops cleanly; when it was the last one, nobody listens from then on. What one that lagged behind
        others did not hear is blind."""
        ear = self.ears.pop(slot)
        if not self.ears:
            self.last_heard = ear.heard
        elif self.now - ear.heard > HOLE_MS:
            self.blind(ear.heard, self.now)

    def hear(self, slot: str, heard: int, skipped: bool) -> None:
        """A batch says how far the writer has heard; a leap of more than a second, or a lost batch, is a hole."""
        ear = self.ears[slot]
        self.notice_step_back([ear.heard])
        heard = max(ear.heard, min(heard, self.now))
        if skipped or heard - ear.heard > HOLE_MS:
            self.blind(ear.heard, heard)
        ear.heard = heard

    def notice_step_back(self, moments: Iterable[int]) -> bool:
        """Up to when somebody heard cannot lie in the future: if it does, the clock was stepped back. Then a second is
        blind, whoever heard longer has heard up to now, and no hole reaches beyond now."""
        if max(moments, default=self.now) <= self.now + STEP_MS:
            return False
        since = min([self.now - STEP_BLIND_MS, *(ear.heard for ear in self.ears.values())])
        for ear in self.ears.values():
            ear.heard = min(ear.heard, self.now)
        self.holes = [(start, min(end, self.now)) for start, end in self.holes if start < self.now]
        self.blind(since, self.now)
        self.walk_is_due = True
        return True

    def bring_back(self, one: Watched) -> None:
        """What was noted by the time before a step back is not later than now."""
        if one.phase == "active":
            one.base = min(one.base, self.now)
        one.seen = None if one.seen is None else min(one.seen, self.now)
        if one.recorded is not None and one.recorded > self.now:
            one.recorded = None
        for run in one.runs:
            run.start = min(run.start, self.now)

    @property
    def watermark(self) -> int | None:
        """The sweep's now: up to here every writer has heard. None: nobody listens."""
        return min((ear.heard for ear in self.ears.values()), default=None)

    def blind(self, start: int, end: int) -> None:
        """Pings that arrived after `start`, up to `end`, may have gone unheard."""
        if start >= end:
            return
        touching = [hole for hole in self.holes if hole[0] <= end and start <= hole[1]]
        apart = [hole for hole in self.holes if hole not in touching]
        union = (min([start, *(a for a, _ in touching)]), max([end, *(b for _, b in touching)]))
        before = sum(end - start for start, end in self.holes)
        self.holes = sorted([*apart, union])
        self.blind_ms += sum(end - start for start, end in self.holes) - before

    def deadline(self, one: Watched) -> int:
        """Interval + grace after the window began, or a whole one after the last hole that touches the window; a hole
        that begins after three windows were listened through does not count. Nobody is awaited before it is armed."""
        return NEVER if one.is_armed_by_ping and one.seen is None else self._end_of(one.base, one.limit)

    def _end_of(self, base: int, limit: int, holes: list[tuple[int, int]] | None = None) -> int:
        window_start = base
        while True:
            deadline = window_start + limit
            known = self.holes if holes is None else holes
            touching = [hole for hole in known if window_start < hole[1] and hole[0] < deadline]
            if not touching or self._listened(base, touching[0][0]) >= PATIENCE * limit:
                return deadline
            window_start = touching[0][1]

    def judged(self, one: Watched) -> tuple[int, Run | None]:
        """When it is to be judged next: its silence, or a run that is to end by then."""
        ends = [(self._run_ends(run, one.max_runtime), run) for run in one.runs if not run.told]
        earliest = (
            min(ends, key=lambda end: end[0], default=(NEVER, None)) if one.max_runtime else (NEVER, None)
        )
        silence = self.deadline(one)
        return earliest if earliest[0] < silence else (silence, None)

    def _run_ends(self, run: Run, limit: int) -> int:
        """As `_end_of`; but a hole of more than half a minute may have swallowed its end, and it is awaited no more."""
        ends = self._end_of(run.start, limit)
        lost = [a for a, b in self.holes if b > run.start and b - max(a, run.start) > TOLD_WITHIN_MS]
        if not lost or self._listened(run.start, lost[0]) >= PATIENCE * limit:
            return ends
        earlier = [hole for hole in self.holes if hole[0] < lost[0]]
        return NEVER if lost[0] < self._end_of(run.start, limit, earlier) else ends

    def _listened(self, since: int, until: int) -> int:
        """How long pings could be heard between two moments."""
        unheard = sum(max(0, min(end, until) - max(start, since)) for start, end in self.holes)
        return until - since - unheard

    def record(
        self, slot: str, beats: Sequence[Beat], heard: int, skipped: bool = False
    ) -> list[tuple[Outcome, bool]]:
        """One batch: per ping the outcome, and whether the caller (who knows version 1) is out of date."""
        self.hear(slot, heard, skipped)
        return [(self.ping(beat), self._out_of_date(beat)) for beat in beats]

    def ping(self, beat: Beat) -> Outcome:
        """One ping, in the order of its batch."""
        one = self.monitors.get(beat.monitor_id)
        if one and (one.is_special or one.phase == "active" or (one.phase == "down" and not beat.stale_key)):
            self.bring_back(one)
        if one is None or beat.stale_key:
            return Outcome.UNKNOWN
        if one.phase == "paused":
            return Outcome.ALIVE if beat.life_only else Outcome.PAUSED
        arrival = max(self.now - OLDEST_STAMP_MS, min(self.now, beat.arrival))
        self._judge(
            beat.monitor_id, lambda deadline: arrival > deadline and deadline <= (self.watermark or 0)
        )
        ended_run = beat.signal != Signal.LOG and self._signal(beat, one, arrival)
        if beat.life_only:
            return Outcome.ALIVE
        if one.phase == "active" and not ended_run:
            one.recorded = _latest(one.recorded, arrival)
        self.recorded_pings += 1
        return Outcome.RECORDED

    def _signal(self, beat: Beat, one: Watched, arrival: int) -> bool:
        """What a ping that is no log does; answers whether it ended a run."""
        self._forget_ends(one)
        is_sign = is_first = one.is_armed_by_ping and one.seen is None
        ended_run = False
        if beat.signal == Signal.START:
            is_sign = (self._begin_run(one, beat.run, arrival) and one.max_runtime > 0) or is_first
        else:
            ended_run = any(run.id == beat.run for run in one.runs)
            one.runs = [run for run in one.runs if run.id != beat.run]
            if beat.run != NAMELESS:
                one.ended.append((beat.run, arrival))
        if beat.signal == Signal.SUCCESS:
            is_sign, one.fails = True, 0
            if one.phase == "down" and (
                one.cause != Cause.FAILED or arrival >= (one.down_at or 0) or (one.down_at or 0) > self.now
            ):
                self._come_up(beat.monitor_id, arrival)
        if one.phase == "active" and is_sign:
            one.base = max(one.base, arrival)
        succeeded_later = arrival < one.base and self._base_is_of_a_success(one)
        one.seen = _latest(one.seen, arrival)
        if beat.signal == Signal.FAIL and one.phase == "active" and (ended_run or not succeeded_later):
            one.fails += 1
            if one.fails >= one.failures:
                self._go_down(beat.monitor_id, max(arrival, one.base), Cause.FAILED, 0)
        self._forget_ends(one)
        return ended_run

    def _forget_ends(self, one: Watched) -> None:
        while one.ended and (len(one.ended) > ENDED_KEPT or self.now - one.ended[0][1] > ENDED_LIFE_MS):
            one.ended.pop(0)

    @staticmethod
    def _base_is_of_a_success(one: Watched) -> bool:
        """Not of a creation, an edit or a resume, which come later than all pings, nor of a start."""
        is_of_a_ping = one.seen is not None and one.base <= one.seen
        return is_of_a_ping and all(run.start != one.base for run in one.runs)

    def _begin_run(self, one: Watched, run: int, arrival: int) -> bool:
        if any(run == ended for ended, _ in one.ended):
            return False
        runtime = one.max_runtime
        for open_run in one.runs:
            if open_run.id == run:
                if open_run.told or (runtime and self._run_ends(open_run, runtime) == NEVER):
                    open_run.start, open_run.told = arrival, False
                return True
        one.runs.append(Run(run, arrival))
        return True

    def _come_up(self, number: int, arrival: int) -> None:
        one = self.monitors[number]
        assert one.down_at is not None
        back = max(arrival, one.down_at)
        self._tell("up", number, back)
        for run in one.runs if one.max_runtime else ():
            run.told = run.told or self._run_ends(run, one.max_runtime) <= back
        one.phase, one.down_at, one.delayed, one.cause = "active", None, 0, Cause.MISSED
        self.bring_back(one)

    def _judge(self, number: int, is_over: Callable[[int], bool]) -> None:
        """Silences and overruns up to a moment."""
        one = self.monitors[number]
        while one.phase == "active":
            deadline, run = self.judged(one)
            if not is_over(deadline):
                return
            if run is None:
                self._go_down(number, deadline, Cause.MISSED, deadline - one.base - one.limit)
                return
            run.told = True
            one.fails += 1
            if one.fails >= one.failures:
                self._go_down(number, deadline, Cause.OVERRUN, deadline - run.start - one.max_runtime)

    def look_around(self) -> None:
        """What a sweep does before it judges."""
        self.notice_step_back(ear.heard for ear in self.ears.values())
        if self.walk_is_due:
            for one in self.monitors.values():
                self.bring_back(one)
            self.walk_is_due = False

    def due(self) -> set[int]:
        """Who has been silent up to the deadline, as far as everybody has heard."""
        heard = self.watermark
        if heard is None:
            return set()
        heard = min(heard, self.now)
        return {
            number
            for number, one in self.monitors.items()
            if one.phase == "active" and self.judged(one)[0] <= heard
        }

    def sweep(self, numbers: Iterable[int]) -> None:
        """These of the due ones are declared down."""
        for number in numbers:
            one, heard = self.monitors[number], min(self.watermark or 0, self.now)
            for run in one.runs:
                run.start = min(run.start, self.now)
            self._judge(number, lambda deadline, heard=heard: deadline <= heard)  # type: ignore[misc]

    def put(
        self,
        number: int,
        version: int,
        interval: int,
        grace: int,
        paused: bool,
        failures: int = 1,
        max_runtime: int = 0,
        is_armed_by_ping: bool = False,
    ) -> None:
        """A creation or a change is carried; an older version, or one from before a deletion, changes nothing."""
        former = self.monitors.get(number)
        if version <= self.buried.get(number, 0) or (former and version <= former.version):
            return
        if former is None:
            self.monitors[number] = Watched(
                version,
                interval,
                grace,
                self.now,
                failures,
                max_runtime,
                is_armed_by_ping,
                phase="paused" if paused else "active",
            )
            return
        self.bring_back(former)
        allowed, limit = self.deadline(former), former.limit
        one, runtime = former, former.max_runtime
        well = [run for run in one.runs if not runtime or self._run_ends(run, runtime) > self.now]
        one.version, one.interval, one.grace = version, interval, grace
        one.failures, one.max_runtime, one.is_armed_by_ping = failures, max_runtime, is_armed_by_ping
        if paused:
            if one.phase == "down":
                self._close(number, one)
            if one.phase != "paused":
                one.forget_runs()
            one.phase, one.down_at, one.delayed = "paused", None, 0
        elif one.phase == "paused":
            one.phase, one.base = "active", self.now
        elif one.phase == "active":
            if allowed == NEVER:
                if self.deadline(one) <= self.now:
                    one.base = max(one.base, self.now)
            elif one.limit != limit:
                self._edit_window(one, allowed)
            for run in well if max_runtime and max_runtime != runtime else []:
                run.told = run.told or self._run_ends(run, max_runtime) <= self.now

    def drop(self, number: int, version: int) -> None:
        """A deletion is carried."""
        if version <= self.buried.get(number, 0):
            return
        one = self.monitors.get(number)
        if one and one.phase == "down":
            self._close(number, one)
        self.monitors.pop(number, None)
        self.buried[number] = version

    def statuses(self) -> dict[str, int]:
        """How many monitors are new, up, down and paused."""
        counts = Counter(one.status for one in self.monitors.values())
        return {status: counts[status] for status in ("new", "up", "down", "paused")}

    def _edit_window(self, one: Watched, allowed: int) -> None:
        # A new limit counts from where the window began. Where that alone would cut off what the monitor was allowed
        # until now, it keeps that, but no more than a whole new window from this moment.
        kept = min(allowed, self.now + one.limit)
        if kept > one.base + one.limit:
            one.base = kept - one.limit

    def _out_of_date(self, beat: Beat) -> bool:
        one = self.monitors.get(beat.monitor_id)
        return one is not None and one.version != 1

    def _go_down(self, number: int, at: int, cause: Cause, delayed: int) -> None:
        one = self.monitors[number]
        one.phase, one.down_at, one.delayed, one.cause = "down", at, delayed, cause
        self._tell("down", number, at)

    def _close(self, number: int, one: Watched) -> None:
        self._tell("closed", number, max(self.now, self.now if one.down_at is None else one.down_at))

    def _tell(self, kind: Kind, number: int, at: int) -> None:
        one = self.monitors[number]
        assert one.down_at is not None
        delayed, cause = (0, Cause.MISSED) if kind == "closed" else (one.delayed, one.cause)
        self.told.append(Told(kind, number, at, one.base, one.down_at, delayed, cause))


def _latest(former: int | None, moment: int) -> int:
    return moment if former is None else max(former, moment)
