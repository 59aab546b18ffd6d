"""Threshold rules over HTTP: made, listed, changed, deleted, and refused with the field that is to blame."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from store.book.alert_writer import AlertState, AlertWriter
from store.book.history_writer import HistoryWriter
from store.book.metric_alerts import MOST_RULES
from tests.ingest.api.cast import Api, Json

OMIT = (
    "<left out>"  # compared by identity; a text, so that the names of the tests are the same in every process
)


class Rules:
    """The rules of one monitor of the owner."""

    def __init__(self, api: Api, monitor: Json, channel: Json) -> None:
        self.api = api
        self.channel = channel
        self.path = f"/api/monitors/{monitor['id']}/metric-alerts"

    async def post(self, **changed: Any) -> httpx.Response:
        asked = {
            "metricKey": "queue_size",
            "operator": ">",
            "threshold": 100,
            "channelId": self.channel["id"],
            **changed,
        }
        return await self.api.owner.post(self.path, json={k: v for k, v in asked.items() if v is not OMIT})

    async def make(self, **changed: Any) -> Json:
        reply = await self.post(**changed)
        assert reply.status_code == 201, reply.text
        made: Json = reply.json()
        return made

    async def listed(self, **query: Any) -> Json:
        found: Json = (await self.api.owner.get(self.path, params=query)).json()
        return found

    async def patch(self, alert_id: str, **changed: Any) -> httpx.Response:
        return await self.api.owner.patch(f"{self.path}/{alert_id}", json=changed)


@pytest.fixture
async def rules(api: Api) -> Rules:
    return Rules(api, await api.monitor(), await api.channel())


async def test_a_rule_is_made_with_all_of_its_fields(rules: Rules) -> None:
    made = await rules.make()

    assert len(made.pop("id")) == 36
    assert made.pop("createdAt").endswith("Z")
    assert made == {
        "metricKey": "queue_size",
        "operator": ">",
        "threshold": 100.0,
        "channelId": rules.channel["id"],
        "consecutiveTriggers": 1,
        "streak": 0,
        "open": False,
    }


async def test_a_rule_is_listed_and_shown_as_it_was_made(rules: Rules) -> None:
    made = [await rules.make(threshold=number) for number in range(3)]

    assert await rules.listed() == {"metricAlerts": made, "nextCursor": None}
    assert (await rules.api.owner.get(f"{rules.path}/{made[1]['id']}")).json() == made[1]


async def test_rules_come_in_pages(rules: Rules) -> None:
    made = [await rules.make(threshold=number) for number in range(3)]

    first = await rules.listed(limit=2)
    second = await rules.listed(limit=2, cursor=first["nextCursor"])

    assert first["metricAlerts"] + second["metricAlerts"] == made
    assert second["nextCursor"] is None


@pytest.mark.parametrize("operator", [">", "<", ">=", "<=", "=", "!="])
async def test_a_number_may_be_compared_in_every_way(rules: Rules, operator: str) -> None:
    assert (await rules.make(operator=operator, threshold=-0.5))["threshold"] == -0.5


@pytest.mark.parametrize("operator", ["=", "!="])
async def test_a_text_may_be_equal_or_not(rules: Rules, operator: str) -> None:
    assert (await rules.make(operator=operator, threshold="complete"))["threshold"] == "complete"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"metricKey": OMIT}, "metricKey"),
        ({"metricKey": ""}, "metricKey"),
        ({"metricKey": "k" * 1001}, "metricKey"),
        ({"metricKey": 5}, "metricKey"),
        ({"operator": OMIT}, "operator"),
        ({"operator": "=="}, "operator"),
        ({"operator": None}, "operator"),
        ({"threshold": OMIT}, "threshold"),
        ({"threshold": None}, "threshold"),
        ({"threshold": True}, "threshold"),
        ({"threshold": [1]}, "threshold"),
        ({"threshold": 10**400}, "threshold"),
        ({"threshold": "x" * 1001, "operator": "="}, "threshold"),
        ({"threshold": "high"}, "threshold"),
        ({"channelId": OMIT}, "channelId"),
        ({"channelId": "x"}, "channelId"),
        ({"channelId": 7}, "channelId"),
        ({"channelId": "6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77"}, "channelId"),
        ({"consecutiveTriggers": 0}, "consecutiveTriggers"),
        ({"consecutiveTriggers": 1.5}, "consecutiveTriggers"),
        ({"consecutiveTriggers": "3"}, "consecutiveTriggers"),
        ({"consecutiveTriggers": 10**6}, "consecutiveTriggers"),
        ({"metric_key": "k"}, "metric_key"),
        ({"version": 1}, "version"),
    ],
    ids=str,
)
async def test_a_bad_field_is_named(rules: Rules, changed: Json, field: str) -> None:
    reply = await rules.post(**changed)

    assert (reply.status_code, reply.json()["field"]) == (422, field)
    assert (await rules.listed())["metricAlerts"] == []


@pytest.mark.parametrize("text", ["1e999", "NaN", "-Infinity", "1" + "0" * 400])
async def test_a_threshold_is_a_number_within_a_double(rules: Rules, text: str) -> None:
    body = f'{{"metricKey": "k", "operator": ">", "channelId": "{rules.channel["id"]}", "threshold": {text}}}'

    assert (await rules.api.owner.post(rules.path, content=body)).status_code in {400, 422}


async def test_the_channel_of_somebody_else_is_not_there(rules: Rules) -> None:
    theirs = await rules.api.stranger.post(
        "/api/channels", json={"type": "webhook", "name": "theirs", "url": "https://example.org"}
    )

    reply = await rules.post(channelId=theirs.json()["id"])

    assert (reply.status_code, reply.json()["field"]) == (422, "channelId")


async def test_a_rule_is_changed_in_what_is_named_and_in_nothing_else(rules: Rules) -> None:
    made = await rules.make(consecutiveTriggers=2)
    other = await rules.api.channel()

    for changed in (
        {"threshold": 5.5},
        {"operator": "<="},
        {"metricKey": "load"},
        {"channelId": other["id"]},
        {"consecutiveTriggers": 4},
        {},
    ):
        reply = await rules.patch(made["id"], **changed)
        made |= changed
        assert (reply.status_code, reply.json()) == (200, made)
    assert (await rules.listed())["metricAlerts"] == [made]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"threshold": "text"}, "threshold"),
        ({"threshold": "text", "operator": "<"}, "threshold"),
        ({"operator": "~"}, "operator"),
        ({"channelId": "6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77"}, "channelId"),
        ({"streak": 0}, "streak"),
    ],
    ids=str,
)
async def test_a_bad_change_is_refused_whole(rules: Rules, changed: Json, field: str) -> None:
    made = await rules.make()

    reply = await rules.patch(made["id"], consecutiveTriggers=9, **changed)

    assert (reply.status_code, reply.json()["field"]) == (422, field)
    assert (await rules.listed())["metricAlerts"] == [made]


async def test_an_operator_that_a_text_does_not_take_is_to_blame_itself(rules: Rules) -> None:
    made = await rules.make(operator="=", threshold="ok")

    reply = await rules.patch(made["id"], operator=">")

    assert (reply.status_code, reply.json()["field"]) == (422, "operator")


async def test_a_deleted_rule_is_gone(rules: Rules) -> None:
    made = await rules.make()
    path = f"{rules.path}/{made['id']}"

    assert (await rules.api.owner.delete(path)).status_code == 204

    assert (await rules.listed())["metricAlerts"] == []
    for method in ("GET", "PATCH", "DELETE"):
        assert (await rules.api.owner.request(method, path, json={})).status_code == 404


async def test_a_rule_of_another_monitor_is_not_there(rules: Rules) -> None:
    made = await rules.make()
    other = Rules(rules.api, await rules.api.monitor(), rules.channel)

    assert (await rules.api.owner.get(f"{other.path}/{made['id']}")).status_code == 404
    assert (await other.patch(made["id"], threshold=1)).status_code == 404
    assert (await other.listed())["metricAlerts"] == []


@pytest.mark.parametrize("alert_id", ["x", "6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77", "%00"])
async def test_an_unknown_rule_is_404(rules: Rules, alert_id: str) -> None:
    assert (await rules.api.owner.get(f"{rules.path}/{alert_id}")).status_code == 404


async def test_rules_go_with_their_channel_and_with_their_monitor(rules: Rules) -> None:
    other = await rules.api.channel()
    kept = await rules.make(channelId=other["id"])
    await rules.make()

    assert (await rules.api.owner.delete(f"/api/channels/{rules.channel['id']}")).status_code == 204
    assert (await rules.listed())["metricAlerts"] == [kept]

    await rules.api.owner.delete(rules.path.removesuffix("/metric-alerts"))
    assert await rules.api.book.rows("SELECT * FROM metric_alerts") == []


async def test_a_monitor_has_so_many_rules_and_no_more(rules: Rules) -> None:
    for number in range(MOST_RULES):
        await rules.make(threshold=number)

    assert (await rules.post()).status_code == 422


async def test_where_a_rule_stands_is_shown_until_it_measures_something_else(rules: Rules) -> None:
    made = await rules.make(consecutiveTriggers=2)
    [row] = await rules.api.book.rows("SELECT id, monitor_id FROM metric_alerts")
    history = HistoryWriter(rules.api.settings.data / "history.db")
    with history.transaction():
        AlertWriter(history).save(
            [AlertState(alert_id=row["id"], monitor_id=row["monitor_id"], version=1, streak=3, started_ms=5)]
        )
    history.close()

    [shown] = (await rules.listed())["metricAlerts"]
    assert (shown["streak"], shown["open"]) == (3, True)
    triggers = (await rules.patch(made["id"], consecutiveTriggers=5)).json()
    assert (triggers["streak"], triggers["open"]) == (3, True)
    threshold = (await rules.patch(made["id"], threshold=7)).json()
    assert (threshold["streak"], threshold["open"]) == (0, False)
