"""Chat services, through a real Apprise in its child process, to receivers on loopback."""

from __future__ import annotations

import warnings
from contextlib import aclosing
from ipaddress import ip_network

import apprise
import msgspec
import pytest

from store.chat_schemes import SERVICES, check_chat_address, masked
from store.errors import Invalid
from store.last_ping import LastPing, Noted
from store.messages.message import notice_of
from sweeper.channels.attempt import Attempt
from sweeper.channels.chat import Chat
from tests.store.messages.test_message import DOWN
from tests.sweeper.channels.receivers import answering, hanging, receiving

LOOPBACK = (ip_network("127.0.0.0/8"),)


async def send(chat: Chat, url: str) -> Attempt:
    async with aclosing(chat):
        return await chat.send(msgspec.json.encode({"url": url}), notice_of(DOWN))


async def test_a_message_arrives_in_words_and_what_a_job_said_calls_nobody() -> None:
    ping = LastPing(DOWN.seen_ms, "10.0.0.5", "curl", message="@everyone <!channel> the disk is full")
    named = msgspec.structs.replace(DOWN, name="@here")
    async with receiving(answering(200)) as receiver:
        url = f"gotify://127.0.0.1:{receiver.port}/secret-token"
        async with aclosing(Chat(LOOPBACK, "")) as chat:
            attempt = await chat.send(msgspec.json.encode({"url": url}), notice_of(named, Noted(ping)))
    assert (attempt.outcome, attempt.reason) == ("delivered", "the service took it")
    sent = msgspec.json.decode(receiver.calls[0].body)
    assert sent["title"] == "@\N{ZERO WIDTH SPACE}here is down"
    assert "has been silent for longer than it may" in sent["message"]
    assert "the disk is full" in sent["message"]
    assert not {"@everyone", "<!channel>"} & set(sent["message"].split())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001"])
async def test_nothing_goes_where_channels_may_not_go(host: str) -> None:
    async with receiving(answering(200)) as receiver:
        attempt = await send(Chat((), ""), f"gotify://{host}:{receiver.port}/token")
    assert attempt.outcome == "retry"
    assert receiver.connections == 0
    assert "OVERDUE_PRIVATE_TARGETS" in attempt.reason


async def test_a_service_that_answers_with_an_error_is_tried_again() -> None:
    async with receiving(answering(500)) as receiver:
        attempt = await send(Chat(LOOPBACK, ""), f"gotify://127.0.0.1:{receiver.port}/secret-token")
    assert (attempt.outcome, attempt.reason) == ("retry", "the service did not take it")


async def test_a_service_that_says_nothing_is_waited_for_in_bounded_time() -> None:
    async with receiving(hanging) as receiver:
        chat = Chat(LOOPBACK, "", attempt_timeout_s=1.0)
        attempt = await send(chat, f"gotify://127.0.0.1:{receiver.port}/token")
    assert attempt.reason == "the service did not answer in time"
    assert attempt.duration_ms < 3000


async def test_an_address_that_apprise_cannot_read_is_not_tried_again() -> None:
    attempt = await send(Chat(LOOPBACK, ""), "discord://abc")
    assert (attempt.outcome, attempt.reason) == (
        "rejected",
        "Apprise cannot read the address of this channel",
    )


def test_every_service_on_the_list_is_one_that_apprise_knows() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of its plugins stand on what Python will drop
        services = apprise.Apprise().details()["schemas"]
    known = {
        scheme
        for service in services
        for scheme in [*(service["protocols"] or ()), *(service["secure_protocols"] or ())]
    }
    assert set(SERVICES) <= known


@pytest.mark.parametrize(
    "address",
    [
        "",
        "slack:",
        "file:///etc/passwd",
        "exec://rm",
        "mailto://x@y",
        "slack://a b",
        "SLACK://x",
        "slack://ä",
    ],
)
def test_what_is_not_on_the_list_is_refused(address: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_chat_address(address)
    assert refusal.value.field == "url"


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    assert masked("slack://a/b/c") == "slack://***"
