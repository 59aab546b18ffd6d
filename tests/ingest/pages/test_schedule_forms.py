"""Forms of schedules, tolerance and maintenance windows, as a browser without scripts sends them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.ingest.api.cast import Api, Json
from tests.ingest.pages.browsing import browsing
from tests.stage import Stage

NEW = {
    "name": "job",
    "interval": "1",
    "interval-unit": "hours",
    "gracePeriod": "5",
    "gracePeriod-unit": "minutes",
}
SCHEDULED = {**NEW, "due": "schedule", "schedule": "0 3 * * *", "timezone": "Europe/Vilnius"}
WINDOW: dict[str, Any] = {
    "name": "update",
    "kind": "once",
    "from": "2100-01-01T02:00",
    "to": "2100-01-01T04:00",
    "timezone": "Europe/Vilnius",
    "scope": "all",
    "duration": "1",
    "duration-unit": "hours",
}


async def monitors(api: Api) -> list[Json]:
    found: list[Json] = (await api.owner.get("/api/monitors")).json()["monitors"]
    return found


async def windows(api: Api) -> list[Json]:
    found: list[Json] = (await api.owner.get("/api/maintenance")).json()["maintenance"]
    return found


async def test_a_monitor_is_made_with_a_schedule_and_edited_back_to_an_interval(api: Api) -> None:
    async with browsing(api, "owner") as person:
        await person.send("/monitors/new", **SCHEDULED, failuresBeforeAlert="2", armOnFirstPing="on")
        (made,) = await monitors(api)
        edit = (await person.see(f"/monitors/{made['id']}/edit")).text
        shown = (await person.see(f"/monitors/{made['id']}")).text
        await person.send(f"/monitors/{made['id']}/edit", **{**SCHEDULED, "due": "interval"})
    assert (made["schedule"], made["timezone"]) == ("0 3 * * *", "Europe/Vilnius")
    assert (made["failuresBeforeAlert"], made["armOnFirstPing"]) == (2, True)
    assert 'id="due-schedule" checked' in edit
    assert 'value="0 3 * * *"' in edit
    assert "<code>0 3 * * *</code>" in shown
    assert "<span>2 failures in a row</span>, <span>watched after its first ping</span>" in shown
    (changed,) = await monitors(api)
    assert (changed["schedule"], changed["interval"], changed["failuresBeforeAlert"]) == (None, 3600, 1)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("schedule", "0 99 * * *"),
        ("timezone", "Mars/Olympus"),
        ("failuresBeforeAlert", "11"),
        ("maxRuntime", "x"),
        ("reminderInterval", "5000000000"),
    ],
)
async def test_what_is_wrong_is_told_beside_its_field(api: Api, field: str, typed: str) -> None:
    async with browsing(api, "owner") as person:
        reply = await person.send("/monitors/new", **{**SCHEDULED, field: typed})
    assert reply.status_code == 422
    assert f'id="{field}-said"' in reply.text
    assert f'value="{typed}"' in reply.text
    assert await monitors(api) == []


async def test_the_next_five_ticks_are_shown_in_the_zone_of_the_schedule(api: Api) -> None:
    async with browsing(api, "owner") as person:
        found = await person.see("/data/schedule?schedule=0+3+*+*+*&timezone=Asia/Tokyo")
        bad = await person.see("/data/schedule?schedule=<script>&timezone=UTC")
    assert found.text.count("<li>") == 5
    assert "03:00 JST" in found.text
    assert (bad.status_code, "<script>" in bad.text) == (200, False)
    assert "five fields" in bad.text


async def test_a_window_is_made_at_the_clock_of_its_zone_edited_and_deleted(api: Api) -> None:
    async with browsing(api, "owner") as person:
        reply = await person.send("/maintenance", **WINDOW)
        (made,) = await windows(api)
        form = (await person.see(f"/maintenance/{made['id']}")).text
        weekly = {
            "kind": "weekly",
            "weekdays": ["mon", "tue"],
            "start": "01:00",
            "scope": "some",
            "tags": "db",
        }
        await person.send(f"/maintenance/{made['id']}", **{**WINDOW, **weekly})
        (changed,) = await windows(api)
        listed = (await person.see("/maintenance")).text
        question = (await person.see(f"/maintenance/{made['id']}/delete")).text
        await person.send(f"/maintenance/{made['id']}/delete")
    assert reply.headers["location"] == "/maintenance?said=made"
    assert (made["from"], made["wholeOrganisation"]) == ("2100-01-01T00:00:00.000Z", True)
    assert 'value="2100-01-01T00:00:00"' in form
    assert (changed["kind"], changed["weekdays"], changed["tags"]) == ("weekly", ["mon", "tue"], ["db"])
    assert "Mon, Tue at 01:00 for 1 h" in listed
    assert "Delete the maintenance window" in question
    assert await windows(api) == []


async def test_the_seconds_of_a_window_outlive_a_change_by_its_form(api: Api) -> None:
    moments = {"from": "2100-01-01T00:00:07.000Z", "to": "2100-01-01T01:00:59.000Z"}
    made = (await api.owner.post("/api/maintenance", json={"name": "x", **moments})).json()
    async with browsing(api, "owner") as person:
        form = (await person.see(f"/maintenance/{made['id']}")).text
        typed = dict(re.findall(r'name="(from|to)" type="datetime-local" value="([^"]*)" step="1"', form))
        await person.send(f"/maintenance/{made['id']}", **{**WINDOW, "timezone": "UTC", **typed})
    (changed,) = await windows(api)
    assert {name: changed[name] for name in moments} == moments


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"from": "soon"}, "from"),
        ({"to": "2099-01-01T00:00"}, "to"),
        ({"timezone": "Mars"}, "timezone"),
        ({"kind": "weekly", "start": "01:00"}, "weekdays"),
        ({"kind": "cron", "cron": "x"}, "cron"),
        ({"kind": "cron", "cron": "@daily", "duration": "1", "duration-unit": "seconds"}, "duration"),
        ({"scope": "some"}, "tags"),
        ({"scope": "some", "monitors": "nobody"}, "monitors"),
        ({"name": ""}, "name"),
    ],
)
async def test_a_window_that_cannot_be_is_told_beside_its_field(
    api: Api, changed: dict[str, str], field: str
) -> None:
    async with browsing(api, "owner") as person:
        reply = await person.send("/maintenance", **{**WINDOW, **changed})
    assert (reply.status_code, f'id="{field}-said"' in reply.text) == (422, True), reply.text[-6000:]
    assert await windows(api) == []


async def test_a_monitor_in_maintenance_says_so_and_leads_to_a_window_of_its_own(api: Api) -> None:
    monitor = await api.monitor()
    await api.owner.post("/api/maintenance", json={"name": "x", "cron": "0 8 * * *", "duration": 3600})
    async with browsing(api, "owner") as person:
        shown = (await person.see(f"/monitors/{monitor['id']}")).text
        form = (await person.see(f"/maintenance?monitor={monitor['id']}")).text
    assert "nobody is told of what goes wrong until" in shown
    assert f'href="/maintenance?monitor={monitor["id"]}"' in shown
    assert f'value="{monitor["id"]}" checked' in form


async def test_the_fleet_shows_schedules_and_who_waits_for_a_first_ping(api: Api, stage: Stage) -> None:
    await api.monitor(name="nightly", schedule="0 3 * * *")
    await api.monitor(name="patient", interval=60, gracePeriod=0, armOnFirstPing=True)
    await stage.move_to(3600)
    await stage.redis.delete(stage.shard.keys.blind)
    async with browsing(api, "owner") as person:
        shown = (await person.see("/")).text
        now = (await person.see("/data/fleet")).json()
    assert "0 3 * * *" in shown
    assert now["counts"]["new"] == 2
    assert {row["deadlineMs"] == 0 for row in now["rows"]} == {True, False}


async def test_who_may_only_read_sees_windows_and_no_forms(api: Api) -> None:
    await api.owner.post("/api/maintenance", json={"name": "seen", "cron": "@daily", "duration": 60})
    async with browsing(api, "reader") as person:
        shown = (await person.see("/maintenance")).text
        refused = await person.send("/maintenance", **WINDOW)
    assert "seen" in shown
    assert 'action="/maintenance"' not in shown
    assert refused.status_code == 403
