"""Threshold alerts with all processes: told within a second of the ping, and each once whoever is killed."""

from __future__ import annotations

import random

import httpx
import pytest

from store.clock import wall_ms
from tests.system.api import Api, Json
from tests.system.house import House
from tests.system.receiver import Receiver
from tests.system.test_story import ms_of
from tests.system.waiting import until

TOLD_WITHIN_MS = 1000
TOLD_WITHIN_S = 20.0
BREACHED, CLEARED = "metric.breached", "metric.cleared"


def ping(house: House, job: Json, load: float) -> None:
    reply = httpx.post(f"{house.url}/ping/{job['key']}", json={"load": load}, trust_env=False, timeout=15)
    assert reply.status_code == 200, reply.text


def a_rule(api: Api, job: Json, **changed: object) -> Json:
    channel = api.get("/api/channels")["channels"][0]
    asked = {"metricKey": "load", "operator": ">", "threshold": 10, "channelId": channel["id"], **changed}
    return api.post(f"/api/monitors/{job['id']}/metric-alerts", asked)


def standing(api: Api, job: Json) -> tuple[int, bool]:
    [rule] = api.get(f"/api/monitors/{job['id']}/metric-alerts")["metricAlerts"]
    return rule["streak"], rule["open"]


def last_values(api: Api, job: Json) -> list[float]:
    """Of "load" and, if there were any, of its other metrics; none before the first one is recorded."""
    metrics = api.get(f"/api/monitors/{job['id']}/metrics")["metrics"]
    return [one["last"] for one in metrics]


def test_a_breach_is_told_within_a_second_of_the_ping_and_its_end_too(
    house: House, api: Api, receiver: Receiver
) -> None:
    job = api.monitor(interval_s=60, grace_s=60, name="queue worker")
    rule = a_rule(api, job, consecutiveTriggers=2)
    for load in (11, 5, 12, 13):
        ping(house, job, load)

    [breached] = until(lambda: receiver.of(job["id"], BREACHED), TOLD_WITHIN_S, "the breach is told")
    assert breached.at_ms - ms_of(breached.told["timestamp"]) < TOLD_WITHIN_MS
    assert breached.told["data"]["alert"] == {
        "id": rule["id"],
        "metricKey": "load",
        "operator": ">",
        "threshold": 10,
        "consecutiveTriggers": 2,
    }
    assert breached.told["data"]["value"] == 13
    assert until(lambda: standing(api, job) == (2, True), 2, "the API says so too")

    ping(house, job, 9)
    [cleared] = until(lambda: receiver.of(job["id"], CLEARED), TOLD_WITHIN_S, "the end is told")
    assert cleared.at_ms - ms_of(cleared.told["timestamp"]) < TOLD_WITHIN_MS
    assert cleared.incident == breached.incident | {"endedAt": cleared.told["timestamp"]}
    assert breached.incident["kind"] == "metric"
    incident = api.incidents(job["id"])[0]
    assert incident == cleared.incident | {"alertId": rule["id"], "metricKey": "load"}
    house.wait_until_quiet()
    assert receiver.kinds(job["id"]) == [BREACHED, CLEARED]
    assert last_values(api, job) == [9]


def test_in_maintenance_a_breach_is_kept_and_told_when_it_outlives_the_window(
    house: House, api: Api, receiver: Receiver
) -> None:
    job = api.monitor(interval_s=60, grace_s=60, name="queue in maintenance")
    a_rule(api, job)
    now_s = wall_ms() // 1000
    window = {"name": "move", "from": now_s - 60, "to": now_s + 3600, "monitors": [job["id"]]}
    made = api.post("/api/maintenance", window)
    ping(house, job, 12)
    ping(house, job, 13)
    until(lambda: last_values(api, job) == [13], TOLD_WITHIN_S, "the values are kept")
    assert standing(api, job) == (0, False)

    api.delete(f"/api/maintenance/{made['id']}")
    ping(house, job, 14)

    [breached] = until(lambda: receiver.of(job["id"], BREACHED), TOLD_WITHIN_S, "the breach is told")
    assert breached.told["data"]["value"] == 14


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["recorder", "sweeper", "ingest"])
def test_a_kill_loses_no_threshold_alert_and_judges_no_sample_twice(
    house: House, api: Api, receiver: Receiver, name: str, rounds: int
) -> None:
    job = api.monitor(interval_s=600, grace_s=600)
    a_rule(api, job, consecutiveTriggers=3)
    dice, opened = random.Random(rounds), 0
    for number in range(rounds):
        for _ in range(5):
            # Three in a row open an incident, two do not; whoever judged one twice would open one too many.
            for load in (11, 12, 13, 5, 11, 12, 5):
                ping(house, job, load)
            opened += 1
        house.kill(name)
        for load in (11, 12, 13, 14, 15, 5):
            ping_until_taken(house, job, load + dice.random())
        opened += 1
        house.wait_until_ready()
        if number % 5 == 4:
            assert house.stop() == 0
            house.start()

    until(lambda: len(set(ids(receiver, job, CLEARED))) == opened, TOLD_WITHIN_S, "all is told")
    house.wait_until_quiet()

    assert len(set(ids(receiver, job, BREACHED))) == opened
    incidents = api.get(f"/api/monitors/{job['id']}/incidents?limit=1000")["incidents"]
    assert len(incidents) == opened
    assert all(one["endedAt"] for one in incidents)
    for one in incidents:
        told = [call.type for call in receiver.of(job["id"]) if call.incident["id"] == one["id"]]
        assert list(dict.fromkeys(told)) == [BREACHED, CLEARED]
    assert receiver.flaws() == []
    if name != "sweeper":
        assert len(ids(receiver, job, BREACHED)) == opened
    assert standing(api, job) == (0, False)


def ids(receiver: Receiver, job: Json, kind: str) -> list[str]:
    return [call.id for call in receiver.of(job["id"], kind)]


def ping_until_taken(house: House, job: Json, load: float) -> None:
    """Ingest may be the one that was killed; a ping that was refused or broken off unanswered is sent again."""

    def taken() -> bool:
        try:
            ping(house, job, load)
        except (httpx.HTTPError, AssertionError):
            return False
        return True

    until(taken, 20, "a ping is answered")
