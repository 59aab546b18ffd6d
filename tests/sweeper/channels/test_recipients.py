"""A mail of which the server refuses some addresses, and takes the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiosmtpd.controller import Controller

from store.book import channels as book_channels
from store.book.channels import NewChannel
from store.last_ping import Answers
from store.live.channel_event import ChannelTold, TrialEvent
from store.live.dead_letters import retry_letter
from store.live.letters import Moved, MovedTo, letter_entry
from store.live.telling import try_channel
from store.mail_server import MailServer
from store.messages.message import notice_of
from store.projection import ChannelTarget, PutChannels
from store.rebuild import rebuild_if_empty
from sweeper.channels.attempt import Attempt
from sweeper.channels.mail import Mail
from sweeper.dispatch import Dispatch
from sweeper.verdict import PARTLY_AT_MOST
from tests.stage import ORG, START_MS, Stage
from tests.store.library import NOW_MS, Library, library_on
from tests.store.messages.test_message import DOWN
from tests.sweeper.channels.receivers import Receiver, answering, receiving
from tests.sweeper.telling import Teller, silence, telling
from tests.system.house import free_port

A, B, C = "a@example.org", "b@example.org", "c@example.org"
SENDER = "Overdue <overdue@example.org>"
ADDRESSES = "the mail server took it for 1 of 2 addresses, "


class Choosy:
    """A server that refuses some addresses; `taken` are those of each mail that it took, `subjects` what these say."""

    def __init__(self) -> None:
        self.refusals: dict[str, str] = {}
        self.taken: list[list[str]] = []
        self.subjects: list[str] = []

    async def handle_RCPT(
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self.taken.append(list(envelope.rcpt_tos))
        self.subjects.append(message_from_bytes(envelope.content)["Subject"])
        return "250 taken"


@pytest.fixture
def choosy() -> Choosy:
    return Choosy()


@pytest.fixture
def mail(choosy: Choosy) -> Iterator[Mail]:
    host = Controller(choosy, hostname="127.0.0.1", port=free_port())
    host.start()
    server = MailServer(host="127.0.0.1", port=host.port, user="", password="", tls="never")
    yield Mail(server, SENDER, "")
    host.stop()


async def send(mail: Mail, *to: str, answers: Answers = ()) -> Attempt:
    notice = msgspec.structs.replace(notice_of(DOWN), answers=answers)
    return await mail.send(msgspec.json.encode({"to": to}), notice)


async def test_who_is_refused_is_named_though_others_have_it(mail: Mail, choosy: Choosy) -> None:
    choosy.refusals = {B: "550 nobody here"}
    attempt = await send(mail, A, B)
    assert choosy.taken == [[A]]
    assert (attempt.outcome, attempt.status, attempt.misses) == ("delivered", 550, True)
    assert attempt.reason == ADDRESSES + "refused b@example.org (550)"


async def test_who_may_get_it_later_is_tried_again_alone(mail: Mail, choosy: Choosy) -> None:
    choosy.refusals = {A: "550 nobody here", B: "451 later"}
    first = await send(mail, A, B, C)
    assert (first.outcome, first.status) == ("partly", 550)
    assert "does not take it yet for b@example.org (451)" in first.reason
    choosy.refusals = {}
    second = await send(mail, A, B, C, answers=first.answers)
    assert choosy.taken == [[C], [B]]
    assert (second.outcome, second.misses) == ("delivered", True)
    assert second.reason == "the mail server took it for 2 of 3 addresses, refused a@example.org (550)"


async def test_when_everybody_is_refused_for_good_it_is_not_tried_again(mail: Mail, choosy: Choosy) -> None:
    choosy.refusals = dict.fromkeys((A, B, C), "550 nobody here")
    attempt = await send(mail, A, B, C)
    assert attempt.outcome == "rejected"
    assert attempt.reason == (
        "the mail server refused a@example.org (550) and b@example.org (550) and 1 more"
    )
    choosy.refusals[B] = "451 later"
    assert (await send(mail, A, B, C)).outcome == "retry"


async def test_a_server_that_is_away_makes_nobody_forget_who_has_it() -> None:
    nobody = Mail(MailServer(host="127.0.0.1", port=1, user="", password="", tls="never"), SENDER, "")
    for code, outcome in ((250, "partly"), (550, "retry")):
        attempt = await send(nobody, A, answers=((b"12345678", code),))
        assert (attempt.outcome, attempt.answers) == (outcome, ((b"12345678", code),))


class Post:
    """A dispatcher whose channel 1 is mail to A and B, and whose channel 2 is a webhook."""

    def __init__(self, stage: Stage, teller: Teller, mail: Mail, choosy: Choosy, hook: Receiver) -> None:
        self.stage, self.teller, self.choosy, self.hook = stage, teller, choosy, hook
        teller.dispatch = Dispatch(stage.shard, {"email": mail, "webhook": teller.webhook}, teller.count_tags)

    async def finish(self, times: int = 1) -> None:
        for _ in range(times):
            await self.teller.finish()
            due = await self.stage.redis.zrange(self.stage.shard.keys.due, 0, 0, withscores=True)
            if due:
                await self.stage.move_to((due[0][1] - START_MS) / 1000)
        await self.teller.finish()

    @property
    def told(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(call.body) for call in self.hook.calls]


@pytest.fixture
async def post(stage: Stage, mail: Mail, choosy: Choosy) -> AsyncIterator[Post]:
    async with receiving(answering(200)) as hook, telling(stage.shard) as teller:
        settings = msgspec.json.encode({"url": hook.url(), "secret": "whsec_MTIz"})
        await stage.live.project(
            PutChannels(
                ORG,
                1,
                (
                    ChannelTarget(1, "email", b'{"to":["a@example.org","b@example.org"]}', name="ops"),
                    ChannelTarget(2, "webhook", settings),
                ),
            )
        )
        yield Post(stage, teller, mail, choosy, hook)


async def test_a_refused_address_is_told_to_the_other_channels_once_and_the_end_follows(
    stage: Stage, post: Post
) -> None:
    post.choosy.refusals = {B: "550 nobody here"}
    await silence(stage, 1)
    await post.finish(2)
    await stage.ping(1)
    await post.finish(2)
    assert post.choosy.taken == [[A], [A]]
    assert [one["type"] for one in post.told] == ["monitor.down", "channel.failing", "monitor.up"]
    data = post.told[1]["data"]
    assert (data["reason"], data["partial"]) == (ADDRESSES + "refused b@example.org (550)", True)


async def test_when_everybody_is_refused_for_good_the_other_channels_hear_that_nobody_has_it(
    stage: Stage, post: Post
) -> None:
    post.choosy.refusals = dict.fromkeys((A, B), "550 nobody here")
    await silence(stage, 1)
    await post.finish(2)
    assert await stage.redis.hlen(stage.shard.keys.dead) == 1
    assert [one["type"] for one in post.told] == ["monitor.down", "channel.failing"]
    assert post.told[1]["data"]["partial"] is False


async def test_a_greylisted_address_gets_it_later_and_the_other_one_once(stage: Stage, post: Post) -> None:
    post.choosy.refusals = {B: "451 later"}
    await silence(stage, 1)
    await post.teller.finish()
    post.choosy.refusals = {}
    await post.finish(2)
    assert post.choosy.taken == [[A], [B]]
    assert [one["type"] for one in post.told] == ["monitor.down"]


async def test_an_address_that_never_takes_it_does_not_hold_up_the_end_for_long(
    stage: Stage, post: Post
) -> None:
    post.choosy.refusals = {B: "451 later"}
    await silence(stage, 1)
    await stage.ping(1)
    await post.finish(PARTLY_AT_MOST)
    assert stage.now_ms - START_MS < 41_000 + 100_000
    assert post.choosy.taken == [[A], [A]]
    assert "channel.failing" in [one["type"] for one in post.told]


async def test_the_next_incident_does_not_overtake_an_end_that_waits_for_an_address(
    stage: Stage, post: Post
) -> None:
    post.choosy.refusals = {B: "451 later"}
    await silence(stage, 1)
    for second in range(45, 180, 5):
        if second <= 125:
            await stage.ping(1)
        await stage.listen(until=second)
        await stage.sweep()
        await post.teller.finish()
    assert [" up" in subject for subject in post.choosy.subjects] == [False, True, False]


async def test_a_trial_of_which_somebody_was_refused_has_not_arrived(stage: Stage, post: Post) -> None:
    post.choosy.refusals = {B: "550 nobody here"}
    event = TrialEvent(
        at_ms=stage.now_ms,
        org_id=ORG,
        delivery_id=UUID(int=5),
        channel_id=1,
        told=ChannelTold("p", "ops", "email"),
    )
    await try_channel(stage.shard, event)
    await post.finish()
    entries = await stage.redis.xrange(stage.shard.keys.letters)
    *_, moved = [record for entry in entries for record in letter_entry(*entry).records]
    assert isinstance(moved, Moved)
    assert (moved.to, moved.reason) == (MovedTo.DROPPED, ADDRESSES + "refused b@example.org (550)")
    assert post.told == []


async def test_a_dead_letter_that_is_sent_again_tries_those_who_were_refused_and_no_others(
    stage: Stage, post: Post
) -> None:
    post.choosy.refusals = {A: "451 later", B: "550 nobody here"}
    await silence(stage, 1)
    await post.finish(12)
    [letter] = await stage.redis.hkeys(stage.shard.keys.dead)
    post.choosy.refusals = {}
    assert await retry_letter(stage.shard, letter.decode())
    await post.finish()
    assert post.choosy.taken == [[A, B]]


async def test_an_empty_redis_makes_nobody_forget_who_has_it(
    stage: Stage, mail: Mail, choosy: Choosy, tmp_path: Path
) -> None:
    choosy.refusals = {B: "451 later"}
    async with library_on(stage, tmp_path) as library:
        await _mail_channel(library)
        await library.monitor()
        await stage.listen(until=41)
        await stage.sweep()
        dispatch = Dispatch(stage.shard, {"email": mail}, lambda _: [])
        async with telling(stage.shard) as teller:
            teller.dispatch = dispatch
            await teller.finish()
            while await library.desk.step():
                pass
            await stage.redis.flushall()
            await stage.redis.set("test-clock", stage.now_ms)
            assert await rebuild_if_empty(stage.live, library.book, library.history)
            choosy.refusals = {}
            await stage.move_to(60)
            await teller.finish()
    assert choosy.taken == [[A], [B]]


async def _mail_channel(library: Library) -> None:
    new = NewChannel(
        org_id=ORG,
        type="email",
        name="ops",
        settings=msgspec.json.encode({"to": [A, B]}),
        is_default=True,
        burst=None,
    )
    _, change = await book_channels.create(library.book, new, NOW_MS)
    await library.stage.live.project(change.projection)
