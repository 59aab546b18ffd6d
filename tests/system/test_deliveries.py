"""The log of deliveries over real HTTP with all processes, also when Redis loses everything between two attempts."""

from __future__ import annotations

import pytest

from tests.system.api import Api, Json
from tests.system.house import House
from tests.system.receiver import Receiver
from tests.system.waiting import until

WITHIN_S = 30.0


def settled(api: Api, monitor: Json, count: int) -> list[tuple[str, str, int]]:
    """The deliveries of a monitor once all of them are delivered, oldest first."""

    def all_told() -> list[Json]:
        found = api.deliveries(monitor["id"])
        return found if len(found) == count and {one["state"] for one in found} == {"delivered"} else []

    found = until(all_told, WITHIN_S, f"{count} deliveries are logged as delivered")
    return [(one["type"], one["state"], one["attempts"]) for one in reversed(found)]


@pytest.mark.slow
def test_what_waits_for_a_retry_is_told_though_redis_is_flushed_meanwhile(
    house: House, api: Api, receiver: Receiver
) -> None:
    job = api.monitor(interval_s=2, grace_s=0)
    receiver.refuse(job["id"], times=2)
    until(
        lambda: [one["state"] for one in api.deliveries(job["id"])] == ["retrying"], WITHIN_S, "a retry waits"
    )
    [refused] = [one for one in receiver.calls if one.monitor_id == job["id"]]
    with house.redis() as client:
        client.flushall()
    house.wait_until_ready()
    until(lambda: api.ping(job["key"]).status_code == 200, WITHIN_S, "pings are answered again")
    api.pause(job["id"])
    until(lambda: receiver.of(job["id"], "monitor.up"), 2 * WITHIN_S, "the end is told, after two retries")
    assert receiver.kinds(job["id"]) == ["monitor.down", "monitor.up"]
    downs = receiver.by_id()[refused.id]
    assert [one.status for one in downs] == [500, 500, 200]
    assert len({one.body for one in downs}) == 1
    assert settled(api, job, 2) == [("monitor.down", "delivered", 3), ("monitor.up", "delivered", 1)]
    [down] = [one for one in api.deliveries(job["id"]) if one["type"] == "monitor.down"]
    log = api.get(f"/api/deliveries/{down['id']}")["attemptLog"]
    assert [(one["attempt"], one["status"], one["outcome"]) for one in log] == [
        (1, 500, "retry"),
        (2, 500, "retry"),
        (3, 200, "delivered"),
    ]
    assert receiver.flaws() == []


def test_a_trial_of_a_channel_is_called_and_logged_under_the_id_that_was_promised(
    api: Api, receiver: Receiver
) -> None:
    channel = next(one for one in api.get("/api/channels")["channels"] if one["url"] == receiver.url)
    delivery = api.post(f"/api/channels/{channel['id']}/test", {})["deliveryId"]

    def logged() -> list[Json]:
        found: list[Json] = api.get(f"/api/deliveries?channel={channel['id']}")["deliveries"]
        return [one for one in found if one["id"] == delivery and one["state"] == "delivered"]

    [trial] = until(logged, WITHIN_S, "the trial is logged")
    assert (trial["type"], trial["monitor"], trial["attempts"]) == ("channel.test", None, 1)
