"""With Redis' memory full, who pings lives on, who is silent is told, and what is new is refused."""

from __future__ import annotations

import json
import subprocess

import pytest

from store.clock import wall_ms
from store.live.saying import LIFE_MS
from tests.system.api import Api
from tests.system.fleet import Job, pinging
from tests.system.house import COMMAND, House
from tests.system.receiver import Receiver
from tests.system.waiting import until

pytestmark = pytest.mark.slow
TOLD_WITHIN_S = 15.0


def memory_line(house: House) -> str:
    """What `overdue doctor` says of the memory."""
    said = subprocess.run(
        [COMMAND[0], "doctor", "--json"], env=house.environ, capture_output=True, check=False
    )
    found = {one["what"]: one for one in json.loads(said.stdout)["findings"]}
    assert found["parts"]["verdict"] == "ok"
    return f"{found['memory']['verdict']} {found['memory']['sentence']}"


def test_pings_and_alerts_go_on_and_what_is_refused_comes_when_there_is_memory_again(
    house: House, api: Api, receiver: Receiver
) -> None:
    jobs = [Job(api.monitor(3, 2)["key"], 0.2) for _ in range(20)]
    silent = api.monitor(5, 5)
    with pinging(house.port, *jobs) as fleet, house.redis() as redis:
        until(lambda: fleet.rate() > 50, 10, "they ping")
        redis.config_set("maxmemory", redis.info("memory")["used_memory"] - 300_000)
        full_ms = wall_ms()
        until(lambda: receiver.of(silent["id"], "monitor.down"), TOLD_WITHIN_S, "the silence is told")
        until(lambda: wall_ms() > full_ms + 2 * LIFE_MS, 15, "whoever says nothing would be missed")
        assert house.is_ready()
        assert api.try_to_make().status_code == 503
        assert memory_line(house).startswith("BAD Redis' memory is full (")
        assert 'overdue_monitors{status="down"} 1.0' in api.metrics()
        redis.config_set("maxmemory", 0)
        until(lambda: api.try_to_make().status_code == 201, 15, "a monitor can be made again")
        assert memory_line(house).startswith("ok ")
        assert {one.status for one in fleet.answers} == {200}
    assert {one.monitor_id for one in receiver.calls if one.type == "monitor.down"} == {silent["id"]}
