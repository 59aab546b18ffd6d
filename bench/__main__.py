"""`make bench`: what a ping costs here and now, beside an empty reply of the same web server.

Starts the real parts, drives pings over HTTP, and checks that what was answered was recorded. The table goes
to stdout, progress to stderr. Ends with 1 if an answered ping was not recorded, or if a part failed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import httpx

from bench import client, wrk
from bench.case import EMPTY, HEADLINE_CONNECTIONS, PING, REDIS, WEB, Case, Round, cases, rows
from bench.fleet import create_monitors
from bench.load import BenchFailed
from bench.machine import describe_machine, describe_versions, describe_wrk
from bench.measure import Drive, Server, measure
from bench.parts import Overdue, empty_reply, overdue
from bench.recorded import Recorded, read_recorded
from bench.report import Setting, printed, results_page
from store.clock import wall_ms

RESULTS = Path(__file__).with_name("RESULTS.md")
WARM_UP_S = 1.0


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


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="What a ping costs, measured here and now."
    )
    add = parser.add_argument
    add(
        "--connections",
        type=int,
        nargs="+",
        default=[HEADLINE_CONNECTIONS, 256, 1],
        help="one group of rows each",
    )
    add("--seconds", type=float, default=8.0, help="length of a round")
    add("--rounds", type=int, default=3, help="rounds of each case; the medians are shown")
    add("--monitors", type=int, default=1000, help="monitors that the pings are spread over")
    add("--client", choices=("wrk", "own"), help="the load generator; wrk if it is installed")
    add("--write", action="store_true", help=f"write {RESULTS.parent.name}/{RESULTS.name}")
    return parser.parse_args()


def run(options: argparse.Namespace) -> int:
    """Start, measure, stop, and say it."""
    drive, generator = choose_generator(options.client)
    busy = os.getloadavg()[0]
    with servers(options.monitors) as running:
        setting = Setting(
            now_ms=wall_ms(),
            machine=describe_machine(),
            busy=busy,
            versions=describe_versions(running[PING].pids[REDIS][0]),
            generator=generator,
            rounds=options.rounds,
            seconds_s=options.seconds,
            monitors=options.monitors,
        )
        measured: dict[Case, list[Round]] = {}
        for connections in options.connections:
            measured |= measure_group(cases(connections), running, drive, options)
    table = rows(measured.items())
    print(printed(setting, table))
    if options.write:
        RESULTS.write_text(results_page(setting, table), encoding="utf-8")
    return 1 if any(row.faults for row in table) else 0


def choose_generator(wanted: str | None) -> tuple[Drive, str]:
    """The load generator and how it is called in the results."""
    if (wanted or "wrk") == "wrk" and shutil.which("wrk"):
        return wrk.drive, describe_wrk()
    if wanted == "wrk":
        raise BenchFailed("wrk is not installed; leave --client away to use our own client")
    return client.drive, "our own client"


@contextmanager
def servers(monitors: int) -> Iterator[Mapping[str, Server]]:
    """Overdue with its monitors, and the empty reply, for as long as the measuring takes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="overdue-bench-")))
        say("starting overdue serve …")
        house = stack.enter_context(overdue(folder))
        scraper = stack.enter_context(httpx.Client(base_url=house.url, trust_env=False, timeout=30))
        empty = stack.enter_context(empty_reply(folder))
        say(f"creating {monitors} monitors …")
        paths = asyncio.run(create_monitors(house.url, house.admin_key, monitors))
        yield {
            PING: Server(house.port, paths, house.parts(), lambda: recorded_by(house, scraper)),
            EMPTY: Server(empty.port, paths, {WEB: (empty.pid,)}),
        }


def recorded_by(house: Overdue, scraper: httpx.Client) -> Recorded:
    try:
        metrics = scraper.get("/metrics").raise_for_status().text
    except httpx.HTTPError as error:
        raise BenchFailed(f"/metrics cannot be read: {error}") from error
    return read_recorded(metrics, house.history)


def measure_group(
    group: tuple[Case, ...], running: Mapping[str, Server], drive: Drive, options: argparse.Namespace
) -> dict[Case, list[Round]]:
    """All rounds of some cases. They take turns, so that whatever else the machine does hits each of them."""
    measured: dict[Case, list[Round]] = {case: [] for case in group}
    for case in group:
        server = running[case.server]
        measure(server, server.load(case.connections, WARM_UP_S), drive)
    for number in range(1, options.rounds + 1):
        for case in group:
            server = running[case.server]
            done = measure(server, server.load(case.connections, options.seconds), drive)
            measured[case].append(done)
            say(progress(case, number, options.rounds, done))
    return measured


def progress(case: Case, number: int, of: int, done: Round) -> str:
    where = f"{case.name} over {case.connections}, round {number} of {of}"
    return f"{where}: {done.result.per_second:,.0f}/s, {done.answering_us():.1f} µs"


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """A SIGTERM ends the bench as Ctrl-C does: through every `finally`."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
