"""A small fleet that could be somebody's, and what it did in the last days; made up, but the same every time."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

S, M, H, D = 1000, 60_000, 3_600_000, 86_400_000
DAYS = 4
# Between the last ping of the past and the first real one lies a restart.
RESTART_MS = 4000

Figures = dict[str, float | str]

# Hours ago at which the first one had more to do than it could.
RUSHES = (5.5, 41.0, 66.0)


class Silence(msgspec.Struct, frozen=True):
    """From so many hours ago for so many minutes."""

    hours_ago: float
    minutes: float


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor with its past. `ends` is how it stands now: `up`, `late`, `down`, `paused` or `new`."""

    name: str
    tags: tuple[str, ...]
    interval_s: int
    grace_s: int
    figures: Callable[[random.Random, int, float], Figures] | None = None
    silences: tuple[Silence, ...] = ()
    ends: str = "up"
    agent: str = "curl/8.5.0"
    sender: str = "10.20.0.11"

    def arrivals(self, now_ms: int) -> Iterator[int]:
        """When it pinged, newest first."""
        chance = random.Random(self.name)
        silent_ms = self.silent_ms(now_ms)
        waits_ms = (
            self.interval_s * S - RESTART_MS if self.pings_on else chance.randrange(self.interval_s * S)
        )
        at_ms = now_ms - (self.quiet_ms or waits_ms)
        while at_ms > now_ms - DAYS * D:
            if not any(start <= at_ms < end for start, end in silent_ms):
                yield at_ms
            is_busy = 8 <= (at_ms // H) % 24 < 18
            late_ms = chance.expovariate(1 / (self.grace_s * (60 if is_busy else 25)))
            at_ms -= self.interval_s * S + min(round(late_ms), self.grace_s * 700)

    def body_at(self, at_ms: int, now_ms: int) -> bytes | None:
        """What it sent with the ping of a moment."""
        chance = random.Random(f"{self.name} {at_ms}")
        return (
            None
            if self.figures is None
            else json.dumps(self.figures(chance, at_ms, (now_ms - at_ms) / H)).encode()
        )

    @property
    def pings_on(self) -> bool:
        """Whether it is about to ping again."""
        return self.ends == "up" and self.interval_s <= 300

    @property
    def quiet_ms(self) -> int:
        """For how long nothing has come."""
        limit_ms = (self.interval_s + self.grace_s) * S
        return {"down": limit_ms + 47 * M, "late": limit_ms - self.grace_s * 500, "new": 9 * D}.get(
            self.ends, 0
        )

    def silent_ms(self, now_ms: int) -> list[tuple[int, int]]:
        """From when until when it did not ping."""
        starts = [now_ms - round(one.hours_ago * H) for one in self.silences]
        return [
            (start, start + round(one.minutes * M)) for start, one in zip(starts, self.silences, strict=True)
        ]


def _day(at_ms: int) -> float:
    """0 at night, 1 in the afternoon."""
    return 0.5 - 0.5 * math.cos((at_ms % D) / D * 2 * math.pi - 0.5)


def _orders(chance: random.Random, at_ms: int, hours_ago: float) -> Figures:
    day, wave = _day(at_ms), math.sin(at_ms / (47 * M))
    rush = sum(430 * math.exp(-(((hours_ago - peak) * 60 / 26) ** 2) / 2) for peak in RUSHES)
    queue = max(0.0, 40 + 130 * day + 35 * wave + rush + chance.gauss(0, 12))
    return {
        "queue_size": round(queue),
        "duration_ms": round(180 + 90 * day + queue * 0.6 + chance.expovariate(1 / 40)),
        "memory_pct": round(52 + 14 * day + 9 * math.sin(at_ms / (5 * H)) + chance.gauss(0, 0.8), 1),
        "orders": round(max(0.0, 20 + 260 * day + 30 * wave + chance.gauss(0, 14))),
        "status": "degraded" if queue > 380 else "ok",
    }


def _backup(chance: random.Random, at_ms: int, hours_ago: float) -> Figures:
    grown = at_ms % (30 * D) / D
    return {
        "size_gb": round(118 + grown * 0.7 + chance.gauss(0, 0.2), 2),
        "duration_s": round(chance.gauss(640, 45)),
    }


def _sync(chance: random.Random, at_ms: int, hours_ago: float) -> Figures:
    return {
        "rows": round(900 + 2600 * _day(at_ms) + chance.gauss(0, 150)),
        "lag_s": round(chance.expovariate(1 / 3), 1),
    }


def _disk(chance: random.Random, at_ms: int, hours_ago: float) -> Figures:
    return {"disk_free_gb": round(410 - (at_ms % (9 * D)) / D * 21 + chance.gauss(0, 0.6), 1)}


FLEET: Sequence[Worker] = (
    Worker(
        name="Orders queue worker",
        tags=("production", "orders"),
        interval_s=60,
        grace_s=30,
        figures=_orders,
        silences=(Silence(15.5, 34), Silence(71, 6)),
        agent="python-httpx/0.28.1",
        sender="10.20.4.17",
    ),
    Worker(
        name="Nightly database backup",
        tags=("production", "backup"),
        interval_s=86_400,
        grace_s=3600,
        figures=_backup,
    ),
    Worker(
        name="Invoice mailer",
        tags=("production", "billing"),
        interval_s=300,
        grace_s=60,
        silences=(Silence(20, 41),),
    ),
    Worker(
        name="Warehouse sync",
        tags=("production", "orders"),
        interval_s=600,
        grace_s=120,
        figures=_sync,
        ends="down",
    ),
    Worker(
        name="Search index refresh", tags=("production", "search"), interval_s=900, grace_s=180, figures=_sync
    ),
    Worker(
        name="Payment reconciliation",
        tags=("production", "billing"),
        interval_s=3600,
        grace_s=600,
        silences=(Silence(50, 130),),
    ),
    Worker(name="Exchange rates import", tags=("billing",), interval_s=1800, grace_s=600, ends="late"),
    Worker(
        name="TLS certificate renewal",
        tags=("infrastructure",),
        interval_s=43_200,
        grace_s=3600,
        agent="systemd/255",
    ),
    Worker(
        name="db-1 disk usage",
        tags=("infrastructure", "db"),
        interval_s=300,
        grace_s=120,
        figures=_disk,
        sender="10.20.1.5",
    ),
    Worker(
        name="db-2 disk usage",
        tags=("infrastructure", "db"),
        interval_s=300,
        grace_s=120,
        figures=_disk,
        sender="10.20.1.6",
    ),
    Worker(name="Log rotation", tags=("infrastructure",), interval_s=21_600, grace_s=1800),
    Worker(
        name="Thumbnail renderer",
        tags=("media",),
        interval_s=120,
        grace_s=60,
        silences=(Silence(9, 12), Silence(33, 25)),
    ),
    Worker(name="Newsletter sender", tags=("marketing",), interval_s=86_400, grace_s=7200, ends="paused"),
    Worker(
        name="Staging deploy",
        tags=("staging", "ci"),
        interval_s=14_400,
        grace_s=3600,
        agent="GitHub-Actions",
        ends="down",
    ),
    Worker(
        name="Nightly end-to-end tests",
        tags=("staging", "ci"),
        interval_s=86_400,
        grace_s=7200,
        agent="GitHub-Actions",
    ),
    Worker(
        name="Session cleanup", tags=("production",), interval_s=600, grace_s=120, silences=(Silence(61, 35),)
    ),
    Worker(
        name="Feature flag export", tags=("production", "search"), interval_s=3600, grace_s=600, ends="new"
    ),
)

# Threshold rules of the first one, as the API takes them, without the channel.
RULES: Sequence[dict[str, Any]] = (
    {"metricKey": "queue_size", "operator": ">", "threshold": 400, "consecutiveTriggers": 3},
    {"metricKey": "memory_pct", "operator": ">=", "threshold": 90, "consecutiveTriggers": 1},
    {"metricKey": "status", "operator": "!=", "threshold": "ok", "consecutiveTriggers": 5},
)
