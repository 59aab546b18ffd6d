"""Bodies at both doors, from real HTTP to samples: what is refused leaves none, and the sign of life counts always."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from store.book.database import CONFIG_DB
from store.book.history_reader import HISTORY_DB
from store.book.history_writer import HistoryWriter
from store.book.rule_reader import RuleReader
from store.live import streams
from store.live.live import Live
from store.live.streams import StreamReader
from store.recorder.ledger import Ledger
from store.recorder.recorder import Recorder
from tests.ingest.serving import Served, serving
from tests.stage import Stage

REFUSED = {
    "a boolean": (b'{"ok": true}', 400),
    "null": (b'{"a": null}', 400),
    "NaN": (b'{"a": NaN}', 400),
    "infinity": (b'{"a": Infinity}', 400),
    "minus infinity": (b'{"a": -Infinity}', 400),
    "beyond a double": (b'{"a": 1e400}', 400),
    "a whole number beyond a double": (b'{"a": 1' + b"0" * 400 + b"}", 400),
    "nesting": (b'{"a": {"b": 1}}', 400),
    "deep nesting": (b'{"a": ' * 140 + b"1" + b"}" * 140, 400),
    "an array in it": (b'{"a": [1]}', 400),
    "an array": (b"[1, 2]", 400),
    "a key twice": (b'{"a": 1, "a": 2}', 400),
    "a key twice, once escaped": (b'{"a": 1, "\\u0061": 2}', 400),
    "bad UTF-8": (b'{"a": "\xff"}', 400),
    "half a surrogate pair": (b'{"a": "\\ud800"}', 400),
    "a bare number": (b"12", 400),
    "no JSON": (b"finished", 400),
    "a form": (b"a=1&b=2", 400),
    "half a body": (b'{"a": 1', 400),
    "something behind it": (b'{"a": 1} x', 400),
    "1025 bytes": (b'{"a": "' + b"x" * 1016 + b'"}', 413),
    "1025 bytes of blanks": (b'{"a": 1}' + b" " * 1017, 413),
}
# At the other door the length alone is no reason.
TAKEN_ELSEWHERE = {"1025 bytes", "1025 bytes of blanks"}


@pytest.fixture
async def served(stage: Stage, tmp_path: Path) -> AsyncIterator[Served]:
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        yield served


async def record(data: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder comes, carries everything and goes."""
    monkeypatch.setattr(streams, "BLOCK_MS", 5)
    live, writer, rules = Live(url, 1, ""), HistoryWriter(data / HISTORY_DB), RuleReader(data / CONFIG_DB)
    reader = StreamReader(url, live.shards[0])
    try:
        assert await live.follow_generation()
        recorder = Recorder(live.shards[0], reader, Ledger(writer, rules))
        while await recorder.step():
            pass
    finally:
        await reader.aclose()
        await live.aclose()
        rules.close()
        writer.close()


async def metrics(served: Served, monitor: dict[str, str]) -> dict[str, Any]:
    reply = (await served.client.get(f"/api/monitors/{monitor['id']}/metrics")).json()
    return {one["key"]: one["last"] for one in reply["metrics"]}


async def test_what_the_first_door_refuses_leaves_no_sample_at_any_door(
    served: Served, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitors = {name: (await served.make(name=name), await served.make(name=name)) for name in REFUSED}
    for name, (body, status) in REFUSED.items():
        first, other = monitors[name]
        reply = await served.client.post(f"/ping/{first['key']}", content=body)
        assert (reply.status_code, reply.json().get("alive")) == (status, True), name
        reply = await served.client.post(f"/api/v1/heartbeat/{other['key']}", content=body)
        assert reply.status_code == 200, name
    await record(tmp_path, stage.live.url, monkeypatch)

    for name, (first, other) in monitors.items():
        shown = [(await served.client.get(f"/api/monitors/{one['id']}")).json() for one in (first, other)]
        assert [one["status"] for one in shown] == ["up", "up"], name
        assert await metrics(served, first) == {}, name
        assert bool(await metrics(served, other)) is (name in TAKEN_ELSEWHERE), name
        pings = [
            (await served.client.get(f"/api/monitors/{one['id']}/pings")).json()["pings"]
            for one in (first, other)
        ]
        assert [len(one) for one in pings] == [0, 1], name


@pytest.mark.parametrize("door", ["/ping/", "/api/v1/heartbeat/"])
async def test_flat_json_becomes_samples_at_both_doors_whatever_its_content_type(
    served: Served, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    monitor = await served.make()
    body = json.dumps({"duration_ms": 1234, "records": 5e2, "status": "complete", "größe": -0.5})
    for content_type in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
        reply = await served.client.post(
            f"{door}{monitor['key']}", content=body, headers={"content-type": content_type}
        )
        assert reply.status_code == 200
    await record(tmp_path, stage.live.url, monkeypatch)

    assert await metrics(served, monitor) == {
        "duration_ms": 1234.0,
        "records": 500.0,
        "status": "complete",
        "größe": -0.5,
    }
    reply = await served.client.get(
        f"/api/monitors/{monitor['id']}/metrics/duration_ms", params={"step": 3600}
    )
    assert sum(point["count"] for point in reply.json()["points"]) == 3


async def test_the_body_that_was_sent_can_be_read_again(
    served: Served, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await served.make()
    await served.client.post(f"/api/v1/heartbeat/{monitor['key']}", content=b"rsync: 3 files\n")
    await served.client.get(f"/api/v1/heartbeat/{monitor['key']}")
    await record(tmp_path, stage.live.url, monkeypatch)

    pings = (await served.client.get(f"/api/monitors/{monitor['id']}/pings")).json()["pings"]

    assert [one["hasBody"] for one in pings] == [False, True]
    paths = [f"/api/monitors/{monitor['id']}/pings/{one['id']}/body" for one in pings]
    replies = await asyncio.gather(*map(served.client.get, paths))
    assert [reply.status_code for reply in replies] == [404, 200]
    assert replies[1].content == b"rsync: 3 files\n"
