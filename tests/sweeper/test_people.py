"""Mail and chat at the end of the real path: a mass loss is a few mails, and a trial is told as what it is."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from email import message_from_bytes, policy
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from aiosmtpd.controller import Controller

from store.book import monitors
from store.book.database import CONFIG_DB
from store.book.monitors import NewMonitor
from store.book.tag_reader import count_tags
from store.live import streams
from store.live.channel_event import ChannelTold, TrialEvent
from store.live.telling import try_channel
from store.mail_server import MailServer
from store.projection import Burst, ChannelTarget, PutChannels
from sweeper.channels.chat import Chat
from sweeper.channels.mail import Mail
from sweeper.dispatch import Dispatch
from tests.stage import ORG, START_MS, Stage
from tests.store.library import NOW_MS, library_on
from tests.sweeper.channels.receivers import answering, receiving
from tests.sweeper.channels.test_mail import Postbox
from tests.system.house import free_port

BASE = "https://overdue.example.org"


async def finish(dispatch: Dispatch) -> None:
    while await dispatch.step() == 0.0 or dispatch._under_way:
        if dispatch._under_way:
            await asyncio.wait(dispatch._under_way, return_when=asyncio.FIRST_COMPLETED)


async def test_a_mass_loss_is_five_mails_and_one_that_names_tags_and_monitors(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    postbox = Postbox()
    host = Controller(postbox, hostname="127.0.0.1", port=free_port())
    host.start()
    server = MailServer(host="127.0.0.1", port=host.port, user="", password="", tls="never")
    mail = Mail(server, "Overdue <overdue@example.org>", BASE)
    try:
        async with library_on(stage, tmp_path) as library:
            for number in range(10):
                new = NewMonitor(
                    org_id=ORG,
                    name=f"job {number}",
                    interval_s=30,
                    grace_s=10,
                    origin="monitors",
                    tags=("prod", "db") if number % 2 else ("prod",),
                )
                _, change = await monitors.create(library.book, new, NOW_MS)
                await stage.live.project(change.projection)
            target = ChannelTarget(1, "email", b'{"to":["ops@example.org"]}', burst=Burst(5, 60))
            await stage.live.project(PutChannels(ORG, 1, (target,)))
            dispatch = Dispatch(
                stage.shard, {"email": mail}, lambda ids: count_tags(tmp_path / CONFIG_DB, ids)
            )
            await stage.listen(until=41)
            await stage.sweep()
            await finish(dispatch)
            assert len(postbox.taken) == 5
            await stage.move_to(102)
            await finish(dispatch)
            while await library.desk.step():
                pass
            log = library.desk.rows("SELECT type, events, state FROM deliveries ORDER BY number")
    finally:
        host.stop()
    subjects = [message_from_bytes(one.content, policy=policy.default)["subject"] for one in postbox.taken]
    alone = {subject.removesuffix(" is down") for subject in subjects[:5]}
    assert len(alone) == 5
    assert subjects[5:] == ["5 more monitors are down"]
    text = message_from_bytes(postbox.taken[5].content, policy=policy.default).get_body(("plain",))
    assert text is not None
    said = text.get_content()
    listed = {line.removeprefix("- ") for line in said.splitlines() if line.startswith("- ")}
    assert alone | listed == {f"job {number}" for number in range(10)}
    odd = sum(int(name[-1]) % 2 for name in listed)
    assert f"Tags: prod (5), db ({odd})." in said
    assert log == [("monitor.down", 1, "delivered")] * 5 + [("monitors.down", 5, "delivered")]


async def test_a_trial_reaches_a_chat_service_in_words(stage: Stage) -> None:
    async with receiving(answering(200)) as receiver:
        settings = msgspec.json.encode({"url": f"gotify://127.0.0.1:{receiver.port}/token"})
        await stage.live.project(PutChannels(ORG, 1, (ChannelTarget(1, "apprise", settings),)))
        event = TrialEvent(
            at_ms=START_MS,
            org_id=ORG,
            delivery_id=UUID(int=5),
            channel_id=1,
            told=ChannelTold("p", "night watch", "apprise"),
        )
        await try_channel(stage.shard, event)
        chat = Chat((ip_network("127.0.0.0/8"),), BASE, attempt_timeout_s=30)
        async with aclosing(chat):
            await finish(Dispatch(stage.shard, {"apprise": chat}, lambda _: []))
    assert msgspec.json.decode(receiver.calls[0].body)["title"] == "A trial of the channel “night watch”"
    assert await stage.redis.hlen(stage.shard.keys.deliveries) == 0
