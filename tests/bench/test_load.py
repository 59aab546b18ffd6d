"""Both load generators, driven at a real server and at their own pure parts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import client, wrk
from bench.client import request_bytes, split_reply
from bench.load import BenchFailed, Load, percentile
from bench.parts import EmptyReply, empty_reply, free_port

PATHS = ("/ping/one", "/ping/two", "/ping/three")
REPLY = b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\nContent-Length: 2\r\n\r\nok"
WALKED = (
    "Running 1s test @ http://127.0.0.1:8000\n  1 threads and 64 connections\n"
    "Requests/sec:  16110.42\n"
    "walked requests=16900 duration=1049000 p50=3712 p99=9120 connect=1 read=2 write=3 timeout=4 status=900\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmptyReply]:
    with empty_reply(tmp_path_factory.mktemp("empty")) as running:
        yield running


def a_load(port: int, connections: int = 4) -> Load:
    return Load(port=port, paths=PATHS, connections=connections, seconds_s=1)


def test_our_client_counts_every_reply_and_its_time(server: EmptyReply) -> None:
    result = client.drive(a_load(server.port))

    assert result.answered > 100
    assert (result.refused, result.errors, result.cut) == (0, 0, 0)
    assert 0 < result.p50_ms <= result.p99_ms < 1000
    assert 1 <= result.elapsed_s < 5


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_wrk_gives_the_same_kind_of_result(server: EmptyReply) -> None:
    result = wrk.drive(a_load(server.port))

    assert result.answered > 100
    assert (result.refused, result.errors, result.cut) == (0, 0, 4)
    assert 0 < result.p50_ms <= result.p99_ms < 1000


def test_our_client_reports_a_server_that_is_not_there() -> None:
    result = client.drive(a_load(free_port(), connections=3))

    assert (result.answered, result.errors) == (0, 3)


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_wrk_reports_a_server_that_is_not_there() -> None:
    with pytest.raises(BenchFailed, match="wrk"):
        wrk.drive(a_load(free_port()))


def test_the_line_of_wrk_is_read_with_refusals_apart_from_answers() -> None:
    result = wrk.parse(WALKED, connections=64)

    assert (result.answered, result.refused, result.errors, result.cut) == (16000, 900, 10, 64)
    assert (result.elapsed_s, result.p50_ms, result.p99_ms) == (1.049, 3.712, 9.12)
    assert result.per_second == pytest.approx(16000 / 1.049)


def test_an_output_of_wrk_without_the_line_is_refused() -> None:
    with pytest.raises(BenchFailed, match="without a result"):
        wrk.parse("Requests/sec: 16110.42\n", connections=64)


def test_wrk_is_asked_for_one_thread_and_whole_seconds() -> None:
    command = wrk.command(a_load(8000, connections=256), Path("paths"))

    assert command[:8] == ["wrk", "-t", "1", "-c", "256", "-d", "1s", "--timeout"]
    assert command[-3:] == ["http://127.0.0.1:8000", "--", "paths"]


def test_a_request_looks_like_one_of_curl() -> None:
    assert request_bytes("127.0.0.1:80", "/ping/k").split(b"\r\n") == [
        b"GET /ping/k HTTP/1.1",
        b"Host: 127.0.0.1:80",
        b"User-Agent: curl/8",
        b"Accept: */*",
        b"",
        b"",
    ]


@pytest.mark.parametrize("end", range(len(REPLY)))
def test_a_reply_that_is_not_all_there_is_waited_for(end: int) -> None:
    assert split_reply(REPLY[:end]) is None


def test_a_reply_ends_where_its_length_says() -> None:
    assert split_reply(REPLY + b"HTTP/1.1 503") == (200, len(REPLY))


def test_a_reply_without_a_length_has_no_body() -> None:
    assert split_reply(b"HTTP/1.1 204 No Content\r\n\r\n") == (204, 27)


def test_percentiles_are_of_the_ordered_row() -> None:
    row = list(range(1, 101))

    assert (percentile(row, 0.50), percentile(row, 0.99), percentile(row, 1.0)) == (51, 100, 100)
    assert percentile([], 0.5) == 0
