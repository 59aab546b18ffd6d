"""When dispatch looks again, and when a failed delivery is tried again: a few quick tries, then the long schedule of
Standard Webhooks, then never.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (deliverability)
"""

from __future__ import annotations

from collections.abc import Callable

WAITS_S: tuple[int, ...] = (5, 15, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.1
# While attempts are under way, or deliveries are due that are not for us.
LOOK_EVERY_S = 0.1
# While nothing is under way and nothing due. Events are listened for: this is for what comes without one, like a dead
# letter that somebody puts back in line.
IDLE_LOOK_S = 1.0
SHORTEST_WAIT_S = 0.005


def wait_before_next(attempt: int, retry_after_s: float | None, draw: Callable[[], float]) -> int | None:
    """How many ms to wait after this attempt (counted from 1) failed; None: it was the last one.

    `retry_after_s` is what the receiver asked for and can only make the wait longer. `draw` gives a number from 0 to 1,
    so that those that failed together do not come back together: the wait grows by up to a tenth.
    """
    if attempt > len(WAITS_S):
        return None
    wait_s = max(WAITS_S[attempt - 1], retry_after_s or 0)
    return round(wait_s * 1000 * (1 + JITTER * draw()))


def wait_until_due(next_due_in_ms: int | None) -> float:
    """How many seconds to wait for the next delivery, when nothing is under way; None: there is none."""
    if next_due_in_ms is None:
        return IDLE_LOOK_S
    if next_due_in_ms == 0:
        return LOOK_EVERY_S
    return max(SHORTEST_WAIT_S, min(IDLE_LOOK_S, next_due_in_ms / 1000))
