"""The express lane and the plain path answer alike, byte for byte, whatever is sent and however it is cut."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest import guard
from ingest import lane as lane_module
from ingest.lane_facts import read_facts
from store.live.heads import Outcome
from tests.ingest.lane_cases import HOST, requests
from tests.ingest.raw_http import Answer, talk
from tests.ingest.serving import Served, serving
from tests.ingest.test_doors import kept
from tests.patience import until
from tests.stage import Stage


@pytest.fixture
async def served(stage: Stage, tmp_path: Path) -> AsyncIterator[Served]:
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        yield served


async def ask(port: int, raw: bytes, answers: int) -> tuple[list[Answer], bool]:
    return await talk(port, [raw], answers)


@pytest.fixture
async def answers_of_plain(stage: Stage, tmp_path: Path) -> dict[str, tuple[list[Answer], bool]]:
    await stage.redis.flushall()
    async with serving(tmp_path / "plain", stage.live.url, lane="off") as plain:
        monitor = await plain.make(name="job", interval=86_400)
        return {
            name: await ask(plain.port, raw, count)
            for name, (raw, count) in requests(monitor["key"].encode()).items()
        }


async def test_both_paths_answer_alike(
    answers_of_plain: dict[str, tuple[list[Answer], bool]], stage: Stage, tmp_path: Path
) -> None:
    await stage.redis.flushall()
    async with serving(tmp_path / "lane", stage.live.url) as served:
        monitor = await served.make(name="job", interval=86_400)
        for name, (raw, count) in requests(monitor["key"].encode()).items():
            got = await ask(served.port, raw, count)
            expected = answers_of_plain[name]
            assert without_times(got) == without_times(expected), name


def without_times(talked: tuple[list[Answer], bool]) -> tuple[list[tuple[int, object, bytes]], bool]:
    """The moment of a ping differs; the rest may not."""
    answers, closed = talked
    plain: list[tuple[int, object, bytes]] = []
    for answer in answers:
        body = answer.body
        if b"pinged_at" in body:
            body = body[: body.index(b"pinged_at")]
        plain.append((answer.status, answer.headers, body))
    return plain, closed


async def test_no_way_of_cutting_a_request_changes_its_answer(served: Served) -> None:
    monitor = await served.make(name="job", interval=86_400)
    cases = requests(monitor["key"].encode())
    draw = random.Random(7)
    for name in (
        "get",
        "post json",
        "post bad json",
        "chunked",
        "posts pipelined",
        "pings and others mixed",
        "query",
        "exit code and figures",
    ):
        raw, count = cases[name]
        expected = without_times(await ask(served.port, raw, count))
        cuts = [[at] for at in range(1, min(len(raw), 120), 2)]
        cuts += [sorted(draw.sample(range(1, len(raw)), 4)) for _ in range(20)]
        for cut in cuts:
            pieces = [raw[a:b] for a, b in itertools.pairwise([0, *cut, len(raw)])]
            got = await talk(served.port, pieces, count, patience_s=0.001)
            assert without_times(got) == expected, (name, cut)


async def test_head_is_answered_without_a_body_in_order(served: Served) -> None:
    monitor = await served.make(interval=86_400)
    get = b"GET /ping/" + monitor["key"].encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    head = get.replace(b"GET", b"HEAD")
    answers, closed = await talk(served.port, [head + get + head + get], 4, heads=(0, 2))
    assert [answer.status for answer in answers] == [200] * 4
    assert [answer.body for answer in answers] == [b"", b'{"ok":true}', b"", b'{"ok":true}']
    assert not closed


async def test_a_ping_is_answered_before_the_nonsense_behind_it(served: Served) -> None:
    monitor = await served.make(interval=86_400)
    get = b"GET /ping/" + monitor["key"].encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    answers, closed = await ask(served.port, get + b"\x16\x03\x01nonsense\r\n\r\n", 2)
    assert ([answer.status for answer in answers], closed) == ([200, 400], True)


async def test_plain_pings_never_reach_the_application(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await served.make(interval=86_400)
    passed: list[bytes] = []
    original = lane_module.Lane._pass_on

    def spy(self: lane_module.Lane, data: bytes) -> None:
        passed.append(data)
        original(self, data)

    monkeypatch.setattr(lane_module.Lane, "_pass_on", spy)
    cases = requests(monitor["key"].encode())
    for name in (
        "get",
        "query",
        "other door",
        "post json",
        "three pings",
        "connection keep-alive",
        "connection close",
        "forwarded",
        "forwarded twice",
        "start",
        "fail at the other door",
        "exit code and output",
        "bad run",
        "signals pipelined",
    ):
        await ask(served.port, *cases[name])
    assert passed == []
    await ask(served.port, *cases["chunked"])
    assert len(passed) == 1


async def test_what_is_kept_of_a_ping_is_the_same_on_both_paths(stage: Stage, tmp_path: Path) -> None:
    seen = []
    for lane in ("on", "off"):
        await stage.redis.flushall()
        async with serving(tmp_path / lane, stage.live.url, lane=lane) as served:
            monitor = await served.make(interval=86_400)
            cases = requests(monitor["key"].encode())
            for name in (
                "get",
                "query",
                "post json",
                "post form type",
                "post large at the other door",
                "forwarded",
                "forwarded twice",
                "post and close",
                "start",
                "exit code and output",
                "output of 10241",
                "run of a plain ping",
                "escaped signal",
            ):
                await ask(served.port, *cases[name])
            seen.append([(row.beat, outcome & 127) for row, outcome in await kept(stage)])
    assert seen[0] == seen[1]
    assert len(seen[0]) == 13
    assert [beat.sender for beat, _ in seen[0][5:8]] == ["203.0.113.7", "203.0.113.7", "127.0.0.1"]
    assert {outcome for _, outcome in seen[0]} == {Outcome.RECORDED}


async def test_a_client_that_leaves_early_disturbs_nobody(served: Served, stage: Stage) -> None:
    monitor = await served.make(interval=86_400)
    raw = b"GET /ping/" + monitor["key"].encode() + b"?leaver HTTP/1.1\r\n" + HOST + b"\r\n"
    await stage.redis.execute_command("CLIENT", "PAUSE", 300, "WRITE")
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(raw)
        await writer.drain()
        writer.transport.abort()
    answers, _ = await ask(served.port, raw.replace(b"leaver", b"stayer"), 1)
    assert answers[0].status == 200
    assert [row.beat.query for row, _ in await kept(stage)].count(b"stayer") == 1


async def test_a_client_that_says_no_more_is_still_answered(served: Served, stage: Stage) -> None:
    monitor = await served.make(interval=86_400)
    await stage.redis.execute_command("CLIENT", "PAUSE", 100, "WRITE")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /ping/" + monitor["key"].encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    writer.write_eof()
    reply = await asyncio.wait_for(reader.read(), 10)
    assert reply.startswith(b"HTTP/1.1 200 OK")
    writer.close()


async def test_a_stop_answers_what_is_under_way(served: Served, stage: Stage) -> None:
    monitor = await served.make(interval=86_400)
    raw = b"GET /ping/" + monitor["key"].encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    await ask(served.port, raw, 1)
    await stage.redis.execute_command("CLIENT", "PAUSE", 20_000, "WRITE")
    asking = [asyncio.create_task(ask(served.port, raw, 1)) for _ in range(5)]
    await until(lambda: _are_under_way(5))
    served.part.stop.set()
    await until(lambda: _are_under_way(5, closing=True))
    await stage.redis.execute_command("CLIENT", "UNPAUSE")
    await served.stop()
    assert [(await one)[0][0].status for one in asking] == [200] * 5


async def _are_under_way(count: int, closing: bool = False) -> bool:
    lanes = [one for one in gc.get_objects() if isinstance(one, lane_module.Lane)]
    return sum(lane._under_way and lane._closing >= closing for lane in lanes) == count


async def test_thousands_of_pipelined_pings_are_answered_in_order(served: Served) -> None:
    monitor = await served.make(interval=86_400)
    key = monitor["key"].encode()
    known = b"GET /ping/" + key + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    unknown = known.replace(key, b"0" * 22)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    pattern = [known, unknown] * 1000

    async def send() -> None:
        for raw in pattern:
            writer.write(raw)
            await writer.drain()

    sending = asyncio.create_task(send())
    statuses = []
    async with asyncio.timeout(30):
        for _ in pattern:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            statuses.append(int(head.split(b" ")[1]))
    await sending
    assert statuses[::2] == [200] * 1000
    # From the hundred-and-first unknown key on, whoever tries them is turned away.
    assert set(statuses[1::2]) == {404, 429}
    writer.close()


@pytest.mark.parametrize(
    "block",
    [
        b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Host: a\r\nExpect: 100-continue\r\n\r\n",
        b"Host: a\r\nConnection: close, x\r\n\r\n",
        b"Host: a\r\nHost: b\r\n\r\n",
        b"Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"Host: a\r\nContent-Length: 1, 1\r\n\r\n",
        b"Host: a\r\nContent-Length: -1\r\n\r\n",
        b"Host: a\r\nContent-Length:\r\n\r\n",
        b"Host: a\r\nX y: b\r\n\r\n",
        b"Host: a\r\nX: b\x00\r\n\r\n",
        b"Host: a\r\n folded\r\n\r\n",
        b"Host: a\nX: b\r\n\r\n",
        b"X: b\r\n\r\n",
        b"\r\n",
        b"Host: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
    ],
)
def test_whatever_is_odd_about_a_block_is_not_for_the_lane(block: bytes) -> None:
    assert read_facts(block) is None
    assert read_facts(b"Host: a\r\nUser-Agent: b c\r\nContent-Length: 12\r\n\r\n") is not None


async def test_too_large_a_head_is_refused(served: Served) -> None:
    huge = b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: " + b"y" * 40_000 + b"\r\n\r\n"
    answers, closed = await ask(served.port, huge, 1)
    assert ([answer.status for answer in answers], closed) == ([431], True)
    many = b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: y\r\n" * 200
    answers, closed = await ask(served.port, many, 1)
    assert ([answer.status for answer in answers], closed) == ([431], True)


async def test_who_is_too_slow_is_turned_away_and_who_idles_is_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "REQUEST_WITHIN_S", 0)
    monkeypatch.setattr(guard, "IDLE_S", 1)
    monitor = await served.make(interval=86_400)
    line = b"GET /ping/" + monitor["key"].encode() + b" HTTP/1.1\r\n"
    for beginning in (line + HOST, b"GET /livez HTTP/1.1\r\nHost: a"):
        answers, closed = await ask(served.port, beginning, 1)
        assert ([answer.status for answer in answers], closed) == ([408], True)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
