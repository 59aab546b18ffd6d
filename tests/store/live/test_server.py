"""Which servers are accepted, and the sentence with which the others are refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import redis.asyncio

from store.clock import monotonic_ms
from store.errors import SettingError
from store.live.server import check_server, feel_pulse, objection, read_server, shown
from tests.servers import running_server, valkey_binary

NAME = re.compile(r"(Valkey|Redis) \d+\.\d+\.\d+")


async def refusal(url: str) -> str:
    with pytest.raises(SettingError) as caught:
        await check_server(url)
    assert caught.value.name == "OVERDUE_REDIS_URL"
    return str(caught.value)


async def test_a_fit_server_is_told_by_its_name(redis_url: str) -> None:
    assert NAME.fullmatch(await check_server(redis_url))


async def test_valkey_is_told_by_its_own_version_not_by_that_of_redis() -> None:
    with running_server(valkey_binary()) as url:
        name = await check_server(url)
    assert name.startswith("Valkey ")
    assert name != "Valkey 7.2.4"


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_server_that_may_evict_is_refused_even_without_a_limit(policy: str) -> None:
    with running_server(valkey_binary(), "--maxmemory-policy", policy) as url:
        sentence = await refusal(url)
    assert policy in sentence
    assert "CONFIG SET maxmemory-policy noeviction" in sentence


async def test_the_policy_is_known_without_the_right_to_read_the_configuration() -> None:
    options = ("--user", "od", "on", ">pw", "~*", "+@all", "-config", "--maxmemory-policy", "allkeys-lru")
    with running_server(valkey_binary(), *options) as url:
        assert "noeviction" in await refusal(url.replace("unix://", "unix://od:pw@"))


async def test_a_user_who_may_not_ask_is_told_so() -> None:
    with running_server(valkey_binary(), "--user", "od", "on", ">pw", "~*", "+@all", "-info") as url:
        assert "may not run INFO" in await refusal(url.replace("unix://", "unix://od:pw@"))


@asynccontextmanager
async def locked() -> AsyncIterator[str]:
    with running_server(valkey_binary()) as url:
        async with redis.asyncio.Redis.from_url(url) as client:
            await client.config_set("requirepass", "hunter2")
        yield url


async def test_a_missing_password_is_told() -> None:
    async with locked() as url:
        assert "needs a password" in await refusal(url)


async def test_a_wrong_password_is_told_and_never_shown() -> None:
    async with locked() as url:
        sentence = await refusal(url.replace("unix://", "unix://default:hunter3@"))
        assert "correct" in sentence
        assert "hunter3" not in sentence
        assert NAME.fullmatch(await check_server(url.replace("unix://", "unix://default:hunter2@")))


async def test_a_replica_is_refused() -> None:
    with running_server(valkey_binary(), "--replicaof", "127.0.0.1", "1") as url:
        assert "give the address of its primary" in await refusal(url)


async def test_a_cluster_is_refused(tmp_path: Path) -> None:
    options = ("--cluster-enabled", "yes", "--cluster-config-file", str(tmp_path / "nodes.conf"))
    with running_server(valkey_binary(), *options) as url:
        assert "cluster mode" in await refusal(url)


async def test_nothing_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    sentence = await refusal(f"unix://{tmp_path}/none")
    assert "no server can be reached" in sentence
    assert "leave it empty for the embedded Valkey" in sentence
    assert await feel_pulse(f"unix://{tmp_path}/none") is None


@asynccontextmanager
async def answering(answer: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    """A server that is none: it answers each command with fixed bytes."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := await reader.read(65536):
            writer.write(answer(command))
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_server_that_accepts_and_stays_silent_is_waited_for_in_bounded_time() -> None:
    async with answering(lambda command: b"") as url:
        began_ms = monotonic_ms()
        assert "nothing answers" in await refusal(url)
        assert 2500 < monotonic_ms() - began_ms < 4500


async def test_a_server_that_hangs_up_is_asked_once() -> None:
    calls: list[asyncio.StreamWriter] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(writer)
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        await refusal(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert len(calls) == 1


async def test_something_that_is_no_redis_is_told() -> None:
    async with answering(lambda command: b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        assert "no server can be reached" in await refusal(url)


async def test_an_old_server_is_told_its_age() -> None:
    info = b"redis_version:6.2.14\r\nredis_mode:standalone\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n"

    def answer(command: bytes) -> bytes:
        count = len(re.findall(rb"\*\d+\r\n", command))
        if b"INFO" in command and b"SETINFO" not in command:
            return b"$%d\r\n%s\r\n" % (len(info), info)
        return b"-ERR unknown command\r\n" * count

    async with answering(answer) as url:
        sentence = await refusal(url)
    assert f"Redis 6.2.14 at {url} is too old: Redis 7.0 or newer" in sentence


async def test_a_sentinel_is_refused(redis_url: str) -> None:
    server = await read_server(redis_url)
    assert objection(server) == ""
    assert "Sentinel" in objection(msgspec.structs.replace(server, mode="sentinel"))


async def test_an_option_that_cannot_be_read_is_told() -> None:
    assert "cannot be used" in await refusal("redis://127.0.0.1:1/0?db=x")


def test_a_shown_url_has_no_secrets() -> None:
    assert shown("redis://u:secret@h:6379/2?password=x") == "redis://h:6379"
    assert shown("unix://u:secret@/run/v.sock?db=1") == "unix:///run/v.sock"
    assert urlsplit(shown("rediss://h:1")).scheme == "rediss"
