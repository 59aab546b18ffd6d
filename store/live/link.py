"""A connection to Redis of one's own: one call at a time, and a lost reply means sending the same bytes again.

For a writer sending again is safe, because a batch carries slot, incarnation and sequence: the script that has seen it
changes nothing and gives the same reply (see `record.lua`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
)

from store.clock import monotonic_ms
from store.live.connect import CALL_TIMEOUT_S, CONNECT_TIMEOUT_S, Argument, Scripts, translate
from store.live.wire import Wire, open_wire, pack
from store.metrics import REDIS_RESENDS

_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.25


class Link:
    """One connection, opened when needed; survives restarts of Redis."""

    def __init__(self, url: str, scripts: Scripts, call_timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._url = url
        self._wire: Wire | None = None
        self._closed = False
        self._scripts = scripts
        self._call_timeout_s = call_timeout_s

    async def call(
        self, name: str, keys: Sequence[str], arguments: Sequence[Argument], give_up_ms: int = 0
    ) -> Any:
        """Run a script; on a lost connection or reply connect anew and send the same bytes, until `give_up_ms`.

        Raises:
            Unavailable, GenerationMissing, Fenced: as `translate` has it. After Unavailable it is not known whether
                the script ran.
        """
        script = self._scripts[name]
        packed = pack("EVALSHA", script.sha, len(keys), *keys, *arguments)
        until_ms = monotonic_ms() + give_up_ms
        pause_s = _PAUSE_S
        while True:
            try:
                return await self._exchange(packed)
            except NoScriptError:
                await self._load(script.source, until_ms)
            except (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, OSError) as error:
                self._drop()
                if monotonic_ms() + pause_s * 1000 >= until_ms:
                    raise translate(error) from error
                REDIS_RESENDS.inc()
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            except RedisError as error:
                raise translate(error) from error

    async def aclose(self) -> None:
        """Close the connection, for good: a call that comes late, or was under way, finds Redis away."""
        self._closed = True
        self._drop()

    async def _exchange(self, packed: bytes) -> Any:
        if self._wire is None or not self._wire.is_open:
            self._wire = await open_wire(self._url, CONNECT_TIMEOUT_S)
        if self._closed:
            self._drop()
            raise ConnectionError("this link is closed")
        return await self._wire.exchange(packed, self._call_timeout_s)

    async def _load(self, source: str, until_ms: int) -> None:
        try:
            await self._exchange(pack("SCRIPT", "LOAD", source))
        except (RedisError, OSError) as error:
            self._drop()
            if monotonic_ms() >= until_ms:
                raise translate(error) from error

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None
