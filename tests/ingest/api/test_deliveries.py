"""The log of deliveries as it is told over HTTP, and dead letters that are sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from store.live import streams
from store.live.channel_event import ChannelTold
from store.live.delivering import Report, Settlement, deliver, lease, settle
from store.timestamps import rfc3339
from tests.ingest.api.cast import Api, Json
from tests.stage import START_MS, Stage
from tests.store.recorder.desk import Desk

NOBODYS = "6f2a7a0e-5a0e-4f0b-9a43-0d0b5a1f3c77"


class Telling:
    """Monitors of the owner that fall silent, and a recorder that writes down what became of it."""

    def __init__(self, stage: Stage, api: Api) -> None:
        self.stage = stage
        self.api = api
        self.desk = Desk(stage, api.settings.data / "history.db")

    async def silence(self, **members: object) -> Json:
        """A new monitor that is down a moment later, turned into deliveries."""
        monitor = await self.api.monitor(**{"interval": 1, "gracePeriod": 0, **members})
        await self.stage.listen(until=(self.stage.now_ms - START_MS) / 1000 + 2)
        await self.stage.sweep()
        await deliver(self.stage.shard, 100)
        return monitor

    async def settle(self, outcome: Settlement, wait_ms: int = 0, report: Report | None = None) -> None:
        for one in (await lease(self.stage.shard, 100, 5000, ())).leases:
            assert await settle(self.stage.shard, one, outcome, wait_ms, report)

    async def record(self) -> None:
        while await self.desk.step():
            pass

    async def listed(self, **query: str) -> list[Json]:
        reply = await self.api.owner.get("/api/deliveries", params=query)
        assert reply.status_code == 200, reply.text
        found: list[Json] = reply.json()["deliveries"]
        return found


@pytest.fixture
async def telling(stage: Stage, api: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Telling]:
    monkeypatch.setattr(streams, "BLOCK_MS", 5)
    telling = Telling(stage, api)
    yield telling
    await telling.desk.crash()


async def test_before_anything_is_told_the_list_is_empty(api: Api) -> None:
    (api.settings.data / "history.db").unlink(missing_ok=True)
    assert (await api.owner.get("/api/deliveries")).json() == {"deliveries": [], "nextCursor": None}


async def test_a_delivery_is_told_with_its_attempts(stage: Stage, api: Api, telling: Telling) -> None:
    channel = await api.channel(name="on call")
    monitor = await telling.silence(name="backup")
    refused = Report(status=500, duration_ms=30, reason="the receiver answered 500")
    await telling.settle("retry", 5000, refused)
    await telling.record()
    [shown] = await telling.listed()
    now = rfc3339(stage.now_ms)
    assert shown == {
        "id": shown["id"],
        "type": "monitor.down",
        "state": "retrying",
        "channel": {"id": channel["id"], "name": "on call"},
        "monitor": {"id": monitor["id"], "name": "backup"},
        "incidentId": shown["incidentId"],
        "createdAt": now,
        "events": 1,
        "attempts": 1,
        "lastStatus": 500,
        "lastReason": "the receiver answered 500",
        "nextAttemptAt": rfc3339(stage.now_ms + 5000),
        "settledAt": None,
    }
    attempt = {
        "attempt": 1,
        "at": rfc3339(stage.now_ms - 30),
        "outcome": "retry",
        "status": 500,
        "reason": "the receiver answered 500",
        "durationMs": 30,
    }
    one = await api.owner.get(f"/api/deliveries/{shown['id']}")
    assert one.json() == {**shown, "attemptLog": [attempt]}
    incidents = (await api.owner.get(f"/api/monitors/{monitor['id']}/incidents")).json()["incidents"]
    assert [incident["id"] for incident in incidents] == [shown["incidentId"]]


async def test_the_list_is_filtered_and_paged_newest_first(api: Api, telling: Telling) -> None:
    first, second = await api.channel(name="first"), await api.channel(name="second")
    early = await telling.silence(name="early")
    await telling.settle("done")
    late = await telling.silence(name="late")
    await telling.settle("dead")
    await telling.record()

    def names(listed: list[Json]) -> list[tuple[str, str, str]]:
        return [(one["monitor"]["name"], one["channel"]["name"], one["state"]) for one in listed]

    all_of_them = await telling.listed()
    assert sorted(names(all_of_them[:2])) == [("late", "first", "dead"), ("late", "second", "dead")]
    assert [one["state"] for one in all_of_them] == ["dead"] * 2 + ["delivered"] * 2
    assert await telling.listed(state="dead") == all_of_them[:2]
    assert await telling.listed(state="dead,delivered") == all_of_them
    assert await telling.listed(state="waiting") == []
    assert await telling.listed(monitor=early["id"]) == all_of_them[2:]
    assert names(await telling.listed(channel=first["id"], monitor=late["id"])) == [("late", "first", "dead")]
    assert len(await telling.listed(channel=second["id"], state="")) == 2
    found: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        reply = (await api.owner.get(f"/api/deliveries?limit=3&cursor={cursor}")).json()
        found += reply["deliveries"]
        cursor = reply["nextCursor"]
    assert found == all_of_them


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("state=dead,lost", "state"),
        ("channel=x", "channel"),
        (f"channel={NOBODYS}", "channel"),
        ("monitor=1", "monitor"),
        (f"monitor={NOBODYS}", "monitor"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
    ],
)
async def test_a_bad_filter_is_refused_by_its_name(api: Api, query: str, field: str) -> None:
    reply = await api.owner.get(f"/api/deliveries?{query}")
    assert (reply.status_code, reply.json()["field"]) == (422, field)


async def test_a_filter_names_nothing_of_somebody_else(api: Api) -> None:
    channel, monitor = await api.channel(), await api.monitor()
    for query in (f"channel={channel['id']}", f"monitor={monitor['id']}"):
        assert (await api.stranger.get(f"/api/deliveries?{query}")).status_code == 422


async def test_what_was_told_of_a_deleted_monitor_to_a_deleted_channel_is_still_listed(
    api: Api, telling: Telling
) -> None:
    channel = await api.channel()
    monitor = await telling.silence()
    await telling.settle("done")
    await telling.record()
    await api.owner.delete(f"/api/channels/{channel['id']}")
    await api.owner.delete(f"/api/monitors/{monitor['id']}")
    [shown] = await telling.listed()
    assert (shown["channel"], shown["monitor"], shown["state"]) == (None, None, "delivered")


async def test_that_a_channel_fails_is_about_no_monitor_and_no_incident(api: Api, telling: Telling) -> None:
    failing, _ = await api.channel(name="failing"), await api.channel(name="other")
    monitor = await telling.silence()
    told = ChannelTold(failing["id"], "failing", "webhook", "no")
    await telling.settle("dead", 0, Report(reason="no", failing=told))
    await deliver(telling.stage.shard, 10)
    await telling.record()
    failings = [one for one in await telling.listed() if one["type"] == "channel.failing"]
    assert failings
    assert {(one["monitor"], one["incidentId"]) for one in failings} == {(None, None)}
    of_monitor = await telling.listed(monitor=monitor["id"])
    assert {one["type"] for one in of_monitor} == {"monitor.down"}
    assert None not in {one["incidentId"] for one in of_monitor}


async def test_a_dead_letter_is_sent_again_once(stage: Stage, api: Api, telling: Telling) -> None:
    await api.channel()
    await telling.silence()
    await telling.settle("dead", 0, Report(status=500, reason="no"))
    await telling.record()
    [letter] = await telling.listed()
    path = f"/api/deliveries/{letter['id']}/retry"
    reply = await api.owner.post(path)
    assert reply.status_code == 202
    waiting = {"state": "waiting", "settledAt": None, "nextAttemptAt": reply.json()["nextAttemptAt"]}
    assert reply.json() == {**letter, **waiting}
    assert (await api.owner.post(path)).status_code == 409
    await telling.record()
    [again] = await telling.listed()
    assert (again["state"], again["nextAttemptAt"]) == ("waiting", None)
    assert (await api.owner.post(path)).status_code == 409
    await telling.settle("done")
    await telling.record()
    assert [(one["state"], one["attempts"]) for one in await telling.listed()] == [("delivered", 2)]
    refused = await api.owner.post(path)
    assert refused.status_code == 409
    assert "dead letter" in refused.json()["error"]


async def test_a_dead_letter_of_a_disabled_channel_is_not_sent_again_before_it_is_enabled(
    api: Api, telling: Telling
) -> None:
    channel = await api.channel()
    await telling.silence()
    await telling.settle("dead", 0, Report(status=410, reason="no"))
    await telling.record()
    async with api.book.write() as tx:
        await tx.execute("UPDATE channels SET disabled_ms = ?", (START_MS,))
    [letter] = await telling.listed()
    path = f"/api/deliveries/{letter['id']}/retry"
    reply = await api.owner.post(path)
    assert (reply.status_code, "enable it first" in reply.json()["error"]) == (409, True)
    assert (await api.owner.post(f"/api/channels/{channel['id']}/enable")).status_code == 200
    assert (await api.owner.post(path)).status_code == 202


async def test_what_is_no_delivery_is_not_found(api: Api) -> None:
    for path in (f"/api/deliveries/{NOBODYS}", "/api/deliveries/x"):
        assert (await api.owner.get(path)).status_code == 404
        assert (await api.owner.post(f"{path}/retry")).status_code == 404


async def test_while_redis_is_away_nothing_is_sent_again_but_the_log_is_read(
    stage: Stage, api: Api, telling: Telling
) -> None:
    await api.channel()
    await telling.silence()
    await telling.settle("dead")
    await telling.record()
    await stage.redis.flushall()
    [letter] = await telling.listed()
    reply = await api.owner.post(f"/api/deliveries/{letter['id']}/retry")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")


async def test_a_disabled_channel_says_so_until_it_is_enabled(api: Api) -> None:
    channel = await api.channel()
    assert channel["disabledAt"] is None
    async with api.book.write() as tx:
        await tx.execute("UPDATE channels SET disabled_ms = ?", (START_MS,))
    [listed] = (await api.owner.get("/api/channels")).json()["channels"]
    assert listed["disabledAt"] == rfc3339(START_MS)
    path = f"/api/channels/{channel['id']}/enable"
    for _ in range(2):
        reply = await api.owner.post(path)
        assert (reply.status_code, reply.json()["disabledAt"]) == (200, None)
    [row] = await api.book.rows("SELECT epoch, disabled_ms FROM channels")
    assert (row["epoch"], row["disabled_ms"]) == (2, None)
