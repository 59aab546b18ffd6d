"""The monitors of a maintenance window, as its form lets people choose or type them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ingest.pages import window_monitors
from tests.ingest.api.cast import Api
from tests.ingest.pages.looking import Looker
from tests.ingest.pages.test_schedule_forms import WINDOW, windows

SOME: dict[str, Any] = {**WINDOW, "scope": "some", "tags": ""}


async def test_monitors_are_chosen_by_their_names(api: Api, owner: Looker) -> None:
    first, second = await api.monitor(name="z <b>"), await api.monitor(name="Database")
    page = await owner.page("/maintenance")
    assert page.index(second["id"]) < page.index(first["id"]), "in the order of their names"
    assert "<span>z &lt;b&gt;</span>" in page

    await owner.send("/maintenance", **SOME, monitors=[first["id"], second["id"]])
    (made,) = await windows(api)
    assert set(made["monitors"]) == {first["id"], second["id"]}
    await owner.send(f"/maintenance/{made['id']}", **SOME, monitors=second["id"])
    assert (await windows(api))[0]["monitors"] == [second["id"]]
    form = await owner.page(f"/maintenance/{made['id']}")
    assert f'value="{second["id"]}" checked' in form
    assert f'value="{first["id"]}">' in form


async def test_of_a_large_fleet_names_or_ids_are_typed(
    api: Api, owner: Looker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_monitors, "MOST_OFFERED", 2)
    one, two, three = [await api.monitor(name=name) for name in ("the first, of all", "second", "third")]
    typed = f"the first, of all\r\n\r\n{two['id']} {three['id']}\r\n"
    await owner.send("/maintenance", **SOME, monitors=typed)
    (made,) = await windows(api)
    assert set(made["monitors"]) == {one["id"], two["id"], three["id"]}
    assert f"{two['id']}\n" in await owner.page(f"/maintenance/{made['id']}")


@pytest.mark.parametrize("typed", ["nobody", "twice", "theirs", "0c2b1a1e-0000-4000-8000-000000000000"])
async def test_a_name_that_means_no_monitor_or_several_is_told_beside_the_field(
    api: Api, owner: Looker, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(window_monitors, "MOST_OFFERED", 1)
    await api.monitor(name="twice")
    await api.monitor(name="twice")
    await api.stranger.post("/api/monitors", json={"name": "theirs"})
    reply = await owner.send("/maintenance", **SOME, monitors=typed)
    assert (reply.status_code, reply.text.count('class="error" id="monitors-said"')) == (422, 1)
    assert f">{typed}</textarea>" in reply.text
    assert await windows(api) == []


@pytest.mark.parametrize("scope", [{}, {"scope": ""}, {"scope": "none"}], ids=str)
async def test_a_window_that_does_not_say_for_whom_is_not_one_for_all(
    api: Api, owner: Looker, scope: dict[str, str]
) -> None:
    fields = {name: value for name, value in WINDOW.items() if name != "scope"}
    reply = await owner.send("/maintenance", **fields, **scope)
    assert (reply.status_code, reply.text.count('role="alert"')) == (422, 1)
    assert not re.search(r'name="scope"[^>]* checked', reply.text)
    assert await windows(api) == []
