"""Monitors in the first spelling, and the two spellings over one engine."""

from __future__ import annotations

import re

from store.live.monitors import resolve
from store.projection import key_digest
from tests.ingest.api.cast import Api
from tests.stage import Stage


async def test_the_product_page_example_gives_the_product_page_reply(api: Api) -> None:
    body = {"name": "Nightly DB Backup", "schedule": "every 24h", "grace_period_seconds": 300}

    reply = await api.owner.post("/api/v1/heartbeats", json=body)

    made = reply.json()
    assert reply.status_code == 201
    assert set(made) == {
        "id", "name", "schedule", "timezone", "grace_period_seconds", "unique_key", "status", "tags",
        "max_runtime_seconds", "failures_before_alert", "reminder_interval_seconds", "arm_on_first_ping",
    }  # fmt: skip
    assert {name: made[name] for name in body} == body
    assert re.fullmatch("nightly-db-backup-[0-9a-f]{8}", made["unique_key"])
    assert made["status"] == "healthy"


async def test_a_name_is_enough(api: Api) -> None:
    made = await api.heartbeat()

    assert (made["schedule"], made["grace_period_seconds"]) == ("every 1h", 300)


async def test_what_is_tolerated_can_be_said_in_this_spelling_too(api: Api) -> None:
    asked = {
        "max_runtime_seconds": 600,
        "failures_before_alert": 3,
        "reminder_interval_seconds": 120,
        "arm_on_first_ping": True,
    }
    made = await api.heartbeat(**asked)
    path = f"/api/v1/heartbeats/{made['id']}"

    assert {name: made[name] for name in asked} == asked
    other = (await api.owner.get(f"/api/monitors/{made['id']}")).json()
    named = ("maxRuntime", "failuresBeforeAlert", "reminderInterval", "armOnFirstPing")
    assert [other[name] for name in named] == list(asked.values())

    assert (await api.owner.patch(path, json={"name": "kept"})).json() == {**made, "name": "kept"}
    usual = {"max_runtime_seconds": None, "reminder_interval_seconds": None, "arm_on_first_ping": False}
    changed = (await api.owner.patch(path, json={**usual, "failures_before_alert": 1})).json()
    assert {name: changed[name] for name in asked} == {**usual, "failures_before_alert": 1}
    for body in (
        {"reminder_interval_seconds": 59},
        {"failures_before_alert": 0},
        {"max_runtime_seconds": -1},
    ):
        for reply in (
            await api.owner.patch(path, json=body),
            await api.owner.post("/api/v1/heartbeats", json={"name": "job", **body}),
        ):
            assert (reply.status_code, [reply.json()["field"]]) == (422, list(body))


async def test_a_list_is_an_array_whose_next_page_stands_in_the_link_header(api: Api) -> None:
    made = [await api.heartbeat(name=f"job {number}") for number in range(3)]

    first = await api.owner.get("/api/v1/heartbeats?limit=2")
    second = await api.owner.get(first.links["next"]["url"])

    assert first.links["next"]["url"].startswith(api.address)
    assert first.json() + second.json() == made
    assert "link" not in second.headers


async def test_one_is_shown_changed_paused_and_deleted(api: Api) -> None:
    made = await api.heartbeat()
    path = f"/api/v1/heartbeats/{made['id']}"

    assert (await api.owner.get(path)).json() == made
    changed = await api.owner.patch(path, json={"schedule": "every 2 days", "grace_period_seconds": 0})
    assert changed.json() == {**made, "schedule": "every 48h", "grace_period_seconds": 0}
    assert (await api.owner.patch(path, json={})).json() == changed.json()
    assert (await api.owner.patch(path, json={"paused": True})).json()["status"] == "paused"
    assert (await api.owner.delete(path)).status_code == 204
    assert (await api.owner.get(path)).status_code == 404


async def test_the_status_is_late_and_down_in_the_same_words(api: Api, stage: Stage) -> None:
    made = await api.heartbeat(schedule="every 60s", grace_period_seconds=30)
    path = f"/api/v1/heartbeats/{made['id']}"

    await stage.ping(1)
    assert (await api.owner.get(path)).json()["status"] == "healthy"
    await stage.listen(61)
    assert (await api.owner.get(path)).json()["status"] == "late"
    await stage.listen(91)
    await stage.sweep()
    assert (await api.owner.get(path)).json()["status"] == "down"


async def test_what_one_spelling_makes_the_other_sees(api: Api) -> None:
    first, second = await api.heartbeat(name="a"), await api.monitor(name="b")

    monitors = (await api.owner.get("/api/monitors")).json()["monitors"]
    heartbeats = (await api.owner.get("/api/v1/heartbeats")).json()

    assert [one["id"] for one in monitors] == [one["id"] for one in heartbeats] == [first["id"], second["id"]]
    assert heartbeats[1]["unique_key"] == second["pingUrl"].rpartition("/")[2]
    assert (await api.owner.delete(f"/api/monitors/{first['id']}")).status_code == 204
    assert (await api.owner.get("/api/v1/heartbeats")).json() == heartbeats[1:]


async def test_both_keys_of_a_monitor_lead_to_it(api: Api, stage: Stage) -> None:
    made = await api.heartbeat()
    url = (await api.owner.get(f"/api/monitors/{made['id']}")).json()["pingUrl"]

    found = await resolve(
        stage.shard, [key_digest(key.encode()) for key in (made["unique_key"], url.rpartition("/")[2])]
    )

    assert [one.monitor_id for one in found if one] == [1, 1]
