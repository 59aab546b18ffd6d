"""The small cast of the book's tests."""

from __future__ import annotations

import asyncio
from pathlib import Path

from store.book.monitors import NewMonitor
from store.settings import Settings, read_settings

NOW_MS = 1_800_000_000_000


def settings_of(data: Path, **changed: str) -> Settings:
    """Settings as the environment would give them."""
    environ = {
        "OVERDUE_DATA": str(data),
        **{f"OVERDUE_{name.upper()}": text for name, text in changed.items()},
    }
    return read_settings(environ, data / "no-overdue.toml")


def new_monitor(org_id: int, name: str = "Nightly DB Backup", origin: str = "monitors") -> NewMonitor:
    return NewMonitor(org_id=org_id, name=name, interval_s=60, grace_s=30, origin=origin)


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it is gone."""
    task.cancel()
    await asyncio.wait([task])
