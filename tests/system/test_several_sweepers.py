"""One sweeper or three, one of which stands still for a minute in the middle of telling: the same is told, once."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from store.live.letters import Made, Moved, MovedTo, letter_entry
from store.monitor import MonitorState
from sweeper.dispatch import LEASE_MS
from sweeper.schedule import JITTER, WAITS_S
from tests.patience import until
from tests.servers import running_server, valkey_binary
from tests.stage import START_MS, Stage, config_of
from tests.staged_sweeper import Life, StagedSweeper, sweeping_on_stage
from tests.sweeper.channels.receivers import Receiver, answering, receiving
from tests.sweeper.telling import channels, told

pytestmark = pytest.mark.slow

FLEET = range(1, 49)
INTERVAL_S, GRACE_S = 8, 2
# Each falls silent at a second of its own, comes back, and falls silent for good.
SILENT_S, BACK_S = 25, 15
STORY_S = FLEET[-1] + SILENT_S + BACK_S + INTERVAL_S + GRACE_S + 2
FROZEN_FROM_S, FROZEN_S = 20, 60
ANSWER_S = 0.3
# Calls about these are refused until then, so that there is a long line of attempts to spoil.
STUBBORN, REFUSED_UNTIL_S = FLEET[::6], 105
# The clock moves by a second at a time, and a call takes a moment.
TICK_S, LATENESS_S = 2, 4


class Told(msgspec.Struct, frozen=True):
    """One call as its receiver knows it; `second` is by the clock of the stage."""

    id: str
    body: bytes
    by: str
    second: float
    status: int


class Outcome(msgspec.Struct, frozen=True):
    """What can be compared: what Redis holds in the end, and what was told."""

    events: list[tuple[str, int, int, int]]
    states: list[MonitorState | None]
    made: Counter[str]
    settled: Counter[str]
    calls: list[Told]

    @property
    def welcome(self) -> Counter[str]:
        """How often each message was answered 200."""
        return Counter(one.id for one in self.calls if one.status == 200)

    @property
    def bodies(self) -> dict[str, set[bytes]]:
        found: dict[str, set[bytes]] = defaultdict(set)
        for one in self.calls:
            found[one.id].add(one.body)
        return found


class Theatre:
    """A stage with a receiver and sweepers. Whoever calls about a stubborn one is frozen in its call."""

    def __init__(self, stage: Stage, receiver: Receiver, sweepers: list[StagedSweeper]) -> None:
        self.stage = stage
        self.receiver = receiver
        self.sweepers = {one.name: one for one in sweepers}
        self.calls: list[Told] = []
        self.frozen: StagedSweeper | None = None
        self.frozen_at = 0.0
        self._under_way = 0
        receiver._reply = self._answer

    @property
    def second(self) -> float:
        return (self.stage.now_ms - START_MS) / 1000

    async def play(self) -> None:
        """All that happens, a second at a time, in step with real time: a frozen process knows no other."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for second in range(1, STORY_S):
            await asyncio.sleep(began_s + second - loop.time())
            await self.stage.move_to(second)
            await self.stage.ping(*(one for one in FLEET if pings_at(one, second)))
            if self.frozen and second == self.frozen_at + FROZEN_S:
                self.frozen.send(signal.SIGCONT)
        await until(self._is_all_told, 60)

    async def _is_all_told(self) -> bool:
        """The rest of the waits need not be waited for in real time; but no lease ends while a call is under way."""
        if not self._under_way:
            await self.stage.move_to(self.second + 1)
            await self.stage.ping()
        return not await self.stage.redis.hlen(self.stage.shard.keys.deliveries)

    async def end(self) -> Outcome:
        """What is left of it all."""
        events = [
            (event.kind.name, event.monitor_id, event.at_ms, event.silence_ms)
            for event in await self.stage.events()
        ]
        _, states = await self.stage.live.states(FLEET)
        made, settled = Counter[str](), Counter[str]()
        for entry_id, fields in await self.stage.redis.xrange(self.stage.shard.keys.letters):
            for record in letter_entry(entry_id, fields).records:
                if isinstance(record, Made):
                    made[record.event_entry] += 1
                elif isinstance(record, Moved) and record.to is MovedTo.DELIVERED:
                    settled[record.delivery_id] += 1
        return Outcome(sorted(events), states, made, settled, list(self.calls))

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        call = self.receiver.calls[-1]
        one, by = told(self.receiver)[-1], call.headers["user-agent"]
        is_stubborn = int(one.monitor.removeprefix("job ")) in STUBBORN
        status = 500 if is_stubborn and self.second < REFUSED_UNTIL_S else 200
        self.calls.append(Told(one.webhook_id, one.body, by, self.second, status))
        self._under_way += 1
        is_first = sum(told.id == one.webhook_id for told in self.calls) == 1
        if is_stubborn and is_first and self.second >= FROZEN_FROM_S and len(self.sweepers) > 1:
            self._freeze(by)
        await asyncio.sleep(ANSWER_S)
        self._under_way -= 1
        await answering(status)(writer)

    def may_be_held_up(self, call: Told) -> bool:
        """Whether this call was under way in the one that was frozen, or answered and not settled yet."""
        return (
            self.frozen is not None
            and call.by == self.frozen.name
            and self.frozen_at - TICK_S <= call.second <= self.frozen_at
        )

    @property
    def held(self) -> set[str]:
        return {one.id for one in self.calls if self.may_be_held_up(one)}

    def _freeze(self, name: str) -> None:
        if self.frozen is not None:
            return
        self.frozen = self.sweepers[name]
        self.frozen.send(signal.SIGSTOP)
        self.frozen_at = self.second


def pings_at(monitor: int, second: int) -> bool:
    """Every five seconds until its time comes, and again for a while."""
    since = second - monitor
    return since % 5 == 0 and (since <= 0 or SILENT_S <= since <= SILENT_S + BACK_S)


@asynccontextmanager
async def theatre(folder: Path, sweepers: int) -> AsyncIterator[Theatre]:
    folder.mkdir()
    with running_server(valkey_binary()) as url:
        lives = [Life(url, str(folder), f"sweeper-{number}") for number in range(sweepers)]
        stage = Stage(url)
        await stage.open()
        async with receiving(answering(200)) as receiver:
            await channels(stage.live, receiver)
            for number in FLEET:
                await stage.put(config_of(number, INTERVAL_S, GRACE_S))
            with sweeping_on_stage(*lives) as started:
                yield Theatre(stage, receiver, started)
        await stage.close()


async def played(folder: Path, sweepers: int) -> tuple[Theatre, Outcome]:
    async with theatre(folder, sweepers) as stage:
        await stage.play()
        return stage, await stage.end()


async def test_three_sweepers_tell_what_one_tells_though_one_of_them_stands_still_for_a_minute(
    tmp_path: Path,
) -> None:
    (solo, alone), (theatre, shared) = await asyncio.gather(
        played(tmp_path / "alone", 1), played(tmp_path / "three", 3)
    )
    assert theatre.frozen is not None
    assert theatre.held
    assert {one.by for one in shared.calls} == set(theatre.sweepers)
    assert any(
        one.by == theatre.frozen.name and one.second > theatre.frozen_at + FROZEN_S for one in shared.calls
    )

    # Each expiry once, and nothing of it differs.
    assert shared.events == alone.events
    assert len(set(shared.events)) == len(shared.events) == 3 * len(FLEET)
    assert shared.states == alone.states
    # The same set of ids, with the same bytes; only what was under way in the frozen one may be told twice.
    assert shared.welcome.keys() == alone.welcome.keys()
    assert shared.bodies == alone.bodies
    assert all(len(same) == 1 for same in shared.bodies.values())
    assert set(alone.welcome.values()) == {1}
    assert {name for name, times in shared.welcome.items() if times > 1} <= theatre.held
    for stage, outcome in ((solo, alone), (theatre, shared)):
        assert set(outcome.made.values()) == set(outcome.settled.values()) == {1}
        assert len(outcome.settled) == 3 * len(FLEET)
        assert ill_timed(outcome, stage) == []


def ill_timed(outcome: Outcome, theatre: Theatre) -> list[tuple[Told, Told]]:
    """Calls that came before or after their time, because somebody wrote an older wait over a newer one."""
    by_id: dict[str, list[Told]] = defaultdict(list)
    for one in outcome.calls:
        by_id[one.id].append(one)
    return [pair for same in by_id.values() for pair in _ill_timed(same, theatre)]


def _ill_timed(same: list[Told], theatre: Theatre) -> list[tuple[Told, Told]]:
    """Of one message: a call that was held up comes again after its lease, and that takes none of the waits."""
    found, failed = [], {0}
    for former, later in pairwise(same):
        if later.second >= STORY_S:  # afterwards the clock leaps
            break
        waited_s = later.second - former.second
        possible = {one + 1 for one in failed if is_timely(waited_s, WAITS_S[one])}
        if theatre.may_be_held_up(former) and is_timely(waited_s, LEASE_MS / 1000):
            possible |= failed
        if not possible:
            found.append((former, later))
        failed = possible or {one + 1 for one in failed}
    return found


def is_timely(waited_s: float, wanted_s: float) -> bool:
    return wanted_s - TICK_S <= waited_s <= wanted_s * (1 + JITTER) + LATENESS_S
