"""The form of a new monitor."""

from __future__ import annotations

from html import unescape

import pytest

from tests.ingest.api.cast import Api
from tests.ingest.pages.looking import Looker, text_of

FORM = {
    "name": "Nightly backup",
    "interval": "2",
    "interval-unit": "hours",
    "gracePeriod": "10",
    "gracePeriod-unit": "minutes",
    "tags": " prod, , eu ,prod",
}


async def test_a_monitor_is_made_as_it_was_typed_and_its_page_is_shown(api: Api, owner: Looker) -> None:
    reply = await owner.send("/monitors/new", **FORM)

    (made,) = (await api.owner.get("/api/monitors")).json()["monitors"]
    assert (reply.status_code, reply.headers["location"]) == (303, f"/monitors/{made['id']}?said=created")
    told = {name: made[name] for name in ("name", "interval", "gracePeriod", "tags")}
    assert told == {
        "name": "Nightly backup",
        "interval": 7200,
        "gracePeriod": 600,
        "tags": ["prod", "eu"],
    }


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"interval": "often"}, "interval"),
        ({"interval": "-1"}, "interval"),
        ({"interval": "0"}, "interval"),
        ({"interval": "900000000", "interval-unit": "days"}, "interval"),
        ({"interval-unit": "years"}, "interval"),
        ({"gracePeriod": ""}, "gracePeriod"),
        ({"gracePeriod": "367", "gracePeriod-unit": "days"}, "gracePeriod"),
        ({"tags": "x" * 51}, "tags"),
        ({"tags": ",".join(map(str, range(21)))}, "tags"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_is_kept(
    api: Api, owner: Looker, changed: dict[str, str], field: str
) -> None:
    reply = await owner.send("/monitors/new", **{**FORM, "name": "<kept>", **changed})

    assert reply.status_code == 422
    assert f'class="error" id="{field}-said"' in reply.text
    if "name" not in changed:
        assert 'value="<kept>"' in unescape(reply.text)
    assert (await api.owner.get("/api/monitors")).json()["monitors"] == []


async def test_a_plan_is_said_where_it_is_in_the_way(api: Api, owner: Looker) -> None:
    await api.put_on_plan(min_interval_s=7200, monitors=1)

    assert 'value="2"' in await owner.page("/monitors/new"), "the form begins with what the plan allows"
    refused = await owner.send("/monitors/new", **{**FORM, "interval": "1"})
    assert 'class="error" id="interval-said"' in refused.text
    assert (await owner.send("/monitors/new", **FORM)).status_code == 303
    full = await owner.send("/monitors/new", **FORM)
    assert full.status_code == 403
    assert "has room for 1 monitors" in text_of(full.text)


async def test_who_may_only_read_can_make_none(api: Api, reader: Looker) -> None:
    assert (await reader.get("/monitors/new")).status_code == 403
    assert (await reader.send("/monitors/new", **FORM)).status_code == 403
    assert (await api.owner.get("/api/monitors")).json()["monitors"] == []
