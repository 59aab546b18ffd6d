"""`overdue serve` keeps its parts and its server: deaths, second starts, and servers that are away, unfit or empty."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from store.clock import wall_ms
from tests.servers import running_server, valkey_binary
from tests.store.live.server_on_disk import server_on_disk
from tests.system.api import Api
from tests.system.fleet import Job, pinging
from tests.system.history import missing
from tests.system.house import COMMAND, LIFELINE_S, PARTS, House, keeping_house
from tests.system.receiver import Receiver
from tests.system.waiting import until

SHIPPED = Path(__file__).parents[2] / "docs" / "redis"
TOLD_WITHIN_S = 15.0
ALIVE = {"up", "late"}


def told(receiver: Receiver, monitor_id: str, kind: str) -> str:
    """Wait until an event is told; the id of its incident."""
    calls = until(lambda: receiver.of(monitor_id, kind), TOLD_WITHIN_S, f"{kind} of {monitor_id} is told")
    return str(calls[0].incident["id"])


def restarts(api: Api, part: str) -> float:
    families = text_string_to_metric_families(api.metrics())
    samples = (sample for family in families for sample in family.samples)
    return sum(
        one.value
        for one in samples
        if one.name == "overdue_part_restarts_total" and one.labels["part"] == part
    )


def refused(house: House) -> str:
    """A start that is refused within a moment; what it said."""
    process = house.launch()
    try:
        assert process.wait(15) != 0
    finally:
        house.clean_up()
    said = house.said()
    assert "Traceback" not in said
    return said.strip().splitlines()[-1]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does nothing for as long as the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def is_taken(api: Api, key: str) -> bool:
    """Whether a ping is taken; one that is not may be put off, but never called unknown."""
    status = api.ping(key).status_code
    assert status in {200, 503}
    return status == 200


def test_each_part_that_dies_is_started_again_and_serve_says_so(house: House, api: Api) -> None:
    before = {name: restarts(api, name) for name in PARTS}
    pids = {name: house.kill(name) for name in PARTS}
    for name, pid in pids.items():
        until(lambda: house.processes().get(name, pid) != pid, 10, f"{name} is started again")  # noqa: B023
        assert f"{name} died (signal 9); starting it again in 0.2 s" in house.said()
    house.wait_until_ready()
    assert {name: restarts(api, name) - before[name] for name in PARTS} == dict.fromkeys(PARTS, 1.0)


def test_a_second_serve_on_the_same_data_refuses_with_a_sentence_and_the_first_goes_on(house: House) -> None:
    second = subprocess.run(
        COMMAND,
        env=house.environ,
        cwd=house.log.parent,
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert second.returncode == 2
    assert second.stderr.startswith("overdue: OVERDUE_DATA: the folder ")
    assert f"is in use by process {house.pid('serve')}; stop that first" in second.stderr
    assert house.is_ready()


def test_a_ping_is_503_while_valkey_stands_still_and_200_when_it_goes_on(
    house: House, api: Api, receiver: Receiver
) -> None:
    job, sentinel = api.monitor(), api.monitor()
    with pinging(house.port, Job(job["key"], 0.2), Job(sentinel["key"], 0.2)) as fleet:
        until(lambda: len(fleet.good()) >= 4, 5, "pings are answered")
        with stopped(house.pid("valkey")):
            with ThreadPoolExecutor() as threads:
                replies = list(threads.map(api.ping, (job["key"], "nobody-has-this-key")))
            for reply in replies:
                assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
                assert set(reply.json()) == {"error"}
            fleet.silence(Job(sentinel["key"], 0.2))
        goes_on_ms = wall_ms()
        until(lambda: fleet.good(goes_on_ms), 10, "pings are answered 200 again")
        told(receiver, sentinel["id"], "monitor.down")
        assert api.status(job["id"]) in ALIVE
        assert receiver.of(job["id"]) == []
    house.wait_until_quiet()
    assert fleet.wrong() == []
    assert missing(house.data, fleet.good()) == []


def test_an_emptied_redis_is_rebuilt_and_nobody_is_forgotten_or_called_dead(
    house: House, api: Api, receiver: Receiver
) -> None:
    down, healthy, sentinel = (api.monitor() for _ in range(3))
    unknown_to_ingest = api.monitor(interval_s=60)["key"]
    incident = told(receiver, down["id"], "monitor.down")
    house.wait_until_quiet()
    with pinging(house.port, Job(healthy["key"], 0.05), Job(sentinel["key"], 0.2)) as fleet:
        until(lambda: len(fleet.good()) >= 20, 5, "pings are answered")
        until(lambda: api.pings(sentinel["id"]), 5, "history knows the sentinel")
        calls, rebuilds = len(receiver.calls), house.said().count("Redis is in order")
        with house.redis() as client:
            client.flushall()
        fleet.silence(Job(sentinel["key"], 0.2))
        flushed_ms = wall_ms()
        until(lambda: is_taken(api, unknown_to_ingest), 15, "a key that ingest has to look up is found again")
        assert house.said().count("Redis is in order") == rebuilds + 1
        until(lambda: len(fleet.good(flushed_ms)) >= 5, 15, "pings are answered again")
        told(receiver, sentinel["id"], "monitor.down")
        assert api.status(healthy["id"]) in ALIVE
        assert api.status(down["id"]) == "down"
        assert fleet.wrong() == []
        api.pause(healthy["id"])
    house.wait_until_ready()

    api.ping_well(down["key"])
    assert told(receiver, down["id"], "monitor.up") == incident
    house.wait_until_quiet()
    about = {call.monitor_id for call in receiver.calls[calls:] if call.type == "monitor.down"}
    assert healthy["id"] not in about
    assert receiver.kinds(down["id"])[:2] == ["monitor.down", "monitor.up"]
    assert receiver.flaws() == []
    until(lambda: api.incidents(down["id"])[-1]["endedAt"], 2, "the end of the incident is listed")
    assert api.incidents(down["id"])[-1]["id"] == incident


def test_when_serve_is_killed_its_parts_end_and_the_next_start_works(house: House, api: Api) -> None:
    job = api.monitor(interval_s=60)
    api.ping_well(job["key"])
    valkey = house.pid("valkey")
    house.kill("serve")
    until(lambda: house.processes() == {"valkey": valkey}, LIFELINE_S, "the parts end, Valkey stays")
    house.start()
    assert house.pid("valkey") != valkey
    assert f"stopping the Valkey that a former start left behind (process {valkey})" in house.said()
    assert api.status(job["id"]) == "up"
    api.ping_well(job["key"])


def test_a_server_of_our_own_choice_carries_the_story(receiver: Receiver, tmp_path: Path) -> None:
    """With the configuration and the user that we ship for one."""
    shipped = ("--aclfile", str(SHIPPED / "overdue.acl"), "--appendonly", "yes")
    with (
        server_on_disk(valkey_binary(), *shipped, credentials="overdue:change-this-password@") as server,
        keeping_house(tmp_path, OVERDUE_REDIS_URL=server.url) as house,
    ):
        api = Api(house.url)
        try:
            assert set(house.processes()) == {"serve", *PARTS}
            api.channel(receiver.url)
            job = api.monitor(interval_s=1, grace_s=0)
            incident = told(receiver, job["id"], "monitor.down")
            api.ping_well(job["key"])
            assert told(receiver, job["id"], "monitor.up") == incident
        finally:
            api.close()


def test_a_server_that_is_not_there_is_refused_with_a_sentence(tmp_path: Path) -> None:
    said = refused(House(tmp_path, OVERDUE_REDIS_URL=f"unix://{tmp_path}/nothing"))
    assert said.startswith("overdue: OVERDUE_REDIS_URL: no server can be reached at unix:///")
    assert said.endswith("start the server, correct the URL, or leave it empty for the embedded Valkey")


def test_a_server_that_evicts_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    with running_server(valkey_binary(), "--maxmemory-policy", "allkeys-lru") as url:
        said = refused(House(tmp_path, OVERDUE_REDIS_URL=url))
    assert said.startswith("overdue: OVERDUE_REDIS_URL: Valkey ")
    assert "run `CONFIG SET maxmemory-policy noeviction`" in said
