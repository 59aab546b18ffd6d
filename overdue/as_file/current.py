"""What an organisation has, in the words of the API's bodies: what is exported, and what an import compares with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from ingest.api import channel_replies, metric_alerts, monitors
from ingest.api.registry import Watched
from ingest.api.within import Within
from overdue.as_file.reading import CHANNELS, MONITORS, RULES
from overdue.as_file.shapes import plain
from store.book import channels as channel_book
from store.book import metric_alerts as alert_book
from store.book import monitors as monitor_book
from store.book.channels import MAX_CHANNELS, ChannelRow
from store.book.metric_alerts import AlertRow
from store.book.monitor_names import public_ids
from store.book.monitors import MonitorRow

AT_ONCE = 1000
SECRET = "secret"
_EXACT = 2**53  # from here on a float is no whole number that anybody has meant


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """A channel, a monitor or a rule. `values` has it as it is, `shown` as those may see it who may see no secrets."""

    section: str
    id: str
    values: Mapping[str, Any]
    shown: Mapping[str, Any]
    owner: str = ""

    @property
    def name(self) -> str:
        return str(self.values.get("name", ""))


async def all_channels(within: Within) -> list[Thing]:
    rows = await channel_book.page(within.book, within.org_id, 0, MAX_CHANNELS)
    return [_channel(row) for row in rows]


async def all_monitors(within: Within) -> list[Thing]:
    found: list[Thing] = []
    after_id = 0
    while rows := await monitor_book.page(within.book, within.org_id, after_id, AT_ONCE):
        found += [_monitor(within, row) for row in rows]
        after_id = rows[-1].config.id
    return found


async def all_rules(within: Within) -> list[Thing]:
    """All rules; `owner` is the monitor of each."""
    rows = await alert_book.of_org(within.book, within.org_id)
    owners = await public_ids(within.book, {row.monitor_id for row in rows})
    return [_rule(row, owners[row.monitor_id]) for row in rows]


async def again(within: Within, thing: Thing) -> Thing:
    """What became of a thing."""
    if thing.section == CHANNELS:
        return _channel(await channel_book.find(within.book, within.org_id, UUID(thing.id)))
    if thing.section == MONITORS:
        return _monitor(within, await monitor_book.find(within.book, within.org_id, UUID(thing.id)))
    monitor = await monitor_book.find(within.book, within.org_id, UUID(thing.owner))
    rule = await alert_book.find(within.book, within.org_id, monitor.config.id, UUID(thing.id))
    return _rule(rule, thing.owner)


def _channel(row: ChannelRow) -> Thing:
    """Everything that its kind keeps is a field of it, but for a secret that is about to end."""
    shown = plain(channel_replies.reply_of(row))
    kept = msgspec.json.decode(row.settings)
    kept.pop("former", None)
    hidden = {SECRET: "***"} if SECRET in kept else {}
    return Thing(section=CHANNELS, id=str(row.public_id), values=shown | kept, shown=shown | hidden)


def _monitor(within: Within, row: MonitorRow) -> Thing:
    values = plain(monitors.reply_of(within.call(), Watched(row, None, within.now_ms)))
    return Thing(section=MONITORS, id=str(row.config.public_id), values=values, shown=values)


def _rule(row: AlertRow, owner: str) -> Thing:
    values = plain(metric_alerts.reply_of(row, None))
    threshold = values["threshold"]
    if isinstance(threshold, float) and threshold.is_integer() and abs(threshold) < _EXACT:
        values["threshold"] = int(threshold)  # as people write it
    return Thing(section=RULES, id=str(row.public_id), values=values, shown=values, owner=owner)
