"""Several ingest processes on one port: each may die or stand still. Nothing that was answered is lost by it, nobody is
called dead by it, and the others go on.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from store.clock import wall_ms
from tests.system.api import Api
from tests.system.fleet import Fleet, Job, pinging
from tests.system.history import doubled, missing
from tests.system.house import House, keeping_house
from tests.system.receiver import Receiver
from tests.system.waiting import until

TOLD_WITHIN_S = 20.0
HEALTHY, EVERY_S = 16, 0.05


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with keeping_house(tmp_path_factory.mktemp("house"), OVERDUE_WORKERS="2") as house:
        yield house


def fresh(house: House, path: str) -> httpx.Response:
    """The reply on a connection that was not there before."""
    with httpx.Client(base_url=house.url, trust_env=False, timeout=5) as client:
        return client.get(path)


def figure(house: House, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    families = text_string_to_metric_families(fresh(house, "/metrics").text)
    samples = (sample for family in families for sample in family.samples)
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def holders(house: House) -> set[bytes]:
    with house.redis() as client:
        return set(client.hkeys(house.keys.writers))  # type: ignore[arg-type]


@contextmanager
def standing_still(*pids: int) -> Iterator[None]:
    """Processes that do nothing for as long as the block lasts."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def with_api(house: House, act: Callable[[Api], None]) -> None:
    """Act through a connection of now: the ones from before may belong to a process that is gone."""
    api = Api(house.url)
    try:
        act(api)
    finally:
        api.close()


class Crowd:
    """Healthy monitors that are pinged all the time, and what must have become of them in the end."""

    def __init__(self, house: House, api: Api, receiver: Receiver, fleet: Fleet) -> None:
        self._house, self._api, self._receiver, self._fleet = house, api, receiver, fleet
        self.monitors, self.jobs = [], list[Job]()
        for _ in range(HEALTHY):  # each is awaited from its creation on
            self.monitors.append(api.monitor(interval_s=2, grace_s=1))
            self.jobs.append(Job(self.monitors[-1]["key"], EVERY_S))
            fleet.add(self.jobs[-1])
        until(lambda: len(fleet.good()) > 5 * HEALTHY, 10, "pings are answered")

    def end(self, api: Api) -> None:
        """Nobody was called dead, and all that was answered 200 is in the history once."""
        for one in self.monitors:
            api.pause(one["id"])
        self._fleet.silence(*self.jobs)
        self._house.wait_until_quiet()
        assert self._fleet.wrong() == []
        assert missing(self._house.data, self._fleet.good()) == []
        assert doubled(self._house.data) == []
        for one in self.monitors:
            assert api.incidents(one["id"]) == []
            assert self._receiver.of(one["id"]) == []


@pytest.fixture
def fleet(house: House) -> Iterator[Fleet]:
    with pinging(house.port) as fleet:
        yield fleet


def told(receiver: Receiver, monitor: dict[str, str]) -> Callable[[], object]:
    return lambda: receiver.of(monitor["id"], "monitor.down")


def test_several_processes_answer_on_one_port_and_one_scrape_shows_them_all(house: House, api: Api) -> None:
    assert set(house.parts()) == {"ingest", "ingest-1", "sweeper", "recorder"}
    assert holders(house) == {b"main-0", b"main-1"}
    key = api.monitor(interval_s=60)["key"]
    before = figure(house, "overdue_pings_total")
    for _ in range(32):  # dealt to both
        assert fresh(house, f"/ping/{key}").status_code == 200
    until(lambda: figure(house, "overdue_pings_total") == before + 32, 5, "the pings of all are counted")
    assert figure(house, "overdue_writers") == 2


@pytest.mark.slow
def test_one_that_is_killed_under_load_loses_nothing_and_the_other_keeps_answering(
    house: House, api: Api, receiver: Receiver, fleet: Fleet
) -> None:
    crowd, silent = Crowd(house, api, receiver, fleet), api.monitor(interval_s=2, grace_s=0)
    recorded = figure(house, "overdue_pings_total", outcome="recorded")
    for name in ("ingest-1", "ingest"):
        killed_ms, pid = wall_ms(), house.kill(name)
        until(lambda: fleet.good(killed_ms), 1, "pings are answered")  # noqa: B023
        until(lambda: house.processes().get(name, pid) != pid, 10, f"{name} is started again")  # noqa: B023
        house.wait_until_ready()
        assert not list((house.data / "metrics").glob(f"gauge_live*_{pid}.db"))
    assert figure(house, "overdue_pings_total", outcome="recorded") > recorded
    assert len(house.holes()) >= 1
    until(told(receiver, silent), TOLD_WITHIN_S, "the silence is told")
    with_api(house, crowd.end)


@pytest.mark.slow
def test_one_that_stands_still_holds_the_clock_and_is_waited_for(
    house: House, api: Api, receiver: Receiver, fleet: Fleet
) -> None:
    crowd, silent = Crowd(house, api, receiver, fleet), api.monitor(interval_s=2, grace_s=0)
    with standing_still(house.pid("ingest-1")):
        until(lambda: figure(house, "overdue_sweep_lag_seconds") > 6, 15, "the lag shows it")
        assert receiver.of(silent["id"]) == []
        assert "ingest main-1 missing" in fresh(house, "/readyz").text
        for _ in range(8):  # dealt to both; the other one takes what is left waiting
            assert fresh(house, "/livez").status_code == 200
    until(lambda: figure(house, "overdue_sweep_lag_seconds") < 1, 5, "the clock goes on")
    until(told(receiver, silent), TOLD_WITHIN_S, "the silence is told")
    house.wait_until_ready()
    with_api(house, crowd.end)


@pytest.mark.slow
def test_an_emptied_redis_is_rebuilt_by_one_of_several(
    house: House, api: Api, receiver: Receiver, fleet: Fleet
) -> None:
    crowd, silent = Crowd(house, api, receiver, fleet), api.monitor(interval_s=2, grace_s=0)
    until(lambda: api.pings(crowd.monitors[0]["id"]), 5, "history knows them")
    rebuilds = house.said().count("Redis is in order")
    with house.redis() as client:
        client.flushall()
    until(lambda: house.said().count("Redis is in order") > rebuilds, 15, "Redis is rebuilt")
    until(told(receiver, silent), TOLD_WITHIN_S, "the silence is told")
    assert house.said().count("Redis is in order") == rebuilds + 1
    house.wait_until_ready()
    for one in crowd.monitors:
        assert receiver.of(one["id"]) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_four_stop_in_order_within_ten_seconds_under_load(
    tmp_path: Path, receiver: Receiver, number: signal.Signals
) -> None:
    with keeping_house(tmp_path, OVERDUE_WORKERS="4") as house, pinging(house.port) as fleet:
        api = Api(house.url)
        crowd = Crowd(house, api, receiver, fleet)
        api.close()
        began_ms = wall_ms()
        assert house.stop(number) == 0
        assert wall_ms() - began_ms < 10_000
        stopped = [line.split()[-2] for line in house.said().splitlines() if line.endswith(" stopped")]
        assert set(stopped[:4]) == {"ingest-0", "ingest-1", "ingest-2", "ingest-3"}
        assert stopped[-1] == "valkey"
        house.start()
        with_api(house, crowd.end)


@pytest.mark.slow
def test_after_a_crash_fewer_processes_release_the_slots_of_the_former_ones_and_alerts_still_come(
    tmp_path: Path, receiver: Receiver
) -> None:
    with keeping_house(tmp_path, OVERDUE_WORKERS="3") as house:
        api = Api(house.url)
        api.channel(receiver.url)
        silent = api.monitor(interval_s=2, grace_s=0)
        api.close()
        pids = [pid for name, pid in house.parts().items() if name.startswith("ingest")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)  # or they would give their slots back when `serve` is gone
        house.kill("serve")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not house.parts(), 10, "the parts are gone")
        house.change(OVERDUE_WORKERS="1")
        house.start()
        until(lambda: holders(house) == {b"main-0"}, 10, "the slots are released")
        for slot in ("main-1", "main-2"):
            assert f"the writer slot {slot} was left by an earlier start" in house.said()
        until(told(receiver, silent), TOLD_WITHIN_S, "the silence is told")
