"""A writer's connection: a lost reply is no lost batch, and no reply is ever taken for another one's."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import pytest
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from store.errors import Unavailable
from store.live.connect import Argument, Caller
from store.live.heads import LIFE_ONLY, pack_head
from store.live.link import Link
from store.live.live import Live
from store.live.packing import cut_states, pack_ids, read_state
from store.live.writer import Writer
from store.monitor import MonitorState
from tests.conftest import SERVERS
from tests.patience import until
from tests.proxy import FaultProxy
from tests.servers import debian_redis_binary, valkey_binary, wait_for_server
from tests.stage import CLOCK, GENERATION, START_MS, Stage, config_of
from tests.store.live.compare import look_at_redis

Batch = tuple[list[bytes], bytes, bytes, int]


def batch_of(*monitor_ids: int, life_only: bool = False) -> Batch:
    heads = b"".join(pack_head(START_MS, 1, 1, LIFE_ONLY if life_only else 0) for _ in monitor_ids)
    return [str(one).encode() for one in monitor_ids], heads, b"history", START_MS


@pytest.fixture
async def proxy(stage: Stage) -> AsyncIterator[FaultProxy]:
    with TemporaryDirectory(prefix="od-proxy-") as folder:
        async with FaultProxy(Path(folder) / "s", stage.live.url) as proxy:
            yield proxy


@pytest.fixture
async def link(stage: Stage, proxy: FaultProxy) -> AsyncIterator[Link]:
    link = Link(proxy.url, stage.live.scripts)
    yield link
    await link.aclose()


@pytest.fixture
async def writer(stage: Stage, link: Link) -> Writer:
    """A writer whose connection goes through the proxy, with monitor 1 to ping."""
    writer = Writer(link, stage.shard.keys, stage.live.generation, "main-1", stage.new_clock())
    await writer.register()
    await stage.put(config_of(1))
    return writer


async def look(stage: Stage, link: Link, give_up_ms: int = 3000) -> list[MonitorState | None]:
    """The states of monitors 1 and 2, through the link."""
    keys = stage.shard.keys
    reply: list[bytes] = await link.call(
        "look",
        (keys.generation, keys.state, keys.config, keys.blind),
        (GENERATION, pack_ids([1, 2])),
        give_up_ms,
    )
    return [read_state(state) for state in cut_states(reply[1])]


async def lose_patience_sooner(link: Link, seconds: float) -> None:
    """A call waits so long for its reply, instead of some seconds."""
    link._drop()
    link._call_timeout_s = seconds


async def applied(stage: Stage) -> tuple[int, int]:
    """How many batches are in the stream, and how many bytes of history were counted."""
    return await stage.redis.xlen(stage.shard.keys.pings), (await stage.live.tallies()).history_appended


@pytest.mark.parametrize("times", [1, 3])
async def test_a_batch_whose_reply_was_lost_is_sent_again_and_applied_once(
    stage: Stage, proxy: FaultProxy, writer: Writer, times: int
) -> None:
    proxy.lose_replies(times)
    assert (await writer.record(*batch_of(1, 99, 1))).outcomes == bytes([1, 2, 1])
    assert proxy.lost == times
    assert await applied(stage) == (1, 7 + 128)
    assert (await writer.record(*batch_of(1))).outcomes == bytes([1])
    assert await applied(stage) == (2, 2 * (7 + 128))


class Stubborn(Caller):
    """The client library by default, but for its waits: whatever is lost, it sends again by itself, ten times."""

    async def call(
        self, name: str, keys: Sequence[str], arguments: Sequence[Argument], give_up_ms: int = 0
    ) -> Any:
        return await super().call(name, keys, arguments)


async def test_a_batch_that_the_client_library_sends_again_is_applied_once(
    stage: Stage, proxy: FaultProxy
) -> None:
    await stage.put(config_of(1))
    async with aioredis.Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 10)) as client:
        link: Any = Stubborn(client, stage.live.scripts)
        writer = Writer(link, stage.shard.keys, stage.live.generation, "main-1", stage.new_clock())
        await writer.register()
        proxy.lose_replies(3)
        assert (await writer.record(*batch_of(1, 99, 1))).outcomes == bytes([1, 2, 1])
    assert proxy.lost == 3
    assert await applied(stage) == (1, 7 + 128)


async def test_a_connection_that_was_cut_between_calls_is_opened_anew(
    stage: Stage, proxy: FaultProxy, writer: Writer
) -> None:
    proxy.cut()
    assert (await writer.record(*batch_of(1))).outcomes == bytes([1])
    assert await applied(stage) == (1, 7 + 128)


async def test_a_reply_that_comes_too_late_means_sending_again_and_changes_nothing(
    stage: Stage, proxy: FaultProxy, writer: Writer, link: Link
) -> None:
    await lose_patience_sooner(link, 0.15)
    proxy.hold_replies = True
    call = asyncio.create_task(writer.record(*batch_of(1)))
    await until(lambda: held(proxy, 1))
    await until(lambda: held(proxy, 0))
    proxy.hold_replies = False
    assert (await call).outcomes == bytes([1])
    assert await applied(stage) == (1, 7 + 128)


async def held(proxy: FaultProxy, count: int) -> bool:
    return proxy.held == count


async def test_scripts_that_were_flushed_are_loaded_again_without_anybody_noticing(
    stage: Stage, writer: Writer
) -> None:
    await stage.redis.script_flush()
    assert (await writer.record(*batch_of(1))).outcomes == bytes([1])
    await stage.redis.script_flush()
    await stage.sweep()
    assert await applied(stage) == (1, 7 + 128)


async def test_it_gives_up_in_time_when_nobody_is_there_and_works_again_when_somebody_is(
    stage: Stage, proxy: FaultProxy, link: Link
) -> None:
    proxy.refuse()
    began = monotonic()
    with pytest.raises(Unavailable):
        await look(stage, link, give_up_ms=400)
    assert 0.1 < monotonic() - began < 1
    await proxy.accept()
    assert await look(stage, link) == [None, None]


async def test_it_gives_up_in_time_when_nothing_is_answered(
    stage: Stage, proxy: FaultProxy, link: Link
) -> None:
    await lose_patience_sooner(link, 0.2)
    await look(stage, link)
    proxy.black_hole = True
    began = monotonic()
    with pytest.raises(Unavailable):
        await look(stage, link, give_up_ms=400)
    assert monotonic() - began < 1.5
    proxy.black_hole = False
    assert await look(stage, link) == [None, None]


async def test_while_redis_is_known_to_be_away_a_batch_gets_one_try(
    stage: Stage, proxy: FaultProxy, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.live.writer.GIVE_UP_MS", 300)
    proxy.refuse()
    with pytest.raises(Unavailable):
        await writer.record(*batch_of(1))
    began = monotonic()
    for _ in range(10):
        with pytest.raises(Unavailable):
            await writer.record(*batch_of(1))
    assert monotonic() - began < 0.3
    await proxy.accept()
    assert (await writer.record(*batch_of(1))).outcomes == bytes([1])


async def test_batches_that_were_given_up_leave_a_hole(
    stage: Stage, proxy: FaultProxy, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.live.writer.GIVE_UP_MS", 0)
    proxy.refuse()
    with pytest.raises(Unavailable):
        await writer.record(*batch_of(1))
    await proxy.accept()
    await stage.move_to(0.4)
    await writer.record([], b"", b"", stage.now_ms)
    assert await stage.holes() == [(0, 0.4)]


async def test_a_cancelled_call_leaves_no_reply_for_a_later_one(
    stage: Stage, proxy: FaultProxy, writer: Writer, link: Link
) -> None:
    proxy.hold_replies = True
    cancelled = asyncio.create_task(writer.record(*batch_of(1, 99)))
    await until(lambda: held(proxy, 1))
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    proxy.hold_replies = False
    states = await look(stage, link)
    assert [state is None for state in states] == [False, True]
    assert (await writer.record(*batch_of(1, life_only=True))).outcomes == bytes([6])


async def test_a_cancelled_call_of_a_pooled_client_leaves_no_reply_for_a_later_one(
    stage: Stage, proxy: FaultProxy
) -> None:
    live = Live(proxy.url, 1, GENERATION, CLOCK)
    await live.ready()
    proxy.hold_replies = True
    cancelled = asyncio.create_task(live.states([1, 2, 3]))
    await until(lambda: held(proxy, 1))
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    proxy.hold_replies = False
    assert await live.generation_of(live.shards[0]) == GENERATION
    await live.aclose()


class RestartableServer:
    """A server with an append-only file that can be stopped and started again where it was."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.url = f"unix://{folder / 's'}"
        self._folder = folder
        self._command = [binary, "--port", "0", "--unixsocket", str(folder / "s"), "--dir", str(folder)]
        self._command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_for_server(self.url)

    def stop(self, by: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(by)
            self._process.wait()
            self._process = None


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[RestartableServer]:
    binary = valkey_binary() if request.param == "valkey" else debian_redis_binary()
    if binary is None:
        pytest.skip("redis-server is not installed (Debian's package redis-server)")
    with TemporaryDirectory(prefix="od-aof-") as folder:
        server = RestartableServer(binary, Path(folder))
        server.start()
        yield server
        server.stop(signal.SIGKILL)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_of_the_server_loses_nothing_and_needs_nobodys_help(
    server: RestartableServer, by: signal.Signals
) -> None:
    stage = Stage(server.url)
    await stage.open()
    await stage.channels(7)
    for monitor_id in (1, 2, 3):
        await stage.put(config_of(monitor_id, 2, 1))
    await stage.listen(until=2)
    await stage.ping(1)
    await stage.listen(until=3)
    await stage.sweep()
    before = await look_at_redis(stage, [1, 2, 3])

    server.stop(by)
    waiting = asyncio.create_task(stage.ping(1, 2))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await asyncio.to_thread(server.start)

    assert len(await waiting) == 2
    after = await look_at_redis(stage, [1, 2, 3])
    assert after[0].recorded_pings == before[0].recorded_pings + 2
    assert (after[0].versions, after[0].keys, after[0].holes) == (
        before[0].versions,
        before[0].keys,
        before[0].holes,
    )
    assert after[0].states[3] == before[0].states[3]
    assert await stage.told() == [("down", 2, 3), ("down", 3, 3), ("up", 2, 3)]
    await stage.close()


async def test_a_link_that_was_closed_stays_closed(stage: Stage, link: Link) -> None:
    under_way = asyncio.create_task(look(stage, link))
    await asyncio.sleep(0)
    await link.aclose()
    for call in (under_way, look(stage, link, give_up_ms=0)):
        with pytest.raises(Unavailable):
            await call
    assert link._wire is None
