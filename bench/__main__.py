"""`make bench`: what a ping costs here and now, beside empty replies of the same web server.

Starts the real parts, drives pings over HTTP, and checks that what was answered was recorded. The table goes to
stdout, progress to stderr. Ends with 1 if an answered ping was not recorded, if a reply was no 200, or if a part
failed; a bar that is missed is said and is no failure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import msgspec

from bench import client, wrk
from bench.case import Case, Round
from bench.cases import choose, groups
from bench.load import BenchFailed, Drive
from bench.machine import describe_commit, describe_machine, describe_versions, describe_wrk
from bench.report import Setting, printed
from bench.results import RESULTS, section_of, write_section
from bench.rounds import FULL, QUICK, Measuring, in_words
from bench.row import Row, rows
from bench.stage import Stage, opened
from store.clock import wall_ms


def main() -> int:
    signal.signal(signal.SIGTERM, _leave)
    try:
        return run(read_options())
    except BenchFailed as failed:
        say(str(failed))
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="What a ping costs, measured here and now, in about four minutes."
    )
    add = parser.add_argument
    add("--rows", metavar="A,B", default=",".join(groups()), help=f"which rows: {', '.join(groups())}")
    add("--rounds", type=_positive, help="rounds of each row, 3 by default; the medians are shown")
    add("--seconds", type=_positive, help=f"length of a round of load, {FULL.load_s:g} by default")
    add("--quick", action="store_true", help="one short round each: does it work, not what does it cost")
    add("--monitors", type=_positive, default=1000, help="monitors that the pings are spread over")
    add("--items", type=_positive, default=1000, help="pings in a batch")
    add("--client", choices=("wrk", "own"), help="the load generator; wrk if it is installed")
    add("--write", action="store_true", help=f"write our section of bench/{RESULTS.name}")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Start, measure, stop, and say it."""
    cases = choose(options.rows.split(","), options.items)
    drive, generator = choose_generator(options.client)
    rounds = options.rounds or (1 if options.quick else 3)
    lengths = QUICK if options.quick else FULL
    if options.seconds:
        lengths = msgspec.structs.replace(lengths, load_s=options.seconds)
    busy = os.getloadavg()[0]
    with opened(cases, options.monitors, say) as stage:
        load = (
            f"{generator}, {rounds} rounds of {lengths.load_s:g} s each, {options.monitors} monitors, AOF on"
        )
        setting = describe(stage, busy, load)
        say("warming up …")
        measured = Measuring(stage, drive, lengths).run(cases, rounds, tell)
    return conclude(setting, rows(cases, measured), options.write)


def conclude(setting: Setting, table: Sequence[Row], write: bool) -> int:
    """Print it, write it down if wanted and worth it; the exit code."""
    print(printed(setting, table))
    if any(row.faults for row in table):
        return 1
    if write:
        write_section("bench", section_of(setting, table))
        say(f"written to bench/{RESULTS.name}")
    return 0


def choose_generator(wanted: str | None) -> tuple[Drive, str]:
    """The load generator and how it is called in the results."""
    if (wanted or "wrk") == "wrk" and shutil.which("wrk"):
        return wrk.drive, describe_wrk()
    if wanted == "wrk":
        raise BenchFailed("wrk is not installed; leave --client away to use our own client")
    return client.drive, "our own client"


def describe(stage: Stage, busy: float, load: str) -> Setting:
    return Setting(
        now_ms=wall_ms(),
        machine=describe_machine(),
        busy=busy,
        versions=describe_versions(stage.redis_pid),
        commit=describe_commit(),
        load=load,
    )


def tell(place: int, of: int, cases: Sequence[Case], done: Sequence[Round] | None) -> None:
    """A line for each step, begun before and ended after it."""
    if done is None:
        print(f"[{place}/{of}] {cases[-1].name} …", end="", file=sys.stderr, flush=True)
        return
    faults = "".join(f"\n  {fault}" for one in done for fault in one.faults)
    say(f" {in_words(cases, done)}{faults}")


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it has to be 1 or more")
    return number


def _leave(_number: int, _frame: FrameType | None) -> None:
    """A SIGTERM ends the bench as Ctrl-C does: through every `finally`."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
