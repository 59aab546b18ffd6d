"""Channels in the book: each change tells Redis all channels of the organisation under a new version."""

from __future__ import annotations

from uuid import uuid4

import pytest

from store.book import channels
from store.book.channels import NewChannel
from store.book.database import ConfigBook
from store.book.orgs import OrgRow
from store.errors import Invalid, NotFound
from store.projection import ChannelTarget, PutChannels
from tests.store.book.cast import NOW_MS


def new_channel(org: OrgRow, url: str = "https://example.org/a") -> NewChannel:
    return NewChannel(org_id=org.id, type="webhook", name="ops", settings=b'{"url":"%s"}' % url.encode())


async def test_a_new_channel_tells_redis_all_channels_of_the_organisation(
    book: ConfigBook, org: OrgRow, other_org: OrgRow
) -> None:
    first, _ = await channels.create(book, new_channel(org), NOW_MS)
    await channels.create(book, new_channel(other_org), NOW_MS)
    second, change = await channels.create(book, new_channel(org, "https://example.org/b"), NOW_MS)

    targets = tuple(
        ChannelTarget(row.id, "webhook", row.settings, public_id=str(row.public_id), name=row.name)
        for row in (first, second)
    )
    assert change.projection == PutChannels(org.id, 2, targets)
    assert change.subject == f"channels:{org.id}"
    assert await channels.put_channels(book, org.id) == change.projection


async def test_a_deleted_channel_tells_redis_those_that_are_left(book: ConfigBook, org: OrgRow) -> None:
    row, _ = await channels.create(book, new_channel(org), NOW_MS)

    change = await channels.delete(book, org.id, row.public_id, NOW_MS)

    assert change.projection == PutChannels(org.id, 2, ())
    assert await channels.page(book, org.id, 0, 10) == []


async def test_a_channel_of_another_organisation_is_not_there(
    book: ConfigBook, org: OrgRow, other_org: OrgRow
) -> None:
    row, _ = await channels.create(book, new_channel(org), NOW_MS)

    for org_id, public_id in ((other_org.id, row.public_id), (org.id, uuid4())):
        with pytest.raises(NotFound):
            await channels.delete(book, org_id, public_id, NOW_MS)

    assert await channels.page(book, other_org.id, 0, 10) == []
    assert await channels.page(book, org.id, 0, 10) == [row]


async def test_the_number_of_channels_has_an_end(
    book: ConfigBook, org: OrgRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MAX_CHANNELS", 1)
    await channels.create(book, new_channel(org), NOW_MS)

    with pytest.raises(Invalid, match="at most 1 channels"):
        await channels.create(book, new_channel(org), NOW_MS)
