"""What servers do at their worst: restarts with users and passwords, torn logs, full memory, a sudden replica."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import pytest
import redis

from store.errors import Unavailable
from store.live.delivering import deliver, lease, settle
from store.live.heads import Outcome
from store.live.refreshing import kept_change, note_kept_change
from tests.patience import until
from tests.servers import debian_redis_binary, valkey_binary
from tests.stage import GENERATION, Stage, config_of
from tests.store.live.server_on_disk import ServerOnDisk, server_on_disk

SHIPPED = Path(__file__).parents[3] / "docs" / "redis"
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
PASSWORD = "change-this-password"
MONITORS = range(1, 41)
TORN_BYTES = 2048
# Thousands of starts, each with a log that is synced at every write: no disk is wanted for that.
RAM = next((folder for folder in [Path("/dev/shm")] if folder.is_dir()), None)


@pytest.fixture(params=["valkey", pytest.param("redis-server", marks=pytest.mark.slow)])
def binary(request: pytest.FixtureRequest) -> str:
    found = valkey_binary() if request.param == "valkey" else debian_redis_binary()
    if found is None:
        pytest.skip("redis-server is not installed (Debian's package redis-server)")
    return found


@asynccontextmanager
async def on_stage(server: ServerOnDisk) -> AsyncIterator[Stage]:
    """A stage on an empty server, with some life: monitors, pings, two misses."""
    stage = Stage(server.url)
    try:
        await stage.redis.set(stage.shard.keys.generation, GENERATION)
        await stage.move_to(0)
        stage.writer = await stage.new_writer()
        await stage.channels(7)
        for monitor_id in MONITORS:
            await stage.put(config_of(monitor_id, 5, 1))
        await stage.listen(until=4)
        await stage.ping(*MONITORS[:-2])
        await stage.listen(until=8)
        await stage.sweep()
        assert await stage.told() == [("down", 39, 6), ("down", 40, 6)]
        yield stage
    finally:
        await stage.close()


@pytest.fixture
def shipped(binary: str, tmp_path: Path) -> Iterator[ServerOnDisk]:
    """A server with the configuration and the users that we ship, and a judge."""
    users = (SHIPPED / "overdue.acl").read_text(encoding="utf-8")
    # What the tests tell of time is in keys of its own, and DEBUG DIGEST is no right that Overdue needs.
    users = users.replace("~od:*", "~od:* ~test-*") + "user judge on >judge ~* +@all\n"
    (tmp_path / "overdue.acl").write_text(users, encoding="utf-8")
    shutil.copy(SHIPPED / "redis.conf", tmp_path)
    options = (str(tmp_path / "redis.conf"), "--aclfile", str(tmp_path / "overdue.acl"))
    with server_on_disk(
        binary, *options, "--enable-debug-command", "local", credentials=f"overdue:{PASSWORD}@"
    ) as server:
        yield server


def digests(server: ServerOnDisk) -> dict[str, str]:
    """A number for the value of every key that a server holds."""
    with redis.Redis(unix_socket_path=str(server.folder / "s"), username="judge", password="judge") as judge:
        keys = sorted(judge.scan_iter())
        found: Any = judge.execute_command("DEBUG", "DIGEST-VALUE", *keys)
        return {key.decode(): digest.decode() for key, digest in zip(keys, found, strict=True)}


async def has_written(stage: Stage) -> bool:
    """While it waits for a slow disk, what comes next is in its memory only, for up to two seconds."""
    return int((await stage.redis.info("persistence"))["aof_buffer_length"]) == 0


@pytest.mark.parametrize("by", [SIGTERM, SIGKILL])
async def test_a_restart_with_the_shipped_configuration_and_users_is_lossless(
    shipped: ServerOnDisk, by: Signals
) -> None:
    async with on_stage(shipped) as stage:
        before = digests(shipped)
        await until(lambda: has_written(stage))
        shipped.stop(by)
        shipped.start()
        assert digests(shipped) == before
        assert await stage.ping(1, 40) == [Outcome.RECORDED, Outcome.RECORDED]
        assert await stage.told() == [("up", 40, 8)]
        await stage.live.say_alive("sweeper")
        await note_kept_change(stage.live, 5)


@pytest.mark.slow
async def test_a_log_that_is_torn_anywhere_at_its_end_harms_only_its_end(binary: str) -> None:
    """At every byte of its end: cut, start, write, start again. What was written after the cut is there.

    And on Valkey nothing else is.
    """
    with server_on_disk(binary, *ALWAYS, within=RAM) as server:
        async with on_stage(server):
            pass
        server.stop(SIGKILL)
        file = server.incremental_file
        whole = file.read_bytes()
        stage = Stage(server.url)
        for cut in range(len(whole) - TORN_BYTES, len(whole)):
            file.write_bytes(whole[:cut])
            await write_after_the_cut(server, stage, cut)


async def write_after_the_cut(server: ServerOnDisk, stage: Stage, cut: int) -> None:
    """The stage is closed before each restart; it connects anew by itself."""
    server.start()
    await stage.move_to(20)
    stage.writer = await stage.new_writer()
    # The last monitors may have been cut off; the first was there long before.
    assert await stage.ping(1) == [Outcome.RECORDED], cut
    seen = await stage.redis.hgetall(stage.shard.keys.state)
    await stage.close()
    stage.links.clear()
    server.stop(SIGKILL)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        found = client.hgetall(stage.shard.keys.state)
        # Redis 7.0 leaves the beginning of a torn script in its log, where the next script ends it: it comes back then.
        is_whole = "valkey_version" in client.info("server")
    for monitor_id in seen if is_whole else [b"1"]:
        assert found[monitor_id] == seen[monitor_id], cut
    server.stop(SIGKILL)


async def test_when_memory_is_full_life_goes_on_and_nobody_is_called_dead(binary: str) -> None:
    """Deadlines move, misses become events and deliveries, these are settled; only a new monitor is refused."""
    with server_on_disk(binary, *ALWAYS) as server:
        async with on_stage(server) as stage:
            used = (await stage.redis.info("memory"))["used_memory"]
            await stage.redis.config_set("maxmemory", max(1, used - 1_000_000))
            for second in range(9, 40, 4):
                await stage.listen(until=second)
                assert set(await stage.ping(*MONITORS[:-3])) == {Outcome.RECORDED}
                await stage.sweep()
            assert [kind for kind, _, _ in await stage.told()] == ["down"]  # 38, which has stopped
            assert (await deliver(stage.shard, 10)).deliveries == 3  # with those from before
            for one in (await lease(stage.shard, 10, 5000, ())).leases:
                assert await settle(stage.shard, one, "done")
            assert (await stage.live.tallies()).deliveries == 0
            await stage.live.say_alive("sweeper")
            assert await stage.live.alive(["sweeper"]) == [True]
            await note_kept_change(stage.live, 5)
            assert await kept_change(stage.live) == 5
            with pytest.raises(Unavailable, match="no memory left"):
                await stage.put(config_of(99, 5, 1))
            assert await stage.state(99) is None
            await stage.redis.config_set("maxmemory", 0)
            await stage.put(config_of(99, 5, 1))
            assert await stage.state(99) is not None


async def test_a_server_that_becomes_a_replica_refuses_and_goes_on_when_it_is_none_any_more(
    binary: str,
) -> None:
    with server_on_disk(binary, *ALWAYS) as server:
        async with on_stage(server) as stage:
            await stage.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
            with pytest.raises(Unavailable):
                await stage.ping(1)
            with pytest.raises(Unavailable):
                await stage.sweep()
            await stage.redis.execute_command("REPLICAOF", "NO", "ONE")
            assert await stage.ping(1) == [Outcome.RECORDED]
            await stage.sweep()
            assert await stage.told() == []
