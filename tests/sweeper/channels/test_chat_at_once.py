"""Many chat messages at once: whoever hangs holds up itself alone, and waiting for each other costs no attempt."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

import msgspec
import pytest

from store.messages.message import notice_of
from store.messages.notice import Notice
from store.projection import ChannelTarget, PutChannels
from sweeper.channels import Channel
from sweeper.channels.attempt import Attempt
from sweeper.channels.chat import AT_ONCE, AT_ONCE_PER_CHANNEL, Chat
from sweeper.channels.chat_process import ChatProcess
from sweeper.channels.places import Places
from sweeper.dispatch import Dispatch
from sweeper.turns import QUICK_AT_ONCE, WAITING_OF_A_KIND
from tests.patience import until
from tests.stage import ORG, START_MS, Stage
from tests.store.messages.test_message import DOWN
from tests.sweeper.channels.receivers import SECRET, Receiver, answering, hanging, receiving
from tests.sweeper.channels.test_chat import LOOPBACK
from tests.sweeper.telling import silence, telling


def begin(chat: Chat, receiver: Receiver, token: int = 0) -> asyncio.Task[Attempt]:
    """A message to a channel of its own for each token."""
    return asyncio.create_task(chat.send(_settings(receiver, token), notice_of(DOWN)))


def _settings(receiver: Receiver, token: int) -> bytes:
    return msgspec.json.encode({"url": f"gotify://127.0.0.1:{receiver.port}/token-{token}"})


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    async with aclosing(Chat(LOOPBACK, "")) as chat:
        yield chat


async def test_forty_messages_beside_a_service_that_hangs_all_arrive_at_the_first_attempt(chat: Chat) -> None:
    async with receiving(answering(200)) as well, receiving(hanging) as stuck:
        hang = [begin(chat, stuck) for _ in range(8)]
        burst = [begin(chat, well, token) for token in range(4) for _ in range(10)]
        attempts = await asyncio.gather(*burst)
        assert not any(task.done() for task in hang)
        assert stuck.connections == AT_ONCE_PER_CHANNEL
        for task in hang:
            task.cancel()
        await asyncio.gather(*hang, return_exceptions=True)
    assert {attempt.outcome for attempt in attempts} == {"delivered"}
    assert len(well.calls) == 40


async def test_waiting_for_a_place_and_for_the_start_costs_nothing_of_an_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = ChatProcess._start

    async def slowly(process: ChatProcess) -> None:
        await asyncio.sleep(2.1)
        await start(process)

    monkeypatch.setattr(ChatProcess, "_start", slowly)
    async with AsyncExitStack() as stack:
        chat = await stack.enter_async_context(aclosing(Chat(LOOPBACK, "", attempt_timeout_s=2.0)))
        stuck = await stack.enter_async_context(receiving(hanging))
        hang = [begin(chat, stuck) for _ in range(AT_ONCE_PER_CHANNEL + 1)]
        attempts = await asyncio.gather(*hang)
    # Each of them has called: it had its whole time when it was its turn.
    assert stuck.connections == AT_ONCE_PER_CHANNEL + 1
    assert all(1900 <= attempt.duration_ms < 3900 for attempt in attempts)


class Hanging:
    """The chat channel, without a process and with a service that never answers."""

    at_once = AT_ONCE_PER_CHANNEL
    slow_at_once = Chat.slow_at_once

    def __init__(self) -> None:
        self._places = Places(AT_ONCE, AT_ONCE_PER_CHANNEL)

    @property
    def waiting(self) -> int:
        return self._places.waiting

    async def send(self, settings: bytes, notice: Notice) -> Attempt:
        async with self._places.one_for(settings):
            await asyncio.Event().wait()
        raise AssertionError("it never answers")

    async def aclose(self) -> None:
        """There is nothing to close."""


async def test_a_hundred_chat_channels_that_hang_leave_places_for_webhooks(stage: Stage) -> None:
    async with receiving(answering(200)) as well, telling(stage.shard) as teller:
        targets = [ChannelTarget(number, "apprise", str(number).encode()) for number in range(1, 151)]
        well_done = msgspec.json.encode({"url": well.url(), "secret": SECRET})
        await stage.live.project(PutChannels(ORG, 1, (*targets, ChannelTarget(999, "webhook", well_done))))
        kinds: dict[str, Channel] = {"apprise": Hanging(), "webhook": teller.webhook}
        teller.dispatch = Dispatch(stage.shard, kinds, teller.count_tags)
        await silence(stage, *range(1, 21))
        async with asyncio.timeout(15):
            while len(well.calls) < 20:
                # What is looked at of a long line depends on the time.
                stage.now_ms += 10
                await stage.move_to((stage.now_ms - START_MS) / 1000)
                await asyncio.sleep(min(await teller.step(), 0.01))
        # Each once, while nobody knew its kind; then no more of them than have a place or wait for one.
        assert teller.under_way <= len(targets) + AT_ONCE + WAITING_OF_A_KIND + 20


async def test_a_child_that_dies_costs_its_messages_an_attempt_and_no_later_ones(chat: Chat) -> None:
    async with receiving(answering(200)) as well, receiving(hanging) as stuck:
        lost = begin(chat, stuck)
        await until(lambda: _true(stuck.connections == 1))
        os.killpg(_pid(chat), signal.SIGKILL)
        attempt = await lost
        assert (attempt.outcome, attempt.reason) == ("retry", "the process that sends to services has ended")
        assert (await begin(chat, well)).outcome == "delivered"


async def test_what_one_message_met_is_not_said_of_the_next(chat: Chat) -> None:
    async with receiving(answering(500)) as failing:
        refused = await chat.send(b'{"url":"gotify://10.0.0.1/token"}', notice_of(DOWN))
        failed = await begin(chat, failing)
    assert "OVERDUE_PRIVATE_TARGETS" in refused.reason
    assert failed.reason == "the service did not take it"


async def test_nothing_of_it_is_left_when_it_is_closed() -> None:
    async with receiving(hanging) as stuck, aclosing(Chat(LOOPBACK, "")) as chat:
        lost = begin(chat, stuck)
        await until(lambda: _true(stuck.connections == 1))
        group = _pid(chat)
        await chat.aclose()
        assert (await lost).outcome == "retry"
        await until(lambda: _true(not _is_there(group)))


async def test_an_idle_child_ends_and_another_one_is_started_when_there_is_something_to_say(
    chat: Chat,
) -> None:
    chat._process._idle_s = 0
    async with receiving(answering(200)) as well:
        assert (await begin(chat, well)).outcome == "delivered"
        await until(lambda: _true(chat._process._child is None))
        assert (await begin(chat, well)).outcome == "delivered"


async def test_chat_services_that_hang_do_not_hold_up_webhooks(stage: Stage, chat: Chat) -> None:
    async with (
        receiving(hanging) as stuck,
        receiving(answering(200)) as hook,
        telling(stage.shard) as teller,
    ):
        targets = [
            ChannelTarget(token, "apprise", _settings(stuck, token)) for token in range(1, QUICK_AT_ONCE + 5)
        ]
        to_hook = msgspec.json.encode({"url": hook.url(), "secret": SECRET})
        targets.append(ChannelTarget(999, "webhook", to_hook))
        await stage.live.project(PutChannels(ORG, 1, tuple(targets)))
        teller.dispatch = Dispatch(
            stage.shard, {"apprise": chat, "webhook": teller.webhook}, teller.count_tags
        )
        await silence(stage, *range(1, 11))
        await teller.until(lambda: len(hook.calls) == 10)
        assert len(stuck.calls) <= AT_ONCE
        assert chat.waiting
        assert teller.under_way > QUICK_AT_ONCE
        await teller.crash()
    assert not chat.waiting


async def test_a_place_that_is_given_up_while_waiting_is_not_lost() -> None:
    places, held = Places(2, 1), asyncio.Event()

    async def hold(owner: str) -> None:
        async with places.one_for(owner):
            await held.wait()

    first, second, other = (asyncio.create_task(hold(owner)) for owner in ("a", "a", "b"))
    await asyncio.sleep(0)
    assert places._taken == {"a": 1, "b": 1}
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    # The second one has been let in by now, and does not know it yet.
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    held.set()
    await other
    assert not +places._taken
    async with places.one_for("a"):
        pass


async def _true(value: bool) -> bool:
    return value


def _pid(chat: Chat) -> int:
    assert chat._process._child is not None
    return chat._process._child.pid


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
