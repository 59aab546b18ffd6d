"""Both load generators, driven at a real server and at their own pure parts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import client, wrk
from bench.case import Case
from bench.client import split_reply
from bench.load import BenchFailed, Load, percentile
from bench.parts import EMPTY_REPLY, Web, reply_server
from bench.processes import free_port
from bench.requests import requests_of

REPLY = b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\nContent-Length: 2\r\n\r\nok"
WALKED = (
    "Running 1s test @ http://127.0.0.1:8000\n  1 threads and 64 connections\n"
    "Requests/sec:  16110.42\n"
    "walked requests=16900 duration=1049000 p50=3712 p99=9120 connect=1 read=2 write=3 timeout=4 status=900\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with reply_server(tmp_path_factory.mktemp("empty"), EMPTY_REPLY) as running:
        yield running


def a_load(
    port: int, *, connections: int = 4, seconds_s: float = 1, closes: bool = False, every_s: float = 0
) -> Load:
    case = Case(name="x", group="x", closes=closes)
    return Load(
        port=port,
        requests=requests_of(case, f"127.0.0.1:{port}", ["one", "two", "three"]),
        connections=connections,
        seconds_s=seconds_s,
        closes=closes,
        every_s=every_s,
    )


def test_our_client_counts_every_reply_and_its_time(server: Web) -> None:
    result = client.drive(a_load(server.port, seconds_s=0.3))

    assert result.answered > 10
    assert (result.refused, result.errors, result.cut) == (0, 0, 0)
    assert 0 < result.p50_ms <= result.p99_ms < 1000
    assert 0.3 <= result.elapsed_s < 5


def test_our_client_opens_a_connection_per_request(server: Web) -> None:
    result = client.drive(a_load(server.port, seconds_s=0.3, closes=True))

    assert result.answered > 1
    assert (result.refused, result.errors) == (0, 0)


def test_our_client_can_wait_between_requests(server: Web) -> None:
    result = client.drive(a_load(server.port, connections=1, seconds_s=0.45, every_s=0.1))

    assert 2 <= result.answered <= 5


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_wrk_gives_the_same_kind_of_result(server: Web) -> None:
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
    command = wrk.command(a_load(8000, connections=256), Path("requests"))

    assert command[:8] == ["wrk", "-t", "1", "-c", "256", "-d", "1s", "--timeout"]
    assert command[-3:] == ["http://127.0.0.1:8000", "--", "requests"]


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
