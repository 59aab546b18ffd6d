"""Requests as ready-made bytes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bench.case import Case
from bench.requests import METRICS, batch_body, requests_of, write_requests
from ingest.doors.batch import Beaten, read_batch

KEYS = ["a" * 22, "b" * 22, "c" * 22]


def a_case(*, pings: int = 0, written: str = "", closes: bool = False) -> Case:
    return Case(name="x", group="x", pings=pings, written=written, closes=closes)


def test_a_ping_looks_like_one_of_curl() -> None:
    first, *others = requests_of(a_case(), "127.0.0.1:80", KEYS)

    assert first.split(b"\r\n") == [
        b"GET /ping/" + b"a" * 22 + b" HTTP/1.1",
        b"Host: 127.0.0.1:80",
        b"User-Agent: curl/8",
        b"Accept: */*",
        b"",
        b"",
    ]
    assert len(others) == 2


def test_a_ping_may_end_its_connection() -> None:
    assert requests_of(a_case(closes=True), "h", KEYS)[0].endswith(b"\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("written", ["NDJSON", "JSON array", "NDJSON in gzip"])
def test_batches_walk_through_all_keys(written: str) -> None:
    requests = requests_of(a_case(pings=2, written=written), "h", KEYS)
    found: list[str] = []
    for request in requests[:3]:
        head, _, body = request.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head.lower()
        assert (b"gzip" in head) is written.endswith("gzip")
        items = read_batch(gzip.decompress(body) if b"gzip" in head else body, "", 0)
        found += [item.key for item in items if isinstance(item, Beaten)]

    assert found == KEYS * 2


def test_an_item_may_carry_two_metrics() -> None:
    (item,) = read_batch(batch_body(iter(KEYS[:1]), "NDJSON", metrics=True), "", 0)

    assert isinstance(item, Beaten)
    assert (item.body, METRICS.count(b":")) == (METRICS, 2)


def test_each_request_is_written_with_its_length_before_it(tmp_path: Path) -> None:
    write_requests(tmp_path / "requests", [b"one\r\n", b"three"])

    assert (tmp_path / "requests").read_bytes() == b"5\none\r\n5\nthree"
