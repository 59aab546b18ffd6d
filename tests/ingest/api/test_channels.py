"""Channels: made, listed, deleted, and known to dispatch."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import msgspec
import pytest

from store.projection import ChannelTarget
from tests.ingest.api.cast import Api
from tests.stage import Stage


async def known_channels(stage: Stage) -> list[ChannelTarget]:
    """What dispatch finds in Redis."""
    blobs: list[Any] = await stage.live.client.hvals(stage.shard.keys.channels)
    return [msgspec.msgpack.decode(blob, type=ChannelTarget) for blob in blobs]


async def test_a_new_channel_shows_its_secret_once(api: Api) -> None:
    reply = await api.owner.post(
        "/api/channels", json={"type": "webhook", "name": "ops", "url": "https://example.org/hook?a=b"}
    )

    made = reply.json()
    assert reply.status_code == 201
    assert (made["type"], made["name"], made["url"]) == ("webhook", "ops", "https://example.org/hook?a=b")
    assert made["secret"].startswith("whsec_")
    assert len(b64decode(made["secret"].removeprefix("whsec_"), validate=True)) == 32
    del made["secret"]
    shown = {**made, "url": "https://example.org/hook?a=***"}
    assert (await api.owner.get("/api/channels")).json() == {"channels": [shown], "nextCursor": None}


async def test_dispatch_knows_a_channel_when_the_answer_comes(api: Api, stage: Stage) -> None:
    made = await api.channel()

    (target,) = await known_channels(stage)

    assert target.kind == "webhook"
    assert msgspec.json.decode(target.settings) == {"url": made["url"], "secret": made["secret"]}


async def test_a_deleted_channel_is_gone_from_the_book_and_from_redis(api: Api, stage: Stage) -> None:
    kept, made = await api.channel(), await api.channel()

    reply = await api.owner.delete(f"/api/channels/{made['id']}")

    assert (reply.status_code, reply.content) == (204, b"")
    assert [one["id"] for one in (await api.owner.get("/api/channels")).json()["channels"]] == [kept["id"]]
    assert len(await known_channels(stage)) == 1
    assert (await api.owner.delete(f"/api/channels/{made['id']}")).status_code == 404


async def test_channels_come_in_pages(api: Api) -> None:
    made = [(await api.channel())["id"] for _ in range(3)]

    first = (await api.owner.get("/api/channels?limit=2")).json()
    second = (await api.owner.get("/api/channels", params={"cursor": first["nextCursor"]})).json()

    assert [one["id"] for one in first["channels"] + second["channels"]] == made
    assert second["nextCursor"] is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/hook",  # whether it may be reached is decided when it is called
        "HTTPS://EXAMPLE.ORG",
        "https://[2001:db8::1]:8443/a%20b?c=d&e#f",
    ],
)
async def test_what_can_be_called_is_accepted(api: Api, url: str) -> None:
    assert (await api.channel(url=url))["url"] == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "http://:80/",
        "https://user:pass@example.org/",
        "https://user@example.org/",
        "https://@example.org/",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:port/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://exa mple.org/",
        "https://example.org/\\..\\",
        "https://example.org/\r\nx: y",
        "https://bücher.example/",
        "https://example.org/\x00",
        "https://example.org/" + "a" * 2048,
    ],
)
async def test_what_cannot_be_called_is_refused_naming_the_url(api: Api, url: str) -> None:
    reply = await api.owner.post("/api/channels", json={"type": "webhook", "name": "ops", "url": url})

    assert reply.status_code == 422
    assert reply.json()["field"] == "url"
    assert (await api.owner.get("/api/channels")).json()["channels"] == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org", "https://example.org"),
        ("https://example.org/hook/overdue-alerts-of-production", None),
        ("https://example.org/a?token=s3cret&b=&c", "https://example.org/a?token=***&b=&***"),
        ("https://example.org/a#s3cret", "https://example.org/a#***"),
        ("https://example.org/T02AB/zRj8Qm4xYb71LkUeWq9/end", "https://example.org/T02AB/***/end"),
        ("https://example.org/0b6c6c3e-9a6e-4c11-8f3e-2f3a4b5c6d7e", "https://example.org/***"),
        ("https://example.org/AbCdEfGhIjKlMnOpQrSt", "https://example.org/***"),
        ("https://example.org/AbCdEfGh-IjKlMn_OpQr", "https://example.org/***"),
        ("https://example.org/abcdefghijklmnopqrstuvwx", "https://example.org/***"),
        ("https://example.org/v-abcdefghijklmnopqrstuvwx", "https://example.org/***"),
        ("https://example.org/abc-1-def-2-ghi-3", "https://example.org/***"),
        ("https://example.org/1234567890123456", "https://example.org/***"),
        ("https://example.org/hooks/x9k2p4qz", "https://example.org/hooks/***"),
        ("https://example.org/hooks/aBcDeFg1", "https://example.org/hooks/***"),
        ("https://example.org/hooks/incidents/onCall", None),
        ("https://example.org/a;token=abc123/end", "https://example.org/a;token=***/end"),
        ("https://example.org/a;v=1;/b=;c?d;e=f", "https://example.org/a;v=***;/b=;c?d;e=***"),
        ("https://example.org/2026/on-call/team-2_b", None),
    ],
)
async def test_what_may_be_a_secret_in_a_url_is_masked_wherever_it_is_shown(
    api: Api, stage: Stage, url: str, shown: str | None
) -> None:
    made = await api.channel(url=url)
    assert made["url"] == url
    kept = (await api.owner.get(f"/api/channels/{made['id']}")).json()
    assert kept["url"] == (shown or url)
    changed = await api.owner.patch(f"/api/channels/{made['id']}", json={"url": kept["url"], "name": "new"})
    assert changed.status_code == 200
    (target,) = await known_channels(stage)
    assert msgspec.json.decode(target.settings)["url"] == url


async def test_a_mask_is_no_part_of_a_new_url(api: Api) -> None:
    made = await api.channel(url="https://example.org/a?token=s3cret")
    for url in ("https://example.org/b?token=***", "https://***/"):
        reply = await api.owner.patch(f"/api/channels/{made['id']}", json={"url": url})
        assert (reply.status_code, reply.json()["field"]) == (422, "url")
