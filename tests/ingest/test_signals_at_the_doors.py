"""What a ping can say besides that all is well: start, failure, log, exit code, run and duration, at every door."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ingest.doors import DOORS as DOORS_TABLE
from ingest.doors.body import Refusal
from ingest.doors.door import answer
from ingest.doors.signals import SAYINGS, SUFFIX, read_saying, signal_of, suffix_of
from store.beat import Signal, Signalled
from store.live.heads import HAS_RUN, LIFE_ONLY, SIGNAL_SHIFT, Outcome, read_ended
from tests.ingest.serving import Served, serving
from tests.ingest.test_doors import kept
from tests.stage import Stage

RID = "123e4567-e89b-42d3-a456-426614174000"
RUN = UUID(RID).bytes
DOORS = ("/ping/", "/api/v1/heartbeat/")


@pytest.fixture
async def served(stage: Stage, tmp_path: Path) -> AsyncIterator[Served]:
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        yield served


async def test_every_signal_is_kept_at_both_doors(served: Served, stage: Stage) -> None:
    key = (await served.make())["key"]
    said = (
        "",
        "/start",
        "/fail",
        "/log",
        "/0",
        "/255",
        f"?rid={RID}&x=1&duration_ms=0",
        f"/3?rid={RID.upper()}",
    )
    ways = [(method, door) for method in ("GET", "POST", "HEAD") for door in DOORS]
    for method, door in ways:
        for suffix in said:
            reply = await served.client.request(method, door + key + suffix)
            assert reply.status_code == 200, suffix
    expected = [
        None,
        Signalled(Signal.START),
        Signalled(Signal.FAIL),
        Signalled(Signal.LOG),
        Signalled(Signal.SUCCESS, exit_code=0),
        Signalled(Signal.FAIL, exit_code=255),
        Signalled(Signal.SUCCESS, RUN, duration_ms=0),
        Signalled(Signal.FAIL, RUN, exit_code=3),
    ]
    assert [row.beat.signalled for row, _ in await kept(stage)] == expected * len(ways)


async def test_a_signal_takes_any_body_and_keeps_its_first_ten_kilobytes(
    served: Served, stage: Stage
) -> None:
    key = (await served.make())["key"]
    bodies = [b"no JSON", b'{"a": [1]}', b'{"a": 1}', b"\xff" * 10_240, b"o" * 10_241, b"p" * 300_000]
    for body in bodies:
        reply = await served.client.post(
            f"/ping/{key}/1", content=body, headers={"content-type": "text/plain"}
        )
        assert reply.status_code == 200
    assert [row.beat.body for row, _ in await kept(stage)] == [body[:10_240] for body in bodies]


async def test_there_are_no_other_signals(served: Served, stage: Stage) -> None:
    key = (await served.make())["key"]
    for suffix in ("stop", "256", "007", "-1", "start/", "Start", "1/2", "", "\u0661"):
        reply = await served.client.get(f"/ping/{key}/{suffix}")
        assert (reply.status_code, "alive" in reply.json()) == (404, False), suffix
        assert "/start, /fail, /log" in reply.json()["error"]
    assert await kept(stage) == []


UNREADABLE = (
    ("rid=7", "`rid`"),
    ("rid=", "`rid`"),
    (f"rid={RID}0", "`rid`"),
    (f"rid={RID}&x=2&rid={RID}", "`rid` comes twice"),
    ("duration_ms=1.5", "`duration_ms`"),
    ("duration_ms=-1", "`duration_ms`"),
    ("duration_ms=31622400001", "`duration_ms`"),
    (f"rid={RID}&duration_ms=", "`duration_ms`"),
)


async def test_a_parameter_that_cannot_be_read_is_named_and_the_signal_counts_all_the_same(
    served: Served, stage: Stage
) -> None:
    monitor = await served.make()
    for query, named in UNREADABLE:
        fail = await served.client.get(f"/ping/{monitor['key']}/fail?{query}")
        success = await served.client.get(f"/ping/{monitor['key']}?{query}")
        assert (fail.status_code, "alive" in fail.json()) == (400, False), query
        assert fail.json()["error"].startswith(named) and "The failure counts" in fail.json()["error"]
        assert (success.status_code, success.json()["alive"]) == (400, True)
        assert success.json()["error"].startswith(named)
    assert (await served.client.get(f"/api/monitors/{monitor['id']}")).json()["lastPingAt"] is not None
    assert await kept(stage) == []


async def test_runs_reach_redis_with_the_pings_that_name_them(served: Served, stage: Stage) -> None:
    key, other = [(await served.make(name=name))["key"] for name in ("job", "other")]
    runs = [str(UUID(int=number)) for number in (7, 8)]
    await served.client.get(f"/ping/{other}")  # its key is known now, so that all of the batch go together
    for run in runs:
        assert (await served.client.get(f"/ping/{key}/start?rid={run}")).status_code == 200
    _, *started = [row.arrival_ms for row, _ in await kept(stage)]
    ends = [
        {"key": key, "run": runs[1], "exitCode": 1},
        {"key": other},
        {"key": key, "run": str(UUID(int=9))},
        {"key": key, "run": runs[0]},
    ]
    assert (await served.client.post("/ping", json=ends)).json()["recorded"] == 4
    *_, (_, fields) = await stage.redis.xrange(stage.shard.keys.pings)
    # A stamp that is a little ahead of Redis' clock is cut to it there.
    assert read_ended(fields[b"d"]) == {
        0: pytest.approx(started[1], abs=5),
        3: pytest.approx(started[0], abs=5),
    }


@pytest.mark.parametrize("query", ["xrid=7", "rid", "a=rid%3D7", "duration=x", "RID=7"])
def test_other_parameters_say_nothing(query: str) -> None:
    assert read_saying(b"", query.encode()).signalled is None


def test_the_express_lane_looks_for_exactly_the_signals_that_there_are() -> None:
    words = [str(number).encode() for number in range(1000)] + [b"start", b"fail", b"log", b"00", b"", b"sta"]
    assert {word for word in words if re.fullmatch(SUFFIX, word)} == set(SAYINGS)


def test_flags_say_what_travels_to_redis() -> None:
    assert read_saying(b"log", b"rid=" + RID.encode()).flags == Signal.LOG << SIGNAL_SHIFT | HAS_RUN
    assert read_saying(b"3", b"rid=x").flags == Signal.FAIL << SIGNAL_SHIFT | LIFE_ONLY
    assert {signal_of(saying.flags) for saying in SAYINGS.values()} == set(Signal)
    assert [suffix_of(SAYINGS[word].signalled) for word in (b"start", b"0", b"9")] == ["/start", "/0", "/9"]


async def test_an_item_of_a_batch_says_the_same(served: Served, stage: Stage) -> None:
    key = (await served.make())["key"]
    said: list[tuple[dict[str, Any], Signalled | None]] = [
        ({"signal": "success"}, None),
        ({"signal": "start", "run": RID}, Signalled(Signal.START, RUN)),
        ({"signal": "fail", "metrics": {"a": 1}}, Signalled(Signal.FAIL)),
        ({"signal": "log"}, Signalled(Signal.LOG)),
        ({"exitCode": 3, "durationMs": 12}, Signalled(Signal.FAIL, exit_code=3, duration_ms=12)),
        ({"signal": "success", "exitCode": 0, "run": RID}, Signalled(Signal.SUCCESS, RUN, exit_code=0)),
    ]
    reply = await served.client.post("/ping", content=json.dumps([{"key": key, **item} for item, _ in said]))
    assert (reply.json()["recorded"], reply.json()["failed"]) == (6, [])
    assert [row.beat.signalled for row, _ in await kept(stage)] == [expected for _, expected in said]


@pytest.mark.parametrize("packed", [False, True])
async def test_an_item_whose_run_or_duration_is_of_a_wrong_kind_counts_all_the_same(
    served: Served, stage: Stage, packed: bool
) -> None:
    key = (await served.make())["key"]
    bad: list[tuple[dict[str, Any], str, bool]] = [
        ({"run": 5}, "`run` must be a UUID", True),
        ({"run": [RID]}, "`run` must be a UUID", True),
        ({"durationMs": 12.5}, "`durationMs` must be", True),
        ({"durationMs": "x", "run": RID}, "`durationMs` must be", True),
        ({"durationMs": 1e300}, "`durationMs` must be", True),
        ({"durationMs": False, "signal": "start"}, "`durationMs` must be", False),
        ({"durationMs": "x", "signal": "dance"}, "`signal` is one of", False),
        ({"run": 5, "exitCode": "1"}, "$.exitCode", False),
        ({"run": 5, "nonsense": 1}, "unknown field `nonsense`", False),
    ]
    items = [{"key": key, **item} for item, *_ in bad]
    items.append({"key": key, "signal": "log", "durationMs": 12.0, "metrics": {"a": 1}})
    encode, kind = (
        (msgspec.msgpack.encode, "application/msgpack")
        if packed
        else (msgspec.json.encode, "application/json")
    )
    reply = await served.client.post("/ping", content=encode(items), headers={"content-type": kind})
    failed = reply.json()["failed"]
    assert [one["index"] for one in failed] == list(range(len(bad)))
    for one, (item, reason, alive) in zip(failed, bad, strict=True):
        assert reason in one["reason"], item
        assert one.get("alive", False) is alive, item
    [row] = [row for row, outcome in await kept(stage) if outcome == Outcome.RECORDED]
    assert row.beat.signalled == Signalled(Signal.LOG, duration_ms=12)


async def test_an_item_that_contradicts_itself_or_cannot_be_read_is_named(
    served: Served, stage: Stage
) -> None:
    key = (await served.make())["key"]
    bad: list[tuple[dict[str, Any], str, bool]] = [
        ({"signal": "dance"}, "`signal` is one of", False),
        ({"signal": None, "exitCode": 256}, "`exitCode` is a number from 0 to 255", False),
        ({"exitCode": "1"}, "$.exitCode", False),
        ({"signal": "success", "exitCode": 1}, "contradict", False),
        ({"signal": "start", "exitCode": 0}, "contradict", False),
        ({"run": "7"}, "`run` must be a UUID", True),
        ({"durationMs": -1}, "`durationMs` must be", True),
        ({"signal": "fail", "run": "\u00e9"}, "`run` must be a UUID", False),
        ({"durationMs": 5, "metrics": [1]}, "flat JSON object", True),
    ]
    reply = await served.client.post("/ping", content=json.dumps([{"key": key, **item} for item, *_ in bad]))
    failed = reply.json()["failed"]
    assert [one["index"] for one in failed] == list(range(len(bad)))
    for one, (item, reason, alive) in zip(failed, bad, strict=True):
        assert reason in one["reason"], item
        assert one.get("alive", False) is alive, item
    assert await kept(stage) == []


@pytest.mark.parametrize("signal", Signal)
def test_only_a_success_that_was_refused_is_called_a_sign_of_life(signal: Signal) -> None:
    limited = answer(DOORS_TABLE[0], Outcome.LIMITED, None, "", 0, 7, signal)
    refused = answer(DOORS_TABLE[0], Outcome.ALIVE, Refusal(400, "Bad."), "", 0, 0, signal)
    for reply in (limited, refused):
        assert (b'"alive":true' in reply.content) is (signal == Signal.SUCCESS)
        assert (b"failure counts" in reply.content) is (signal == Signal.FAIL)
