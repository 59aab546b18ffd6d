"""The access log: nothing unless asked for; then every request on both paths, and never a ping key."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from ingest import access_log
from ingest.access_log import HIDDEN, LoggedLane, redact
from ingest.main import _protocol
from tests.ingest.raw_http import talk
from tests.ingest.serving import serving, settings_for
from tests.stage import Stage

TOKEN = "a1B2c3D4e5F6g7H8i9J0kL"


@pytest.mark.parametrize("lane", ["on", "off"])
async def test_every_request_has_a_line_without_its_key(
    lane: str, stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.redis.flushall()
    caplog.set_level(logging.INFO, access_log.__name__)
    async with serving(tmp_path, stage.live.url, lane=lane, access_log="on") as served:
        monitor = await served.make()
        key, host = monitor["key"].encode(), b"Host: a\r\n"
        forwarded = b"X-Forwarded-For: 203.0.113.7\r\n"
        raw = (
            b"GET /ping/" + key + b"?run=7 HTTP/1.1\r\n" + host + b"\r\n"
            b"POST /api/v1/heartbeat/" + key + b" HTTP/1.1\r\n" + host + forwarded + b"\r\n"
            b"HEAD /ping/" + b"0" * 22 + b" HTTP/1.1\r\n" + host + b"\r\n"
            b"GET /ping/" + key + b"/3?duration_ms=5 HTTP/1.1\r\n" + host + b"\r\n"
            b"GET /api/v1/heartbeat/" + key + b"/log HTTP/1.1\r\n" + host + b"\r\n"
            b"GET /api/nothing?of=" + key + b" HTTP/1.0\r\n" + host + b"\r\n"
        )
        caplog.clear()
        await talk(served.port, [raw], 6, heads=[2])
    lines = [record.getMessage() for record in caplog.records if "/readyz" not in record.getMessage()]
    assert [line.partition(" - ")[2] for line in lines] == [
        f'"GET /ping/{HIDDEN}?run=7 HTTP/1.1" 200',
        f'"POST /api/v1/heartbeat/{HIDDEN} HTTP/1.1" 200',
        f'"HEAD /ping/{HIDDEN} HTTP/1.1" 404',
        f'"GET /ping/{HIDDEN}/3?duration_ms=5 HTTP/1.1" 200',
        f'"GET /api/v1/heartbeat/{HIDDEN}/log HTTP/1.1" 200',
        f'"GET /api/nothing?of={HIDDEN} HTTP/1.0" 404',
    ]
    assert [line.partition(" - ")[0].rpartition(":")[0] for line in lines[:2]] == ["127.0.0.1", "203.0.113.7"]


async def test_nothing_is_logged_unless_asked_for(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.redis.flushall()
    caplog.set_level(logging.INFO)
    async with serving(tmp_path, stage.live.url) as served:
        monitor = await served.make()
        await served.client.get(f"/ping/{monitor['key']}")
    assert not {"uvicorn.access", access_log.__name__} & {record.name for record in caplog.records}


def test_a_lane_that_logs_is_taken_only_when_the_log_is_on(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "")
    logged = msgspec.structs.replace(settings, access_log=True)
    assert _protocol(settings) is not LoggedLane
    assert _protocol(logged) is LoggedLane


@pytest.mark.parametrize(
    ("path", "query", "shown"),
    [
        (f"/ping/{TOKEN}", b"", "/ping/***"),
        ("/ping/nightly-backup-0a1b2c3d", b"a=b", "/ping/***?a=b"),
        (f"/ping/{TOKEN}/fail", b"", "/ping/***/fail"),
        (f"//PING/{TOKEN}", b"", "//PING/***"),
        (f"/api/v1/heartbeat/{TOKEN}", b"", "/api/v1/heartbeat/***"),
        (f"/{TOKEN}", b"", "/***"),
        ("/api/x", b"next=/ping/" + TOKEN.encode(), "/api/x?next=/ping/***"),
        ("/ping/a b\nc", b"\xff\n", "/ping/***?%FF%0A"),
        ("/api/monitors/6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77", b"limit=5",
         "/api/monitors/6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77?limit=5"),
    ],
)  # fmt: skip
def test_a_target_is_shown_without_keys(path: str, query: bytes, shown: str) -> None:
    assert redact(path, query) == shown
