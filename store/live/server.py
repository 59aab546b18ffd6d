"""Which server is there, and can it keep Overdue's promises? If not: a sentence that says what to change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from store.errors import SettingError
from store.live.client import Client

VARIABLE = "OVERDUE_REDIS_URL"
OLDEST_REDIS = (7, 0)
ANSWER_BOUND_S = 3.0
PULSE_BOUND_S = 1.0

_HINT = "start the server, correct the URL, or leave it empty for the embedded Valkey"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself in INFO."""

    product: str
    version: str
    mode: str
    role: str
    maxmemory_policy: str
    appendonly: bool
    loading: bool
    loaded_percent: float
    pid: int
    config_file: str
    used_memory_bytes: int
    memory_limit_bytes: int

    @property
    def name(self) -> str:
        return f"{self.product} {self.version}"


async def check_server(url: str) -> str:
    """The server's name, such as `Valkey 9.1.2`, if Overdue can keep its promises on it.

    Raises:
        SettingError: it is away, locked, too old, a replica, a cluster or configured to evict.
    """
    server = await read_server(url)
    if sentence := objection(server):
        raise SettingError(VARIABLE, f"{server.name} at {shown(url)} {sentence}")
    return server.name


def objection(server: Server) -> str:
    """Why this server is refused and what to change, as the rest of a sentence; empty if it is fit."""
    if server.product == "Redis" and _numbers(server.version) < OLDEST_REDIS:
        return "is too old: Redis 7.0 or newer, or Valkey, is needed"
    if server.mode == "cluster":
        return "runs in cluster mode, which is not supported yet; give a server with `cluster-enabled no`"
    if server.mode == "sentinel":
        return "is a Sentinel, which stores nothing; give the address of the server that it watches"
    if server.role != "master":
        return "is a replica, which cannot be written to; give the address of its primary"
    if server.maxmemory_policy != "noeviction":
        # Also without maxmemory: it may be set at any time later, and what is thrown away then are deadlines.
        return (
            f"may throw deadlines away when memory is short (maxmemory-policy {server.maxmemory_policy}); "
            "run `CONFIG SET maxmemory-policy noeviction` and keep it in the server's configuration file"
        )
    return ""


async def read_server(url: str, bound_s: float = ANSWER_BOUND_S) -> Server:
    """Ask a server what it is, within `bound_s`.

    Raises:
        SettingError: it does not answer, or not to us.
    """
    try:
        async with asyncio.timeout(bound_s):
            return await _ask(url, bound_s)
    except (TimeoutError, redis.exceptions.TimeoutError) as error:
        sentence = f"nothing answers at {shown(url)} within {bound_s:g} s; {_HINT}"
        raise SettingError(VARIABLE, sentence) from error
    except (ValueError, TypeError) as error:
        raise SettingError(VARIABLE, f"{shown(url)} cannot be used: {error}") from error
    except (RedisError, OSError) as error:
        raise SettingError(VARIABLE, _refusal(url, error)) from error


async def feel_pulse(url: str) -> Server | None:
    """What a server says of itself, or None when it does not answer just now (it may still be starting)."""
    try:
        return await read_server(url, PULSE_BOUND_S)
    except SettingError:
        return None


def shown(url: str) -> str:
    """A server's URL without user, password and options."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _refusal(url: str, error: Exception) -> str:
    """Redis' own words decide; the error's type varies with the versions on both sides."""
    reason = str(error).lower()
    if isinstance(error, NoPermissionError):
        return f"the user given for {shown(url)} may not run INFO; allow it in the server's ACL"
    if "wrongpass" in reason or "invalid username-password" in reason or "invalid password" in reason:
        return f"the server at {shown(url)} refuses the user or the password given; correct them"
    if "noauth" in reason or "authentication required" in reason:
        return f"the server at {shown(url)} needs a password; write redis://user:password@host:port"
    if isinstance(error, ResponseError):
        return f"the server at {shown(url)} refuses us: {error}"
    return f"no server can be reached at {shown(url)} ({error}); {_HINT}"


async def _ask(url: str, bound_s: float) -> Server:
    # RESP2, so that a server from before HELLO is told that it is too old instead of being misunderstood.
    client = Client.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=bound_s,
        socket_connect_timeout=bound_s,
        decode_responses=True,
        protocol=2,
    )
    try:
        return _read_info(await client.info())
    finally:
        await client.aclose()


def _read_info(info: Mapping[str, Any]) -> Server:
    valkey = (
        info.get("server_name") == "valkey"
    )  # its redis_version stays at 7.2.4 for the sake of old clients
    return Server(
        product="Valkey" if valkey else "Redis",
        version=str(info["valkey_version"] if valkey else info.get("redis_version", "0")),
        mode=str(info.get("redis_mode", info.get("server_mode", "standalone"))),
        role=str(info.get("role", "master")),
        maxmemory_policy=str(info.get("maxmemory_policy", "unknown")),
        appendonly=bool(info.get("aof_enabled", 0)),
        loading=bool(info.get("loading", 0)),
        loaded_percent=float(info.get("loading_loaded_perc", 0)),
        pid=int(info.get("process_id", 0)),
        config_file=str(info.get("config_file", "")),
        # As the server counts it before it refuses: without what waits for its log and its replicas.
        used_memory_bytes=int(info.get("used_memory", 0)) - int(info.get("mem_not_counted_for_evict", 0)),
        memory_limit_bytes=int(info.get("maxmemory", 0)),
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) if number.isdecimal() else 0 for number in version.split(".")[:2])
