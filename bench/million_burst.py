"""Very many deadlines in one second: how long until each is noticed, and what that does to pings meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from bench.case import REDIS
from bench.cpu import PROC
from bench.load import BenchFailed
from bench.million_fleet import Fleet, ping_in_batches
from bench.million_house import House
from bench.million_pulse import Beaten, Pulse, result_of, start
from bench.million_slowlog import Scripts, SlowLog
from store.clock import monotonic_ms, wall_ms

PINGS_A_SECOND = 1_000
MONITORS_PINGED = 50_000
USUAL_S = 10
BEFORE_S = 3
WATCHED_S = 60
PULSE_S = 40
LOOK_EVERY_S = 0.05
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Burst(msgspec.Struct, frozen=True):
    """What came of it. Times are seconds after the last of the deadlines; None: not within a minute.

    `usual` is what the same pings took before. `redis_waited` is how much of the time Redis was ready to run and had no
    core, in percent: what scripts and pings owe to whatever else the machine does.
    """

    events: int
    deliveries: int
    events_s: float | None
    deliveries_s: float | None
    scripts: Scripts
    usual: Beaten
    pings: Beaten
    redis_waited: float


class Receiver(asyncio.Protocol):
    """Takes every webhook, and counts them in `told`."""

    def __init__(self, told: list[int]) -> None:
        self._told = told

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received.lower().find(b"content-length:")
        length = int(self._received[at + 15 : self._received.index(b"\r\n", at)])
        if len(self._received) >= head + 4 + length:
            self._received = self._received[head + 4 + length :]
            self._told[0] += 1
            assert isinstance(self._transport, asyncio.WriteTransport)
            self._transport.write(REPLY)


@contextmanager
def receiver() -> Iterator[tuple[str, Sequence[int]]]:
    """The URL of somebody who takes every webhook, in a thread, and the count of them."""
    told = [0]
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: Receiver(told), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", told
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


def tell(house: House, url: str) -> None:
    """Make a channel."""
    with house.client() as client:
        reply = client.post("/api/channels", json={"type": "webhook", "name": "bench", "url": url})
    if reply.status_code != 201:
        raise BenchFailed(f"making a channel was answered {reply.status_code}: {reply.text}")


def light(house: House, fleet: Fleet, limit_s: int) -> int:
    """Ping every monitor of a fleet as of one and the same second; when the last deadline comes, in ms."""
    began_ms = wall_ms() - 1000
    ping_in_batches(house, fleet.keys, began_ms)
    last_ms = began_ms + 1000 + limit_s * 1000
    if wall_ms() > last_ms - BEFORE_S * 1000:
        raise BenchFailed("pinging took so long that the deadlines have come already")
    return last_ms


def watch(house: House, fleet: Fleet, others: Fleet, last_ms: int, told: Sequence[int]) -> Burst:
    """Be there when the deadlines come, while `others` go on pinging; `told` counts what the receiver took."""
    wanted = len(fleet.keys)
    before = _events(house)
    usual = result_of(start(_pulse(house, others, USUAL_S)))
    while wall_ms() < last_ms - BEFORE_S * 1000:
        time.sleep(LOOK_EVERY_S)
    if _events(house) != before:
        raise BenchFailed("some deadlines came too early")
    log, waited_ms, began_ms = SlowLog(house), _waited_ms(house), monotonic_ms()
    seconds_s = min(PULSE_S, max(10, wanted // 2000))
    process = start(_pulse(house, others, seconds_s))
    events_s = _until(lambda: _events(house) - before >= wanted, last_ms)
    deliveries_s = _until(lambda: _all_dispatched(house), last_ms)
    made = house.ask("HLEN", house.keys.deliveries) + told[0]
    pings = result_of(process)
    waited = 100 * (_waited_ms(house) - waited_ms) / (monotonic_ms() - began_ms)
    return Burst(
        events=_events(house) - before,
        deliveries=made,
        events_s=events_s,
        deliveries_s=deliveries_s,
        scripts=log.read(),
        usual=usual,
        pings=pings,
        redis_waited=waited,
    )


def _pulse(house: House, fleet: Fleet, seconds_s: float) -> Pulse:
    return Pulse(house.port, tuple(fleet.keys[:MONITORS_PINGED]), PINGS_A_SECOND, seconds_s)


def _waited_ms(house: House) -> float:
    """How long Redis has waited for a core so far."""
    (pid,) = house.pids()[REDIS]
    return int((PROC / str(pid) / "schedstat").read_text().split()[1]) / 1e6


def _until(is_so: Callable[[], bool], last_ms: int) -> float | None:
    """How many seconds after the last deadline it was so; None: not within a minute."""
    while wall_ms() < last_ms + WATCHED_S * 1000:
        if is_so():
            return max(0, wall_ms() - last_ms) / 1000
        time.sleep(LOOK_EVERY_S)
    return None


def _events(house: House) -> int:
    """How many events there ever were."""
    told = _stream(house)
    return int(told[b"entries-added"]) if told else 0


def _all_dispatched(house: House) -> bool:
    """Whether every event was turned into deliveries."""
    return bool(house.ask("GET", house.keys.dispatched) == _stream(house).get(b"last-generated-id"))


def _stream(house: House) -> dict[bytes, Any]:
    if not house.ask("EXISTS", house.keys.events):
        return {}
    told = house.ask("XINFO", "STREAM", house.keys.events)
    return dict(zip(told[::2], told[1::2], strict=True))
