"""A house whose parts are started one by one, as on several machines: one of them may reach Redis by another way."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from store.book.bootstrap import prepare
from store.settings import SETTINGS_FILE, read_settings
from tests.servers import running_server, valkey_binary
from tests.system.house import COMMAND, PARTS, House


class PartsByHand(House):
    """Nobody starts a part again: what ends here stays ended, and the test fails."""

    _begun: list[subprocess.Popen[bytes]]

    def open(self, redis_url: str, **ways: str) -> None:
        """Prepare the books, start every part with its way to Redis, and wait until all are ready."""
        self.data.mkdir()
        self._begun = []
        asyncio.run(prepare(read_settings(self.environ, self.log.parent / SETTINGS_FILE)))
        for part in PARTS:
            self._begin(part, ways.get(part, redis_url))
        self.wait_until_ready()

    def _begin(self, part: str, redis_url: str) -> None:
        with self.log.open("ab") as output:
            begun = subprocess.Popen(
                [COMMAND[0], part],
                cwd=self.log.parent,
                env=self.environ | {"OVERDUE_REDIS_URL": redis_url},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._begun.append(begun)

    def clean_up(self) -> None:
        """As always, and nothing is left uncollected."""
        super().clean_up()
        for one in self._begun:
            one.wait()


@contextmanager
def valkey_on_its_own() -> Iterator[str]:
    """A server as the shipped configuration has it, without a house around it."""
    with running_server(valkey_binary(), "--appendonly", "yes", "--maxmemory-policy", "noeviction") as url:
        yield url


@contextmanager
def parts_by_hand(folder: Path, redis_url: str, **ways: str) -> Iterator[PartsByHand]:
    """The parts of a house, for as long as the block lasts; `ingest=URL` is the way of one of them."""
    house = PartsByHand(folder, OVERDUE_REDIS_URL=redis_url)
    with ExitStack() as end:
        end.callback(house.clean_up)
        house.open(redis_url, **ways)
        yield house
