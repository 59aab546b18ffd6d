"""The child process of the chat channel, seen from here: started when something is to be said, ended when idle."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from store.errors import Invalid
from sweeper.channels.chat_errand import Done, Errand, Orders, line_of

# Of the folder that this code is from, whatever else is installed.
_HOME = str(Path(__file__).parents[2])
_BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from sweeper.channels.chat_child import main; sys.exit(main())"
START_WITHIN_S = 30.0
IDLE_S = 120.0
# A copy ends by itself when its time is over; this much later it is given up, whatever keeps it.
LONGER_S = 2.0


class ChatProcess:
    """One child at a time, for all messages."""

    def __init__(self, private_targets: tuple[str, ...], *, idle_s: float = IDLE_S) -> None:
        self._orders = Orders(private_targets)
        self._idle_s = idle_s
        self._child: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._number = 0
        self._pending: dict[int, asyncio.Future[Done]] = {}
        self._until_idle: asyncio.TimerHandle | None = None

    async def be_ready(self) -> None:
        """Wait for a child that has loaded what it needs.

        Raises:
            Invalid: it cannot be started.
        """
        self._stay()
        async with self._starting:
            if self._child is None:
                await self._start()

    async def carry(self, errand: Errand) -> Done:
        """What became of an errand.

        Raises:
            TimeoutError: no answer came in time.
        """
        self._stay()
        self._number += 1
        number = self._number
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            self._tell(line_of(msgspec.structs.replace(errand, number=number)))
            async with asyncio.timeout(errand.within_s + LONGER_S):
                return await answer
        finally:
            del self._pending[number]
            if not self._pending:
                self._until_idle = asyncio.get_running_loop().call_later(self._idle_s, self._end)

    async def aclose(self) -> None:
        """End the child, and what it does."""
        self._stay()
        self._end()
        if self._listening is not None:
            await self._listening

    def _stay(self) -> None:
        if self._until_idle is not None:
            self._until_idle.cancel()
            self._until_idle = None

    def _tell(self, line: bytes) -> None:
        if self._child is None or self._child.stdin is None:
            raise Invalid("the process that sends to services has ended")
        self._child.stdin.write(line)

    async def _start(self) -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            _BEGIN,
            _HOME,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )
        self._child = child
        self._listening = None
        try:
            self._tell(line_of(self._orders))
            async with asyncio.timeout(START_WITHIN_S):
                is_ready = child.stdout is not None and await child.stdout.readline()
        except TimeoutError:
            is_ready = False
        except BaseException:
            await self._bury(child)
            raise
        if not is_ready:
            await self._bury(child)
            raise Invalid("the process that sends to services cannot be started")
        self._listening = asyncio.create_task(self._listen(child))

    async def _listen(self, child: asyncio.subprocess.Process) -> None:
        """Hand out answers until the child has ended; nobody waits for one that will not come."""
        try:
            while child.stdout is not None and (line := await child.stdout.readline()):
                done = msgspec.json.decode(line, type=Done)
                self._settle(done)
        finally:
            if self._child in {child, None}:
                self._child = None
                for number in self._pending:
                    self._settle(Done(number, False, "the process that sends to services has ended"))
            await self._bury(child)

    def _settle(self, done: Done) -> None:
        answer = self._pending.get(done.number)
        if answer is not None and not answer.done():
            answer.set_result(done)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            _kill(child)

    async def _bury(self, child: asyncio.subprocess.Process) -> None:
        if self._child is child:
            self._child = None
        _kill(child)
        await child.wait()


def _environment() -> dict[str, str]:
    """At most whose certificates to trust, by the names that Apprise's libraries look for; above all no proxies."""
    trusted = os.environ.get("SSL_CERT_FILE")
    return {"SSL_CERT_FILE": trusted, "REQUESTS_CA_BUNDLE": trusted} if trusted else {}


def _kill(child: asyncio.subprocess.Process) -> None:
    """With its copies, which are in its session; it has not been waited for, so the number is still its own."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
