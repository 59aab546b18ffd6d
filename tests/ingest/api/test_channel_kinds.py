"""Channels of every kind: made, changed, tried, with secrets that are masked and replaced."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ingest.api.channel_edit import BOTH_SECRETS_MS, rotated
from ingest.api.chat_reader import AppriseReader
from store.book import channels as book_channels
from store.errors import Conflict
from store.live.channel_event import TrialEvent
from store.live.packing import read_event
from store.timestamps import rfc3339
from tests.ingest.api.cast import Api, api_on_stage
from tests.ingest.api.test_channels import known_channels
from tests.stage import Stage

MAIL = {"smtp_url": "smtp://127.0.0.1:1?tls=never", "mail_from": "overdue@example.org"}
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


async def make(api: Api, **body: Any) -> Any:
    reply = await api.owner.post("/api/channels", json={"name": "ops", **body})
    assert reply.status_code == 201, reply.text
    return reply.json()


async def change(api: Api, channel: Any, **body: Any) -> Any:
    reply = await api.owner.patch(f"/api/channels/{channel['id']}", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def refused(api: Api, path: str, body: Any, method: str = "POST") -> str:
    reply = await api.owner.request(method, path, json=body)
    assert reply.status_code == 422, reply.text
    return str(reply.json().get("field"))


async def settings(stage: Stage) -> Any:
    (target,) = await known_channels(stage)
    return msgspec.json.decode(target.settings)


async def test_mail_goes_to_each_address_once_and_collects_by_default(
    stage: Stage, data: Path, people: dict[str, str]
) -> None:
    async with api_on_stage(stage.live, data, people, **MAIL) as api:
        made = await make(api, type="email", to=["a@example.org", "b@example.org", "a@example.org"])
        assert made["to"] == ["a@example.org", "b@example.org"]
        assert made["burst"] == {"size": 5, "windowSeconds": 60}
        assert "secret" not in made
        assert (await api.owner.get(f"/api/channels/{made['id']}")).json() == made
        changed = await change(api, made, to=["c@example.org"])
        assert changed["to"] == ["c@example.org"]
    (target,) = await known_channels(stage)
    assert (target.kind, target.settings) == ("email", b'{"to":["c@example.org"]}')


@pytest.mark.parametrize(
    "to", [[], ["nobody"], ["a@b@c"], ["a@example.org\n"], [f"{n}@example.org" for n in range(11)]]
)
async def test_what_is_no_mail_address_is_refused(
    stage: Stage, data: Path, people: dict[str, str], to: list[str]
) -> None:
    async with api_on_stage(stage.live, data, people, **MAIL) as api:
        assert await refused(api, "/api/channels", {"type": "email", "name": "x", "to": to}) == "to"


async def test_without_a_mail_server_there_are_no_mail_channels(api: Api) -> None:
    body = {"type": "email", "name": "x", "to": ["a@example.org"]}
    assert await refused(api, "/api/channels", body) == "type"


async def test_the_address_of_a_chat_service_is_never_shown(api: Api, stage: Stage) -> None:
    made = await make(api, type="apprise", url=SLACK)
    assert made["url"] == "slack://***"
    assert (await settings(stage))["url"] == SLACK
    for path in ("/api/channels", f"/api/channels/{made['id']}"):
        assert "TIiajk" not in (await api.owner.get(path)).text
    assert await refused(api, "/api/channels", {"type": "apprise", "name": "x", "url": "exec://rm"}) == "url"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "url": "https://example.org"}, "type"),
        ({"type": "pigeon", "name": "x"}, "type"),
        ({"type": "webhook", "name": "x", "to": ["a@example.org"], "url": "https://example.org"}, "to"),
        ({"type": "webhook", "name": "x", "url": "https://example.org", "burst": {"size": 0}}, "burst"),
        (
            {"type": "webhook", "name": "x", "url": "https://example.org", "burst": {"windowSeconds": 3601}},
            "burst",
        ),
        ({"type": "webhook", "name": "x", "url": "https://example.org", "isDefault": 1}, "isDefault"),
    ],
)
async def test_a_bad_field_is_named(api: Api, body: Any, field: str) -> None:
    assert await refused(api, "/api/channels", body) == field


async def test_headers_are_sent_and_never_shown(api: Api, stage: Stage) -> None:
    made = await api.channel(headers={"Authorization": "Bearer s3cret", "X-Team": "night"})
    assert made["headers"] == {"authorization": "***", "x-team": "***"}
    assert "s3cret" not in (await api.owner.get("/api/channels")).text
    changed = await change(api, made, headers={"authorization": "***", "x-new": "1"})
    assert changed["headers"] == {"authorization": "***", "x-new": "***"}
    assert (await settings(stage))["headers"] == {"authorization": "Bearer s3cret", "x-new": "1"}
    assert (await change(api, made, headers={}))["headers"] == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "x"},
        {"connection": "x"},
        {"Transfer-Encoding": "chunked"},
        {"content-length": "1"},
        {"Content-Type": "x"},
        {"webhook-id": "x"},
        {"proxy-authorization": "x"},
        {"": "x"},
        {"a b": "x"},
        {"x": ""},
        {"x": "a\r\nhost: b"},
        {"x": " a"},
        {"x": "ä"},
        {"x": "a" * 1001},
        {"x": "***"},
        {"x" * 101: "a"},
        {"x": "a", "X": "b"},
        {f"x-{number}": "a" for number in range(11)},
    ],
)
async def test_a_header_that_may_not_be_is_refused(api: Api, headers: dict[str, str]) -> None:
    body = {"type": "webhook", "name": "x", "url": "https://example.org", "headers": headers}
    assert await refused(api, "/api/channels", body) == "headers"


async def test_a_change_is_known_to_dispatch_and_changes_nothing_else(api: Api, stage: Stage) -> None:
    made = await api.channel()
    changed = await change(
        api, made, name="night", url="https://example.org/b", isDefault=False, burst={"size": 3}
    )
    secret = made.pop("secret")
    assert changed == {
        **made,
        "name": "night",
        "url": "https://example.org/b",
        "isDefault": False,
        "burst": {"size": 3, "windowSeconds": 60},
    }
    (target,) = await known_channels(stage)
    assert (target.name, target.is_default, target.burst and target.burst.size) == ("night", False, 3)
    assert await settings(stage) == {"url": "https://example.org/b", "secret": secret}
    assert (await change(api, made, burst=None))["burst"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"to": ["a@example.org"]}, "to"),
        ({"secret": "x"}, "secret"),
        ({"name": ""}, "name"),
        ({"url": "x"}, "url"),
    ],
)
async def test_a_channel_takes_only_what_its_kind_has(api: Api, body: Any, field: str) -> None:
    made = await api.channel()
    assert await refused(api, f"/api/channels/{made['id']}", body, "PATCH") == field


async def test_a_secret_is_replaced_and_the_former_one_kept_for_a_day(api: Api, stage: Stage) -> None:
    made = await api.channel()
    reply = (await api.owner.post(f"/api/channels/{made['id']}/rotate-secret")).json()
    assert reply["secret"] != made["secret"]
    kept = await settings(stage)
    assert (kept["secret"], kept["former"]["secret"]) == (reply["secret"], made["secret"])
    (row,) = await book_channels.page(api.book, 1, 0, 10)
    assert 86_390_000 < kept["former"]["until_ms"] - row.created_ms < 86_410_000
    chat = await make(api, type="apprise", url=SLACK)
    assert (await api.owner.post(f"/api/channels/{chat['id']}/rotate-secret")).status_code == 422


async def test_a_secret_is_not_replaced_again_while_the_former_one_is_in_force_unless_forced(
    api: Api, stage: Stage
) -> None:
    made = await api.channel()
    path = f"/api/channels/{made['id']}/rotate-secret"
    second = (await api.owner.post(path)).json()["secret"]
    kept = await settings(stage)
    reply = await api.owner.post(path)
    assert reply.status_code == 409
    assert rfc3339(kept["former"]["until_ms"]) in reply.json()["error"]
    assert "?force=true" in reply.json()["error"]
    assert await settings(stage) == kept
    assert (await api.owner.post(path, params={"force": "false"})).status_code == 409
    assert (await api.owner.post(path, params={"force": "yes"})).json()["field"] == "force"

    third = (await api.owner.post(path, params={"force": "true"})).json()["secret"]
    kept = await settings(stage)
    assert (kept["secret"], kept["former"]["secret"]) == (third, second)


def test_a_secret_is_replaced_again_once_the_former_one_has_ended() -> None:
    row = book_channels.ChannelRow(
        id=1,
        public_id=UUID(int=1),
        org_id=1,
        type="webhook",
        name="ops",
        settings=b'{"url":"https://example.org","secret":"one"}',
        created_ms=0,
    )
    first = rotated(row, 1000)
    with pytest.raises(Conflict):
        rotated(first, 1000 + BOTH_SECRETS_MS - 1)
    assert rotated(first, 1000 + BOTH_SECRETS_MS).settings != first.settings


async def test_a_trial_is_an_event_for_that_channel_alone(api: Api, stage: Stage) -> None:
    made = await api.channel(name="night")
    reply = await api.owner.post(f"/api/channels/{made['id']}/test")
    assert reply.status_code == 202
    ((_, fields),) = await stage.redis.xrange(stage.shard.keys.events)
    event = read_event(fields[b"e"])
    assert isinstance(event, TrialEvent)
    assert (str(event.delivery_id), event.told.name) == (reply.json()["deliveryId"], "night")


async def test_a_disabled_channel_cannot_be_tried(api: Api) -> None:
    made = await api.channel()
    (row,) = await book_channels.page(api.book, 1, 0, 10)
    await book_channels.disable(api.book, row.id, 1, 5, 5)
    assert (await api.owner.post(f"/api/channels/{made['id']}/test")).status_code == 409


# Who is told of a monitor


async def told(api: Api, monitor: Any) -> tuple[str, list[str]]:
    reply = (await api.owner.get(f"/api/monitors/{monitor['id']}/channels")).json()
    return reply["source"], [one["name"] for one in reply["channels"]]


async def test_a_monitor_tells_the_channels_that_it_names_or_else_the_default_ones(
    api: Api, stage: Stage
) -> None:
    usual = await api.channel(name="usual")
    rare = await api.channel(name="rare", isDefault=False)
    monitor = await api.monitor()
    assert monitor["channels"] is None
    assert await told(api, monitor) == ("default", ["usual"])
    named = await api.monitor(channels=[rare["id"], rare["id"]])
    assert named["channels"] == [rare["id"]]
    assert await told(api, named) == ("named", ["rare"])
    reply = await api.owner.patch(
        f"/api/monitors/{monitor['id']}", json={"channels": [usual["id"], rare["id"]]}
    )
    assert reply.json()["channels"] == [usual["id"], rare["id"]]
    assert len(await stage.redis.hkeys(stage.shard.keys.named)) == 2
    await api.owner.patch(f"/api/monitors/{monitor['id']}", json={"channels": None})
    await api.owner.delete(f"/api/monitors/{named['id']}")
    assert await stage.redis.hkeys(stage.shard.keys.named) == []


async def test_a_monitor_whose_only_channel_is_deleted_tells_the_default_ones(api: Api) -> None:
    await api.channel(name="usual")
    rare = await api.channel(name="rare", isDefault=False)
    monitor = await api.monitor(channels=[rare["id"]])
    await api.owner.delete(f"/api/channels/{rare['id']}")
    assert (await api.owner.get(f"/api/monitors/{monitor['id']}")).json()["channels"] is None
    assert await told(api, monitor) == ("default", ["usual"])


async def test_a_monitor_names_no_channel_of_others_and_not_none(api: Api) -> None:
    theirs = await api.stranger.post(
        "/api/channels", json={"type": "webhook", "name": "theirs", "url": "https://example.org"}
    )
    for channels in ([theirs.json()["id"]], [], ["x"], "x"):
        body = {"name": "job", "channels": channels}
        assert await refused(api, "/api/monitors", body) == "channels"
        monitor = await api.monitor()
        assert (
            await refused(api, f"/api/monitors/{monitor['id']}", {"channels": channels}, "PATCH")
            == "channels"
        )


async def test_the_address_of_a_chat_as_it_is_shown_keeps_the_real_one(api: Api) -> None:
    body = {"type": "apprise", "name": "chat", "url": "ntfys://topicsecret"}
    made = (await api.owner.post("/api/channels", json=body)).json()
    path = f"/api/channels/{made['id']}"
    assert (await api.owner.patch(path, json={"name": "other", "url": made["url"]})).status_code == 200
    (row,) = await api.book.rows("SELECT settings FROM channels")
    assert "topicsecret" in str(row["settings"])
    for wrong in ("ntfy://***", "ntfys://a***"):
        refused = await api.owner.patch(path, json={"url": wrong})
        assert (refused.status_code, refused.json()["field"]) == (422, "url")
    assert (await api.owner.post("/api/channels", json=body | {"url": "ntfys://***"})).status_code == 422


async def test_an_address_that_apprise_cannot_read_is_refused_when_it_is_made_and_when_it_is_changed(
    api: Api,
) -> None:
    body = {"type": "apprise", "name": "chat", "url": "discord://abc"}
    refused_ = await api.owner.post("/api/channels", json=body)
    assert (refused_.status_code, refused_.json()["field"]) == (422, "url")
    assert "discord" in refused_.json()["error"]
    assert "abc" not in refused_.json()["error"]
    made = (await api.owner.post("/api/channels", json=body | {"url": "ntfys://overdue-7d1f"})).json()
    assert await refused(api, f"/api/channels/{made['id']}", {"url": "slack://abc"}, "PATCH") == "url"


async def test_an_address_that_nobody_could_read_in_time_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    await AppriseReader(within_s=0).check("discord://abc")
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    await AppriseReader().check("discord://abc")
