"""Kills the sweeper around the send, several hundred times in a few minutes: at each fault point between the pop of a
deadline and the first send, and by the receiver itself, right after it has answered: one call, or one of several that
are under way.

`python -m tests.chaos.around_the_send --rounds 200` plays so many rounds at each.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import msgspec

from store.live.packing import Event
from store.projection import ChannelTarget, PutChannels
from sweeper.dispatch import LEASE_MS
from tests.patience import until
from tests.servers import running_server, valkey_binary
from tests.stage import ORG, START_MS, Stage, config_of
from tests.staged_sweeper import Life, StagedSweeper
from tests.store.recorder.desk import Desk
from tests.sweeper.channels.receivers import SECRET, Receiver, answering, receiving
from tests.sweeper.telling import told

BEFORE = ("sweep.swept", "dispatch.delivered", "dispatch.leased")
AFTER = "the answer"
AMONG = "an answer among several"
POINTS = (*BEFORE, AFTER, AMONG)
# So many calls are under way when one of them is answered: one of each channel.
SEVERAL = 8
CHANNELS = dict.fromkeys(POINTS, 1) | {AMONG: SEVERAL}
# Of the monitors of a round: some are due in one sweep, and another one when the next sweeper lives. Of those that are
# told when the receiver kills there is one. A death repeats as many as were under way: none before the send, and after
# it one for each channel.
INTERVALS_S = dict.fromkeys(BEFORE, (2, 2, 2, 3)) | dict.fromkeys((AFTER, AMONG), (2, 3))
MOST_REPEATED = dict.fromkeys(BEFORE, 0) | {AFTER: 1, AMONG: SEVERAL}
LOOK_S = 0.05
LEASE_S = LEASE_MS // 1000


class Tally(msgspec.Struct):
    """What has become of all rounds."""

    kills: int = 0
    incidents: int = 0
    calls: int = 0
    rows: int = 0
    wrong: list[str] = msgspec.field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.incidents} incidents expected, {self.calls} calls, "
            f"{self.rows} rows, {len(self.wrong)} wrong"
        )


class Rounds:
    """One stage for all rounds; its sweeper is another one in each."""

    def __init__(self, stage: Stage, receiver: Receiver, life: Life) -> None:
        self.stage = stage
        self.receiver = receiver
        self.tally = Tally()
        self.expected: dict[int, UUID] = {}
        self._life = life
        self._sweeper = StagedSweeper(life)
        self._is_murderous = False
        self._gathering: asyncio.Barrier | None = None
        receiver._reply = self._answer

    async def play(self, point: str) -> None:
        """1. Some monitors are due; whoever sweeps, or tells of it, dies. 2. Another one takes over. 3. All is told."""
        self._is_murderous = point in {AFTER, AMONG}
        self._gathering = asyncio.Barrier(SEVERAL) if point == AMONG else None
        if point in BEFORE:
            Path(self._life.fault_file).write_text(f"{point} 1")
        intervals_s = INTERVALS_S[point]
        fresh = range(len(self.expected) + 1, len(self.expected) + 1 + len(intervals_s))
        for number, interval_s in zip(fresh, intervals_s, strict=True):
            await self.stage.put(config_of(number, interval_s, 0))
        await self._listen_for(intervals_s[0])
        await until(self._is_dead)
        self.tally.kills += 1
        self.end()
        self._sweeper = StagedSweeper(self._life)
        await self._listen_for(LEASE_S + 1)
        await until(lambda: self._is_told(fresh))

    async def judge(self, folder: Path, most_repeats: int, channels: int) -> Tally:
        """Each expected incident was told to each channel under one id, and the history has one row of it."""
        found = told(self.receiver)
        self.tally.incidents, self.tally.calls = len(self.expected), len(found)
        by_name = {f"job {number}": str(incident) for number, incident in self.expected.items()}
        for one in found:
            if (one.type, one.incident_id) != ("monitor.down", by_name[one.monitor]):
                self.tally.wrong.append(f"told under another id: {one}")
        if len({one.webhook_id for one in found}) != len(self.expected):
            self.tally.wrong.append(f"{len({one.webhook_id for one in found})} messages")
        if len({(one.webhook_id, one.body) for one in found}) != len(self.expected):
            self.tally.wrong.append("a repeat has other bytes")
        messages = self.tally.incidents * channels
        lines = [call.line for call in self.receiver.calls]
        if len({(line, one.webhook_id) for line, one in zip(lines, found, strict=True)}) != messages:
            self.tally.wrong.append("a channel was not told")
        if self.tally.calls - messages > most_repeats:
            self.tally.wrong.append(f"{len(found)} calls")
        rows = await self._recorded(folder)
        self.tally.rows = len(rows)
        if sorted(rows) != sorted(str(one) for one in self.expected.values()):
            self.tally.wrong.append("the rows are not the incidents")
        return self.tally

    def end(self) -> None:
        self._sweeper.end()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        """200, when all are there that are to be; whoever may have read it is dead at once, if it is such a round."""
        if self._gathering and self._is_murderous:
            await self._gathering.wait()
        await answering(200)(writer)
        if self._is_murderous:
            self._is_murderous = False
            await writer.drain()
            self._sweeper.send(signal.SIGKILL)

    async def _listen_for(self, seconds: int) -> None:
        await self.stage.listen((self.stage.now_ms - START_MS) / 1000 + seconds)

    async def _is_dead(self) -> bool:
        return self._sweeper.is_killed

    async def _is_told(self, fresh: range) -> bool:
        for event in await self.stage.events():
            self._expect(event)
        waiting = await self.stage.redis.hlen(self.stage.shard.keys.deliveries)
        return not waiting and all(number in self.expected for number in fresh)

    def _expect(self, event: Event) -> None:
        if event.monitor_id in self.expected:
            self.tally.wrong.append(f"a second event: {event}")
        self.expected[event.monitor_id] = event.incident_id

    async def _recorded(self, folder: Path) -> list[str]:
        desk = Desk(self.stage, folder / "history.db")
        while any(await desk.waiting()):
            await desk.step()
        rows = desk.rows("SELECT id FROM incidents")
        await desk.crash()
        return [str(one) for (one,) in rows]


@asynccontextmanager
async def on_stage(folder: Path, channels: int) -> AsyncIterator[Rounds]:
    """All that rounds need, for as long as the block lasts. The channels lead to one receiver, each by its own path."""
    with running_server(valkey_binary()) as url:
        stage = Stage(url)
        await stage.open()
        async with receiving(answering(200)) as receiver:
            await stage.live.project(PutChannels(ORG, 1, tuple(_targets(receiver, channels))))
            life = Life(url, str(folder), idle_look_s=LOOK_S, fault_file=str(folder / "fault"))
            rounds = Rounds(stage, receiver, life)
            try:
                yield rounds
            finally:
                rounds.end()
        await stage.close()


def _targets(receiver: Receiver, channels: int) -> Iterator[ChannelTarget]:
    for number in range(1, channels + 1):
        told = {"url": f"{receiver.url()}&channel={number}", "secret": SECRET}
        yield ChannelTarget(number, "webhook", msgspec.json.encode(told))


async def played(folder: Path, rounds: int) -> dict[str, Tally]:
    """So many rounds at each point, by point."""
    tallies = {}
    for point in POINTS:
        own = folder / point.replace(" ", "-")
        own.mkdir()
        async with on_stage(own, CHANNELS[point]) as stage:
            for _ in range(rounds):
                await stage.play(point)
            tallies[point] = await stage.judge(own, rounds * MOST_REPEATED[point], CHANNELS[point])
    return tallies


def main() -> int:
    """Read the options, play; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.around_the_send", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="at each fault point")
    with tempfile.TemporaryDirectory(prefix="od-kills-") as folder:
        tallies = asyncio.run(played(Path(folder), parser.parse_args().rounds))
    for point, tally in tallies.items():
        print(f"{point:<24} {tally}", *tally.wrong[:5], sep="\n  ")
    return int(any(one.wrong for one in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
