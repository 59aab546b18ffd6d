"""The arithmetic of uptime: how long a monitor was down within periods of time. Days, weeks and months are UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

HOUR_MS = 3_600_000
WINDOWS_MS: Mapping[str, int] = {"24h": 24 * HOUR_MS, "7d": 7 * 24 * HOUR_MS, "30d": 30 * 24 * HOUR_MS}

# How many periods a list has, the running one included.
COUNTS: Mapping[str, int] = {"day": 90, "week": 26, "month": 12}

# When a silence became an incident and when it ended, in ms; None: it has not.
Silence = tuple[int, int | None]


class Period(msgspec.Struct, frozen=True):
    """From a moment until another."""

    from_ms: int
    until_ms: int

    @property
    def length_ms(self) -> int:
        return self.until_ms - self.from_ms

    def downtime_ms(self, silences: Iterable[Silence]) -> int:
        """How much of the period falls into these silences, which do not overlap each other."""
        down_ms = 0
        for started_ms, ended_ms in silences:
            until_ms = self.until_ms if ended_ms is None else min(ended_ms, self.until_ms)
            down_ms += max(0, until_ms - max(started_ms, self.from_ms))
        return down_ms

    def uptime_percent(self, down_ms: int) -> float | None:
        """The rest of the period in percent, rounded down to three decimals, so that 100 means no downtime at all.

        None for a period without length, of which nothing can be said.
        """
        if self.length_ms <= 0:
            return None
        return (self.length_ms - down_ms) * 100_000 // self.length_ms / 1000


def last_windows(now_ms: int, born_ms: int) -> dict[str, Period]:
    """The last 24 hours, 7 days and 30 days; none begins before the monitor did."""
    return {
        name: Period(min(now_ms, max(now_ms - length_ms, born_ms)), now_ms)
        for name, length_ms in WINDOWS_MS.items()
    }


def last_periods(by: str, now_ms: int, born_ms: int) -> list[Period]:
    """The last days, weeks (from Monday) or months, newest first.

    The first ends now; the last begins with the monitor, if it is that young.
    """
    periods: list[Period] = []
    until_ms = now_ms
    start = _start(by, datetime.fromtimestamp(now_ms / 1000, UTC))
    while len(periods) < COUNTS[by] and until_ms > born_ms:
        from_ms = round(start.timestamp() * 1000)
        periods.append(Period(max(from_ms, born_ms), until_ms))
        until_ms, start = from_ms, _start(by, start - timedelta(days=1))
    return periods


def _start(by: str, moment: datetime) -> datetime:
    """Where the day, week or month of a moment begins."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if by == "week":
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if by == "month" else midnight
