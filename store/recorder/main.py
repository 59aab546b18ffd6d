"""The recorder part: one recorder per shard over one history.db, until told to stop."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from store.book.database import CONFIG_DB
from store.book.history_reader import HISTORY_DB
from store.book.history_writer import HistoryWriter
from store.book.rule_reader import RuleReader
from store.errors import GenerationMissing, OverdueError, Unavailable
from store.live.live import Live
from store.live.streams import StreamReader
from store.metrics import ALERT_OUTBOX, BACKLOG_BYTES, STREAM_BACKLOG
from store.part import Part
from store.presence import follow_quietly, found_live, say_alive_until, wait_or_stop
from store.recorder.forgetting import forget_until
from store.recorder.forgotten import Forgotten, end_forgotten_until
from store.recorder.keeper import Keeper, keep_ahead_until
from store.recorder.ledger import Ledger
from store.recorder.recorder import ENTRIES_AT_ONCE, Recorder
from store.recorder.unheard import SHARD, Unheard, tell_until
from store.settings import Settings

LOCK = "history.lock"
# Between two transactions of a shard, so that a flood makes large ones: nearly every row of a small one touches a page
# of its own. A reader is this far behind.
PAUSE_S = 0.1
FLOOD_PAUSE_S = 0.25
# So many entries since the last transaction are a flood.
FLOOD = 20
RETRY_S = 0.5
_log = logging.getLogger(__name__)


async def run(settings: Settings, part: Part) -> None:
    """Record until `part.stop`, then once more what is there already."""
    async with _only_recorder(settings.data, part.stop):
        live = await found_live(settings, part.stop)
        if live is None:
            return
        writer = HistoryWriter(settings.data / HISTORY_DB)
        rules = RuleReader(settings.data / CONFIG_DB)
        ledger = Ledger(writer, rules)
        readers = [StreamReader(live.url, shard) for shard in live.shards]
        recorders = [Recorder(*one, ledger) for one in zip(live.shards, readers, strict=True)]
        try:
            async with asyncio.TaskGroup() as tasks:
                for recorder in recorders:
                    tasks.create_task(_record(recorder, live, part.stop))
                tasks.create_task(forget_until(ledger, live.shards, settings, part.stop))
                tasks.create_task(end_forgotten_until(Forgotten(live, ledger), part.stop))
                unheard = Unheard(live, ledger, settings.data, recorders[SHARD].raise_soon)
                tasks.create_task(tell_until(unheard, part.stop))
                keeper = Keeper(live, settings.data / CONFIG_DB)
                tasks.create_task(keep_ahead_until(keeper, part.stop))
                tasks.create_task(say_alive_until(live, part, lambda: _show(live, recorders)))
        finally:
            for reader in readers:
                await reader.aclose()
            await live.aclose()
            rules.close()
            writer.close()


async def _record(recorder: Recorder, live: Live, stop: asyncio.Event) -> None:
    """Step after step; what cannot be done now is tried again, nothing is skipped."""
    failing = False
    while not stop.is_set():
        try:
            entries = await recorder.step()
            if failing:
                _log.info("recording again")
            failing = False
            await wait_or_stop(stop, pause_after(entries))
        except OverdueError as error:
            if not failing:
                _log.warning("cannot record: %s", error)
            failing = True
            if isinstance(error, GenerationMissing):
                await follow_quietly(live)
            await wait_or_stop(stop, RETRY_S)
    try:
        while await asyncio.wait_for(recorder.step(), timeout=2) > 0:
            pass
    except (TimeoutError, Unavailable):
        return


def pause_after(entries: int) -> float:
    """How long to wait after a step that carried so many. After a full one there may be more: whoever pings one by one
    makes an entry of each, and nothing may pile up because we rest.
    """
    if entries >= ENTRIES_AT_ONCE:
        return 0.0
    return PAUSE_S if entries < FLOOD else FLOOD_PAUSE_S


async def _show(live: Live, recorders: Sequence[Recorder]) -> None:
    """Tell Prometheus how far behind we are."""
    ALERT_OUTBOX.set(sum(recorder.alerts_waiting for recorder in recorders))
    tallies = await live.tallies()
    STREAM_BACKLOG.labels("pings").set(tallies.pings_backlog)
    STREAM_BACKLOG.labels("events").set(tallies.events_backlog)
    STREAM_BACKLOG.labels("letters").set(tallies.letters_backlog)
    BACKLOG_BYTES.set(max(0, tallies.history_appended - tallies.history_trimmed))


@asynccontextmanager
async def _only_recorder(data: Path, stop: asyncio.Event) -> AsyncIterator[None]:
    """Two recorders on one file would write everything twice: the second waits here until the first has ended."""
    fd = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    told = False
    try:
        while not stop.is_set():
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    _log.info("another recorder still holds history.db; waiting for its end")
                told = True
                await wait_or_stop(stop, RETRY_S)
        yield
    finally:
        os.close(fd)
