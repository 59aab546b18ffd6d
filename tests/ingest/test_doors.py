"""Pings over real HTTP at both doors: what is answered, what is kept, and what counts all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.live.heads import Outcome
from tests.ingest.serving import Served, serving
from tests.kept_history import KeptRow, read_history
from tests.stage import Stage


@pytest.fixture
async def served(stage: Stage, tmp_path: Path) -> AsyncIterator[Served]:
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        yield served


async def kept(stage: Stage) -> list[tuple[KeptRow, int]]:
    """All pings in the stream with their outcomes."""
    entries = await stage.redis.xrange(stage.shard.keys.pings)
    rows: list[tuple[KeptRow, int]] = []
    for _, fields in entries or []:
        rows += zip(read_history(fields[b"h"]), fields[b"o"], strict=True)
    return rows


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_every_method_pings_at_both_doors(served: Served, stage: Stage, method: str) -> None:
    monitor = await served.make(name="Nightly DB Backup")
    simple = await served.client.request(method, f"/ping/{monitor['key']}")
    other = await served.client.request(method, f"/api/v1/heartbeat/{monitor['key']}")
    assert (simple.status_code, other.status_code) == (200, 200)
    if method != "HEAD":
        assert simple.text == '{"ok":true}'
        reply = other.json()
        assert (reply["status"], reply["monitor"]) == ("ok", "Nightly DB Backup")
        assert reply["pinged_at"][-1] == "Z" and len(reply["pinged_at"]) == 20
    assert [outcome for _, outcome in await kept(stage)] == [Outcome.RECORDED] * 2


async def test_both_spellings_make_monitors_that_both_doors_know(served: Served) -> None:
    made = (await served.client.post("/api/v1/heartbeats", json={"name": "Nightly"})).json()
    listed = (await served.client.get("/api/monitors")).json()["monitors"][0]
    token = listed["pingUrl"].rsplit("/", 1)[1]
    assert listed["id"] == made["id"]
    for key in (made["unique_key"], token):
        assert (await served.client.get(f"/ping/{key}")).status_code == 200
        assert (await served.client.get(f"/api/v1/heartbeat/{key}")).status_code == 200


async def test_everything_about_a_ping_is_kept(served: Served, stage: Stage) -> None:
    monitor = await served.make()
    await served.client.post(
        f"/ping/{monitor['key']}?run=7&x=%20",
        content=b'{"n": 1}',
        headers={"user-agent": "worker/1", "content-type": "application/x-www-form-urlencoded"},
    )
    [(row, _)] = await kept(stage)
    beat = row.beat
    assert (beat.method, beat.query, beat.body) == ("POST", b"run=7&x=%20", b'{"n": 1}')
    assert (beat.user_agent, beat.content_type) == (b"worker/1", b"application/x-www-form-urlencoded")
    assert beat.host == f"127.0.0.1:{served.port}".encode()
    assert beat.sender == "127.0.0.1"


async def test_the_ping_key_is_never_kept(served: Served, stage: Stage) -> None:
    monitor = await served.make()
    await served.client.post(f"/ping/{monitor['key']}")
    for key in await stage.redis.keys("*"):
        dump = await stage.redis.dump(key)
        assert monitor["key"].encode() not in (dump or b"") + key


@pytest.mark.parametrize(
    ("body", "status"), [(b"nonsense", 400), (b'{"a": [1]}', 400), (b'{"a": "' + b"x" * 1017 + b'"}', 413)]
)
async def test_a_bad_body_is_refused_but_counts_as_a_sign_of_life(
    served: Served, stage: Stage, body: bytes, status: int
) -> None:
    monitor = await served.make()
    reply = await served.client.post(f"/ping/{monitor['key']}", content=body)
    assert reply.status_code == status
    assert reply.json()["alive"] is True
    assert await kept(stage) == []
    assert (await served.client.get("/api/monitors")).json()["monitors"][0]["lastPingAt"] is not None


async def test_a_body_of_exactly_one_kilobyte_is_taken(served: Served) -> None:
    monitor = await served.make()
    body = b'{"a": "' + b"x" * 1015 + b'"}'
    assert len(body) == 1024
    assert (await served.client.post(f"/ping/{monitor['key']}", content=body)).status_code == 200


async def test_a_chunked_body_is_measured_as_it_comes(served: Served) -> None:
    monitor = await served.make()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b" " * 1000

    reply = await served.client.post(f"/ping/{monitor['key']}", content=chunks())
    assert (reply.status_code, reply.json()["alive"]) == (413, True)


async def test_the_other_door_takes_any_body_and_keeps_its_first_ten_kilobytes(
    served: Served, stage: Stage
) -> None:
    monitor = await served.make()
    for size in (0, 10_240, 10_241, 300_000):
        reply = await served.client.post(f"/api/v1/heartbeat/{monitor['key']}", content=b"\xff" * size)
        assert reply.status_code == 200
    assert [len(row.beat.body) for row, _ in await kept(stage)] == [0, 10_240, 10_240, 10_240]


@pytest.mark.parametrize("key", ["0" * 22, "short", "x" * 300, "a%20b", "..%2f..", "ünknown", "a/b", ""])
async def test_an_unknown_or_malformed_key_is_not_found(served: Served, key: str) -> None:
    for door in ("/ping/", "/api/v1/heartbeat/"):
        reply = await served.client.get(door + key)
        assert reply.status_code == 404
        assert "error" in reply.json()
        assert "alive" not in reply.json()


async def test_people_with_a_browser_are_refused_with_a_page_and_everybody_else_with_json(
    served: Served,
) -> None:
    for path, status, allowed in (("/nowhere", 404, None), ("/sign-out", 405, "POST")):
        page = await served.client.get(path, headers={"accept": "text/html,*/*"})
        assert (page.status_code, page.headers.get("allow")) == (status, allowed)
        assert "</html>" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert (await served.client.get(path)).json()["error"]


async def test_other_methods_are_told_which_ones_ping(served: Served) -> None:
    monitor = await served.make()
    reply = await served.client.put(f"/ping/{monitor['key']}")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, POST, HEAD")


async def test_a_new_name_and_a_deletion_reach_the_doors_at_once(served: Served) -> None:
    monitor = await served.make(name="before")
    door = f"/api/v1/heartbeat/{monitor['key']}"
    assert (await served.client.get(door)).json()["monitor"] == "before"
    await served.client.patch(f"/api/monitors/{monitor['id']}", json={"name": "after"})
    await served.client.get(door)
    assert (await served.client.get(door)).json()["monitor"] == "after"
    await served.client.delete(f"/api/monitors/{monitor['id']}")
    assert (await served.client.get(door)).status_code == 404


async def test_a_paused_monitor_is_answered_as_usual(served: Served, stage: Stage) -> None:
    monitor = await served.make()
    await served.client.patch(f"/api/monitors/{monitor['id']}", json={"paused": True})
    assert (await served.client.get(f"/ping/{monitor['key']}")).status_code == 200
    bad = await served.client.post(f"/ping/{monitor['key']}", content=b"nonsense")
    assert bad.status_code == 400
    assert [outcome for _, outcome in await kept(stage)] == [Outcome.PAUSED]


async def test_the_sender_is_the_client_behind_a_trusted_proxy(served: Served, stage: Stage) -> None:
    monitor = await served.make()
    await served.client.get(f"/ping/{monitor['key']}", headers={"x-forwarded-for": "203.0.113.9, 127.0.0.1"})
    [(row, _)] = await kept(stage)
    assert row.beat.sender == "203.0.113.9"


async def test_pings_that_come_together_go_in_few_calls_and_each_gets_its_own_answer(
    served: Served, stage: Stage
) -> None:
    monitors = [await served.make(name=f"job {number}") for number in range(20)]
    doors = [f"/api/v1/heartbeat/{monitor['key']}" for monitor in monitors] * 10
    replies = await asyncio.gather(*map(served.client.get, doors))
    assert [reply.json()["monitor"] for reply in replies] == [f"job {number}" for number in range(20)] * 10
    assert len(await kept(stage)) == 200
    assert await stage.redis.xlen(stage.shard.keys.pings) < 200


async def test_a_frozen_redis_delays_pings_and_loses_none(stage: Stage, served: Served) -> None:
    monitor = await served.make()
    await stage.redis.execute_command("CLIENT", "PAUSE", 300, "WRITE")
    replies = await asyncio.gather(*(served.client.get(f"/ping/{monitor['key']}") for _ in range(20)))
    assert {reply.status_code for reply in replies} == {200}
    assert len(await kept(stage)) == 20


async def test_without_redis_every_ping_and_every_change_is_503(tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/nobody-listens"
    async with serving(tmp_path, nowhere, wait=False) as served:
        ping = await served.client.get("/ping/" + "0" * 22)
        assert (ping.status_code, ping.headers["retry-after"]) == (503, "1")
        made = await served.client.post("/api/monitors", json={"name": "job"})
        assert (made.status_code, made.headers["retry-after"]) == (503, "1")
        assert (await served.client.get("/livez")).status_code == 200
        assert (await served.client.get("/readyz")).status_code == 503


async def test_a_clean_stop_gives_the_writer_slot_back(stage: Stage, tmp_path: Path) -> None:
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        assert await stage.redis.hlen(stage.shard.keys.writers) == 1
        await served.stop()
        assert await stage.redis.hlen(stage.shard.keys.writers) == 0
        assert await stage.redis.get(stage.shard.keys.heard) is not None
