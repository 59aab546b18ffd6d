"""The fleet page and what its script asks for."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.pages import choosing
from tests.ingest.api.cast import Api
from tests.ingest.pages.looking import Looker, text_of
from tests.stage import START_MS, Stage
from tests.store.book.test_history_reader import Recorder

HOUR_MS = 3_600_000


async def id_of(api: Api, public_id: str) -> int:
    (row,) = await api.book.rows("SELECT id FROM monitors WHERE public_id = ?", (public_id,))
    return int(row["id"])


async def one_of_each(api: Api, stage: Stage) -> dict[str, int]:
    """Five monitors, called what they are 70 s after the start; their ids."""
    asked: dict[str, dict[str, Any]] = {
        "down": {"interval": 10, "gracePeriod": 0, "tags": ["a", "x"]},
        "late": {"interval": 60, "gracePeriod": 600, "tags": ["b"]},
        "new": {"interval": 3600, "tags": ["a"]},
        "up": {"interval": 3600},
        "paused": {"interval": 3600},
    }
    made = {name: await api.monitor(name=f"is {name}", **fields) for name, fields in asked.items()}
    ids = {name: await id_of(api, one["id"]) for name, one in made.items()}
    await api.owner.post(f"/api/monitors/{made['paused']['id']}/pause")
    await stage.ping(ids["up"], ids["late"])
    await stage.listen(70)
    await stage.sweep()
    return ids


async def test_every_state_is_counted_shown_worst_first_and_told_by_how_much(
    api: Api, stage: Stage, owner: Looker
) -> None:
    await one_of_each(api, stage)

    assert await owner.names() == ["is down", "is late", "is new", "is up", "is paused"]
    said = text_of(await owner.page())
    assert "All 5 Down 1 Late 1 New 1 Up 1 Paused 1" in said
    assert "down for 1 min" in said
    assert "late by 10 s down in 9 min" in said
    assert "1 down · Monitors" in said


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?status=down", ["down"]),
        ("?status=up,late", ["late", "up"]),
        ("?tag=a", ["down", "new"]),
        ("?tag=a&status=new", ["new"]),
        ("?tag=none", []),
        ("?q=S%20P", ["paused"]),
        ("?sort=-state", ["paused", "up", "new", "late", "down"]),
        ("?sort=name", ["down", "late", "new", "paused", "up"]),
        ("?sort=age", ["paused", "up", "new", "late", "down"]),
        ("?sort=ping", ["late", "up", "down", "new", "paused"]),
        ("?sort=deadline", ["late", "new", "up", "down", "paused"]),
        ("?sort=-age&page=7", ["down", "late", "new", "up", "paused"]),
    ],
)
async def test_a_fleet_is_filtered_and_sorted(
    api: Api, stage: Stage, owner: Looker, query: str, found: list[str]
) -> None:
    await one_of_each(api, stage)

    assert await owner.names(query) == [f"is {word}" for word in found]


async def test_counts_are_of_what_was_searched_for_and_nothing_found_says_so(
    api: Api, stage: Stage, owner: Looker
) -> None:
    await one_of_each(api, stage)

    assert "All 2 Down 1 Late 0 New 1" in text_of(await owner.page("/?tag=a&status=down"))
    said = text_of(await owner.page("/?q=nowhere&status=up"))
    assert "No monitor has nowhere in its name and is up ." in said.replace("up.", "up .")
    assert "Show all monitors" in said


@pytest.mark.parametrize("query", ["?status=broken", "?sort=size", "?page=0", "?page=x"])
async def test_a_view_that_is_none_is_refused(owner: Looker, query: str) -> None:
    assert (await owner.get(f"/{query}")).status_code == 422
    assert (await owner.get(f"/data/fleet{query}")).status_code == 422


async def test_pages_follow_each_other(api: Api, owner: Looker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "PAGE_SIZE", 2)
    for number in range(5):
        await api.monitor(name=f"job {number}")

    assert await owner.names("?page=2") == ["job 2", "job 3"]
    assert "3\u20134 of 5" in text_of(await owner.page("/?page=2"))
    assert await owner.names("?page=3") == ["job 4"]
    assert 'href="/?page=3"' in await owner.page("/?page=2")


async def test_nobody_sees_the_fleet_of_another_organisation(api: Api, stranger: Looker) -> None:
    await api.monitor(name="planted", tags=["planted-tag"])

    assert "planted" not in await stranger.page()
    assert await stranger.names("?tag=planted-tag") == []
    assert (await stranger.now())["found"] == 0


async def test_who_may_only_read_sees_no_forms_and_no_ping_urls(
    api: Api, owner: Looker, reader: Looker
) -> None:
    assert "may write can make one" in text_of(await reader.page())
    made = await api.monitor()

    shown = await reader.page()

    assert "checkbox" not in shown
    assert "/monitors/new" not in shown
    assert "checkbox" in await owner.page()
    assert made["pingUrl"] not in shown


async def test_names_and_tags_are_texts_whatever_they_look_like(api: Api, owner: Looker) -> None:
    hostile = """"'><script>alert(1)</script>{{ 7*7 }}"""
    await api.monitor(name=hostile, tags=[hostile[:50]])

    assert await owner.names() == [hostile]
    assert "<script>alert" not in await owner.page()
    assert "<script>alert" not in await owner.page("/?q=%3Cscript%3Ealert&tag=%3Cscript%3Ealert")


async def test_an_empty_fleet_has_the_form_of_a_monitor_right_there(owner: Looker) -> None:
    shown = await owner.page()

    assert 'action="/monitors/new"' in shown
    assert "Watch your first job" in shown


async def test_the_last_day_is_drawn_from_incidents(api: Api, stage: Stage, owner: Looker) -> None:
    made = await api.monitor(name="shaky")
    await api.monitor(name="steady")
    number = await id_of(api, made["id"])
    recorder = Recorder(api.settings.data / "history.db")
    recorder.incident("long over", START_MS - 40 * HOUR_MS, START_MS - 30 * HOUR_MS, number)
    recorder.incident("before", START_MS - 26 * HOUR_MS, START_MS - 22 * HOUR_MS, number)
    recorder.incident("short", START_MS - 2 * HOUR_MS, START_MS - 2 * HOUR_MS + 5, number)
    recorder.writer.close()

    said = text_of(await owner.page())

    assert "Down in 3 of the last 24 hours" in said
    assert "No downtime in the last 24 hours" in said


async def test_the_script_is_told_what_changed_and_304_while_nothing_did(
    api: Api, stage: Stage, owner: Looker
) -> None:
    made = await api.monitor(interval=60)
    first = await owner.get("/data/fleet")
    assert first.json()["rows"][0] == {
        "id": made["id"],
        "status": "new",
        "seenMs": 0,
        "deadlineMs": START_MS + 90_000,
        "sinceMs": 0,
    }
    again = await owner.get("/data/fleet", **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    await stage.move_to(1)
    await stage.ping(await id_of(api, made["id"]))

    then = await owner.get("/data/fleet", **{"if-none-match": first.headers["etag"]})
    assert then.json()["rows"][0]["status"] == "up"
    assert then.json()["rows"][0]["seenMs"] == START_MS + 1000
    assert then.json()["counts"] == {"down": 0, "late": 0, "new": 0, "up": 1, "paused": 0}
    assert then.json()["look"] == first.json()["look"]


@pytest.mark.parametrize("change", [{"name": "other"}, {"tags": ["t"]}, {"paused": True}])
async def test_the_script_is_told_to_look_again_when_a_monitor_was_changed(
    api: Api, owner: Looker, change: dict[str, object]
) -> None:
    made = await api.monitor()
    before = await owner.now()

    await api.owner.patch(f"/api/monitors/{made['id']}", json=change)

    assert (await owner.now())["look"] != before["look"]


async def test_whoever_is_not_signed_in_is_told_so(api: Api) -> None:
    assert (await api.nobody.get("/data/fleet")).status_code == 401
    assert (await api.owner.get("/data/fleet")).status_code == 401, "a key is no session"
