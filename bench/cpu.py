"""CPU time of processes from the operating system's accounts (`/proc`), and how to find the processes.

`utime` and `stime` of `/proc/<pid>/stat` hold every thread, those that have ended too; `cutime` and `cstime`
the children that have ended, such as a rewrite of the append-only file. They count in hundredths of a second,
which over a load of some seconds is far below a per cent.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

PROC = Path("/proc")
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")


class Stat(msgspec.Struct, frozen=True):
    """What we read of a process. `started_ticks` tells it from a later one that was given the same id."""

    parent: int
    cpu_us: int
    started_ticks: int


def parse_stat(text: str) -> Stat:
    """Read `/proc/<pid>/stat`; the command's name in it may hold spaces and brackets."""
    fields = text.rpartition(")")[2].split()
    return Stat(
        parent=int(fields[1]),
        cpu_us=sum(int(field) for field in fields[11:15]) * TICK_US,
        started_ticks=int(fields[19]),
    )


def read_stat(pid: int) -> Stat | None:
    """The process's figures; None if there is no such process."""
    try:
        return parse_stat((PROC / str(pid) / "stat").read_text(errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def command_line(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(root: int) -> tuple[int, ...]:
    """The children of a process, their children, and so on."""
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    parents = {pid: stat.parent for pid in pids if (stat := read_stat(pid))}
    return tuple(_below(root, parents))


def _below(root: int, parents: Mapping[int, int]) -> Iterator[int]:
    for pid, parent in parents.items():
        if parent == root:
            yield pid
            yield from _below(pid, parents)


def cpu_us(pids: Iterable[int]) -> int | None:
    """The CPU time of some processes together; None if one of them is gone."""
    stats = [read_stat(pid) for pid in pids]
    return sum(stat.cpu_us for stat in stats if stat) if all(stats) else None
