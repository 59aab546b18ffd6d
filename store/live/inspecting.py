"""Reads all that Redis holds, page by page so that it is never held up, for whoever compares it with the books."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from enum import IntEnum
from typing import Any

import msgspec
from redis.exceptions import RedisError

from store.live.connect import translate
from store.live.event_kind import Cause
from store.live.keys import Keyspace
from store.live.live import Live
from store.live.shard import Shard

# Blind times and runs make a monitor dear to look at.
PAGE = 20
BUCKETS_AT_ONCE = 256
SCANNED = 1000
# What `inspect` says of each monitor.
_PARTS = 9


class Fault(IntEnum):
    """What is wrong with what Redis has of a monitor beside its state."""

    NONE = 0
    RULES = 1
    MARKS = 2
    REMINDER = 3


class Inspected(msgspec.Struct, frozen=True):
    """Where a monitor stands. `status` is empty if its state cannot be read, None if there is none.

    The stored deadline has to lie between `least_ms` and `deadline_ms`, the true one. It follows a blind time only when
    it comes due, and pings only once in each piece of time as long as the grace.
    """

    config: bytes | None
    status: str | None
    stored_ms: int | None
    least_ms: int
    deadline_ms: int
    fault: Fault
    rules: bytes
    cause: Cause
    base_ms: int


class Waiting(msgspec.Struct, frozen=True):
    """Deliveries that wait: all, those that have a moment of their next attempt, and the lines they stand in."""

    deliveries: frozenset[str]
    due: dict[str, float]
    lines: tuple[tuple[str, ...], ...]


async def inspect(shard: Shard, monitor_ids: Sequence[int]) -> list[Inspected]:
    """Where these monitors stand, in order; each is looked at in one moment."""
    keys = shard.keys
    found: list[Inspected] = []
    for start in range(0, len(monitor_ids), PAGE):
        used = (
            keys.config,
            keys.state,
            keys.deadlines,
            keys.blind,
            keys.rules,
            keys.runs,
            keys.reminders,
        )
        reply = await shard.call("inspect", used, *monitor_ids[start : start + PAGE])
        found += [_inspected(*reply[at : at + _PARTS]) for at in range(0, len(reply), _PARTS)]
    return found


def _inspected(
    config: bytes | None, status: bytes | None, stored_ms: int, least_ms: int, deadline_ms: int, *more: Any
) -> Inspected:
    fault, rules, cause, base_ms = more
    return Inspected(
        config,
        None if status is None else status.decode(),
        None if stored_ms < 0 else stored_ms,
        least_ms,
        deadline_ms,
        Fault(fault),
        rules,
        Cause(cause) if cause in set(Cause) else Cause.MISSED,
        base_ms,
    )


async def ids_in(live: Live, shard: Shard) -> AsyncIterator[set[int]]:
    """The ids of all monitors of which there is anything: configuration, state, deadline or a mark as unreadable."""
    client: Any = live.client
    keys = shard.keys
    for scan, key in (
        (client.hscan, keys.config),
        (client.hscan, keys.state),
        (client.zscan, keys.deadlines),
        (client.sscan, keys.broken),
    ):
        async for page in _pages(scan, key):
            yield {int(one[0] if isinstance(one, tuple) else one) for one in page}


async def marked_broken(live: Live, shard: Shard, monitor_ids: Iterable[int]) -> set[int]:
    """Those of these monitors that are marked as unreadable."""
    ids = list(monitor_ids)
    marks: Any = await _ask(live.client.smismember(shard.keys.broken, list(map(str, ids)))) if ids else []
    return {one for one, mark in zip(ids, marks, strict=True) if mark}


async def unmark(live: Live, shard: Shard, monitor_id: int) -> None:
    """This monitor can be read again."""
    await _ask(live.client.srem(shard.keys.broken, str(monitor_id)))


async def owners(live: Live, shard: Shard, digests: Sequence[bytes]) -> list[int | None]:
    """The monitors that Redis knows behind these key digests, in order."""
    pipe = live.client.pipeline(transaction=False)
    for digest in digests:
        pipe.hget(shard.keys.key_bucket(digest), digest)
    return [None if found is None else int(found) for found in await _ask(pipe.execute())]


async def buckets(live: Live, shard: Shard) -> AsyncIterator[dict[bytes, int]]:
    """All key digests with the monitors behind them, some buckets at a time."""
    names = [name async for name in _scan(live, shard.keys.bucket("*"))]
    for first in range(0, len(names), BUCKETS_AT_ONCE):
        pipe = live.client.pipeline(transaction=False)
        for name in names[first : first + BUCKETS_AT_ONCE]:
            pipe.hgetall(name)
        found: dict[bytes, int] = {}
        for bucket in await _ask(pipe.execute()):
            found |= {digest: int(monitor_id) for digest, monitor_id in bucket.items()}
        yield found


async def tombstone(live: Live, shard: Shard, monitor_id: int) -> int:
    """The version with which a monitor was deleted; 0: Redis knows of no deletion."""
    blob: Any = await _ask(live.client.hget(shard.keys.tombstones, str(monitor_id)))
    return int.from_bytes(blob[:4], "little") if blob else 0


async def fields(live: Live, key: str) -> dict[int, bytes]:
    """A hash by number, all of it: organisations, channels, plans."""
    found: dict[int, bytes] = {}
    async for page in _pages(live.client.hscan, key):
        found |= {int(name): blob for name, blob in page.items()}
    return found


async def waiting(live: Live, shard: Shard) -> Waiting:
    """What is to be told, as it stands."""
    client: Any = live.client
    keys = shard.keys
    deliveries = frozenset([name.decode() async for name, _ in _each(client.hscan, keys.deliveries)])
    due = {name.decode(): score async for name, score in _each(client.zscan, keys.due)}
    lines = tuple([tuple(line.decode().split()) async for _, line in _each(client.hscan, keys.lines)])
    return Waiting(deliveries, due, lines)


async def kept_deliveries(live: Live, shard: Shard) -> AsyncIterator[list[str]]:
    """The ids of all deliveries that wait, and of dead letters."""
    for key in (shard.keys.deliveries, shard.keys.dead):
        async for page in _pages(live.client.hscan, key):
            yield [name.decode() for name in page]


async def known_deliveries(live: Live, shard: Shard, delivery_ids: Sequence[str]) -> list[str]:
    """Those of these that wait or are dead letters."""
    pipe = live.client.pipeline(transaction=True)
    for one in delivery_ids:
        pipe.hexists(shard.keys.deliveries, one)
        pipe.hexists(shard.keys.dead, one)
    found = await _ask(pipe.execute())
    return [
        one for one, waits, died in zip(delivery_ids, found[::2], found[1::2], strict=True) if waits or died
    ]


async def log_is_read(live: Live, shard: Shard) -> bool:
    """Whether the recorder has everything that was written into the log of deliveries."""
    return not await _ask(live.client.xlen(shard.keys.letters))


async def naming(live: Live, shard: Shard) -> AsyncIterator[list[int]]:
    """The ids of all monitors that name channels."""
    async for page in _pages(live.client.hscan, shard.keys.named):
        yield [int(one) for one in page]


async def named_by(live: Live, shard: Shard, monitor_ids: Sequence[int]) -> list[set[int]]:
    """The channels that these monitors name, in order."""
    asked = list(map(str, monitor_ids))
    blobs: Any = await _ask(live.client.hmget(shard.keys.named, asked)) if asked else []
    return [set(struct.unpack(f"<{len(blob) // 4}I", blob)) if blob else set() for blob in blobs]


async def make_due(live: Live, shard: Shard, delivery_id: str, now_ms: int) -> None:
    """See to a delivery now, unless it has its moment."""
    await _ask(live.client.zadd(shard.keys.due, {delivery_id: now_ms}, nx=True))


async def strange_names(live: Live) -> list[str]:
    """Keys that begin like ours and that we would never write."""
    known = {name for shard in live.shards for name in _names(shard.keys)}
    strange: list[str] = []
    async for name in _scan(live, "od:*"):
        tag, _, rest = name.removeprefix("od:").partition(":")
        family = f"od:{tag}:{rest.partition(':')[0]}:" if rest.startswith(("keys:", "part:")) else name
        if family not in known:
            strange.append(name)
    return strange


def _names(keys: Keyspace) -> Iterable[str]:
    for name, kind in vars(Keyspace).items():
        if isinstance(kind, property):
            yield str(getattr(keys, name))
    yield keys.bucket("")
    yield keys.part("")


async def _each(scan: Any, key: str) -> AsyncIterator[tuple[bytes, Any]]:
    async for page in _pages(scan, key):
        for pair in page.items() if isinstance(page, dict) else page:
            yield pair


async def _pages(scan: Any, key: str) -> AsyncIterator[Any]:
    cursor = None
    while cursor != 0:
        cursor, page = await _ask(scan(key, cursor or 0, count=PAGE))
        yield page


async def _scan(live: Live, pattern: str) -> AsyncIterator[str]:
    """The names of keys; the braces of ours mean nothing in a pattern."""
    try:
        async for name in live.client.scan_iter(match=pattern, count=SCANNED):
            yield bytes(name).decode("utf-8", "replace")
    except (RedisError, OSError) as error:
        raise translate(error) from error


async def _ask(question: Any) -> Any:
    try:
        return await question
    except (RedisError, OSError) as error:
        raise translate(error) from error
