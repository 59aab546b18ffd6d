"""Four ingest processes on four machines, as it were: a port, a node and a way to Redis each, before two shards."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from store.book.bootstrap import prepare
from store.settings import read_settings
from tests.system.house import COMMAND, House, free_port
from tests.system.waiting import until

NODES = ("north", "east", "south", "west")
SHARDS = 2


class FourDoors(House):
    """Nobody starts a part again. `port` is that of the first node, where the API is asked."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        super().__init__(folder, OVERDUE_REDIS_URL=redis_url, OVERDUE_SHARDS=str(SHARDS))
        self.ports = dict.fromkeys(NODES, self.port) | {node: free_port() for node in NODES[1:]}
        self._begun: dict[str, subprocess.Popen[bytes]] = {}

    def open(self, **ways: str) -> None:
        """Prepare the books, start all parts, and wait until all are ready; `east=URL` is the way of a node."""
        self.data.mkdir()
        asyncio.run(prepare(read_settings(self.environ)))
        for node in NODES:
            self.begin(node, "ingest", **({"OVERDUE_REDIS_URL": ways[node]} if node in ways else {}))
        for part in ("sweeper", "recorder"):
            self.begin(part, part)
        self.wait_until_ready()
        until(lambda: len(self.holders(0)) == len(self.holders(1)) == len(NODES), 15, "all four listen")

    def begin(self, name: str, part: str, **changes: str) -> None:
        node = {"OVERDUE_NODE": name, "OVERDUE_PORT": str(self.ports[name])} if name in NODES else {}
        with self.log.open("ab") as output:
            self._begun[name] = subprocess.Popen(
                [COMMAND[0], part],
                cwd=self.log.parent,
                env=self.environ | node | changes,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def pid_of(self, name: str) -> int:
        return self._begun[name].pid

    def end_for_good(self, name: str) -> None:
        """`kill -9`, and nobody takes its place."""
        self._begun[name].kill()
        self._begun[name].wait()

    def holders(self, shard: int) -> set[bytes]:
        with self.redis() as client:
            return set(client.hkeys(self.shards[shard].writers))  # type: ignore[arg-type]

    def shard_of(self, monitor_id: str) -> int:
        """Where a monitor lives."""
        with closing(sqlite3.connect(f"file:{self.data / 'config.db'}?mode=ro", uri=True)) as book:
            rows = book.execute("SELECT id FROM monitors WHERE public_id = ?", (monitor_id,)).fetchall()
        return int(rows[0][0]) % SHARDS

    def clean_up(self) -> None:
        super().clean_up()
        for one in self._begun.values():
            one.kill()
            one.wait()


@contextmanager
def four_doors(folder: Path, redis_url: str, **ways: str) -> Iterator[FourDoors]:
    """The house, for as long as the block lasts."""
    house = FourDoors(folder, redis_url)
    with ExitStack() as end:
        end.callback(house.clean_up)
        house.open(**ways)
        yield house
