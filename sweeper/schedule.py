"""When a failed delivery is tried again: a few quick tries, then the long schedule of Standard Webhooks, then never.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (deliverability)
"""

from __future__ import annotations

from collections.abc import Callable

WAITS_S: tuple[int, ...] = (5, 15, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.1


def wait_before_next(attempt: int, retry_after_s: float | None, draw: Callable[[], float]) -> int | None:
    """How many ms to wait after this attempt (counted from 1) failed; None: it was the last one.

    `retry_after_s` is what the receiver asked for and can only make the wait longer. `draw` gives a number from 0 to 1,
    so that those that failed together do not come back together: the wait grows by up to a tenth.
    """
    if attempt > len(WAITS_S):
        return None
    wait_s = max(WAITS_S[attempt - 1], retry_after_s or 0)
    return round(wait_s * 1000 * (1 + JITTER * draw()))
