"""The packed runs of a monitor; `scripts/shared/rules.lua` reads and writes them.

Format, cause of the down, failures in a row, numbers of runs and of ended ones (a byte each); per run its id (16
bytes), when it began (I6) and whether its overrun was told (a byte); per ended one its id and when that was (I6).
"""

from __future__ import annotations

import struct

import msgspec

from store.live.event_kind import Cause

MOST_RUNS = 32
MOST_ENDED = 4
_FORMAT = 1
_HEAD = struct.Struct("<BBBBB")
_NAMELESS = bytes(16)

# The id of a run (empty: it has no name), and a moment in ms.
RunAt = tuple[bytes, int]


class RememberedRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Why a monitor is down, its failures in a row, the runs under way, and those that ended lately, oldest first."""

    cause: Cause = Cause.MISSED
    failures: int = 0
    under_way: tuple[RunAt, ...] = ()
    ended: tuple[RunAt, ...] = ()


def pack_runs(runs: RememberedRuns) -> bytes:
    """As the scripts read them; nothing where there is nothing to remember."""
    if runs == RememberedRuns():
        return b""
    under_way, ended = runs.under_way[-MOST_RUNS:], runs.ended[-MOST_ENDED:]
    head = _HEAD.pack(_FORMAT, runs.cause, min(255, runs.failures), len(under_way), len(ended))
    return (
        head
        + b"".join((run or _NAMELESS) + _u48(at_ms) + b"\0" for run, at_ms in under_way)
        + b"".join((run or _NAMELESS) + _u48(at_ms) for run, at_ms in ended)
    )


def _u48(moment_ms: int) -> bytes:
    return moment_ms.to_bytes(6, "little")
