"""A failure and an overrun are incidents of their own kind, and time that the monitor was down; a reminder is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from store.book.history_reader import HISTORY_DB, OpenIncident
from store.book.pulse import pulse
from store.book.recent_silences import recent_silences
from store.book.silences import silences
from store.live import streams
from store.live.event_kind import Cause, EventKind
from store.live.packing import Event
from tests.packed_events import append
from tests.stage import ORG, START_MS, Stage, config_of
from tests.store.library import Library, library_on

DOWN = Event(
    kind=EventKind.DOWN,
    at_ms=START_MS,
    silence_ms=START_MS - 60_000,
    started_ms=START_MS,
    seen_ms=START_MS - 60_000,
    monitor_id=1,
    org_id=ORG,
    interval_s=30,
    grace_s=10,
    public_id=config_of(1).public_id,
    name="job 1",
)


@pytest.fixture
async def library(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    async with library_on(stage, tmp_path) as library:
        yield library


@pytest.mark.parametrize(("cause", "kind"), [(Cause.FAILED, "fail"), (Cause.OVERRUN, "overrun")])
async def test_each_cause_is_a_kind_of_its_own_and_downtime(
    stage: Stage, library: Library, tmp_path: Path, cause: Cause, kind: str
) -> None:
    down, path = msgspec.structs.replace(DOWN, cause=cause), tmp_path / HISTORY_DB
    reminder = msgspec.structs.replace(down, kind=EventKind.REMINDER, at_ms=START_MS + 1000)
    await append(stage, down, reminder)
    await library.desk.step()
    assert library.desk.rows("SELECT kind, started_ms, ended_ms FROM incidents") == [(kind, START_MS, None)]
    assert await library.history.open_incidents() == {
        1: OpenIncident(START_MS - 60_000, START_MS, 0, kind),
    }
    await append(stage, msgspec.structs.replace(down, kind=EventKind.UP, at_ms=START_MS + 5000))
    await library.desk.step()
    stretch = [(START_MS, START_MS + 5000)]
    assert [one async for page in silences(path, 1, 0, START_MS + 9000) for one in page] == stretch
    assert await recent_silences(path, [1], START_MS - 1, 1, 5000) == {1: stretch}
    assert (await pulse(path, 1, (), 1)).recovered_ms == START_MS + 5000
    assert await library.history.open_incidents() == {}
    [shown] = await library.history.incidents(1, 10)
    assert (shown.kind, shown.ended_ms) == (kind, START_MS + 5000)
