"""What a plan allows, as callers of the API meet it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from store.book import orgs
from store.live.heads import Outcome
from store.live.live import Live
from tests.ingest.api.cast import LONG_AGO_MS, Api, api_on_stage
from tests.stage import GENERATION, START_MS, Stage

MONITORS, HEARTBEATS = "/api/monitors", "/api/v1/heartbeats"


@pytest.mark.parametrize(
    ("path", "field", "too_short", "enough"),
    [(MONITORS, "interval", 599, 600), (HEARTBEATS, "schedule", "every 599s", "every 10m")],
)
async def test_an_interval_under_the_plans_minimum_is_refused_and_told_the_minimum(
    api: Api, path: str, field: str, too_short: Any, enough: Any
) -> None:
    await api.put_on_plan(min_interval_s=600)

    refused = await api.owner.post(path, json={"name": "job", field: too_short})
    taken = await api.owner.post(path, json={"name": "job", field: enough})

    assert (refused.status_code, refused.json()) == (
        422,
        {"error": "The plan 'tried' takes no interval under 600 s.", "field": field, "minimum": 600},
    )
    assert (taken.status_code, taken.json()[field]) == (201, enough)


@pytest.mark.parametrize(
    ("minimum_s", "interval", "schedule"),
    [(0, 60, "every 1h"), (10, 60, "every 1h"), (600, 600, "every 1h"), (7200, 7200, "every 2h")],
)
async def test_the_default_is_the_larger_of_the_usual_interval_and_the_minimum(
    api: Api, minimum_s: int, interval: int, schedule: str
) -> None:
    await api.put_on_plan(min_interval_s=minimum_s)

    assert (await api.monitor())["interval"] == interval
    assert (await api.heartbeat())["schedule"] == schedule


async def test_without_limits_an_interval_of_a_second_is_taken(api: Api) -> None:
    assert (await api.monitor(interval=1))["interval"] == 1
    assert (await api.heartbeat(schedule="every 1s"))["schedule"] == "every 1s"


@pytest.mark.parametrize(
    ("path", "field", "kept", "worse"),
    [(MONITORS, "interval", 60, 59), (HEARTBEATS, "schedule", "every 60s", "every 59s")],
)
async def test_a_monitor_from_a_larger_plan_keeps_its_interval_but_gets_no_other_short_one(
    api: Api, path: str, field: str, kept: Any, worse: Any
) -> None:
    made = await api.monitor(interval=60)
    await api.put_on_plan(min_interval_s=600)

    same = await api.owner.patch(f"{path}/{made['id']}", json={"name": "other", field: kept})
    refused = await api.owner.patch(f"{path}/{made['id']}", json={"name": "third", field: worse})
    renamed = await api.owner.patch(f"{path}/{made['id']}", json={"name": "fourth"})

    assert (same.status_code, same.json()["name"]) == (200, "other")
    assert refused.status_code == 422
    assert (refused.json()["field"], refused.json()["minimum"]) == (field, 600)
    assert renamed.status_code == 200
    assert (await api.owner.get(f"{MONITORS}/{made['id']}")).json()["interval"] == 60


async def test_a_plan_has_room_for_so_many_monitors_of_both_spellings(api: Api) -> None:
    await api.put_on_plan(monitors=2)
    first = await api.monitor()
    await api.heartbeat()

    for path in (MONITORS, HEARTBEATS):
        refused = await api.owner.post(path, json={"name": "one too many"})
        assert (refused.status_code, refused.json()) == (
            403,
            {"error": "The plan 'tried' has room for 2 monitors, and all are taken.", "limit": 2},
        )

    assert (await api.stranger.post(MONITORS, json={"name": "theirs"})).status_code == 201
    await api.owner.delete(f"{MONITORS}/{first['id']}")
    await api.monitor()


async def test_a_smaller_plan_limits_the_pings_of_the_monitors_that_are_there(api: Api, stage: Stage) -> None:
    await api.monitor(interval=5)
    assert await stage.ping(1, 1) == [Outcome.RECORDED] * 2

    await api.put_on_plan(min_interval_s=600)

    assert await stage.ping(1) == [Outcome.LIMITED]


async def test_an_organisation_sees_its_plan_and_its_use(api: Api) -> None:
    unlimited = (await api.reader.get("/api/organisation")).json()
    await api.monitor()
    await api.put_on_plan(min_interval_s=30, monitors=5, history_days=3, pings_per_minute=9)

    shown = (await api.owner.get("/api/organisation")).json()

    org = await orgs.by_name(api.book, orgs.DEFAULT_ORG)
    assert unlimited["plan"] == {
        "name": "unlimited",
        "minInterval": 1,
        "pingsPerMinute": None,
        "monitors": None,
        "historyDays": None,
        "writesPerMinute": None,
    }
    assert (shown["id"], shown["name"]) == (str(org.public_id), "default")
    assert shown["createdAt"].endswith("Z")
    assert shown["plan"] == {
        "name": "tried",
        "minInterval": 30,
        "pingsPerMinute": 9,
        "monitors": 5,
        "historyDays": 3,
        "writesPerMinute": 1000,
    }
    assert shown["use"] == {"monitors": 1, "pingsThisMinute": 0}


async def test_a_key_may_change_things_so_often_a_minute_and_read_as_it_likes(api: Api, stage: Stage) -> None:
    await api.put_on_plan(writes_per_minute=3)
    replies = [await api.owner.post(MONITORS, json={"name": "job"}) for _ in range(4)]

    assert [reply.status_code for reply in replies] == [201, 201, 201, 429]
    left_s = 60 - (START_MS // 1000) % 60
    assert replies[3].headers["retry-after"] == str(left_s)
    assert replies[3].json() == {
        "error": "The plan 'tried' allows 3 changes a minute with one key; wait a little.",
        "retryAfter": left_s,
    }
    assert len((await api.owner.get(MONITORS)).json()["monitors"]) == 3
    assert (await api.stranger.post(MONITORS, json={"name": "theirs"})).status_code == 201

    await stage.move_to(left_s)
    assert (await api.owner.post(MONITORS, json={"name": "job"})).status_code == 201


async def test_every_changing_call_counts_whatever_became_of_it_and_each_key_for_itself(api: Api) -> None:
    other = (await api.owner.post("/api/keys", json={"name": "other", "scope": "write"})).json()["key"]
    await api.put_on_plan(writes_per_minute=3)

    replies = [
        await api.owner.post(MONITORS, content=b"{"),
        await api.owner.delete(f"{MONITORS}/nothing"),
        await api.owner.patch(f"{MONITORS}/nothing", json={}),
        await api.owner.post(f"{MONITORS}/nothing/pause"),
    ]

    assert [reply.status_code for reply in replies] == [400, 404, 404, 429]
    reply = await api.nobody.post(MONITORS, json={"name": "job"}, headers={"x-api-key": other})
    assert reply.status_code == 201


async def test_without_a_limit_no_change_is_counted(api: Api, stage: Stage) -> None:
    for _ in range(5):
        await api.monitor()

    assert not await stage.redis.exists(stage.shard.keys.uses)


async def test_while_redis_is_away_a_limited_key_is_told_so_and_not_to_wait(
    tmp_path: Path, data: Path, people: dict[str, str]
) -> None:
    live = Live(f"unix://{tmp_path}/nothing", 1, GENERATION)
    async with api_on_stage(live, data, people) as api:
        async with api.book.write() as tx:
            await orgs.move(tx, await orgs.by_name(tx, orgs.DEFAULT_ORG), "free", LONG_AGO_MS)

        assert (await api.owner.post(MONITORS, json={"name": ""})).status_code == 422
        assert (await api.owner.post(MONITORS, json={"name": "job"})).status_code == 503
    await live.aclose()


async def test_wrong_keys_of_one_sender_are_slowed_and_right_ones_still_work(api: Api, stage: Stage) -> None:
    replies = [await api.liar.get(MONITORS) for _ in range(102)]

    assert [reply.status_code for reply in replies] == [401] * 100 + [429] * 2
    left_s = 60 - (START_MS // 1000) % 60
    assert replies[-1].headers["retry-after"] == str(left_s)
    assert replies[-1].json()["retryAfter"] == left_s
    assert (await api.owner.get(MONITORS)).status_code == 200
    assert (await api.nobody.get(MONITORS)).status_code == 401  # no key at all is no guess

    await stage.move_to(left_s)
    assert (await api.liar.get(MONITORS)).status_code == 401


async def test_while_redis_is_away_a_wrong_key_is_401(
    tmp_path: Path, data: Path, people: dict[str, str]
) -> None:
    live = Live(f"unix://{tmp_path}/nothing", 1, GENERATION)
    async with api_on_stage(live, data, people) as api:
        assert (await api.liar.get(MONITORS)).status_code == 401
    await live.aclose()
