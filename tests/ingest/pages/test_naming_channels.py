"""Which channels a monitor names, as the forms of a new and of an edited monitor say it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from tests.ingest.api.cast import Api, Json
from tests.ingest.pages.looking import Looker, text_of

FORM = {"name": "job", "interval": "1", "interval-unit": "hours", "gracePeriod": "5"}
_OFFERED = re.compile(r'name="channels" value="([^"]+)"( checked)?>')


def offered(page: str) -> dict[str, bool]:
    """The channels that a form offers, and whether each is chosen."""
    return {id_: bool(checked) for id_, checked in _OFFERED.findall(page)}


async def named(api: Api) -> Sequence[str] | None:
    """The channels that the only monitor names."""
    (monitor,) = (await api.owner.get("/api/monitors")).json()["monitors"]
    found: Sequence[str] | None = monitor["channels"]
    return found


async def made(api: Api, name: str, **more: object) -> Json:
    body = {"type": "webhook", "name": name, "url": "https://example.org", **more}
    channel: Json = (await api.owner.post("/api/channels", json=body)).json()
    return channel


async def test_a_monitor_names_what_its_forms_say_and_none_means_the_default_ones(
    api: Api, owner: Looker
) -> None:
    day, night = await made(api, "day"), await made(api, "night", isDefault=False)
    first = await owner.page("/")
    assert offered(first) == {day["id"]: False, night["id"]: False}
    assert "If none is chosen, the default ones are told: day ." in text_of(first)

    sent = await owner.send("/monitors/new", **FORM, channels=[night["id"], day["id"]])
    page = sent.headers["location"].partition("?")[0]
    assert await named(api) == [night["id"], day["id"]]
    await owner.send(f"{page}/edit", **FORM, channels=night["id"])
    assert await named(api) == [night["id"]]
    assert offered(await owner.page(f"{page}/edit")) == {day["id"]: False, night["id"]: True}
    await owner.send(f"{page}/edit", **FORM)
    assert await named(api) is None


@pytest.mark.parametrize("wrong", ["nobody", "0c2b1a1e-0000-4000-8000-000000000000"])
async def test_a_channel_that_is_not_there_is_told_beside_the_others_and_the_choice_is_kept(
    api: Api, owner: Looker, wrong: str
) -> None:
    day = await made(api, "day")
    reply = await owner.send("/monitors/new", **FORM, channels=[day["id"], wrong])
    assert (reply.status_code, reply.text.count('id="channels-said"')) == (422, 1), reply.text
    assert offered(reply.text) == {day["id"]: True}
    assert (await api.owner.get("/api/monitors")).json()["monitors"] == []


async def test_channels_of_others_are_neither_offered_nor_taken(api: Api, owner: Looker) -> None:
    body = {"type": "webhook", "name": "theirs", "url": "https://example.org"}
    theirs = (await api.stranger.post("/api/channels", json=body)).json()
    assert "theirs" not in await owner.page("/monitors/new")
    assert (await owner.send("/monitors/new", **FORM, channels=theirs["id"])).status_code == 422


async def test_where_nobody_could_be_told_the_form_says_so(api: Api, owner: Looker) -> None:
    assert "so nobody will be told" in text_of(await owner.page("/monitors/new"))
    await made(api, "night", isDefault=False)
    assert "If none is chosen, nobody is told" in text_of(await owner.page("/monitors/new"))


async def test_a_fleet_of_which_nobody_is_told_says_so_and_leads_to_the_channels(
    api: Api, owner: Looker
) -> None:
    await api.monitor()
    mute = 'there is no channel yet. <a href="/channels">Make one</a>'
    assert mute in await owner.page("/")
    await made(api, "day")
    assert mute not in await owner.page("/")
