"""Asks Apprise whether it can read the address of a chat service, before anybody relies on it.

Apprise is loaded in a child process, as it takes long and is no business of who takes pings. A child that has no answer
in time is no reason to refuse an address: a message to it would tell.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from store.errors import Invalid

UNREADABLE = 3
AT_ONCE = 2
WITHIN_S = 10.0
# Of the folder that this code is from, whatever else is installed.
_HOME = str(Path(__file__).parents[2])
_BEGIN = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from ingest.api.chat_reader_child import main; sys.exit(main())"
)


class ChatReader(Protocol):
    """Whoever knows how addresses of chat services are read."""

    async def check(self, address: str) -> None:
        """Take an address that can be read, or of which that is not known.

        Raises:
            Invalid: it cannot be read; names `url`.
        """
        ...


class AppriseReader:
    """A few children at a time, one for each address."""

    def __init__(self, within_s: float = WITHIN_S) -> None:
        self._within_s = within_s
        self._places = asyncio.Semaphore(AT_ONCE)

    async def check(self, address: str) -> None:
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(self._within_s), self._places:
                if await _read(address) == UNREADABLE:
                    raise Invalid(
                        f"Apprise cannot read this address of {address.partition('://')[0]}; something is missing "
                        "or too much in it.",
                        "url",
                    )


class NobodyAsked:
    """Takes every address: for a file that is imported, which changes the book as a whole and must not wait in it."""

    async def check(self, address: str) -> None:
        return None


async def _read(address: str) -> int:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-c",
        _BEGIN,
        _HOME,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        await child.communicate(address.encode())
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    return child.returncode or 0
