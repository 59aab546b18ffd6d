"""Everything that the cases of a run need, started once and there until the run's end."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import msgspec

from bench.case import EMPTY, PING, PLAIN, REDIS, STARLETTE, WEB, Case, Way
from bench.fleet import create_monitors
from bench.load import BenchFailed
from bench.measure import Server
from bench.parts import EMPTY_REPLY, STARLETTE_REPLY, Web, overdue, plain_ingest, reply_server, valkey
from bench.recorded import Recorded, RowCounter, read_recorded
from bench.script import lay_out

Say = Callable[[str], None]


class ScriptServer(msgspec.Struct, frozen=True):
    """A Valkey that does nothing but run the script."""

    server: Server
    url: str
    generation: str


class Stage(msgspec.Struct, frozen=True):
    """The running servers by name, the keys of the monitors, and what the cases of their own kind need."""

    servers: Mapping[str, Server]
    keys: tuple[str, ...]
    count_rows: Callable[[], int]
    script: ScriptServer | None

    @property
    def redis_pid(self) -> int:
        return self.servers[PING].pids[REDIS][0]


@contextmanager
def opened(cases: Sequence[Case], monitors: int, say: Say) -> Iterator[Stage]:
    """Start what these cases need; it is all gone again afterwards."""
    wanted = {case.server for case in cases if case.way in {Way.LOAD, Way.LONE}}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="overdue-bench-")))
        say("starting overdue serve …")
        house = stack.enter_context(overdue(folder))
        counter = RowCounter(house.history)
        pids = house.parts()
        servers = {PING: Server(house.port, pids, _reader(stack, house.port, counter))}
        if PLAIN in wanted:
            plain = stack.enter_context(plain_ingest(folder, house))
            servers[PLAIN] = Server(
                plain.port, {**pids, WEB: (plain.pid,)}, _reader(stack, plain.port, counter)
            )
        for name, app in ((EMPTY, EMPTY_REPLY), (STARLETTE, STARLETTE_REPLY)):
            if name in wanted:
                servers[name] = _yardstick(stack.enter_context(reply_server(folder, app)))
        script = None
        if any(case.way is Way.SCRIPT for case in cases):
            script = _script_server(*stack.enter_context(valkey(folder)), monitors)
        say(f"creating {monitors} monitors …")
        keys = asyncio.run(create_monitors(house.url, house.admin_key, monitors))
        yield Stage(servers=servers, keys=keys, count_rows=counter.read, script=script)


def _yardstick(web: Web) -> Server:
    return Server(web.port, {WEB: (web.pid,)})


def _script_server(pid: int, url: str, monitors: int) -> ScriptServer:
    generation = secrets.token_hex(16)
    asyncio.run(lay_out(url, generation, monitors))
    return ScriptServer(Server(0, {REDIS: (pid,)}), url, generation)


def _reader(stack: ExitStack, port: int, counter: RowCounter) -> Callable[[], Recorded]:
    """Asks an ingest for its counters, and the file for its rows."""
    scraper = stack.enter_context(
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
    )

    def read() -> Recorded:
        try:
            metrics = scraper.get("/metrics").raise_for_status().text
        except httpx.HTTPError as error:
            raise BenchFailed(f"/metrics cannot be read: {error}") from error
        return read_recorded(metrics, counter.read())

    return read
