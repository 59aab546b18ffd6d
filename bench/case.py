"""The words of a measurement: a case is a row to be, a round one measuring of it, a bar what it has to hold."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from bench.load import LoadResult

WEB, REDIS, RECORDER, SWEEPER, GENERATOR = "ingest", "Redis", "recorder", "sweeper", "generator"
# Redis until the recorder has read everything, a little after the load's end.
REDIS_READ_OUT = "Redis until read out"
PARTS = (WEB, REDIS, RECORDER, SWEEPER, GENERATOR)
ANSWERING = (WEB, REDIS)
EVERYTHING = (WEB, REDIS_READ_OUT, RECORDER, SWEEPER)

# What can be driven: the servers of a run.
PING, PLAIN, EMPTY, STARLETTE = "ping", "plain path", "empty ASGI reply", "empty Starlette reply"


class Way(StrEnum):
    """How a case is measured."""

    LOAD = "load"
    LONE = "lone"
    SCRIPT = "script"
    DRAIN = "drain"
    DERIVED = "derived"


class Figure(StrEnum):
    """What of a row is compared and held against its bar; the value is the unit it is said in."""

    CPU = "µs"
    P99 = "ms"
    RATE = "/s"


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """At most so much, of the ratio to the reference or (without one) of the figure itself; what we aim for is less."""

    at_most: float
    of_ratio: bool = True
    aim: float | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One row to be.

    `pings` and `written` say how many pings a request carries in its body, and how; 0: the request itself is the
    ping. `source`: measured already, as the case of this name, and only counted differently. `counted`: the parts
    whose CPU is the figure.
    """

    name: str
    group: str
    way: Way = Way.LOAD
    server: str = PING
    connections: int = 1
    closes: bool = False
    pings: int = 0
    written: str = ""
    metrics: bool = False
    source: str = ""
    figure: Figure = Figure.CPU
    counted: tuple[str, ...] = ANSWERING
    reference: str = ""
    bar: Bar | None = None


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One measuring: what the generator saw, CPU per part, and what is wrong with it, if anything."""

    result: LoadResult
    cpu_us: Mapping[str, int]
    pings_per_reply: int = 1
    faults: tuple[str, ...] = ()

    @property
    def pings(self) -> int:
        return self.result.answered * self.pings_per_reply

    @property
    def per_second(self) -> float:
        return self.result.per_second * self.pings_per_reply

    def per_ping_us(self, part: str) -> float | None:
        """The CPU of a part per ping, or per reply where nothing is pinged."""
        spent_us = self.cpu_us.get(part)
        return None if spent_us is None or not self.pings else spent_us / self.pings

    def figure(self, case: Case) -> float:
        """What this round has to say for the case, in the unit of its figure."""
        if case.figure is Figure.RATE:
            return self.per_second
        if case.figure is Figure.P99:
            return self.result.p99_ms
        return sum(self.per_ping_us(part) or 0.0 for part in case.counted)
