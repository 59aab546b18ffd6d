"""The sweeper part in processes of its own that live by the clock of a stage: they can be frozen, killed and measured.

Each is forked from a server that has loaded everything before, so that a life costs hundredths of a second.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import patch

import msgspec

from store.book.last_pings import Wanted
from store.book.runtime_reader import Allowed
from store.fault_points import trap_at
from store.last_ping import LastPing
from store.live.live import Live
from store.part import run_part
from store.settings import Settings, read_settings
from sweeper import dispatch, main, schedule, sweeping
from sweeper.channels import Channel, webhook
from tests.stage import CLOCK, GENERATION

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload([__name__])
ENDED_S = 10


class Life(msgspec.Struct, frozen=True):
    """What a sweeper is told for its life. Receivers see `name` as its user agent; `fault_file` orders its death.

    `idle_look_s`: where the clock leaps, nobody wants to wait for the next look in real time.
    """

    url: str
    folder: str
    name: str = "sweeper"
    attempt_s: float = 10.0
    idle_look_s: float = schedule.IDLE_LOOK_S
    fault_file: str = ""


class StagedSweeper:
    """One that was started; it ends when the test says so, or where its fault file does."""

    def __init__(self, life: Life) -> None:
        self.name = life.name
        self._process: BaseProcess = FORKS.Process(target=live, args=(life,), name=life.name)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_killed(self) -> bool:
        """Whether it has died of SIGKILL by now."""
        return self._process.exitcode == -signal.SIGKILL

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def peak_bytes(self) -> int:
        """The most memory that was ever resident."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))

    def end(self) -> None:
        """Whatever has become of it, it is gone afterwards."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.join(ENDED_S)
        self._process.close()


@contextmanager
def sweeping_on_stage(*lives: Life) -> Iterator[list[StagedSweeper]]:
    """Sweepers, for as long as the block lasts."""
    sweepers: list[StagedSweeper] = []
    try:
        for life in lives:
            sweepers.append(StagedSweeper(life))
        yield sweepers
    finally:
        for one in sweepers:
            one.end()


def live(life: Life) -> None:
    """What `overdue sweeper` does, but for the clock of its scripts; `serve` has to have no part in it."""
    settings = read_settings(
        {
            "OVERDUE_REDIS_URL": life.url,
            "OVERDUE_DATA": life.folder,
            "OVERDUE_PRIVATE_TARGETS": "127.0.0.0/8",
        }
    )

    async def on_stage(settings: Settings, _: asyncio.Event) -> Live:
        return Live(settings.redis_url, settings.shards, GENERATION, CLOCK)

    def no_pings(_: Path, wanted: Sequence[Wanted], within_ms: int) -> list[LastPing | None]:
        """There are no books on stage."""
        return [None] * len(wanted)

    def nothing_allowed(_: Path, asked: Sequence[int]) -> dict[int, Allowed]:
        return {}

    def channels(settings: Settings) -> dict[str, Channel]:
        return {"webhook": webhook.Webhook(settings.private_targets, attempt_timeout_s=life.attempt_s)}

    trap = trap_at(life.fault_file)
    with (
        patch.object(main, "found_live", on_stage),
        patch.object(main, "open_channels", channels),
        patch.object(main, "last_pings", no_pings),
        patch.object(main, "what_is_allowed", nothing_allowed),
        patch.object(webhook, "USER_AGENT", life.name),
        patch.object(schedule, "IDLE_LOOK_S", life.idle_look_s),
        patch.object(dispatch, "reach", trap),
        patch.object(sweeping, "reach", trap),
    ):
        os._exit(run_part(life.name, lambda part: main.run(settings, part)))
