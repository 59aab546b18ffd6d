"""Many beats in one request: every way to write them, every way to get one wrong, and none harms another."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from ingest.doors.batch import Beaten, Problem, read_batch
from store.live.heads import RELAYED, Outcome, pack_head
from tests.ingest.serving import Served, serving
from tests.ingest.test_doors import kept
from tests.stage import START_MS, Stage, config_of


@pytest.fixture
async def served(stage: Stage, tmp_path: Path) -> AsyncIterator[Served]:
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        yield served


async def send(served: Served, content: bytes, **headers: str) -> httpx.Response:
    return await served.client.post(
        "/ping", content=content, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def written(items: list[dict[str, Any]], how: str) -> tuple[bytes, dict[str, str]]:
    if how == "array":
        return json.dumps(items).encode(), {"content_type": "application/json"}
    if how == "ndjson":
        return "\n".join(map(json.dumps, items)).encode() + b"\n", {"content_type": "application/x-ndjson"}
    if how == "curl -d":
        return json.dumps(items).encode(), {"content_type": "application/x-www-form-urlencoded"}
    if how == "msgpack":
        return msgspec.msgpack.encode(items), {"content_type": "application/msgpack"}
    return gzip.compress(json.dumps(items).encode()), {
        "content_type": "application/json",
        "content_encoding": "gzip",
    }


@pytest.mark.parametrize("how", ["array", "ndjson", "curl -d", "msgpack", "gzip"])
async def test_a_batch_can_be_written_in_several_ways(served: Served, stage: Stage, how: str) -> None:
    keys = [(await served.make(name=f"job {number}"))["key"] for number in range(3)]
    items: list[dict[str, Any]] = [{"key": key, "metrics": {"n": 1}} for key in keys] + [{"key": keys[0]}]
    content, headers = written(items, how)
    reply = await send(served, content, **headers)
    assert reply.status_code == 200, reply.text
    assert reply.json() == {"received": 4, "recorded": 4, "paused": 0, "limited": 0, "failed": []}
    rows = [row for row, outcome in await kept(stage) if outcome == Outcome.RECORDED]
    assert [json.loads(row.beat.body or b"{}") for row in rows] == [{"n": 1}] * 3 + [{}]


async def test_a_bad_item_is_named_and_harms_no_other(served: Served) -> None:
    key = (await served.make())["key"]
    bad: list[tuple[object, str]] = [
        ({"key": "0" * 22}, "No monitor"),
        ({"key": "a b"}, "No monitor"),
        ({"key": 7}, "Expected `str`"),
        ({}, "missing required field `key`"),
        ({"key": key, "nonsense": 1}, "unknown field `nonsense`"),
        ({"key": key, "signal": "dance"}, "signal"),
        ({"key": key, "metrics": [1]}, "flat JSON object"),
        ({"key": key, "metrics": {"a": {"b": 1}}}, "'a' must be"),
        ({"key": key, "metrics": {"a": "x" * 1100}}, "at most 1024 bytes"),
        ({"key": key, "at": "yesterday"}, "neither Unix seconds nor RFC 3339"),
        ({"key": key, "at": 12}, "more than an hour ago"),
        ({"key": key, "at": [1]}, "Expected `float | str | null`"),
        (7, "Expected `object`"),
        (None, "Expected `object`"),
    ]
    items = [part for item, _ in bad for part in (item, {"key": key})]
    reply = (await send(served, json.dumps(items).encode())).json()
    assert reply["recorded"] == len(bad)
    assert [failed["index"] for failed in reply["failed"]] == [2 * number for number in range(len(bad))]
    for failed, (item, reason) in zip(reply["failed"], bad, strict=True):
        assert reason in failed["reason"], item


def test_an_item_is_a_line_however_the_lines_before_and_after_it_look() -> None:
    good = '{"key":"abcdefgh"}'
    two_in_one, one_in_two = good + good, '{"key":"abcdefgh",\n"metrics":{}}'
    assert [type(item) for item in read_batch(f"{good}\n{good}\n".encode(), "", 0)] == [Beaten, Beaten]
    for content in (f"{two_in_one}\n{one_in_two}", f"{two_in_one}\n\n{good}"):
        lines = [line for line in content.split("\n") if line]
        kinds = [type(item) for item in read_batch(content.encode(), "", 0)]
        assert kinds == [Beaten if line == good else Problem for line in lines]


async def test_a_line_that_is_no_json_harms_no_other(served: Served) -> None:
    key = (await served.make())["key"]
    good = json.dumps({"key": key}).encode()
    reply = (await send(served, good + b"\nnonsense\n\xff\xfe\n\n" + good)).json()
    assert (reply["received"], reply["recorded"]) == (4, 2)
    assert [failed["index"] for failed in reply["failed"]] == [1, 2]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", {}, 400),
        (b"[]", {}, 400),
        (b"[1, 2", {}, 400),
        (b'[{"key": "' + b"\xff" + b'"}]', {}, 200),
        (b"\xc1", {"content_type": "application/msgpack"}, 400),
        (b"no gzip", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"[]", mtime=0)[:-4], {"content_encoding": "gzip"}, 400),
        (gzip.compress(b" " * 50_000_000, mtime=0), {"content_encoding": "gzip"}, 400),
        (b"[]", {"content_encoding": "br"}, 415),
        (b" " * (1024 * 1024 + 1), {}, 413),
        (b"{}\n" * 10_001, {}, 400),
        (b"[" * 100_000, {}, 400),
    ],
)
async def test_a_body_that_is_no_batch_gets_a_clear_answer(
    served: Served, content: bytes, headers: dict[str, str], status: int
) -> None:
    reply = await send(served, content, **headers)
    assert reply.status_code == status, reply.text


async def test_only_post_takes_a_batch(served: Served) -> None:
    reply = await served.client.get("/ping")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


async def test_ten_thousand_items_go_in_calls_of_the_usual_size_and_single_pings_go_between(
    served: Served, stage: Stage
) -> None:
    monitors = [await served.make(name=f"job {number}") for number in range(10)]
    items = [{"key": monitor["key"]} for monitor in monitors] * 1000
    batch = asyncio.create_task(send(served, json.dumps(items).encode()))
    single = "/ping/" + monitors[0]["key"]
    while_it_runs = 0
    while not batch.done():
        assert (await served.client.get(single)).status_code == 200
        while_it_runs += not batch.done()
    assert (await batch).json()["recorded"] == 10_000
    assert while_it_runs >= 3
    sizes = [len(fields[b"o"]) for _, fields in await stage.redis.xrange(stage.shard.keys.pings)]
    assert sum(sizes) >= 10_000
    assert max(sizes) <= 512


async def test_a_beat_that_a_relay_delivers_late_counts_from_when_it_happened(served: Served) -> None:
    monitor = await served.make(interval=3600)
    now = (await served.client.get("/api/monitors")).json()["monitors"][0]["createdAt"]
    await asyncio.sleep(0)
    item = {"key": monitor["key"], "at": now}
    assert (await send(served, json.dumps([item]).encode())).json()["recorded"] == 1
    seen = (await served.client.get(f"/api/monitors/{monitor['id']}")).json()["lastPingAt"]
    assert abs(int(seen[17:19]) - int(now[17:19])) <= 1


async def test_a_beat_of_half_an_hour_ago_is_no_false_alarm(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 0))
    await stage.listen(until=3500, step=1)
    happened_ms = START_MS + 1_700_000
    await stage.writer.record([b"1"], pack_head(happened_ms, 1, 1, RELAYED), b"h", stage.now_ms)
    await stage.listen(until=3700, step=1)
    await stage.sweep()
    assert await stage.told() == []
    assert await stage.deadline(1) == 1700 + 3600


async def test_an_item_with_bad_metrics_is_a_sign_of_life_and_says_so(served: Served, stage: Stage) -> None:
    monitor = await served.make()
    reply = (await send(served, json.dumps([{"key": monitor["key"], "metrics": [1]}]).encode())).json()
    assert reply["recorded"] == 0
    assert reply["failed"][0]["alive"] is True
    assert await kept(stage) == []
    seen = (await served.client.get(f"/api/monitors/{monitor['id']}")).json()["lastPingAt"]
    assert seen is not None
