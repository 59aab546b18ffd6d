"""The live side as a whole: all shards of one installation, for whoever is not on the ping path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import msgspec
from redis.exceptions import RedisError

from store.blind_time import BlindTime
from store.errors import GenerationMissing
from store.live.channel_event import TrialEvent
from store.live.channels import put_channels
from store.live.connect import Caller, Scripts, open_client, translate
from store.live.dead_letters import retry_letter
from store.live.delivering import read_refusal
from store.live.heads import read_used
from store.live.keys import Keyspace, shard_of
from store.live.monitors import drop_monitor, look, put_monitor, put_plan
from store.live.packing import read_holes, read_state
from store.live.planting import AT_ONCE, create_monitors
from store.live.saying import say_alive
from store.live.scripts import CLOCK
from store.live.shard import Generation, Shard
from store.live.telling import try_channel
from store.live.using import count_use
from store.monitor import MonitorState
from store.projection import DropMonitor, Projection, PutChannels, PutMonitor, PutMonitors, PutPlan


class Tallies(msgspec.Struct, frozen=True):
    """What the scripts have counted, summed over the shards."""

    new: int = 0
    up: int = 0
    down: int = 0
    paused: int = 0
    blind_ms: int = 0
    history_appended: int = 0
    history_trimmed: int = 0
    history_dropped: int = 0
    letters_appended: int = 0
    letters_trimmed: int = 0
    letters_dropped: int = 0
    dead_dropped: int = 0
    runs_unwatched: int = 0
    steps_back: int = 0
    pings_backlog: int = 0
    events_backlog: int = 0
    letters_backlog: int = 0
    deliveries: int = 0
    dead_letters: int = 0
    broken: int = 0


class Live:
    """Opens all shards of an installation over one client."""

    def __init__(self, url: str, shards: int, generation: str, clock: Path = CLOCK) -> None:
        self.url = url
        self.scripts = Scripts(clock)
        self.client = open_client(url)
        self.generation = Generation(generation)
        caller = Caller(self.client, self.scripts)
        self.shards = [Shard(caller, Keyspace(number), self.generation) for number in range(shards)]

    def with_shards(self, shards: Iterable[Shard]) -> Live:
        """The same live side, reached through other shards; it is closed with this one."""
        other = copy(self)
        other.shards = list(shards)
        return other

    async def ready(self) -> None:
        """Raises Unavailable while Redis is away, GenerationMissing while it does not hold this installation."""
        for shard in self.shards:
            if await self.generation_of(shard) != self.generation.value:
                raise GenerationMissing("Redis does not hold this installation yet; it is being rebuilt", 2)

    async def generation_of(self, shard: Shard) -> str | None:
        """The generation that Redis holds for a shard, None when it holds none."""
        try:
            found: Any = await self.client.get(shard.keys.generation)
        except (RedisError, OSError) as error:
            raise translate(error) from error
        return None if found is None else bytes(found).decode()

    async def follow_generation(self) -> bool:
        """Believe in the installation that Redis holds in all shards; False while it holds none."""
        found = [await self.generation_of(shard) for shard in self.shards]
        if None in found or len(set(found)) != 1:
            return False
        self.generation.value = found[0] or ""
        return True

    async def project(self, projection: Projection) -> None:
        """Carry one change of configuration to the shards it concerns; older than what is there: ignored."""
        match projection:
            case PutMonitor():
                await put_monitor(self.home(projection.config.id), projection)
            case PutMonitors():
                await self._create(projection.monitors)
            case DropMonitor():
                await drop_monitor(self.home(projection.monitor_id), projection)
            case PutChannels():
                for shard in self.shards:
                    await put_channels(shard, projection)
            case PutPlan():
                for shard in self.shards:
                    await put_plan(shard, projection)

    async def _create(self, monitors: Sequence[PutMonitor]) -> None:
        for shard in self.shards:
            own = [one for one in monitors if self.home(one.config.id) is shard]
            for at in range(0, len(own), AT_ONCE):
                await create_monitors(shard, own[at : at + AT_ONCE])

    async def states(self, monitor_ids: Sequence[int]) -> tuple[int, list[MonitorState | None]]:
        """Redis' time in ms, and the states of monitors in order; None for one that is not there."""
        now_ms, packed = await self.packed_states(monitor_ids)
        return now_ms, [read_state(blob) for blob in packed]

    async def packed_states(self, monitor_ids: Sequence[int]) -> tuple[int, list[bytes]]:
        """The same as it is stored, for whoever looks at very many and knows most of them already."""
        if len(self.shards) == 1:
            return await look(self.shards[0], monitor_ids)
        now_ms = 0
        states: dict[int, bytes] = {}
        for shard in self.shards:
            own = [one for one in monitor_ids if shard_of(one, len(self.shards)) == shard.keys.shard]
            if own or not now_ms:
                now_ms, found = await look(shard, own)
                states.update(zip(own, found, strict=True))
        return now_ms, [states[one] for one in monitor_ids]

    async def count_use(self, who: str, most_a_minute: int) -> int:
        """Count one call of the admin API; 0, or the ms until somebody who had enough for this minute may go on."""
        return await count_use(self.shards[0], who, most_a_minute)

    async def pings_this_minute(self, org_id: int) -> int:
        """How many pings of an organisation were recorded in this minute; counted only where its plan limits them."""
        used = 0
        try:
            for shard in self.shards:
                pipe = self.client.pipeline(transaction=False)
                pipe.time()
                pipe.hget(shard.keys.used, str(org_id))
                (seconds, _), blob = await pipe.execute()
                used += read_used(blob, int(seconds))
        except (RedisError, OSError) as error:
            raise translate(error) from error
        return used

    async def retry_letter(self, shard: int, delivery_id: str) -> int:
        """Put a dead letter of this shard back in line; answers how many went, 0 if it is not a dead letter."""
        return await retry_letter(self.shards[shard], delivery_id)

    async def try_channel(self, event: TrialEvent) -> bool:
        """Tell one channel that somebody tries it; False: Redis does not know it."""
        return await try_channel(self.shards[0], event)

    async def refusals(self) -> dict[int, tuple[int, int]]:
        """Channel id to the epoch in which its receiver asked never to be called again, and the moment in ms."""
        found: dict[int, tuple[int, int]] = {}
        try:
            for shard in self.shards:
                blobs: Any = await self.client.hgetall(shard.keys.disabled)
                for name, blob in blobs.items():
                    refusal = read_refusal(blob)
                    if refusal is not None:
                        found[int(name)] = max(refusal, found.get(int(name), refusal))
        except (RedisError, OSError) as error:
            raise translate(error) from error
        return found

    async def tallies(self) -> Tallies:
        """All counts, in one round trip."""
        try:
            pipe = self.client.pipeline(transaction=False)
            for shard in self.shards:
                keys = shard.keys
                pipe.hgetall(keys.tallies)
                pipe.xlen(keys.pings)
                pipe.xlen(keys.events)
                pipe.xlen(keys.letters)
                pipe.hlen(keys.deliveries)
                pipe.hlen(keys.dead)
                pipe.scard(keys.broken)
            reply = await pipe.execute()
        except (RedisError, OSError) as error:
            raise translate(error) from error
        sums = dict.fromkeys(Tallies.__struct_fields__, 0)
        counted = (
            "pings_backlog",
            "events_backlog",
            "letters_backlog",
            "deliveries",
            "dead_letters",
            "broken",
        )
        for at in range(0, len(reply), 1 + len(counted)):
            for name, value in reply[at].items():
                if name.decode() in sums:  # or a later version counts something else as well
                    sums[name.decode()] += int(value)
            for name, value in zip(counted, reply[at + 1 : at + 1 + len(counted)], strict=True):
                sums[name] += int(value)
        return Tallies(**sums)

    async def holes(self, shard: Shard) -> list[tuple[int, int]]:
        """The blind intervals of a shard as (from_ms, to_ms)."""
        try:
            blob: Any = await self.client.get(shard.keys.blind)
        except (RedisError, OSError) as error:
            raise translate(error) from error
        return read_holes(blob)

    async def blind_times(self) -> tuple[int, list[list[BlindTime]]]:
        """Redis' time in ms, and the blind intervals of each shard, oldest first.

        Raises:
            Unavailable: Redis is away; GenerationMissing: it does not hold this installation.
        """
        now_ms, _ = await self.states([])
        return now_ms, [[BlindTime(*hole) for hole in await self.holes(shard)] for shard in self.shards]

    async def say_alive(self, part: str) -> None:
        """A part says that it is up and ready; it has to say so again within five seconds."""
        await say_alive(self.shards[0], part)

    async def say_gone(self, part: str) -> None:
        """A part says that it is going."""
        try:
            await self.client.delete(self.shards[0].keys.part(part))
        except (RedisError, OSError) as error:
            raise translate(error) from error

    async def alive(self, parts: Sequence[str]) -> list[bool]:
        """Which of these parts have said within five seconds that they are ready."""
        keys = self.shards[0].keys
        try:
            return [
                found is not None for found in await self.client.mget([keys.part(part) for part in parts])
            ]
        except (RedisError, OSError) as error:
            raise translate(error) from error

    async def aclose(self) -> None:
        """Close the client."""
        await self.client.aclose()

    def home(self, monitor_id: int) -> Shard:
        """The shard that a monitor lives in."""
        return self.shards[shard_of(monitor_id, len(self.shards))]
