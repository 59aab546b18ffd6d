"""Maintenance windows over the API; that they silence is shown where the keeper carries them to Redis."""

from __future__ import annotations

from typing import Any

import pytest

from store.timestamps import rfc3339
from tests.ingest.api.cast import Api, Json
from tests.stage import START_MS

HOUR_MS = 3_600_000
NIGHTLY: Json = {"name": "backup", "cron": "0 2 * * *", "duration": 3600}
# The time is 8:00 on the stage, by which silence is judged, whatever it is on this machine.
NOW: Json = {"name": "update", "cron": "0 8 * * *", "duration": 3600}
ONCE: Json = {"name": "move", "from": "2100-01-01T00:00:00.000Z", "to": "2100-01-02T00:00:00.000Z"}
UNTIL = {"until": rfc3339(START_MS + HOUR_MS)}


async def a_window(api: Api, **body: Any) -> Json:
    reply = await api.owner.post("/api/maintenance", json=body)
    assert reply.status_code == 201, reply.text
    made: Json = reply.json()
    assert (await api.owner.get(f"/api/maintenance/{made['id']}")).json() == made
    return made


async def test_a_window_comes_once_weekly_or_by_a_cron_rule(api: Api) -> None:
    once = await a_window(api, **ONCE)
    weekly = {"weekdays": ["sun", "mon"], "start": "22:30", "duration": 7200, "timezone": "Europe/Vilnius"}
    weekly_made = await a_window(api, name="patch day", **weekly)
    cron = await a_window(api, **NIGHTLY)
    assert once["next"] == {"from": ONCE["from"], "to": ONCE["to"]}
    assert (once["kind"], once["from"], once["to"]) == ("once", ONCE["from"], ONCE["to"])
    assert (weekly_made["kind"], weekly_made["weekdays"]) == ("weekly", ["mon", "sun"])
    assert (cron["kind"], cron["cron"], cron["timezone"], cron["start"]) == ("cron", "0 2 * * *", "UTC", None)
    assert [one["wholeOrganisation"] for one in (once, weekly_made, cron)] == [True] * 3
    listed = (await api.owner.get("/api/maintenance")).json()
    assert listed == {"maintenance": [once, weekly_made, cron], "nextCursor": None}


async def test_a_monitor_says_that_it_is_in_maintenance_and_until_when(api: Api) -> None:
    tagged, named, other = await api.monitor(tags=["db"]), await api.monitor(), await api.monitor()
    await a_window(api, **NOW, tags=["db"], monitors=[named["id"]])
    listed = (await api.owner.get("/api/monitors")).json()["monitors"]
    told = {one["id"]: one["maintenance"] for one in listed}
    assert told[tagged["id"]] == told[named["id"]] == UNTIL
    assert told[other["id"]] is None


async def test_of_windows_that_follow_each_other_the_end_of_the_last_is_told(api: Api) -> None:
    monitor = await api.monitor()
    await a_window(api, **NOW)
    await a_window(api, name="more", weekdays=["fri"], start="09:00", duration=3600)
    shown = (await api.owner.get(f"/api/monitors/{monitor['id']}")).json()
    assert shown["maintenance"] == {"until": rfc3339(START_MS + 2 * HOUR_MS)}


async def test_a_change_keeps_what_is_left_out_and_may_make_it_another_kind(api: Api) -> None:
    made = await a_window(api, **NIGHTLY, tags=["db"])
    path = f"/api/maintenance/{made['id']}"
    longer = (await api.owner.patch(path, json={"duration": 7200})).json()
    assert (longer["cron"], longer["duration"], longer["tags"]) == ("0 2 * * *", 7200, ["db"])
    weekly = {"weekdays": ["tue"], "start": "01:00", "duration": 60}
    other = (await api.owner.patch(path, json=weekly)).json()
    assert (other["kind"], other["cron"], other["weekdays"]) == ("weekly", None, ["tue"])
    everybody = (await api.owner.patch(path, json={"tags": None})).json()
    assert (everybody["wholeOrganisation"], everybody["start"]) == (True, "01:00")


async def test_from_and_to_are_texts_or_numbers_of_unix_seconds(api: Api) -> None:
    for begin, end in (("4102444800", "4102531200"), (4_102_444_800, 4_102_531_200)):
        made = await a_window(api, name="move", **{"from": begin, "to": end})
        assert (made["from"], made["to"]) == (ONCE["from"], ONCE["to"])


async def test_between_weekly_and_cron_duration_and_time_zone_stay(api: Api) -> None:
    made = await a_window(api, **NIGHTLY, timezone="Europe/Vilnius")
    path = f"/api/maintenance/{made['id']}"
    weekly = (await api.owner.patch(path, json={"weekdays": ["tue"], "start": "01:00"})).json()
    assert (weekly["kind"], weekly["duration"], weekly["timezone"]) == ("weekly", 3600, "Europe/Vilnius")
    assert (await api.owner.patch(path, json={"timezone": None})).json()["timezone"] == "UTC"
    once = (await api.owner.patch(path, json={"from": ONCE["from"], "to": ONCE["to"]})).json()
    assert (once["kind"], once["duration"], once["timezone"]) == ("once", None, None)


async def test_a_window_can_be_sent_back_as_it_was_read(api: Api) -> None:
    weekly = {"weekdays": ["sun"], "start": "22:30", "duration": 7200, "timezone": "Europe/Vilnius"}
    for body in (ONCE, NIGHTLY, {"name": "patch day", **weekly}):
        made = await a_window(api, **body)
        known = (
            "name",
            "from",
            "to",
            "weekdays",
            "start",
            "cron",
            "duration",
            "timezone",
            "tags",
            "monitors",
        )
        sent = {name: made[name] for name in known}
        reply = await api.owner.patch(f"/api/maintenance/{made['id']}", json=sent)
        assert (reply.status_code, reply.json()) == (200, made)


@pytest.mark.parametrize(
    ("former", "body", "field", "word"),
    [
        (NIGHTLY, {"from": ONCE["from"]}, "to", "once needs `to`"),
        (NIGHTLY, {"to": ONCE["to"]}, "from", "once needs `from`"),
        (NIGHTLY, {"weekdays": ["tue"]}, "start", "weekly window needs `start`"),
        (NIGHTLY, {"start": "02:00"}, "weekdays", "weekly window needs `weekdays`"),
        (NIGHTLY, {"cron": None}, "cron", "cron rule needs `cron`"),
        (NIGHTLY, {"duration": None}, "duration", "cron rule needs `duration`"),
        (NIGHTLY, {"cron": "@daily", "start": "02:00"}, "cron", "mixes"),
        (NIGHTLY, {"from": ONCE["from"], "to": ONCE["to"], "duration": 60}, "duration", "has no `duration`"),
        (ONCE, {"duration": 60}, "duration", "has no `duration`"),
        (ONCE, {"timezone": "Europe/Vilnius"}, "timezone", "has no `timezone`"),
        (ONCE, {"cron": "@daily"}, "duration", "cron rule needs `duration`"),
        (ONCE, {"to": None}, "to", "once needs `to`"),
    ],
)
async def test_a_change_that_cannot_be_says_what_the_kind_needs(
    api: Api, former: Json, body: Json, field: str, word: str
) -> None:
    made = await a_window(api, **former)
    reply = await api.owner.patch(f"/api/maintenance/{made['id']}", json=body)
    assert (reply.status_code, reply.json()["field"]) == (422, field), reply.text
    assert word in reply.json()["error"]
    assert (await api.owner.get(f"/api/maintenance/{made['id']}")).json() == made


async def test_a_window_whose_monitors_are_all_gone_silences_nobody_else(api: Api) -> None:
    gone, other = await api.monitor(), await api.monitor()
    made = await a_window(api, **NOW, monitors=[gone["id"]])
    await api.owner.delete(f"/api/monitors/{gone['id']}")
    path = f"/api/maintenance/{made['id']}"
    shown = (await api.owner.patch(path, json={"name": "still for nobody"})).json()
    assert (shown["wholeOrganisation"], shown["monitors"]) == (False, [])
    assert (await api.owner.get(f"/api/monitors/{other['id']}")).json()["maintenance"] is None


async def test_a_window_that_is_deleted_is_gone(api: Api) -> None:
    monitor = await api.monitor()
    path = f"/api/maintenance/{(await a_window(api, **NOW))['id']}"
    assert (await api.owner.delete(path)).status_code == 204
    assert (await api.owner.get(path)).status_code == 404
    assert (await api.owner.get(f"/api/monitors/{monitor['id']}")).json()["maintenance"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "from"),
        ({"from": ONCE["from"]}, "to"),
        ({"from": "yesterday", "to": ONCE["to"]}, "from"),
        ({"from": ONCE["to"], "to": ONCE["from"]}, "to"),
        ({"from": "2020-01-01T00:00:00Z", "to": "2020-01-01T01:00:00Z"}, "to"),
        ({"from": ONCE["from"], "to": ONCE["to"], "duration": 60}, "duration"),
        ({"from": ONCE["from"], "to": ONCE["to"], "cron": "@daily"}, "cron"),
        ({"from": ONCE["from"], "to": ONCE["to"], "timezone": "Europe/Vilnius"}, "timezone"),
        ({"from": -1, "to": 4_102_444_800}, "from"),
        ({"from": 4_102_444_800, "to": 2**64}, "to"),
        ({"from": 4_102_444_800.5, "to": ONCE["to"]}, "from"),
        ({"cron": "@daily"}, "duration"),
        ({"cron": "@daily", "duration": None}, "duration"),
        ({"cron": "@daily", "duration": 30}, "duration"),
        ({"cron": "0 0 31 2 *", "duration": 60}, "cron"),
        ({"cron": "@daily", "duration": 60, "timezone": "Mars"}, "timezone"),
        ({"weekdays": ["mon"], "duration": 60}, "start"),
        ({"start": "02:00", "duration": 60}, "weekdays"),
        ({"weekdays": [], "start": "02:00", "duration": 60}, "weekdays"),
        ({"weekdays": ["mon"], "start": "2 am", "duration": 60}, "start"),
        ({**NIGHTLY, "tags": [""]}, "tags"),
        ({**NIGHTLY, "monitors": ["6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77"]}, "monitors"),
        ({**NIGHTLY, "monitors": ["nobody"]}, "monitors"),
        ({**NIGHTLY, "name": ""}, "name"),
        ({**NIGHTLY, "colour": "red"}, "colour"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(api: Api, body: Json, field: str) -> None:
    reply = await api.owner.post("/api/maintenance", json={"name": "window", **body})
    assert (reply.status_code, reply.json()["field"]) == (422, field), reply.text
    assert (await api.owner.get("/api/maintenance")).json()["maintenance"] == []


async def test_too_many_tags_are_told_apart_from_too_many_monitors(api: Api) -> None:
    tags = [f"t{number}" for number in range(1001)]
    made = await a_window(api, **NIGHTLY)
    for reply in (
        await api.owner.post("/api/maintenance", json={"name": "x", **NIGHTLY, "tags": tags}),
        await api.owner.patch(f"/api/maintenance/{made['id']}", json={"tags": tags}),
    ):
        assert (reply.status_code, reply.json()["field"]) == (422, "tags")
    monitors = [made["id"]] * 1000
    body = {"name": "x", **NIGHTLY, "tags": ["t"], "monitors": monitors}
    assert (await api.owner.post("/api/maintenance", json=body)).json()["field"] == "monitors"


async def test_a_window_that_is_over_can_still_be_renamed(api: Api) -> None:
    made = await a_window(api, **NOW)
    async with api.book.write() as tx:
        await tx.execute("""UPDATE maintenance SET times = '{"type": "once", "from_s": 1, "to_s": 2}'""")
    shown = (await api.owner.patch(f"/api/maintenance/{made['id']}", json={"name": "long ago"})).json()
    assert (shown["name"], shown["next"], shown["isOn"]) == ("long ago", None, False)
