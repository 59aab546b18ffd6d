"""Forms of a monitor's page: what they change, what they refuse, and that they keep what was typed."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from tests.ingest.api.cast import Api, Json
from tests.ingest.pages.browsing import Person, browsing
from tests.ingest.pages.test_monitor import number_of
from tests.store.book.test_sample_reader import Samples

EDIT = {"name": "new name", "interval": "5", "interval-unit": "minutes", "gracePeriod": "30", "tags": "a, b,"}


async def shown(api: Api, monitor: Json) -> Json:
    found: Json = (await api.owner.get(f"/api/monitors/{monitor['id']}")).json()
    return found


async def test_an_edit_is_in_force_at_once(api: Api) -> None:
    monitor = await api.monitor(interval=7200)
    async with browsing(api, "owner") as person:
        before = (await person.see(f"/monitors/{monitor['id']}/edit")).text
        reply = await person.send(f"/monitors/{monitor['id']}/edit", **EDIT)
    assert 'value="2" required' in before
    assert "<option selected>hours</option>" in before
    assert reply.headers["location"] == f"/monitors/{monitor['id']}?said=changed"
    found = await shown(api, monitor)
    assert [found[name] for name in ("name", "interval", "gracePeriod", "tags")] == [
        "new name",
        300,
        30,
        ["a", "b"],
    ]


async def test_the_channels_that_a_monitor_tells_are_chosen_in_its_form(api: Api) -> None:
    monitor, usual, other = (
        await api.monitor(),
        await api.channel(name="usual"),
        await api.channel(name="other"),
    )
    path = f"/monitors/{monitor['id']}"

    async with browsing(api, "owner") as person:
        await person.send(f"{path}/edit", **EDIT, channels=other["id"])
        named = (await api.owner.get(f"/api{path}")).json()["channels"]
        form = (await person.see(f"{path}/edit")).text
        refused = await person.send(f"{path}/edit", **{**EDIT, "name": ""}, channels=usual["id"])
        await person.send(f"{path}/edit", **EDIT)
        none = (await api.owner.get(f"/api{path}")).json()["channels"]

    assert (named, none) == ([other["id"]], None)
    assert f'value="{other["id"]}" checked' in form
    assert f'value="{usual["id"]}">' in form
    assert f'value="{usual["id"]}" checked' in refused.text


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("name", "x" * 201),
        ("interval", "0"),
        ("interval", "1.5"),
        ("interval", "9999999999"),
        ("gracePeriod", "-1"),
        ("gracePeriod", "99999999999999999999"),
        ("interval-unit", "years"),
        ("tags", "x" * 51),
    ],
)
async def test_a_bad_edit_is_told_beside_its_field_and_changes_nothing(
    api: Api, field: str, typed: str
) -> None:
    monitor = await api.monitor(name="as it was")
    async with browsing(api, "owner") as person:
        reply = await person.send(f"/monitors/{monitor['id']}/edit", **{**EDIT, field: typed})
    assert reply.status_code == 422
    assert f'id="{field.removesuffix("-unit")}-said"' in reply.text
    assert 'aria-invalid="true"' in reply.text
    assert 'value="a, b,"' in reply.text or field == "tags"
    assert (await shown(api, monitor))["name"] == "as it was"


async def test_pause_resume_and_delete(api: Api) -> None:
    monitor = await api.monitor()
    async with browsing(api, "owner") as person:
        await person.send(f"/monitors/{monitor['id']}/pause")
        assert (await shown(api, monitor))["status"] == "paused"
        await person.send(f"/monitors/{monitor['id']}/resume")
        assert (await shown(api, monitor))["status"] == "new"
        assert "Delete job?" in (await person.see(f"/monitors/{monitor['id']}/delete")).text
        reply = await person.send(f"/monitors/{monitor['id']}/delete")
        assert reply.headers["location"] == "/?said=delete&n=1"
        assert (await person.see(f"/monitors/{monitor['id']}")).status_code == 404


async def alert(api: Api, person: Person, monitor: Json, **changed: str) -> Any:
    """The form, filled in well but for what is changed."""
    fields = {"metricKey": "rows", "operator": ">", "threshold": "5", "consecutiveTriggers": "3"}
    return await person.send(f"/monitors/{monitor['id']}/alerts", **{**fields, **changed})


async def alerts_of(api: Api, monitor: Json) -> list[Json]:
    found: list[Json] = (await api.owner.get(f"/api/monitors/{monitor['id']}/metric-alerts")).json()[
        "metricAlerts"
    ]
    return found


@pytest.mark.parametrize(
    ("key", "operator", "typed", "threshold"),
    [
        ("rows", ">=", "1e3", 1000.0),
        ("rows", "=", "5", 5.0),
        ("rows", "!=", "complete", "complete"),
        ("state", "=", "5", "5"),
        (" state ", "=", "ok", "ok"),
    ],
)
async def test_a_threshold_is_a_number_or_a_text_as_the_metric_is(
    api: Api, key: str, operator: str, typed: str, threshold: float | str
) -> None:
    monitor, channel = await api.monitor(), await api.channel()
    samples = Samples(api.settings.data / "history.db")
    with closing(samples.history):
        samples.add((0, "ok"), monitor_id=await number_of(api, monitor), key="state")
    async with browsing(api, "owner") as person:
        asked = {"metricKey": key, "operator": operator, "threshold": typed, "channelId": channel["id"]}
        reply = await alert(api, person, monitor, **asked)
        assert reply.status_code == 303, reply.text
        (made,) = await alerts_of(api, monitor)
        assert (made["metricKey"], made["threshold"], made["consecutiveTriggers"]) == (
            key.strip(),
            threshold,
            3,
        )
        await person.send(f"/monitors/{monitor['id']}/alerts/{made['id']}/delete")
    assert await alerts_of(api, monitor) == []


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("metricKey", " "),
        ("operator", "~"),
        ("threshold", ""),
        ("threshold", "many"),
        ("threshold", "1e999"),
        ("threshold", "nan"),
        ("channelId", ""),
        ("channelId", "0c2b1a1e-0000-4000-8000-000000000000"),
        ("consecutiveTriggers", "0"),
        ("consecutiveTriggers", "x"),
    ],
)
async def test_a_bad_alert_is_told_beside_its_field(api: Api, field: str, typed: str) -> None:
    monitor, channel = await api.monitor(), await api.channel()
    async with browsing(api, "owner") as person:
        reply = await alert(api, person, monitor, **{"channelId": channel["id"], field: typed})
    assert reply.status_code == 422
    assert f'id="{field}-said"' in reply.text
    assert 'value="rows"' in reply.text or field == "metricKey"
    assert await alerts_of(api, monitor) == []


async def test_without_a_channel_the_way_to_one_is_shown(api: Api) -> None:
    monitor = await api.monitor()
    async with browsing(api, "owner") as person:
        page = (await person.see(f"/monitors/{monitor['id']}")).text
    assert 'There is no channel yet that could be told. <a href="/channels">' in page
    assert "New alert" not in page
