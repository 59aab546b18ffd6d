"""ETag, If-Match, If-None-Match: no change is lost because two people made one, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ingest.api.endpoint import Endpoint
from ingest.api.entity_tags import Tagged
from ingest.api.routes import API_ROUTES
from tests.ingest.api.cast import Api, api_on_stage
from tests.ingest.api.held import HeldLive
from tests.ingest.api.test_tenants import EXPECTED, a_world
from tests.stage import Stage

# A thing of its own: a path with what a PATCH of it changes.
THINGS: dict[str, dict[str, Any]] = {
    "/api/monitors/{id}": {"tags": ["other"]},
    "/api/v1/heartbeats/{id}": {"grace_period_seconds": 77},
    "/api/channels/{id}": {"headers": {"x-planted": "another value"}},
    "/api/monitors/{id}/metric-alerts/{alertId}": {"consecutiveTriggers": 7},
    "/api/maintenance/{id}": {"duration": 7200},
}
EACH = pytest.mark.parametrize("template", THINGS)


def changeable() -> set[str]:
    return {path for method, path in EXPECTED if method == "PATCH"}


async def tag_of(api: Api, path: str) -> str:
    tag: str = (await api.owner.get(path)).headers["etag"]
    return tag


def test_all_that_can_be_changed_has_a_tag() -> None:
    for route in API_ROUTES:
        if isinstance(route.endpoint, Endpoint) and route.path in changeable():
            for method, handler in route.endpoint.handlers.items():
                marked = getattr(handler, "handler", handler)
                assert isinstance(marked, Tagged), (method, route.path)


@EACH
async def test_what_has_not_changed_is_not_sent_again(api: Api, template: str) -> None:
    path = (await a_world(api)).path(template)
    shown = await api.owner.get(path)
    tag = shown.headers["etag"]

    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await api.owner.get(path, headers={"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await api.owner.head(path)).headers["etag"] == tag
    assert (await api.owner.get(path, headers={"If-None-Match": '"other"'})).json() == shown.json()


@EACH
async def test_a_change_of_what_somebody_else_has_changed_is_refused(api: Api, template: str) -> None:
    path, change = (await a_world(api)).path(template), THINGS[template]
    tag = await tag_of(api, path)

    first = await api.owner.patch(path, json=change, headers={"If-Match": tag})
    before = (await api.owner.get(path)).json()
    second = await api.owner.patch(path, json={}, headers={"If-Match": tag})
    gone = await api.owner.delete(path, headers={"If-Match": tag})

    assert first.status_code == 200
    assert (second.status_code, gone.status_code) == (412, 412)
    assert "look again" in second.json()["error"]
    assert (await api.owner.get(path)).json() == before


async def test_of_two_who_change_what_both_have_seen_one_is_refused(
    stage: Stage, data: Path, people: dict[str, str]
) -> None:
    async with api_on_stage(stage.live, data, people) as api:
        path = (await a_world(api)).path("/api/monitors/{id}")
        tag = await tag_of(api, path)

    barrier = asyncio.Barrier(2)
    async with api_on_stage(HeldLive(stage.live, ready=barrier.wait), data, people) as api:
        replies = await asyncio.gather(
            *(api.owner.patch(path, json={"name": name}, headers={"If-Match": tag}) for name in ("a", "b"))
        )
        made = [one for one in replies if one.status_code == 200]

        assert sorted(one.status_code for one in replies) == [200, 412]
        assert (await api.owner.get(path)).json()["name"] == made[0].json()["name"]


@EACH
async def test_the_tag_of_a_reply_is_that_of_what_it_shows(api: Api, template: str) -> None:
    path = (await a_world(api)).path(template)

    changed = await api.owner.patch(path, json=THINGS[template])

    assert changed.headers["etag"] == await tag_of(api, path)
    assert (await api.owner.delete(path, headers={"If-Match": changed.headers["etag"]})).status_code == 204


@EACH
async def test_what_is_created_comes_with_its_tag_by_which_it_can_be_changed(api: Api, template: str) -> None:
    world = await a_world(api)
    there = template[: template.rindex("/")]
    body = EXPECTED["POST", there].body
    assert body is not None
    key = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}

    for headers in ({}, key):
        created = await api.owner.post(world.path(there), json=body(world), headers=headers)
        path, tag = f"{world.path(there)}/{created.json()['id']}", created.headers["etag"]

        assert created.status_code == 201
        # A secret is shown once, so that reply is another one.
        assert (tag == await tag_of(api, path)) is ("secret" not in created.json())
        assert tag.split("-")[0] == (await tag_of(api, path)).split("-")[0]
        changed = await api.owner.patch(path, json=THINGS[template], headers={"If-Match": tag})
        assert changed.status_code == 200
        assert (await api.owner.patch(path, json={}, headers={"If-Match": tag})).status_code == 412
    assert "etag" not in (await api.owner.post(world.path(there), json=body(world), headers=key)).headers


@EACH
async def test_without_if_match_a_change_goes_through_as_ever(api: Api, template: str) -> None:
    path = (await a_world(api)).path(template)
    for header in ({}, {"If-Match": "*"}):
        assert (await api.owner.patch(path, json=THINGS[template], headers=header)).status_code == 200


async def test_what_is_no_tag_is_refused(api: Api) -> None:
    path = (await a_world(api)).path("/api/monitors/{id}")
    for text in ("abc", "", '"a" "b"', '"a', "W/", '"é"'):
        headers = {b"if-match": text.encode("latin-1")}
        reply = await api.owner.patch(path, json={}, headers=headers)
        assert (reply.status_code, reply.json()["field"]) == (422, "if-match"), text


async def test_a_weak_tag_matches_no_change(api: Api) -> None:
    path = (await a_world(api)).path("/api/monitors/{id}")
    tag = await tag_of(api, path)
    assert (await api.owner.patch(path, json={}, headers={"If-Match": f"W/{tag}"})).status_code == 412
    both = f'W/"x", {tag}'
    assert (await api.owner.patch(path, json={}, headers={"If-Match": both})).status_code == 200


async def test_a_ping_makes_another_tag_but_does_not_stand_in_the_way_of_a_change(
    api: Api, stage: Stage
) -> None:
    path = (await a_world(api)).path("/api/monitors/{id}")
    tag = await tag_of(api, path)

    await stage.move_to(1)
    await stage.ping(1)
    other = await tag_of(api, path)

    assert other.split("-")[0] == tag.split("-")[0]
    assert (await api.owner.get(path, headers={"If-None-Match": tag})).status_code == 200
    assert (await api.owner.get(path, headers={"If-None-Match": other})).status_code == 304
    assert (await api.owner.patch(path, json={"name": "n"}, headers={"If-Match": tag})).status_code == 200


async def test_what_is_masked_is_part_of_the_tag_but_cannot_be_told_from_it(api: Api) -> None:
    world = await a_world(api)
    path = world.path("/api/channels/{id}")
    first = await api.owner.get(path)
    await api.owner.patch(path, json={"headers": {"x-planted": "another value"}})
    second = await api.owner.get(path)

    assert second.json() == first.json()
    assert second.headers["etag"] != first.headers["etag"]


async def test_what_is_not_there_is_404_whatever_its_tag(api: Api) -> None:
    path = "/api/monitors/6f2a7a0e-5a0e-4f0b-9a43-0d0b5a1f3c77"
    for method in ("GET", "PATCH", "DELETE"):
        reply = await api.owner.request(method, path, headers={"If-Match": '"x"'}, content="{}")
        assert reply.status_code == 404
