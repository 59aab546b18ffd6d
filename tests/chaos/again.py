"""What a Redis that comes back without its last moments may tell again, and what it may not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.chaos.strike import Loss
from tests.system.receiver import Call, Json

# From the first byte of a call to its settling in Redis, on a busy machine; and for an attempt under way at the kill.
SETTLED_WITHIN_MS = 1_000
# Whoever is noticed again, is noticed at another moment; and perhaps the last ping is one of those that were lost.
MOMENTS = {"timestamp", "startedAt", "endedAt", "delayedBySeconds", "lastPingAt"}


def judge_repeats(calls: Sequence[Call], losses: Sequence[Loss]) -> list[str]:
    """Once a loss at most, where the telling may be what was lost; and it says the same but for moments."""
    by_id: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_id[call.id].append(call)
    wrong = []
    for name, same in by_id.items():
        wrong += [
            f"told again, though nothing of it was lost: {later}"
            for former, later in pairwise(same)
            if not any(_is_lost(former, loss) for loss in losses)
        ]
        if len(same) > 1 + len(losses):
            wrong.append(f"{name} is told {len(same)} times after {len(losses)} losses")
        if any(_without_moments(one.told) != _without_moments(same[0].told) for one in same):
            wrong.append(f"two things are told under {name}: {same}")
    return wrong


def is_unended(calls: Sequence[Call], losses: Sequence[Loss]) -> bool:
    """Whether of all that was told of a silence nobody but the receiver can know: it was told while it was lost.

    Nothing but its beginning was told then; whether the history had it, its reader has to say.
    """
    return bool(calls) and all(
        call.type == "monitor.down" and any(_is_lost(call, loss) for loss in losses) for call in calls
    )


def most_incidents(pinged_ms: Sequence[int], losses: Sequence[Loss]) -> int:
    """One; and one more for each loss that a ping may have gone with: then the silence began earlier, or anew."""
    return 1 + sum(any(loss.from_ms <= one <= loss.to_ms for one in pinged_ms) for loss in losses)


def _is_lost(call: Call, loss: Loss) -> bool:
    return loss.from_ms - SETTLED_WITHIN_MS <= call.at_ms <= loss.to_ms + SETTLED_WITHIN_MS


def _without_moments(told: Mapping[str, Any]) -> Json:
    return {
        name: _without_moments(value) if isinstance(value, Mapping) else value
        for name, value in told.items()
        if name not in MOMENTS
    }
