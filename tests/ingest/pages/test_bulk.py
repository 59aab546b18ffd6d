"""One thing done to many monitors."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.ingest.api.cast import Api
from tests.ingest.pages.looking import Looker, text_of

BULK = "/monitors/bulk"


async def three(api: Api) -> list[str]:
    """The ids of three monitors, called a, b and c; b has a tag."""
    made = [await api.monitor(name=name, tags=["old"] if name == "b" else []) for name in "abc"]
    return [one["id"] for one in made]


async def monitors(api: Api) -> dict[str, Any]:
    return {one["name"]: one for one in (await api.owner.get("/api/monitors")).json()["monitors"]}


async def test_many_are_paused_and_resumed_and_the_view_stays(api: Api, owner: Looker) -> None:
    a, _, c = await three(api)

    reply = await owner.send(f"{BULK}?sort=name&page=1", id=[a, c, a], do="pause")

    assert (reply.status_code, reply.headers["location"]) == (303, "/?sort=name&said=pause&n=2")
    assert [name for name, one in (await monitors(api)).items() if one["paused"]] == ["a", "c"]
    assert "2 monitors paused." in text_of(await owner.page("/?said=pause&n=2"))
    await owner.send(BULK, id=[a, c], do="resume")
    assert not any(one["paused"] for one in (await monitors(api)).values())


async def test_a_tag_is_added_to_those_without_it_and_removed_from_those_with_it(
    api: Api, owner: Looker
) -> None:
    ids = await three(api)

    await owner.send(BULK, id=ids, do="tag", tag=" old ")
    assert [one["tags"] for one in (await monitors(api)).values()] == [["old"]] * 3
    await owner.send(BULK, id=ids[:2], do="untag", tag="old")
    assert [one["tags"] for one in (await monitors(api)).values()] == [[], [], ["old"]]


async def test_without_a_tag_it_is_asked_for_and_a_bad_one_is_said_beside_the_field(
    api: Api, owner: Looker
) -> None:
    ids = await three(api)

    asked = await owner.send(BULK, id=ids, do="tag", tag="")
    assert (asked.status_code, "Add a tag to 3 monitors" in asked.text) == (200, True)
    bad = await owner.send(BULK, id=ids, do="tag", tag="a,b")
    assert (bad.status_code, 'id="tag-said"' in bad.text, 'value="a,b"' in bad.text) == (422, True, True)
    assert all(one in bad.text for one in ids)


async def test_many_are_deleted_only_after_their_names_were_shown(api: Api, owner: Looker) -> None:
    a, b, c = await three(api)

    question = await owner.send(BULK, id=[a, c], do="delete")
    assert question.status_code == 200
    assert "Delete 2 monitors?" in question.text
    assert a in question.text
    assert b not in question.text
    assert len(await monitors(api)) == 3

    reply = await owner.send(BULK, id=[a, c], do="delete", confirmed="yes")
    assert reply.headers["location"] == "/?said=delete&n=2"
    assert list(await monitors(api)) == ["b"]


@pytest.mark.parametrize("what", ["pause", "tag", "untag", "delete"])
async def test_nothing_of_somebody_else_is_touched_or_named(
    api: Api, owner: Looker, stranger: Looker, what: str
) -> None:
    ids = await three(api)
    before = await monitors(api)

    question = await stranger.send(BULK, id=ids, do="delete")
    assert question.status_code == 404
    reply = await stranger.send(BULK, id=ids, do=what, tag="old", confirmed="yes")

    assert reply.status_code == 409
    assert "0 monitors were" in text_of(reply.text)
    assert "3 could not be" in text_of(reply.text)
    assert await monitors(api) == before


async def test_what_could_not_be_done_is_told_by_name_and_the_rest_is_done(api: Api, owner: Looker) -> None:
    full = await api.monitor(name="<full>", tags=[str(number) for number in range(20)])
    other, gone = await api.monitor(name="other"), str(uuid4())

    reply = await owner.send(BULK, id=[full["id"], gone, other["id"]], do="tag", tag="new")

    said = text_of(reply.text)
    assert reply.status_code == 409
    assert "1 monitor was tagged; 2 could not be" in said
    assert "<full> A monitor has at most 20 tags." in said
    assert f"{gone} There is no such monitor." in said
    assert (await monitors(api))["other"]["tags"] == ["new"]


async def test_each_monitor_counts_as_a_change_and_what_was_not_tried_is_told(
    api: Api, owner: Looker
) -> None:
    ids = await three(api)
    await api.put_on_plan(writes_per_minute=2)
    await api.live.client.delete(api.live.shards[0].keys.uses)

    reply = await owner.send(BULK, id=ids, do="pause")

    assert "2 monitors were paused; 1 could not be" in text_of(reply.text)
    assert "allows 2 changes a minute" in reply.text


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"do": "pause"}, 303), ({"do": "explode", "id": str(uuid4())}, 422), ({"do": "pause", "id": "7"}, 422)],
)
async def test_a_form_without_monitors_or_sense_changes_nothing(
    api: Api, owner: Looker, fields: dict[str, str], status: int
) -> None:
    await three(api)
    before = await monitors(api)

    reply = await owner.send(BULK, **fields)

    assert reply.status_code == status
    assert await monitors(api) == before


async def test_who_may_only_read_changes_nothing(api: Api, reader: Looker) -> None:
    ids = await three(api)

    for what in ("pause", "resume", "tag", "untag", "delete"):
        assert (await reader.send(BULK, id=ids, do=what, tag="t", confirmed="yes")).status_code == 403
    assert not any(one["paused"] for one in (await monitors(api)).values())
