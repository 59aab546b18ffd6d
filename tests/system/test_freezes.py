"""What stands still and goes on: Redis for eight seconds under load, a sweeper in the middle of telling."""

from __future__ import annotations

import os
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from ingest.batch_endpoint import AT_ONCE
from ingest.batcher import MOST_QUEUED
from store.clock import wall_ms
from tests.chaos.builds import SERVERS, Build
from tests.chaos.records import Records
from tests.servers import debian_redis_binary
from tests.system.api import Api
from tests.system.fleet import Job, pinging
from tests.system.history import doubled, missing
from tests.system.house import COMMAND, House, keeping_house
from tests.system.receiver import Receiver, receiving
from tests.system.test_supervision import stopped
from tests.system.waiting import at, until

pytestmark = pytest.mark.slow

FROZEN_MS, BACK_WITHIN_S = 8_000, 5.0
CONNECTIONS, EVERY_S, LEAST_RATE = 200, 0.2, 500
MOST_MEMORY_GROWN, MOST_FILES_GROWN = 100 * 2**20, 50
LEASE_OVER_MS = 12_000
TOLD_WITHIN_S = 30.0
# More pings than ingest lets wait; whoever is refused for that hears it long before ingest gives Redis up.
FLOOD_BATCHES, REFUSED_WITHIN_S = MOST_QUEUED // AT_ONCE + 8, 2.0


@pytest.fixture(scope="module", params=SERVERS)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With each of the servers that `serve` may embed."""
    if request.param == "redis" and debian_redis_binary() is None:
        pytest.skip("redis-server is not installed (Debian's package redis-server)")
    folder = tmp_path_factory.mktemp("house")
    with keeping_house(folder, **Build(server=request.param).settings(folder)) as house:
        yield house


@pytest.fixture(scope="module")
def receiver(house: House) -> Iterator[Receiver]:
    """Another one for each house: it knows one secret."""
    with receiving() as receiver:
        yield receiver


def memory_of(pid: int) -> int:
    """Resident memory in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def files_of(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def test_redis_frozen_for_eight_seconds_while_alerts_are_told_makes_none_of_them_come_twice(
    house: House, api: Api, receiver: Receiver
) -> None:
    receiver.delay_s = 0.3
    silent = [api.monitor(1, 0)["id"] for _ in range(20)]
    until(lambda: receiver.calls, TOLD_WITHIN_S, "a call under way")
    with stopped(house.pid("valkey")):
        at(wall_ms() + FROZEN_MS)
    until(lambda: all(receiver.of(one) for one in silent), TOLD_WITHIN_S, "all are told")
    receiver.delay_s = 0.0
    for one in silent:
        api.pause(one)
    house.wait_until_quiet()
    assert Counter(len(receiver.of(one, "monitor.down")) for one in silent) == {1: len(silent)}
    assert receiver.flaws() == []


def test_redis_frozen_for_eight_seconds_under_load_loses_nothing_that_was_answered(
    house: House, api: Api, receiver: Receiver
) -> None:
    jobs = [Job(api.monitor(2, 1)["key"], EVERY_S) for _ in range(CONNECTIONS)]
    with pinging(house.port, *jobs) as fleet:
        until(lambda: fleet.rate() >= LEAST_RATE, 20, f"{LEAST_RATE} pings a second are answered")
        ingest = house.pid("ingest")
        memory, files = memory_of(ingest), files_of(ingest)
        with stopped(house.pid("valkey")):
            at(wall_ms() + FROZEN_MS)
            assert memory_of(ingest) - memory < MOST_MEMORY_GROWN
            assert files_of(ingest) - files < MOST_FILES_GROWN
        until(lambda: fleet.rate() >= LEAST_RATE, BACK_WITHIN_S, "all is as before")
        assert house.pid("ingest") == ingest
        fleet.silence(*jobs[1:])
    house.wait_until_quiet()
    assert fleet.wrong() == []
    assert missing(house.data, fleet.good()) == []
    assert doubled(house.data) == []
    assert house.holes()


def test_what_more_comes_while_redis_is_frozen_than_may_wait_is_refused_at_once_and_costs_no_memory(
    house: House, api: Api
) -> None:
    """Some of those who send it hang up meanwhile; whatever was taken is recorded, and once."""
    job, ingest = api.monitor(60, 60), house.pid("ingest")
    api.ping_well(job["key"])  # a key that is not known yet is refused sooner
    with (
        ThreadPoolExecutor(FLOOD_BATCHES) as pool,
        httpx.Client(base_url=house.url, trust_env=False, timeout=30) as client,
    ):
        memory, files = memory_of(ingest), files_of(ingest)
        with stopped(house.pid("valkey")):
            for _ in range(FLOOD_BATCHES):
                hang_up(house, job["key"])
            begun = [pool.submit(flood, client, job["key"], number) for number in range(FLOOD_BATCHES)]
            until(lambda: any(one.done() for one in begun), FROZEN_MS / 1000, "the first are refused")
            assert memory_of(ingest) - memory < MOST_MEMORY_GROWN
            assert files_of(ingest) - files < MOST_FILES_GROWN + 2 * FLOOD_BATCHES
        floods = [one.result() for one in begun]
    assert {one.status for one in floods} == {200, 503}
    assert any(one.status == 503 and one.seconds < REFUSED_WITHIN_S for one in floods)
    house.wait_until_ready()
    house.wait_until_quiet()
    records = Records(house.data)
    records.read()
    recorded = Counter(int(sample.value) for sample in records.samples(job["id"], "n")[0])
    assert {number for one in floods for number in one.taken} <= recorded.keys()
    assert set(recorded.values()) == {1}
    until(lambda: files_of(ingest) - files < MOST_FILES_GROWN, BACK_WITHIN_S, "all connections are let go")


class Flood(msgspec.Struct, frozen=True):
    """What became of a batch: its status, after how long, and the numbers that were taken."""

    status: int
    seconds: float
    taken: set[int]


def flood(client: httpx.Client, key: str, number: int) -> Flood:
    """A batch whose pings are all numbered."""
    numbers = range(number * AT_ONCE, (number + 1) * AT_ONCE)
    reply = client.post("/ping", json=[{"key": key, "metrics": {"n": one}} for one in numbers])
    failed = (
        {one["index"] for one in reply.json()["failed"]} if reply.status_code == 200 else set(range(AT_ONCE))
    )
    taken = {one for index, one in enumerate(numbers) if index not in failed}
    return Flood(reply.status_code, reply.elapsed.total_seconds(), taken)


def hang_up(house: House, key: str) -> None:
    """Ping, and do not wait for the answer."""
    with socket.create_connection(("127.0.0.1", house.port)) as connection:
        connection.sendall(f"GET /ping/{key} HTTP/1.1\r\nhost: overdue\r\n\r\n".encode())


def test_a_ping_while_no_sweeper_works_hides_no_miss(house: House, api: Api, receiver: Receiver) -> None:
    """One down, at the deadline, and one up, in this order and once each."""
    job = api.monitor(interval_s=1, grace_s=1)
    api.ping_well(job["key"])
    with stopped(house.pid("sweeper")):
        at(wall_ms() + 2_500)
        api.ping_well(job["key"])
        assert receiver.of(job["id"]) == []
    until(lambda: receiver.of(job["id"], "monitor.up"), TOLD_WITHIN_S, "both are told")
    api.pause(job["id"])
    house.wait_until_quiet()
    down, up = receiver.of(job["id"])
    assert (down.type, up.type) == ("monitor.down", "monitor.up")
    [incident] = api.incidents(job["id"])
    assert down.incident["id"] == up.incident["id"] == incident["id"]
    before, after = sorted(datetime.fromisoformat(one["at"]) for one in api.pings(job["id"]))
    assert datetime.fromisoformat(down.incident["startedAt"]) - before == timedelta(seconds=2)
    assert datetime.fromisoformat(up.incident["endedAt"]) == after


def test_a_sweeper_that_is_frozen_while_it_tells_does_no_harm_when_it_goes_on(
    house: House, api: Api, receiver: Receiver
) -> None:
    """Another one takes over what it holds; what it settles later is not believed."""
    receiver.delay_s = 0.5
    house_sweeper = house.pid("sweeper")
    silent = [api.monitor(1, 0) for _ in range(8)]
    until(lambda: any(receiver.of(one["id"]) for one in silent), TOLD_WITHIN_S, "a call under way")
    second = subprocess.Popen(
        [COMMAND[0], "sweeper"], env=house.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with stopped(house_sweeper):
            at(wall_ms() + LEASE_OVER_MS)
            for one in silent:
                until(lambda: receiver.of(one["id"]), TOLD_WITHIN_S, "all are told by the other")  # noqa: B023
        for one in silent:
            api.ping_well(one["key"])
            until(lambda: receiver.of(one["id"], "monitor.up"), TOLD_WITHIN_S, "and their return")  # noqa: B023
            api.pause(one["id"])
    finally:
        second.terminate()
        second.wait()
        receiver.delay_s = 0.0
    house.wait_until_quiet()
    for one in silent:
        calls = receiver.of(one["id"])
        kinds = list(dict.fromkeys(call.type for call in calls))
        assert kinds[:2] == ["monitor.down", "monitor.up"], calls
        assert len({call.incident["id"] for call in calls if call.type == "monitor.down"}) == len(
            [incident for incident in api.incidents(one["id"]) if incident["kind"] == "silence"]
        )
    assert receiver.flaws() == []
