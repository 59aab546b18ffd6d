"""Every question to the book names an organisation: who asks for what is another's gets nothing, whatever they know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import msgspec
import pytest

from store.book import channel_names, channels, keys, metric_alerts, monitor_channels, monitor_names, monitors
from store.book.channels import NewChannel
from store.book.database import ConfigBook
from store.book.metric_alerts import AlertRow, Wanted
from store.book.orgs import OrgRow
from store.errors import Invalid, NotFound
from tests.store.book.cast import NOW_MS, new_monitor


class Estate(msgspec.Struct, frozen=True):
    """What one organisation has, and the number of another one that knows all of it."""

    book: ConfigBook
    org: int
    stranger: int
    monitor: int
    channel: int
    channel_id: UUID
    alert: AlertRow
    key: int


Ask = Callable[[Estate, int], Awaitable[object]]


async def names_it(one: Estate, org: int) -> object:
    """Whether a monitor may name the channel."""
    async with one.book.write() as tx:
        await monitor_channels.name(tx, org, one.monitor, [one.channel_id])
    return True


async def told_of(one: Estate, org: int, monitor: int) -> object:
    return (await channels.told_of(one.book, org, monitor))[1]


async def alert_of(one: Estate, org: int) -> object:
    """A rule for the monitor, with a channel of one's own."""
    new = NewChannel(org_id=org, type="webhook", name="own", settings=b"{}")
    channel, _ = await channels.create(one.book, new, NOW_MS)
    wanted = msgspec.structs.replace(one.alert.wanted, channel=channel.public_id)
    return await metric_alerts.create(one.book, org, one.monitor, wanted, NOW_MS)


async def deleted(one: Estate, org: int) -> object:
    await metric_alerts.delete(one.book, org, one.monitor, one.alert.public_id)
    return True


ASKED: dict[str, Ask] = {
    "the list of keys": lambda one, org: keys.list_keys(one.book, org),
    "a page of keys": lambda one, org: keys.page(one.book, org, 0, 9),
    "a key": lambda one, org: keys.find(one.book, org, one.key),
    "a page of channels": lambda one, org: channels.page(one.book, org, 0, 9),
    "a channel": lambda one, org: channels.find(one.book, org, one.channel_id),
    "the default channels": lambda one, org: told_of(one, org, monitor=0),
    "the channels that a monitor names": lambda one, org: told_of(one, org, monitor=one.monitor),
    "a channel to be enabled": lambda one, org: channels.enable(one.book, org, one.channel_id, NOW_MS),
    "a channel to be named": names_it,
    "the name of a channel": lambda one, org: channel_names.names_of(one.book, org, [one.channel]),
    "the name of a monitor": lambda one, org: monitor_names.names_of(one.book, org, [one.monitor]),
    "a page of threshold alerts": lambda one, org: metric_alerts.page(one.book, org, one.monitor, 0, 9),
    "a threshold alert": lambda one, org: metric_alerts.find(one.book, org, one.monitor, one.alert.public_id),
    "a threshold alert for a monitor": alert_of,
    "a channel to be deleted": lambda one, org: channels.delete(one.book, org, one.channel_id, NOW_MS),
    "a threshold alert to be deleted": deleted,
}


@pytest.fixture
async def estate(book: ConfigBook, org: OrgRow, other_org: OrgRow) -> AsyncIterator[Estate]:
    monitor, _ = await monitors.create(book, new_monitor(org.id), NOW_MS)
    new = NewChannel(org_id=org.id, type="webhook", name="ops", settings=b"{}")
    channel, _ = await channels.create(book, new, NOW_MS)
    number = monitor.config.id
    async with book.write() as tx:
        await monitor_channels.name(tx, org.id, number, [channel.public_id])
    wanted = Wanted(
        metric_key="load", operator=">", threshold=1.0, channel=channel.public_id, consecutive_triggers=1
    )
    alert = await metric_alerts.create(book, org.id, number, wanted, NOW_MS)
    key, _ = await keys.create(book, org.id, "grafana", "read", NOW_MS)
    yield Estate(book, org.id, other_org.id, number, channel.id, channel.public_id, alert, key)


@pytest.mark.parametrize("what", ASKED)
async def test_what_is_anothers_is_not_there(estate: Estate, what: str) -> None:
    with suppress(NotFound, Invalid):
        assert not await ASKED[what](estate, estate.stranger)
    assert await ASKED[what](estate, estate.org)
