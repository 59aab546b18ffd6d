"""What becomes of one attempt, against receivers that behave and receivers that do not."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import tracemalloc
from email.utils import formatdate

import msgspec
import pytest

from store.clock import monotonic_ms, wall_ms
from sweeper.channels.signature import sign
from sweeper.channels.webhook import Webhook
from tests.sweeper.channels.conftest import NOTICE, OpenWebhook, send, settings
from tests.sweeper.channels.receivers import (
    SECRET,
    Receiver,
    answering,
    dripping,
    hanging,
    receiving,
    sending,
)

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_delivered(webhook: Webhook, status: int) -> None:
    async with receiving(answering(status)) as receiver:
        attempt = await send(webhook, receiver.url())

    assert (attempt.outcome, attempt.status, attempt.retry_after_s) == ("delivered", status, None)


async def test_the_call_is_a_signed_post_of_the_very_bytes(webhook: Webhook) -> None:
    before_s = wall_ms() // 1000
    async with receiving(answering(200)) as receiver:
        await send(webhook, receiver.url())

    [call] = receiver.calls
    assert call.line == "POST /hook?team=a HTTP/1.1"
    assert call.body == NOTICE.body
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"].startswith("Overdue/")
    assert call.headers["accept-encoding"] == "identity"
    assert call.headers["webhook-id"] == NOTICE.event_id
    timestamp = call.headers["webhook-timestamp"]
    assert before_s <= int(timestamp) <= wall_ms() // 1000
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{call.headers['webhook-id']}.{timestamp}.".encode() + call.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"


async def test_410_means_never_again(webhook: Webhook) -> None:
    async with receiving(answering(410)) as receiver:
        attempt = await send(webhook, receiver.url())

    assert (attempt.outcome, attempt.status) == ("gone", 410)


@pytest.mark.parametrize("status", [400, 401, 404, 408, 500, 502, 504])
async def test_any_other_answer_is_tried_again(webhook: Webhook, status: int) -> None:
    async with receiving(answering(status, "Retry-After: 60")) as receiver:
        attempt = await send(webhook, receiver.url())

    assert (attempt.outcome, attempt.status, attempt.retry_after_s) == ("retry", status, None)
    assert attempt.reason == f"the receiver answered {status}"


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_is_too_busy_says_for_how_long(webhook: Webhook, status: int) -> None:
    async with receiving(answering(status, "Retry-After: 42")) as receiver:
        attempt = await send(webhook, receiver.url())

    assert (attempt.outcome, attempt.retry_after_s) == ("retry", 42.0)


async def test_a_receiver_may_name_the_moment_at_which_it_wants_to_be_called_again(webhook: Webhook) -> None:
    date = formatdate(wall_ms() / 1000 + 100, usegmt=True)
    async with receiving(answering(429, f"Retry-After: {date}")) as receiver:
        attempt = await send(webhook, receiver.url())

    assert attempt.retry_after_s is not None
    assert 90 < attempt.retry_after_s <= 100


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(webhook: Webhook, status: int) -> None:
    async with (
        receiving(answering(200)) as target,
        receiving(answering(status, f"Location: {target.url()}")) as receiver,
    ):
        attempt = await send(webhook, receiver.url())

    assert (attempt.outcome, attempt.status) == ("retry", status)
    assert attempt.reason == f"the receiver answered {status}, and redirects are not followed"
    assert target.connections == 0


async def test_a_receiver_that_hangs_costs_the_time_of_one_attempt(open_webhook: OpenWebhook) -> None:
    webhook = open_webhook("127.0.0.0/8", attempt_timeout_s=0.3)
    async with receiving(hanging) as receiver:
        attempt = await send(webhook, receiver.url())

    assert (attempt.outcome, attempt.status) == ("retry", None)
    assert attempt.reason == "no answer came in time"
    assert 250 <= attempt.duration_ms < 2000


async def test_a_receiver_that_drips_its_status_costs_no_more_than_one_that_hangs(
    open_webhook: OpenWebhook,
) -> None:
    webhook = open_webhook("127.0.0.0/8", attempt_timeout_s=0.3)
    async with receiving(dripping(OK + b"Content-Length: 0\r\n\r\n", every_s=0.05)) as receiver:
        attempt = await send(webhook, receiver.url())
        await asyncio.wait_for(receiver.closed.wait(), 5)

    assert (attempt.outcome, attempt.status) == ("retry", None)
    assert attempt.duration_ms < 2000


async def test_a_status_counts_although_the_rest_of_the_answer_drips(open_webhook: OpenWebhook) -> None:
    webhook = open_webhook("127.0.0.0/8", attempt_timeout_s=0.5)

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 1000\r\n\r\n")
        await dripping(b"x" * 1000, every_s=0.05)(writer)

    async with receiving(reply) as receiver:
        attempt = await send(webhook, receiver.url())
        await asyncio.wait_for(receiver.closed.wait(), 5)

    assert (attempt.outcome, attempt.status) == ("delivered", 200)
    assert attempt.duration_ms < 2000


async def test_the_rest_of_an_answer_is_not_waited_for_as_long_as_the_answer(webhook: Webhook) -> None:
    async with receiving(sending(OK + b"Content-Length: 1000\r\n\r\n")) as receiver:
        attempt = await send(webhook, receiver.url())

    assert attempt.outcome == "delivered"
    assert attempt.duration_ms < 3000


@pytest.mark.parametrize("framing", ["Content-Length: 100000000", "Connection: close"])
async def test_an_answer_of_100_mb_is_cut_off_early(webhook: Webhook, framing: str) -> None:
    sent_bytes = 0
    chunk = b"x" * 65536

    async def reply(writer: asyncio.StreamWriter) -> None:
        nonlocal sent_bytes
        writer.write(OK + framing.encode() + b"\r\n\r\n")
        while sent_bytes < 100_000_000:
            writer.write(chunk)
            await writer.drain()
            sent_bytes += len(chunk)

    async with receiving(reply) as receiver:
        tracemalloc.start()
        attempt = await send(webhook, receiver.url())
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await asyncio.wait_for(receiver.closed.wait(), 5)

    assert attempt.outcome == "delivered"
    assert sent_bytes < 20_000_000  # what the kernel's buffers took, and not the whole
    assert peak_bytes < 4_000_000


async def test_endless_headers_are_cut_off(webhook: Webhook) -> None:
    async with receiving(sending(OK + b"X-Long: " + b"x" * 200_000)) as receiver:
        attempt = await send(webhook, receiver.url())

    assert (attempt.outcome, attempt.reason) == ("retry", "the headers of the answer are too long")
    assert attempt.duration_ms < 3000


async def test_endless_interim_answers_are_cut_off(webhook: Webhook) -> None:
    async with receiving(sending(b"HTTP/1.1 102 Processing\r\n\r\n" * 10_000)) as receiver:
        attempt = await send(webhook, receiver.url())

    assert (attempt.outcome, attempt.reason) == ("retry", "the headers of the answer are too long")


async def test_a_compressed_answer_is_not_unpacked(webhook: Webhook) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    async with receiving(answering(200, "Content-Encoding: gzip", body=bomb)) as receiver:
        tracemalloc.start()
        attempt = await send(webhook, receiver.url())
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert attempt.outcome == "delivered"
    assert peak_bytes < 4_000_000


async def test_a_cookie_that_a_receiver_sets_never_comes_back(webhook: Webhook) -> None:
    async with receiving(answering(200, "Set-Cookie: a=b")) as receiver:
        await send(webhook, receiver.url())
        await send(webhook, receiver.url())

    assert len(receiver.calls) == 2
    assert all("cookie" not in call.headers for call in receiver.calls)


async def test_calls_share_a_connection_whose_answers_were_read_to_their_end(webhook: Webhook) -> None:
    async with receiving(answering(200, body=b"x" * 40_000)) as receiver:
        attempts = [await send(webhook, receiver.url()) for _ in range(3)]

    assert [attempt.outcome for attempt in attempts] == ["delivered"] * 3
    assert (receiver.connections, len(receiver.calls)) == (1, 3)


async def test_a_closed_port_is_tried_again(webhook: Webhook) -> None:
    async with receiving(answering(200)) as receiver:
        url = receiver.url()
    attempt = await send(webhook, url)

    assert (attempt.outcome, attempt.reason) == ("retry", "the connection was refused")


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.9\r\n\r\n", b"\x00\xff\r\n\r\n", b"HTTP/9 banana\r\n\r\n"]
)
async def test_a_receiver_that_does_not_speak_http_is_tried_again(webhook: Webhook, answer: bytes) -> None:
    async with receiving(sending(answer)) as receiver:
        attempt = await send(webhook, receiver.url())

    assert attempt.outcome == "retry"
    assert attempt.reason == "the receiver closed the connection or did not answer in HTTP"


async def test_a_receiver_that_hangs_up_is_tried_again(webhook: Webhook) -> None:
    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with receiving(reply) as receiver:
        attempt = await send(webhook, receiver.url())

    assert (attempt.outcome, attempt.status) == ("retry", None)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"url":"http://127.0.0.1:1/"}',
        b'{"url":1,"secret":"whsec_AAAA"}',
        b"\xff\xfe",
        settings("http://127.0.0.1:1/", secret="hunter2hunter2"),
        settings("ftp://127.0.0.1/"),
        settings("ws://127.0.0.1/"),
        settings("unix:///run/overdue.sock"),
        settings("file:///etc/passwd"),
        settings("/hook"),
        settings("http://"),
        settings("http://127.0.0.1:0/"),
        settings("http://127.0.0.1:65536/"),
        settings("http://127.0.0.1:x/"),
        settings("http://[::1/"),
        settings("http://127.0.0.1/\r\nX-Evil: 1"),
        settings("http://" + "a" * 70 + ".example/"),
        settings("http://" + "a" * 70_000),
    ],
)
async def test_settings_that_cannot_be_used_are_a_reason_and_not_an_exception(
    webhook: Webhook, raw: bytes
) -> None:
    attempt = await webhook.send(raw, NOTICE)

    assert (attempt.outcome, attempt.status) == ("retry", None)
    assert "hunter2" not in attempt.reason
    assert "unexpectedly" not in attempt.reason


async def test_an_error_that_nobody_thought_of_is_a_reason_too(open_webhook: OpenWebhook) -> None:
    async def broken(host: str, port: int) -> tuple[str, ...]:
        raise KeyError("s3cret")

    attempt = await send(open_webhook(resolver=broken), "http://example.test/")

    assert attempt.outcome == "retry"
    assert attempt.reason == "the attempt failed unexpectedly (KeyError)"


async def test_credentials_in_the_url_are_sent_as_such_and_never_shown(webhook: Webhook) -> None:
    async with receiving(answering(401)) as receiver:
        attempt = await send(webhook, receiver.url(host="ops:s3cret@127.0.0.1"))

    [call] = receiver.calls
    assert call.headers["authorization"] == "Basic " + base64.b64encode(b"ops:s3cret").decode()
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert "s3cret" not in repr(attempt)


async def test_the_url_never_reaches_a_log_at_info(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with receiving(answering(200)) as receiver:
        await send(webhook, receiver.url())

    assert "team=a" not in caplog.text


async def test_a_cancelled_attempt_is_cancelled_and_lets_go_of_its_connection(webhook: Webhook) -> None:
    async with receiving(hanging) as receiver:
        task = asyncio.create_task(send(webhook, receiver.url()))
        await _called(receiver, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_receiver_that_hangs_does_not_delay_another(open_webhook: OpenWebhook) -> None:
    webhook = open_webhook("127.0.0.0/8", attempt_timeout_s=10.0)
    async with receiving(hanging) as stuck, receiving(answering(200)) as well:
        slow = [asyncio.create_task(send(webhook, stuck.url())) for _ in range(100)]
        await _called(stuck, 100)
        started_ms = monotonic_ms()
        attempt = await send(webhook, well.url())
        elapsed_ms = monotonic_ms() - started_ms
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    assert attempt.outcome == "delivered"
    assert elapsed_ms < 2000


async def _called(receiver: Receiver, times: int) -> None:
    async with asyncio.timeout(5):
        while len(receiver.calls) < times:
            await asyncio.sleep(0.01)


async def test_a_former_secret_signs_too_until_its_day_is_over(webhook: Webhook) -> None:
    former = "whsec_" + base64.b64encode(b"the former secret of 32 bytes...").decode()
    signatures = []
    async with receiving(answering(200)) as receiver:
        for left_ms in (60_000, -1):
            kept = {"secret": former, "until_ms": wall_ms() + left_ms}
            told = {"url": receiver.url(), "secret": SECRET, "former": kept}
            assert (await webhook.send(msgspec.json.encode(told), NOTICE)).outcome == "delivered"
        for call in receiver.calls:
            stamp = int(call.headers["webhook-timestamp"])
            both = [sign(secret, NOTICE.event_id, stamp, NOTICE.body) for secret in (SECRET, former)]
            signatures.append((call.headers["webhook-signature"].split(" "), both))
    assert signatures[0][0] == signatures[0][1]
    assert signatures[1][0] == signatures[1][1][:1]


async def test_headers_of_the_user_s_own_are_sent_and_ours_stay(webhook: Webhook) -> None:
    headers = {"authorization": "Bearer s3cret", "user-agent": "mine", "content-type": "text/plain"}
    async with receiving(answering(200)) as receiver:
        told = {"url": receiver.url(), "secret": SECRET, "headers": headers}
        await webhook.send(msgspec.json.encode(told), NOTICE)
    [call] = receiver.calls
    assert (call.headers["authorization"], call.headers["user-agent"]) == ("Bearer s3cret", "mine")
    assert call.headers["content-type"] == "application/json"
