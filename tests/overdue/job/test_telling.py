"""What `overdue run` does about servers: old ones, slow ones, ones that refuse, and ones that come back."""

from __future__ import annotations

import signal
import time

import pytest

from tests.overdue.job.ping_receiver import Ping, PingReceiver
from tests.overdue.job.running import begin, run
from tests.overdue.processes import until

AT_ONCE_S = 8.0


def older(ping: Ping, number: int) -> int:
    """An Overdue that knows plain pings only."""
    return 404 if ping.signal else 200


def test_an_older_server_gets_a_plain_ping_when_the_job_succeeds(receiver: PingReceiver) -> None:
    receiver.answer = older
    ended = run(receiver.url, "echo", "done")

    assert (ended.code, ended.err) == (0, b"")
    assert receiver.signals() == ["start", "0", ""]
    assert receiver.pings[2].body == b""


def test_an_older_server_gets_no_plain_ping_when_the_job_fails(receiver: PingReceiver) -> None:
    receiver.answer = older
    ended = run(receiver.url, "false")

    assert ended.code == 1
    assert receiver.signals() == ["start", "1"]
    assert b"it answers 404" in ended.err


def test_the_end_is_told_again_until_it_is_taken(receiver: PingReceiver) -> None:
    receiver.answer = lambda ping, number: 503 if number in {1, 2} else 200
    ended = run(receiver.url, "sh", "-c", "echo last words; exit 9")

    assert (ended.code, ended.err) == (9, b"")
    assert receiver.signals() == ["start", "9", "9", "9"]
    assert {ping.body for ping in receiver.pings[1:]} == {b"last words\n"}
    assert len({ping.query["rid"] for ping in receiver.pings}) == 1


def test_a_server_that_takes_no_such_body_is_told_without_it(receiver: PingReceiver) -> None:
    receiver.answer = lambda ping, number: 413 if ping.body else 200
    ended = run(receiver.url, "echo", "much")

    assert (ended.code, ended.err) == (0, b"")
    assert [ping.body for ping in receiver.pings] == [b"", b"much\n", b""]


def test_a_refusal_is_final_and_said(receiver: PingReceiver) -> None:
    receiver.answer = lambda ping, number: 403
    assert b"it answers 403" in run(receiver.url, "true").err
    assert receiver.signals() == ["start", "0"]
    assert run(receiver.url, "--quiet", "true").err == b""


def test_a_redirect_is_not_followed(receiver: PingReceiver) -> None:
    receiver.answer = lambda ping, number: 301
    assert b"it answers 301" in run(receiver.url, "true").err


def test_a_server_that_never_answers_delays_neither_the_job_nor_its_end_for_long(
    receiver: PingReceiver,
) -> None:
    receiver.answer = lambda ping, number: None
    began = time.monotonic()
    ended = run(receiver.url, "--wait", "1", "sh", "-c", "echo ran; exit 3")

    assert (ended.code, ended.out) == (3, b"ran\n")
    assert b"could not be told within 1 s" in ended.err
    assert time.monotonic() - began < AT_ONCE_S


@pytest.mark.slow
def test_a_hanging_start_does_not_keep_the_end_from_being_told(receiver: PingReceiver) -> None:
    receiver.answer = lambda ping, number: None if ping.signal == "start" else 200
    ended = run(receiver.url, "sh", "-c", "exit 3")

    assert (ended.code, ended.err) == (3, b"")
    assert receiver.signals() == ["start", "3"]


def test_whoever_stops_it_while_it_waits_gets_the_jobs_exit_code_at_once(receiver: PingReceiver) -> None:
    receiver.answer = lambda ping, number: 200 if ping.signal == "start" else None
    began = time.monotonic()
    with begin(receiver.url, "--wait", "60", "sh", "-c", "exit 3") as process:
        until(lambda: "3" in receiver.signals())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 3

    assert time.monotonic() - began < AT_ONCE_S
