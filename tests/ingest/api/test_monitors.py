"""Monitors in the second spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.book import outbox
from store.live.monitors import resolve
from store.projection import key_digest
from store.timestamps import rfc3339
from tests.ingest.api.cast import Api, api_on_stage
from tests.stage import START_MS, Stage


async def test_a_name_is_enough_to_make_a_monitor(api: Api) -> None:
    reply = await api.owner.post("/api/monitors", json={"name": "Nightly Backup"})

    made = reply.json()
    assert reply.status_code == 201
    assert reply.headers["content-type"] == "application/json"
    assert set(made) == {
        "id", "name", "type", "status", "interval", "gracePeriod", "paused", "pingUrl", "createdAt", "lastPingAt",
        "nextDeadline", "tags", "channels", "schedule", "timezone", "maxRuntime", "failuresBeforeAlert",
        "reminderInterval", "armOnFirstPing", "maintenance",
    }  # fmt: skip
    assert (made["name"], made["type"], made["status"]) == ("Nightly Backup", "heartbeat", "new")
    assert (made["interval"], made["gracePeriod"], made["paused"]) == (60, 30, False)
    assert made["pingUrl"].startswith(f"{api.address}/ping/")
    assert made["createdAt"].endswith("Z")
    assert made["lastPingAt"] is None
    assert made["nextDeadline"] == rfc3339(START_MS + 90_000)


async def test_what_is_asked_for_is_what_is_made(api: Api) -> None:
    body = {"name": "Ünïcode 日本 🚀", "type": "heartbeat", "interval": 86_400, "gracePeriod": 0}

    made = await api.monitor(**body)

    assert {name: made[name] for name in body} == body
    assert (await api.owner.get(f"/api/monitors/{made['id']}")).json() == made


async def test_a_monitor_is_watched_when_the_answer_comes(api: Api, stage: Stage) -> None:
    token = (await api.monitor())["pingUrl"].rpartition("/")[2]

    (found,) = await resolve(stage.shard, [key_digest(token.encode())])

    assert found is not None
    assert await stage.deadline(found.monitor_id) == 90
    assert [row.subject for row in await outbox.pending(api.book, 10)] == [f"monitor:{found.monitor_id}"]


async def test_ping_addresses_start_as_configured(stage: Stage, data: Path, people: dict[str, str]) -> None:
    async with api_on_stage(stage.live, data, people, base_url="https://od.example.org/x/") as api:
        assert (await api.monitor())["pingUrl"].startswith("https://od.example.org/x/ping/")


@pytest.mark.parametrize("host", ["[::1", "a b", 'x"y', "", "a/b", "[::1]:99999999/x"])
async def test_a_host_that_is_none_is_not_repeated(api: Api, host: str) -> None:
    reply = await api.owner.post("/api/monitors", json={"name": "job"}, headers={"host": host})

    assert reply.status_code in {201, 400}
    assert reply.status_code == 400 or reply.json()["pingUrl"].startswith("http://127.0.0.1:8000/ping/")


async def test_a_ping_is_seen_in_status_and_times(api: Api, stage: Stage) -> None:
    made = await api.monitor()
    await stage.move_to(40)
    await stage.ping(1)

    seen = (await api.owner.get(f"/api/monitors/{made['id']}")).json()

    assert seen["status"] == "up"
    assert seen["lastPingAt"] == rfc3339(START_MS + 40_000)
    assert seen["nextDeadline"] == rfc3339(START_MS + 130_000)


async def test_a_monitor_is_late_within_its_grace_and_then_down(api: Api, stage: Stage) -> None:
    made = await api.monitor()
    path = f"/api/monitors/{made['id']}"

    await stage.listen(61)
    assert (await api.owner.get(path)).json()["status"] == "late"

    await stage.listen(91)
    await stage.sweep()
    down = (await api.owner.get(path)).json()
    assert (down["status"], down["nextDeadline"]) == ("down", None)


async def test_a_change_is_made_field_by_field(api: Api) -> None:
    made = await api.monitor()
    path = f"/api/monitors/{made['id']}"

    assert (await api.owner.patch(path, json={"name": "other"})).json() == {**made, "name": "other"}
    changed = (await api.owner.patch(path, json={"interval": 10, "gracePeriod": 5})).json()

    assert (changed["name"], changed["interval"], changed["gracePeriod"]) == ("other", 10, 5)
    assert changed["nextDeadline"] == rfc3339(START_MS + 15_000)
    assert (await api.owner.get(path)).json() == changed


async def test_an_empty_change_changes_nothing(api: Api) -> None:
    made = await api.monitor()

    reply = await api.owner.patch(f"/api/monitors/{made['id']}", json={})

    assert (reply.status_code, reply.json()) == (200, made)
    assert (await api.book.rows("SELECT version FROM monitors"))[0]["version"] == 1


@pytest.mark.parametrize("by", ["patch", "post"])
async def test_a_paused_monitor_awaits_nothing_until_it_is_resumed(api: Api, stage: Stage, by: str) -> None:
    made = await api.monitor()
    path = f"/api/monitors/{made['id']}"

    async def pause(paused: bool) -> dict[str, object]:
        if by == "patch":
            reply = await api.owner.patch(path, json={"paused": paused})
        else:
            reply = await api.owner.post(f"{path}/{'pause' if paused else 'resume'}")
        assert reply.status_code == 200
        seen: dict[str, object] = reply.json()
        return seen

    paused = await pause(True)
    assert (paused["status"], paused["paused"], paused["nextDeadline"]) == ("paused", True, None)
    assert await stage.deadline(1) is None

    await stage.move_to(1000)
    resumed = await pause(False)
    assert (resumed["status"], resumed["paused"]) == ("new", False)
    assert resumed["nextDeadline"] == rfc3339(START_MS + 1_090_000)


async def test_a_deleted_monitor_is_gone_from_the_book_and_from_redis(api: Api, stage: Stage) -> None:
    made = await api.monitor()
    token = made["pingUrl"].rpartition("/")[2]

    reply = await api.owner.delete(f"/api/monitors/{made['id']}")

    assert (reply.status_code, reply.content) == (204, b"")
    assert (await api.owner.get(f"/api/monitors/{made['id']}")).status_code == 404
    assert (await api.owner.delete(f"/api/monitors/{made['id']}")).status_code == 404
    assert await resolve(stage.shard, [key_digest(token.encode())]) == [None]


async def test_a_list_comes_in_pages_oldest_first(api: Api) -> None:
    made = [await api.monitor(name=f"job {number}") for number in range(5)]
    pages = []
    query = {"limit": "2"}
    while "cursor" not in query or query["cursor"]:
        page = (await api.owner.get("/api/monitors", params=query)).json()
        pages.append(page["monitors"])
        query["cursor"] = page["nextCursor"]

    assert pages == [made[:2], made[2:4], made[4:]]


async def test_a_list_that_ends_with_its_page_names_no_next_one(api: Api) -> None:
    made = [await api.monitor() for _ in range(2)]

    reply = await api.owner.get("/api/monitors?limit=2")

    assert reply.json() == {"monitors": made, "nextCursor": None}


async def test_a_head_request_is_answered_without_a_body(api: Api) -> None:
    reply = await api.owner.head("/api/monitors")

    assert (reply.status_code, reply.content) == (200, b"")
