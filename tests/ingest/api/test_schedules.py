"""Schedules and tolerance as the API takes them, in both spellings."""

from __future__ import annotations

from typing import Any

import pytest

from store.timestamps import rfc3339
from store.wishes import Wishes
from tests.ingest.api.cast import Api
from tests.stage import START_MS, Stage

HOUR_MS = 3_600_000
VILNIUS = {
    "schedule": "0 12 * * *",
    "timezone": "Europe/Vilnius",
}  # 10:00 UTC in winter; the stage begins at 8:00


async def leap(stage: Stage, second: float) -> None:
    """Time passes, and all of it was listened to."""
    await stage.move_to(second)
    await stage.ping()
    await stage.redis.delete(stage.shard.keys.blind)


async def test_a_monitor_with_a_schedule_is_due_at_its_next_tick(api: Api) -> None:
    made = await api.monitor(**VILNIUS, gracePeriod=60)
    assert (made["schedule"], made["timezone"], made["interval"]) == ("0 12 * * *", "Europe/Vilnius", None)
    assert made["nextDeadline"] == rfc3339(START_MS + 2 * HOUR_MS + 60_000)
    assert made["status"] == "new"


async def test_the_time_zone_of_a_schedule_is_utc_unless_it_is_named(api: Api) -> None:
    assert (await api.monitor(schedule=" @daily "))["timezone"] == "UTC"
    assert (await api.monitor(schedule="0  3 * *\t*"))["schedule"] == "0 3 * * *"


async def test_the_first_spelling_takes_a_cron_rule_as_its_schedule(api: Api) -> None:
    made = await api.heartbeat(schedule="0 12 * * *", timezone="Europe/Vilnius")
    assert (made["schedule"], made["timezone"]) == ("0 12 * * *", "Europe/Vilnius")
    path = f"/api/v1/heartbeats/{made['id']}"
    changed = (await api.owner.patch(path, json={"schedule": "every 2h"})).json()
    assert (changed["schedule"], changed["timezone"]) == ("every 2h", None)
    changed = (await api.owner.patch(path, json={"schedule": "@hourly"})).json()
    assert (changed["schedule"], changed["timezone"]) == ("@hourly", "UTC")


async def test_interval_and_schedule_take_each_others_place(api: Api) -> None:
    path = f"/api/monitors/{(await api.monitor(interval=600, gracePeriod=0))['id']}"
    scheduled = (await api.owner.patch(path, json={"schedule": "@hourly"})).json()
    assert (scheduled["schedule"], scheduled["interval"]) == ("@hourly", None)
    assert scheduled["nextDeadline"] == rfc3339(START_MS + HOUR_MS)
    again = (await api.owner.patch(path, json={"interval": 90, "schedule": None})).json()
    assert (again["schedule"], again["timezone"], again["interval"]) == (None, None, 90)
    assert again["nextDeadline"] == rfc3339(START_MS + 90_000)


async def test_a_changed_schedule_counts_from_the_last_ping(api: Api, stage: Stage) -> None:
    path = f"/api/monitors/{(await api.monitor(interval=14_400, gracePeriod=3600))['id']}"
    await stage.ping(1)
    await leap(stage, 0.5 * 3600)
    changed = (await api.owner.patch(path, json={"schedule": "@hourly"})).json()
    assert changed["nextDeadline"] == rfc3339(START_MS + 2 * HOUR_MS)
    await leap(stage, 1.5 * 3600)
    # By both, the tick at 9:00 was missed.
    changed = (await api.owner.patch(path, json={"schedule": "0,15 9-17 * * *"})).json()
    assert changed["nextDeadline"] == rfc3339(START_MS + 2 * HOUR_MS)
    assert changed["status"] == "late"
    # The tick at 9:20 has passed too, but nobody could know of it.
    changed = (await api.owner.patch(path, json={"schedule": "20 * * * *"})).json()
    assert changed["nextDeadline"] == rfc3339(START_MS + 3 * HOUR_MS + 20 * 60_000)
    assert changed["status"] == "up"


@pytest.mark.parametrize(
    ("minutes", "deadline"),
    [(180, 185), (30, 65), (5, 60)],
    ids=["longer", "shorter", "shorter by far"],
)
async def test_a_changed_interval_counts_from_the_last_ping_and_never_makes_overdue(
    api: Api, stage: Stage, minutes: int, deadline: int
) -> None:
    """The example of the book: an hour and 5 minutes of grace, changed 50 minutes after the last ping."""
    path = f"/api/monitors/{(await api.monitor(interval=3600, gracePeriod=300))['id']}"
    await stage.ping(1)
    await leap(stage, 50 * 60)
    changed = (await api.owner.patch(path, json={"interval": minutes * 60})).json()
    assert changed["nextDeadline"] == rfc3339(START_MS + deadline * 60_000)
    await stage.ping(1)
    pinged = (await api.owner.get(path)).json()
    assert pinged["nextDeadline"] == rfc3339(START_MS + (50 + minutes + 5) * 60_000)


async def test_only_the_zone_of_a_schedule_can_change(api: Api) -> None:
    path = f"/api/monitors/{(await api.monitor(**VILNIUS, gracePeriod=0))['id']}"
    changed = (await api.owner.patch(path, json={"timezone": "UTC"})).json()
    assert changed["schedule"] == "0 12 * * *"
    assert changed["nextDeadline"] == rfc3339(START_MS + 4 * HOUR_MS)


async def test_no_time_zone_is_utc_in_either_spelling(api: Api) -> None:
    made = await api.monitor(**VILNIUS, gracePeriod=0)
    changed = (await api.owner.patch(f"/api/monitors/{made['id']}", json={"timezone": None})).json()
    assert (changed["schedule"], changed["timezone"]) == ("0 12 * * *", "UTC")
    assert changed["nextDeadline"] == rfc3339(START_MS + 4 * HOUR_MS)

    await api.owner.patch(f"/api/monitors/{made['id']}", json={"timezone": "Europe/Vilnius"})
    path = f"/api/v1/heartbeats/{made['id']}"
    assert (await api.owner.patch(path, json={"name": "kept"})).json()["timezone"] == "Europe/Vilnius"
    assert (await api.owner.patch(path, json={"timezone": None})).json()["timezone"] == "UTC"
    assert (await api.monitor(schedule="@daily", timezone=None))["timezone"] == "UTC"


async def test_no_time_zone_where_it_is_utc_already_changes_nothing(api: Api) -> None:
    made = await api.monitor(schedule="@daily")
    path = f"/api/monitors/{made['id']}"
    assert (await api.owner.patch(path, json={"timezone": None})).json() == made
    assert (await api.owner.get(path)).json() == made


def test_a_schedule_that_was_kept_without_a_zone_is_told_with_utc() -> None:
    assert Wishes(schedule="@daily").words == "@daily (UTC)"


async def test_a_schedule_is_taken_away_by_an_interval_and_what_is_not_there_can_be_null(api: Api) -> None:
    made = await api.monitor(schedule=None, timezone=None)
    assert (made["interval"], made["schedule"], made["timezone"]) == (60, None, None)
    path = f"/api/monitors/{made['id']}"
    assert (await api.owner.patch(path, json={"schedule": None, "timezone": None})).json() == made

    scheduled = await api.monitor(**VILNIUS)
    path = f"/api/monitors/{scheduled['id']}"
    assert (await api.owner.patch(path, json={"interval": None})).json() == scheduled
    refused = await api.owner.patch(path, json={"schedule": None})
    assert (refused.status_code, refused.json()["field"]) == (422, "schedule")
    assert "interval" in refused.json()["error"]
    assert (await api.owner.get(path)).json() == scheduled
    both = await api.owner.patch(path, json={"schedule": None, "interval": 90, "timezone": None})
    assert [both.json()[name] for name in ("interval", "schedule", "timezone")] == [90, None, None]


async def test_tolerance_is_kept_and_told(api: Api) -> None:
    asked: dict[str, Any] = {
        "maxRuntime": 900,
        "failuresBeforeAlert": 3,
        "reminderInterval": 3600,
        "armOnFirstPing": True,
    }
    made = await api.monitor(interval=60, gracePeriod=30, **asked)
    assert {name: made[name] for name in asked} == asked
    assert (made["nextDeadline"], made["status"]) == (None, "new")
    usual = {"maxRuntime": None, "reminderInterval": 0, "armOnFirstPing": False}
    changed = (await api.owner.patch(f"/api/monitors/{made['id']}", json=usual)).json()
    assert (changed["maxRuntime"], changed["reminderInterval"]) == (None, None)
    assert changed["nextDeadline"] == rfc3339(START_MS + 210_000)


async def test_three_failures_are_allowed_before_a_monitor_is_late(api: Api, stage: Stage) -> None:
    made = await api.monitor(interval=60, gracePeriod=30, failuresBeforeAlert=3)
    for second, status in ((179, "new"), (181, "late")):
        await leap(stage, second)
        assert (await api.owner.get(f"/api/monitors/{made['id']}")).json()["status"] == status


async def test_a_monitor_that_waits_for_its_first_ping_is_not_late(api: Api, stage: Stage) -> None:
    made = await api.monitor(interval=60, gracePeriod=30, armOnFirstPing=True)
    await stage.move_to(3600)
    assert (await api.owner.get(f"/api/monitors/{made['id']}")).json()["status"] == "new"
    await stage.ping(1)
    shown = (await api.owner.get(f"/api/monitors/{made['id']}")).json()
    assert (shown["status"], shown["nextDeadline"]) == ("up", rfc3339(START_MS + 3690_000))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"schedule": "0 3 * * *", "interval": 60}, "schedule"),
        ({"schedule": "0 3 * *"}, "schedule"),
        ({"schedule": "0 0 31 2 *"}, "schedule"),
        ({"schedule": 5}, "schedule"),
        ({"interval": None}, "interval"),
        ({"schedule": "@daily", "timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "Europe/Vilnius"}, "timezone"),
        ({"interval": 60, "timezone": "Europe/Vilnius"}, "timezone"),
        ({"maxRuntime": -1}, "maxRuntime"),
        ({"maxRuntime": 367 * 86_400}, "maxRuntime"),
        ({"failuresBeforeAlert": 0}, "failuresBeforeAlert"),
        ({"failuresBeforeAlert": 11}, "failuresBeforeAlert"),
        ({"reminderInterval": 59}, "reminderInterval"),
        ({"armOnFirstPing": 1}, "armOnFirstPing"),
    ],
)
async def test_what_cannot_be_is_refused_by_name_in_post_and_patch(
    api: Api, body: dict[str, Any], field: str
) -> None:
    made = await api.monitor()
    for reply in (
        await api.owner.post("/api/monitors", json={"name": "job", **body}),
        await api.owner.patch(f"/api/monitors/{made['id']}", json=body),
    ):
        assert (reply.status_code, reply.json()["field"]) == (422, field), reply.text
    assert (await api.owner.get(f"/api/monitors/{made['id']}")).json() == made


async def test_the_first_spelling_refuses_by_its_own_names(api: Api) -> None:
    for body, field in (({"schedule": "0 99 * * *"}, "schedule"), ({"timezone": "UTC"}, "timezone")):
        reply = await api.owner.post("/api/v1/heartbeats", json={"name": "job", **body})
        assert (reply.status_code, reply.json()["field"]) == (422, field)


async def test_a_schedule_is_held_to_the_shortest_interval_of_the_plan(api: Api) -> None:
    await api.put_on_plan(min_interval_s=600)
    refused = await api.owner.post("/api/monitors", json={"name": "job", "schedule": "*/5 * * * *"})
    assert (refused.status_code, refused.json()["field"]) == (422, "schedule")
    assert refused.json()["minimum"] == 600
    made = await api.monitor(schedule="*/10 * * * *")
    refused = await api.owner.patch(f"/api/monitors/{made['id']}", json={"schedule": "0,5 * * * *"})
    assert (refused.status_code, refused.json()["minimum"]) == (422, 600)


async def test_a_monitor_can_be_sent_back_as_it_was_read(api: Api) -> None:
    fields = ("name", "interval", "schedule", "timezone", "gracePeriod", "maxRuntime", "reminderInterval",
              "failuresBeforeAlert", "armOnFirstPing")  # fmt: skip
    for made in (await api.monitor(**VILNIUS), await api.monitor(interval=90)):
        body = {name: made[name] for name in fields}
        reply = await api.owner.patch(f"/api/monitors/{made['id']}", json=body)
        assert (reply.status_code, reply.json()) == (200, made)
