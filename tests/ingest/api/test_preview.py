"""What would be told of a monitor is what dispatch would tell, and shows no secret of a channel."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ingest.api.preview import OCCASIONS
from store.messages.wording import words_of
from tests.ingest.api.cast import Api


async def preview(api: Api, monitor: Any, **query: Any) -> Any:
    reply = await api.reader.get(f"/api/monitors/{monitor['id']}/preview", params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_it_shows_the_channels_and_the_message_of_each_kind(api: Api) -> None:
    await api.channel(url="https://example.org/hook?token=s3cret")
    monitor = await api.monitor(name="<b>backup</b>", interval=3600, gracePeriod=0)
    found = await preview(api, monitor)
    assert (found["source"], found["occasion"], found["nextCursor"]) == ("default", "silence", None)
    assert [one["url"] for one in found["channels"]] == ["https://example.org/hook?token=***"]
    call, mail = found["messages"]["webhook"]["body"], found["messages"]["email"]
    assert call["type"] == "monitor.down"
    assert call["data"]["monitor"]["id"] == monitor["id"]
    assert mail["subject"] == "<b>backup</b> is down"
    assert "A ping was expected every 1 hour." in mail["text"]
    assert "&lt;b&gt;backup&lt;/b&gt;" in mail["html"]
    words = words_of(msgspec.json.encode(call), "")
    assert (mail["text"], mail["html"]) == (words.text, words.html)
    assert found["messages"]["apprise"] == {"subject": words.subject, "text": words.text}


@pytest.mark.parametrize(
    ("occasion", "type_", "kind"),
    [
        ("silence", "monitor.down", "silence"),
        ("fail", "monitor.down", "fail"),
        ("overrun", "monitor.down", "overrun"),
        ("reminder", "monitor.reminder", "silence"),
        ("up", "monitor.up", "silence"),
    ],
)
async def test_each_occasion_has_a_message_of_its_own(api: Api, occasion: str, type_: str, kind: str) -> None:
    call = (await preview(api, await api.monitor(), occasion=occasion))["messages"]["webhook"]["body"]
    assert (call["type"], call["data"]["incident"]["kind"]) == (type_, kind)
    assert (call["data"]["incident"]["endedAt"] is not None) == (occasion == "up")


async def test_so_many_failures_in_a_row_are_in_the_message(api: Api) -> None:
    monitor = await api.monitor(failuresBeforeAlert=3)
    for occasion, words in (("silence", "3 pings in a row did not come."), ("fail", "3 failures in a row.")):
        assert words in (await preview(api, monitor, occasion=occasion))["messages"]["email"]["text"]


async def test_an_occasion_that_nobody_knows_is_refused_with_those_that_there_are(api: Api) -> None:
    monitor = await api.monitor()
    reply = await api.owner.get(f"/api/monitors/{monitor['id']}/preview?occasion=x")
    assert (reply.status_code, reply.json()["field"]) == (422, "occasion")
    assert all(one in reply.json()["error"] for one in OCCASIONS)


async def test_many_channels_come_in_pages(api: Api) -> None:
    for number in range(5):
        await api.channel(name=f"c{number}")
    monitor = await api.monitor()
    for path in ("preview", "channels"):
        names: list[str] = []
        cursor: str | None = ""
        for _ in range(3):
            address = f"/api/monitors/{monitor['id']}/{path}"
            page = (await api.owner.get(address, params={"limit": 2, "cursor": cursor})).json()
            names += [one["name"] for one in page["channels"]]
            cursor = page["nextCursor"]
        assert (names, cursor) == ([f"c{number}" for number in range(5)], None)
