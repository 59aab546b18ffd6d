"""A recorder on stage: the stage's streams, a history.db of the test's own, and a look into it from outside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from store.beat import Beat, BeatRow, encode_history
from store.book.database import CONFIG_DB, prepare_file
from store.book.history_writer import HistoryWriter
from store.book.rule_reader import RuleReader
from store.live.heads import LIFE_ONLY, OUT_OF_DATE, Outcome, pack_head
from store.live.streams import StreamReader
from store.live.writer import Writer
from store.recorder.ledger import Ledger
from store.recorder.recorder import Recorder
from tests.stage import START_MS, Stage

Ping = tuple[int, float]


class Desk:
    """One recorder of the stage's shard. `crash` drops it as a kill would, and `reopen` is the next process."""

    def __init__(self, stage: Stage, path: Path) -> None:
        self.stage = stage
        self.path = path
        self.reopen()

    def reopen(self) -> None:
        prepare_file(self.path.parent / CONFIG_DB)
        self.writer = HistoryWriter(self.path)
        self.reader = StreamReader(self.stage.live.url, self.stage.shard)
        self.rules = RuleReader(self.path.parent / CONFIG_DB)
        self.ledger = Ledger(self.writer, self.rules)
        self.recorder = Recorder(self.stage.shard, self.reader, self.ledger)

    async def crash(self) -> None:
        await self.reader.aclose()
        self.rules.close()
        self.writer.close()

    async def step(self) -> int:
        return await self.recorder.step()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What another process sees in the file."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def days(self) -> list[str]:
        return [
            name for (name,) in self.rows("SELECT name FROM sqlite_schema WHERE name GLOB 'pings_2*[0-9]'")
        ]

    def pings(self, columns: str = "monitor_id, body") -> list[tuple[Any, ...]]:
        """All pings of all days, in the order of their ids."""
        tables = " UNION ALL ".join(f"SELECT * FROM {day}" for day in self.days())
        return self.rows(f"SELECT {columns} FROM ({tables}) ORDER BY id") if tables else []

    async def waiting(self) -> tuple[int, int]:
        """How many entries of pings and of events are in the streams."""
        keys = self.stage.shard.keys
        return await self.stage.redis.xlen(keys.pings), await self.stage.redis.xlen(keys.events)


def row_of(monitor_id: int, arrival_s: float, body: bytes = b"") -> BeatRow:
    beat = Beat("POST", b"host", b"q=1", b"text/plain", b"agent", "10.0.0.1", body)
    return BeatRow(monitor_id, START_MS + round(arrival_s * 1000), beat)


async def ping(
    stage: Stage, *rows: BeatRow, life_only: bool = False, writer: Writer | None = None
) -> list[Outcome]:
    """One batch with real history."""
    heads = b"".join(pack_head(row.arrival_ms, 1, 1, LIFE_ONLY if life_only else 0) for row in rows)
    ids = [str(row.monitor_id).encode() for row in rows]
    recorded = await (writer or stage.writer).record(ids, heads, encode_history(list(rows)), stage.now_ms)
    return [Outcome(byte & ~OUT_OF_DATE) for byte in recorded.outcomes]
