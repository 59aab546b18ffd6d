"""`make bench-million`: what a million monitors cost, each figure beside its bar, in one run.

Starts Overdue twice in scratch folders: with a thousand monitors, and with a million that are imported. The table goes
to stdout, progress to stderr. Ends with 1 if a bar was missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench.case import RECORDER, REDIS, SWEEPER, WEB
from bench.load import BenchFailed
from bench.machine import describe_machine, describe_versions
from bench.million_burst import light, receiver, tell, watch
from bench.million_figures import Figure, section, table, verdict
from bench.million_fleet import DAY_S, Fleet, ping_in_batches, read_fleet, write_file
from bench.million_house import House, running_house
from bench.million_pings import Cost, catch_up, childrens_cpu_us, measure, middle, own_cpu_us, recorded, spent
from bench.million_rows import SMALL, burst_figures, ping_figures
from bench.million_slowlog import SlowLog
from bench.results import write_section
from store.clock import monotonic_ms, wall_ms

IDLE_S = 20
LIMIT_S = 120
# Of which every other monitor has one. The second is so short that each ping moves its deadline.
GRACES_S = (300, 1)
OF_THE_SWEEPER = ("sweep", "deliver", "lease", "renew")
REMARKS = (
    "CPU is user and system time from the operating system's accounts; the load generators share the cores, so "
    "throughput and latency are what is left beside them.",
    "A ping's cost is that of ingest and Redis over 64 connections. Monitors ping in turn, in a shuffled order that "
    "stays the same, as fleets do that ping periodically. Half of them have a grace of 300 s, as the thousand, and are "
    "moved in the order of deadlines once in that time; the others have one of a second and are moved by each ping. "
    "At random is worse, as each move then begins elsewhere. Ingest knows all keys. The installations take turns, the "
    "figures are medians; the share of rewriting the append-only file is added to the large one.",
    "Memory is Redis' `used_memory` before and after the import, divided by the monitors; names have 21 characters.",
    "Scripts are all calls from 3 s before the deadlines on: SLOWLOG has those over 200 µs, INFO their number.",
    "Pings meanwhile come at 1,000 a second, each at its moment, whatever the replies take.",
    "The recorder's CPU per row is set against ingest's per ping, both ways in: what is below 1 keeps up with one "
    "ingest process on a core as good as its own.",
    "The start is from `overdue serve` until `GET /readyz` answers 200, after all of the above.",
)


def main(words: Sequence[str] | None = None) -> int:
    signal.signal(signal.SIGTERM, _leave)
    try:
        return run(read_options(words))
    except BenchFailed as failed:
        say(str(failed))
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130


def read_options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.million", description="What a million monitors cost."
    )
    parser.add_argument("--monitors", type=int, default=1_000_000, help="how many, at least 1000")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of pings; the medians are shown")
    parser.add_argument("--seconds", type=int, default=6, help="length of a round")
    parser.add_argument("--write", action="store_true", help="write our section of bench/RESULTS.md")
    return parser.parse_args(words)


def run(options: argparse.Namespace) -> int:
    """Start, measure, stop, and say it."""
    if not shutil.which("wrk"):
        raise BenchFailed("this bench needs wrk; install it (Debian: apt install wrk)")
    busy, began_ms = os.getloadavg()[0], monotonic_ms()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="overdue-million-")))
        say("starting a small and a large Overdue …")
        small = stack.enter_context(running_house(folder / "small"))
        large = stack.enter_context(running_house(folder / "large"))
        versions = describe_versions(large.pids()[REDIS][0])
        figures = Bench(folder, small, large, options).figures()
    about = [
        f"Date: {datetime.fromtimestamp(wall_ms() / 1000, UTC):%Y-%m-%d %H:%M UTC}",
        f"Machine: {describe_machine()}; {busy:.1f} processes running on average in the minute before, "
        f"{os.getloadavg()[2]:.1f} in the last quarter of an hour",
        f"Versions: {versions}",
        f"Load: {options.monitors:,} monitors, {options.rounds} rounds of {options.seconds} s; "
        f"the run took {(monotonic_ms() - began_ms) / 60_000:.1f} minutes (`make bench-million`)",
    ]
    print("\n".join([*about, "", table(figures), "", *REMARKS, "", verdict(figures)]))
    if options.write:
        write_section("million", section(about, figures, REMARKS))
    return 0 if all(one.is_met for one in figures) else 1


class Bench:
    """One run: what is measured, in an order in which nothing disturbs what comes after it."""

    def __init__(self, folder: Path, small: House, large: House, options: argparse.Namespace) -> None:
        self._folder = folder
        self._small = small
        self._large = large
        self._options = options
        self._monitors: int = options.monitors
        self._burst: int = options.monitors // 10

    def figures(self) -> list[Figure]:
        few = self._import(self._small, "few", SMALL, DAY_S, GRACES_S[:1])[0]
        many, memory = self._fill()
        pings = self._pings(few, many)
        self._small.stop()
        starts = self._starts()
        return [*memory, *pings, *starts, *self._deadlines(many)]

    def _import(
        self, house: House, name: str, count: int, interval_s: int, graces_s: Sequence[int]
    ) -> tuple[Fleet, float]:
        file = write_file(self._folder / f"{name}.ndjson", count, interval_s, graces_s)
        seconds_s = house.import_file(file, self._folder / f"{name}.made")
        return read_fleet(self._folder / f"{name}.made", self._folder / f"{name}.paths"), seconds_s

    def _fill(self) -> tuple[Fleet, list[Figure]]:
        say(f"importing {self._monitors:,} monitors …")
        house, redis = self._large, self._large.pids()[REDIS]
        before = house.info("memory")
        many, seconds_s = self._import(house, "many", self._monitors, DAY_S, GRACES_S)
        after = house.info("memory")
        used, rss = (
            (int(after[name]) - int(before[name])) / self._monitors
            for name in ("used_memory", "used_memory_rss")
        )
        say(f"imported in {seconds_s:.0f} s: {used:.0f} bytes each")
        assert redis == house.pids()[REDIS]
        return many, [
            Figure("Redis: memory of a monitor", used, "bytes", 300),
            Figure("Redis: the same by resident set", rss, "bytes", 300),
            Figure(f"import of {self._monitors:,} monitors", seconds_s, "s"),
        ]

    def _pings(self, few: Fleet, many: Fleet) -> list[Figure]:
        batches = self._warm_up(few, many)
        # Rewrites of the append-only file come when they come: none now, and their share is counted by itself.
        self._large.ask("CONFIG", "SET", "auto-aof-rewrite-percentage", 0)
        self._rewritten()
        appended = int(self._large.info("persistence")["aof_current_size"])
        one, other, moved, shuffled = (middle(costs) for costs in self._rounds(few, many))
        appended = int(self._large.info("persistence")["aof_current_size"]) - appended
        self._large.ask("CONFIG", "SET", "auto-aof-rewrite-percentage", 100)
        share_us = self._rewrite_share_us(appended / (other.answered + moved.answered + shuffled.answered))
        return ping_figures(self._monitors, (one, other, moved, shuffled), share_us, batches)

    def _rounds(self, few: Fleet, many: Fleet) -> Sequence[list[Cost]]:
        """Beside few, beside many (with a long grace; with a short one; at random): they take turns themselves."""
        made = self._folder / "many.made"
        calm, moved = (
            read_fleet(made, self._folder / f"every-other-{first}.paths", slice(first, None, len(GRACES_S)))
            for first in range(len(GRACES_S))
        )
        stages = ((self._small, few), (self._large, calm), (self._large, moved), (self._large, many))
        costs: Sequence[list[Cost]] = ([], [], [], [])
        for number in range(self._options.rounds):
            for kept, (house, fleet) in zip(costs, stages, strict=True):
                walked = sum(one.answered for one in kept)
                kept.append(measure(house, fleet, self._options.seconds, None if fleet is many else walked))
            latest = ", ".join(f"{one[-1].answering_us:.1f}" for one in costs)
            say(
                f"round {number + 1}: a ping beside few, beside many, if each moves, and at random: {latest} µs"
            )
        return costs

    def _warm_up(self, few: Fleet, many: Fleet) -> Figure:
        """Let ingest learn all keys, through the batch door, which is also the recorder's hardest hour."""
        say("pinging each monitor once …")
        ping_in_batches(self._small, few.keys)
        before, rows = spent(self._large), recorded(self._large)
        ping_in_batches(self._large, many.keys)
        ingest = spent(self._large)
        rows = catch_up(self._large) - rows
        after = spent(self._large)
        if rows != self._monitors:
            raise BenchFailed(f"{self._monitors} pings were answered, and {rows} are in the history")
        return Figure(
            "  the same in batches, each key looked up",
            (after[RECORDER] - before[RECORDER]) / (ingest[WEB] - before[WEB]),
            "",
            None,
            ".2f",
        )

    def _rewrite_share_us(self, bytes_a_ping: float) -> float:
        """Redis rewrites its file whenever it has doubled: the CPU of that over the pings until then."""
        house, redis = self._large, self._large.pids()[REDIS]
        before_us = childrens_cpu_us(redis)
        house.ask("BGREWRITEAOF")
        self._rewritten()
        size = int(house.info("persistence")["aof_base_size"])
        return (childrens_cpu_us(redis) - before_us) / (size / bytes_a_ping)

    def _rewritten(self) -> None:
        while True:
            told = self._large.info("persistence")
            if told["aof_rewrite_in_progress"] == "0" and told["aof_rewrite_scheduled"] == "0":
                return
            time.sleep(0.05)

    def _starts(self) -> list[Figure]:
        house = self._large
        ping_in_batches(
            house, read_fleet(self._folder / "many.made", self._folder / "many.paths").keys[: self._burst]
        )
        catch_up(house)
        say("stopping and starting …")
        house.stop()
        size_mb = sum(file.stat().st_size for file in (house.data / "appendonlydir").iterdir()) / 1e6
        started_s = house.start()
        say(f"ready after {started_s:.1f} s; emptying Redis …")
        loading_s = self._loading_s()
        house.ask("FLUSHALL")
        began_ms = monotonic_ms()
        while house.ask("EXISTS", house.keys.generation) == 0:
            time.sleep(0.05)
        rebuilt_s = (monotonic_ms() - began_ms) / 1000
        house.wait_until_ready()
        self._rewritten()
        return [
            Figure(f"start with {self._monitors:,} monitors, until ready", started_s, "s", 5),
            Figure(f"  of it Valkey reading {size_mb:,.0f} MB", loading_s, "s"),
            Figure("rebuild of an emptied Redis", rebuilt_s, "s"),
        ]

    def _loading_s(self) -> float | None:
        """How long Valkey says that it was loading."""
        lines = (self._large.data / "valkey.log").read_text(errors="replace").splitlines()
        said = [line for line in lines if "DB loaded from append only file:" in line]
        return float(said[-1].rsplit(":", 1)[1].split()[0]) if said else None

    def _deadlines(self, many: Fleet) -> list[Figure]:
        house = self._large
        with receiver() as (url, told):
            tell(house, url)
            say(f"importing {self._burst:,} monitors more …")
            late, imported_s = self._import(house, "late", self._burst, LIMIT_S - 10, (10,))
            last_ms = light(house, late, LIMIT_S)
            catch_up(house)
            self._rewritten()
            idle = self._idle()
            say(f"waiting for {self._burst:,} deadlines in one second …")
            burst = watch(house, late, many, last_ms, told)
        for name in ("sweep", "deliver", "lease", "settle", "record"):
            say(burst.scripts.of(name))
        return [
            Figure(f"import of {self._burst:,} from a file", imported_s, "s", 60),
            *idle,
            *burst_figures(burst, self._burst),
        ]

    def _idle(self) -> list[Figure]:
        say("listening to an idle fleet …")
        house = self._large
        pids = house.pids()
        log, before_us, began_ms = SlowLog(house, 0), own_cpu_us(pids[SWEEPER]), monotonic_ms()
        time.sleep(IDLE_S)
        took_us = (monotonic_ms() - began_ms) * 1000
        sweeper = 100 * (own_cpu_us(pids[SWEEPER]) - before_us) / took_us
        times = log.read().slow_us
        scripts = 100 * sum(sum(times.get(name, ())) for name in OF_THE_SWEEPER) / took_us
        return [
            Figure("idle: the sweeper's process", sweeper, "% of a core", None, ".2f"),
            Figure("idle: its scripts in Redis", scripts, "% of a core", None, ".2f"),
            Figure("idle: both together", sweeper + scripts, "% of a core", 1, ".2f"),
        ]


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """A SIGTERM ends the bench as Ctrl-C does: through every `finally`."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
