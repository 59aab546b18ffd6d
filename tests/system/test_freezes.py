"""What stands still and goes on: Redis for eight seconds under load, a sweeper in the middle of telling."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from store.clock import wall_ms
from tests.system.api import Api
from tests.system.fleet import Job, pinging
from tests.system.history import doubled, missing
from tests.system.house import COMMAND, House
from tests.system.receiver import Receiver
from tests.system.test_supervision import stopped
from tests.system.waiting import at, until

pytestmark = pytest.mark.slow

FROZEN_MS, BACK_WITHIN_S = 8_000, 5.0
CONNECTIONS, EVERY_S, LEAST_RATE = 200, 0.2, 500
MOST_MEMORY_GROWN, MOST_FILES_GROWN = 100 * 2**20, 50
LEASE_OVER_MS = 12_000
TOLD_WITHIN_S = 30.0


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
