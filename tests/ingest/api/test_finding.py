"""Tags, and lists of monitors with filters."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.api import finding
from tests.ingest.api.cast import Api
from tests.stage import Stage

MONITORS, HEARTBEATS = "/api/monitors", "/api/v1/heartbeats"


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "STEP", 3)
    monkeypatch.setattr(finding, "MOST_LOOKED_AT", 9)


async def names(api: Api, path: str = MONITORS, **query: str) -> list[str]:
    reply = await api.owner.get(path, params=query)
    assert reply.status_code == 200, reply.text
    found = reply.json()
    return [one["name"] for one in (found["monitors"] if path == MONITORS else found)]


@pytest.mark.parametrize("path", [MONITORS, HEARTBEATS])
async def test_tags_are_made_shown_and_changed_in_both_spellings(api: Api, path: str) -> None:
    made = (await api.owner.post(path, json={"name": "job", "tags": ["prod", "eu", "prod"]})).json()
    assert made["tags"] == ["prod", "eu"]
    other = HEARTBEATS if path == MONITORS else MONITORS
    assert (await api.owner.get(f"{other}/{made['id']}")).json()["tags"] == ["prod", "eu"]

    changed = await api.owner.patch(f"{path}/{made['id']}", json={"tags": ["db"]})

    assert changed.json() == {**made, "tags": ["db"]}
    assert (await api.owner.patch(f"{path}/{made['id']}", json={"name": "b"})).json()["tags"] == ["db"]
    assert (await api.owner.patch(f"{path}/{made['id']}", json={"tags": []})).json()["tags"] == []


@pytest.mark.parametrize("path", [MONITORS, HEARTBEATS])
@pytest.mark.parametrize(
    "tags",
    [
        [""],
        [" "],
        ["x" * 51],
        ["a,b"],
        ["a\nb"],
        ["a\x00"],
        [str(number) for number in range(21)],
        "prod",
        [1],
        [None],
        None,
        {"a": 1},
    ],
)
async def test_bad_tags_are_refused_by_name(api: Api, path: str, tags: Any) -> None:
    made = await api.monitor(tags=["kept"])

    created = await api.owner.post(path, json={"name": "job", "tags": tags})
    changed = await api.owner.patch(f"{path}/{made['id']}", json={"tags": tags})

    for reply in (created, changed):
        assert (reply.status_code, reply.json()["field"]) == (422, "tags")
    assert (await api.owner.get(MONITORS)).json()["monitors"] == [made]


async def test_twenty_tags_of_fifty_characters_are_taken(api: Api) -> None:
    tags = [str(number).ljust(50, "ü") for number in range(20)]

    assert (await api.monitor(tags=tags))["tags"] == tags


@pytest.mark.parametrize("path", [MONITORS, HEARTBEATS])
async def test_a_list_can_be_asked_for_a_tag(api: Api, path: str) -> None:
    for name, tags in (("a", ["x", "y"]), ("b", ["y"]), ("c", []), ("d", ["x"])):
        await api.monitor(name=name, tags=tags)
    await api.stranger.post(MONITORS, json={"name": "theirs", "tags": ["x"]})

    assert await names(api, path, tag="x") == ["a", "d"]
    assert await names(api, path, tag="X") == []
    assert await names(api, path, tag="") == ["a", "b", "c", "d"]


@pytest.mark.parametrize("path", [MONITORS, HEARTBEATS])
async def test_a_part_of_the_name_is_found_whatever_its_case(api: Api, path: str) -> None:
    for name in ("Nightly Backup", "straße", "backup eu", "100% _ job"):
        await api.monitor(name=name)

    assert await names(api, path, q="BACKUP") == ["Nightly Backup", "backup eu"]
    assert await names(api, path, q="STRASSE") == ["straße"]
    assert await names(api, path, q="%") == ["100% _ job"]
    assert await names(api, path, q="backup_") == []


async def test_a_list_can_be_asked_for_a_status_in_the_words_of_its_spelling(api: Api, stage: Stage) -> None:
    for name, interval in (("new", 900), ("up", 900), ("late", 60), ("down", 1), ("paused", 900)):
        made = await api.monitor(name=name, interval=interval, gracePeriod=30 if name == "late" else 0)
    await api.owner.post(f"{MONITORS}/{made['id']}/pause")
    await stage.ping(2)
    await stage.listen(70)
    await stage.sweep()

    for status in ("new", "up", "late", "down", "paused"):
        assert await names(api, status=status) == [status]
    assert await names(api, status="down,late") == ["late", "down"]
    assert await names(api, HEARTBEATS, status="healthy") == ["new", "up"]
    assert await names(api, HEARTBEATS, status="down") == ["down"]
    for path, status in ((MONITORS, "healthy"), (HEARTBEATS, "up"), (MONITORS, "down,x")):
        reply = await api.owner.get(path, params={"status": status})
        assert (reply.status_code, reply.json()["field"]) == (422, "status")


async def test_filters_together_mean_all_of_them(api: Api, stage: Stage) -> None:
    for name, tags in (("job a", ["x"]), ("job b", ["x"]), ("task", ["x"]), ("job c", [])):
        await api.monitor(name=name, tags=tags)
    await stage.ping(2, 3, 4)

    assert await names(api, tag="x", q="job", status="up") == ["job b"]


async def test_a_filtered_page_is_full_when_it_can_be(api: Api, small_steps: None) -> None:
    for number in range(9):
        await api.monitor(name=f"job {number}", tags=["odd"] if number % 2 else [])

    for query in ({"tag": "odd"}, {"q": "job"}, {"status": "new"}):
        pages = []
        cursor: str | None = ""
        while cursor is not None:
            reply = await api.owner.get(MONITORS, params={**query, "limit": "2", "cursor": cursor})
            pages.append([one["name"][-1] for one in reply.json()["monitors"]])
            cursor = reply.json()["nextCursor"]
        expected = ["13", "57"] if "tag" in query else ["01", "23", "45", "67", "8"]
        assert ["".join(page) for page in pages] == expected


async def test_a_walk_that_finds_little_ends_somewhere_and_is_gone_on_with(
    api: Api, small_steps: None
) -> None:
    for number in range(20):
        await api.monitor(name="wanted" if number in {2, 17} else "other")

    pages = []
    cursor: str | None = ""
    while cursor is not None:
        reply = await api.owner.get(MONITORS, params={"q": "wanted", "cursor": cursor})
        pages.append(len(reply.json()["monitors"]))
        cursor = reply.json()["nextCursor"]

    assert pages == [1, 1, 0]


async def test_the_link_to_the_next_page_keeps_the_filters(api: Api) -> None:
    for number in range(3):
        await api.heartbeat(name=f"job & {number}", tags=["x & y"])
    await api.heartbeat(name="other")

    first = await api.owner.get(
        HEARTBEATS, params={"limit": 2, "tag": "x & y", "q": "& ", "status": "healthy"}
    )
    second = await api.owner.get(first.links["next"]["url"])

    assert [one["name"] for one in first.json() + second.json()] == ["job & 0", "job & 1", "job & 2"]
    assert "link" not in second.headers
