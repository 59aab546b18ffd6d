"""What people read, whatever they have called their monitors."""

from __future__ import annotations

import msgspec
import pytest

from store.last_ping import LastPing, Noted
from store.live.channel_event import ChannelTold, FailingEvent
from store.live.collected_event import CollectedEvent, Named
from store.live.event_kind import Cause
from store.live.packing import EventKind
from store.live.unheard_event import FleetUnheard, MonitorUnheard, UnheardEvent
from store.messages.message import notice_of
from store.messages.phrases import span
from store.messages.wording import LONGEST_SUBJECT, Words, words_of
from tests.store.messages.test_message import DOWN, MONITOR, UP
from tests.store.messages.test_metric_message import EVENT as BREACHED

HOSTILE = 'a\r\nBcc: all@example.org <script>alert("1")</script>'


def test_a_down_says_what_since_when_and_what_was_expected() -> None:
    words = words_of(notice_of(DOWN).body, "https://overdue.example.org")
    assert words == Words(
        "Nächtliche Sicherung is down",
        (
            "Nächtliche Sicherung has been silent for longer than it may. It is down since 2026-03-02 02:03:03 UTC.",
            "Its last ping came at 2026-03-02 02:01:33 UTC.",
            "A ping was expected every 1 minute, with 30 seconds of grace.",
        ),
        f"https://overdue.example.org/monitors/{MONITOR}",
    )
    assert words.text.endswith(f"\n\nhttps://overdue.example.org/monitors/{MONITOR}\n")


def test_a_down_of_a_job_that_never_ran_says_so() -> None:
    never = msgspec.structs.replace(DOWN, seen_ms=0, grace_s=0)
    words = words_of(notice_of(never).body, "")
    assert words.lines[1:] == ("It has never pinged.", "A ping was expected every 1 minute.")
    assert words.link is None


def test_an_up_says_how_long_it_was_down() -> None:
    words = words_of(notice_of(UP).body, "")
    assert words.subject == "Nächtliche Sicherung is up again"
    assert words.lines[1] == "It was down for 10 seconds, since 2026-03-02 02:03:03 UTC."


def test_a_threshold_says_the_value_and_the_rule_and_its_end_too() -> None:
    words = words_of(notice_of(BREACHED).body, "")
    assert BREACHED.told.metric_key in words.subject
    assert str(BREACHED.told.value) in words.lines[0]
    cleared = words_of(notice_of(msgspec.structs.replace(BREACHED, kind=EventKind.CLEARED)).body, "")
    assert "is well again" in cleared.subject
    assert "The rule queue_size > 100 is not broken any more." in cleared.lines[1]


def test_a_kind_that_is_not_known_is_told_by_its_type() -> None:
    body = msgspec.json.encode({"type": "new.thing", "timestamp": "2026-03-02T02:01:33.000Z", "data": {}})
    assert words_of(body, "https://x").lines == ("new.thing at 2026-03-02 02:01:33 UTC.",)


def test_a_hostile_name_breaks_neither_subject_nor_html() -> None:
    words = words_of(notice_of(msgspec.structs.replace(DOWN, name=HOSTILE)).body, "")
    assert "\n" not in words.subject
    assert "\r" not in words.subject
    assert "<script>" not in words.html
    assert (
        len(words_of(notice_of(msgspec.structs.replace(DOWN, name="x" * 500)).body, "").subject)
        <= LONGEST_SUBJECT
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "1 minute 30 seconds"),
        (3600, "1 hour"),
        (90_061, "1 day 1 hour"),
    ],
)
def test_lengths_of_time_are_said_in_at_most_two_units(seconds: int, said: str) -> None:
    assert span(seconds) == said


def many(count: int, named: int, kind: EventKind = EventKind.DOWNS) -> CollectedEvent:
    monitors = tuple(Named(MONITOR, f"job {number}", 1, 2000, 3000) for number in range(named))
    return CollectedEvent(
        kind=kind,
        at_ms=61_000,
        first_ms=1000,
        org_id=1,
        count=count,
        place=bytes(16),
        member_ids=(1,),
        named=monitors,
        tags=(("prod", 3), ("db", 1)),
        is_tagged=True,
    )


def test_many_at_once_are_told_by_number_tags_and_first_names() -> None:
    words = words_of(notice_of(many(25, 2)).body, "https://overdue.example.org")
    assert words.subject == "25 more monitors are down"
    assert words.lines == (
        "25 more monitors are down, between 1970-01-01 00:00:01 UTC and 1970-01-01 00:01:01 UTC.",
        "Tags: prod (3), db (1).",
        "They are:",
        "- job 0",
        "- job 1",
        "and 23 more.",
    )
    assert words.link == "https://overdue.example.org/"
    assert words_of(notice_of(many(1, 1, EventKind.UPS)).body, "").subject == "1 monitor is up again"


def test_a_channel_that_fails_is_told_with_the_reason() -> None:
    told = ChannelTold("p", "night", "webhook", "the receiver answered 500")
    event = FailingEvent(at_ms=1000, org_id=1, monitor_id=1, channel_id=1, told=told)
    words = words_of(notice_of(event).body, "")
    assert words.subject == "The channel “night” fails"
    assert words.lines[0].startswith("What the channel “night” was to be told was given up at")
    assert "the receiver answered 500." in words.lines[0]


def test_a_time_in_which_nothing_was_heard_is_told_with_whom_it_concerns() -> None:
    told = FleetUnheard(3, [MonitorUnheard(MONITOR, "backup")])
    event = UnheardEvent(from_ms=1000, to_ms=91_000, org_id=1, public_id=MONITOR, told=told)
    words = words_of(notice_of(event).body, "https://overdue.example.org")
    assert words.subject == "Pings could not be heard for 1 minute 30 seconds"
    assert words.lines[1:] == (
        "It concerns 3 monitors, which are given more time:",
        "- backup",
        "and 2 more.",
    )
    assert words.link == "https://overdue.example.org/"


def test_a_time_that_goes_on_is_told_as_such() -> None:
    told = FleetUnheard(3, [], goes_on=True)
    event = UnheardEvent(from_ms=1000, to_ms=91_000, org_id=1, public_id=MONITOR, told=told)
    words = words_of(notice_of(event).body, "")
    assert words.subject == "Pings go unheard for 1 minute 30 seconds already"
    assert "and it goes on: nobody is declared down until it is over." in words.lines[0]


PING = LastPing(DOWN.seen_ms, "10.0.0.5", "curl/8.5", message="disk is full\nexit")
FAILED = msgspec.structs.replace(DOWN, cause=Cause.FAILED, seen_ms=DOWN.at_ms)
FAIL_PING = LastPing(DOWN.at_ms, "10.0.0.5", "", "fail", 3, "<b>disk</b>\nis full", True)


def test_a_down_says_who_sent_the_last_ping_and_what_came_with_it() -> None:
    words = words_of(notice_of(DOWN, Noted(PING)).body, "")
    assert words.lines[1:] == (
        "Its last ping came at 2026-03-02 02:01:33 UTC.",
        "It came from 10.0.0.5 (curl/8.5).",
        "A ping was expected every 1 minute, with 30 seconds of grace.",
        "What came with the last ping:",
    )
    assert words.text.endswith("What came with the last ping:\n> disk is full\n> exit\n")


def test_a_failure_says_that_the_job_said_so_with_its_exit_code_and_the_end_of_its_output() -> None:
    words = words_of(notice_of(FAILED, Noted(FAIL_PING)).body, "")
    assert words.subject == "Nächtliche Sicherung has failed"
    assert words.lines[:2] == (
        "Nächtliche Sicherung said at 2026-03-02 02:03:03 UTC that it has failed, with exit code 3.",
        "That came from 10.0.0.5.",
    )
    assert words.quote == "[…]\n<b>disk</b>\nis full"
    assert "&lt;b&gt;disk&lt;/b&gt;" in words.html
    assert "<b>" not in words.html


def test_a_failure_whose_ping_is_not_known_borrows_no_exit_code_from_another_one() -> None:
    other = LastPing(DOWN.at_ms - 5000, "10.0.0.5", "", "success", 0)
    words = words_of(notice_of(FAILED, Noted(other)).body, "")
    assert words.lines[:2] == (
        "Nächtliche Sicherung said at 2026-03-02 02:03:03 UTC that it has failed.",
        "The last ping came at 2026-03-02 02:02:58 UTC from 10.0.0.5.",
    )


def test_what_came_with_a_failure_is_not_said_to_have_come_with_the_last_ping() -> None:
    before = msgspec.structs.replace(FAIL_PING, at_ms=DOWN.seen_ms - 5000)
    lines = words_of(notice_of(DOWN, Noted(before)).body, "").lines
    assert lines[-1] == "What came with that failure:"
    assert "The last failure came at 2026-03-02 02:01:28 UTC from 10.0.0.5, with exit code 3." in lines
    failed = words_of(notice_of(FAILED, Noted(before)).body, "").lines
    assert failed[0].endswith("that it has failed.")
    assert words_of(notice_of(DOWN, Noted(PING)).body, "").lines[-1] == "What came with the last ping:"


def test_so_many_in_a_row_are_said_where_one_is_not_enough() -> None:
    silent = notice_of(DOWN, Noted(failures=2)).body
    assert words_of(silent, "").lines[0].endswith(" 2 pings in a row did not come.")
    assert msgspec.json.decode(silent)["data"]["failuresBeforeAlert"] == 2
    failed = words_of(notice_of(FAILED, Noted(failures=3)).body, "")
    assert failed.lines[0].endswith("that it has failed. That makes 3 failures in a row.")
    assert "in a row" not in words_of(notice_of(DOWN).body, "").text


def test_an_overrun_says_when_the_run_was_to_be_over_and_when_the_last_one_began() -> None:
    overrun = msgspec.structs.replace(DOWN, cause=Cause.OVERRUN)
    begun = LastPing(DOWN.at_ms - 60_000, "10.0.0.5", "", "start")
    words = words_of(notice_of(overrun, Noted(begun)).body, "")
    assert words.subject == "Nächtliche Sicherung runs for too long"
    assert words.lines[0] == (
        "A run of Nächtliche Sicherung was to be over by 2026-03-02 02:03:03 UTC, and it is not."
    )
    assert "The last start of a run came at 2026-03-02 02:02:03 UTC from 10.0.0.5." in words.lines


def test_an_overrun_says_when_the_run_began_and_how_long_it_may_take() -> None:
    overrun = msgspec.structs.replace(DOWN, cause=Cause.OVERRUN)
    body = notice_of(overrun, Noted(max_runtime_s=3600)).body
    assert msgspec.json.decode(body)["data"]["run"] == {
        "startedAt": "2026-03-02T01:03:03.123Z",
        "maxRuntime": 3600,
    }
    assert (
        words_of(body, "")
        .lines[0]
        .endswith("and it is not. It began at 2026-03-02 01:03:03 UTC and may take 1 hour.")
    )
    assert "run" not in msgspec.json.decode(notice_of(DOWN, Noted(max_runtime_s=3600)).body)["data"]


def test_when_a_run_began_is_what_the_event_says_and_one_that_is_over_is_not_told() -> None:
    """A maintenance window may have put its end off, and how long it may take may have been changed since."""
    overrun = msgspec.structs.replace(DOWN, cause=Cause.OVERRUN, run_started_ms=DOWN.started_ms - 7_200_000)
    told = msgspec.json.decode(notice_of(overrun, Noted(max_runtime_s=3600)).body)["data"]["run"]
    assert told == {"startedAt": "2026-03-02T00:03:03.123Z", "maxRuntime": 3600}
    over = msgspec.structs.replace(overrun, run_started_ms=0)
    assert "run" not in msgspec.json.decode(notice_of(over, Noted(max_runtime_s=3600)).body)["data"]


def test_a_schedule_is_said_in_its_words() -> None:
    scheduled = msgspec.structs.replace(DOWN, schedule="0 3 * * * (Europe/Vilnius)", delayed_ms=90_000)
    words = words_of(notice_of(scheduled).body, "")
    assert words.lines[1] == (
        "It had 1 minute 30 seconds more than usual, because pings could not be heard for a while."
    )
    assert words.lines[-1] == (
        "A ping was expected on the schedule 0 3 * * * (Europe/Vilnius), with 30 seconds of grace."
    )


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        (Cause.MISSED, ""),
        (Cause.FAILED, ", when it said that it had failed"),
        (Cause.OVERRUN, ", when a run was not over in time"),
    ],
)
def test_a_reminder_says_for_how_long_and_why(cause: Cause, why: str) -> None:
    reminder = msgspec.structs.replace(
        DOWN, kind=EventKind.REMINDER, at_ms=DOWN.started_ms + 7_200_000, cause=cause
    )
    words = words_of(notice_of(reminder, Noted(PING)).body, "")
    assert words.subject == "Nächtliche Sicherung is still down"
    assert words.lines[0] == (
        f"Nächtliche Sicherung is still down: for 2 hours now, since 2026-03-02 02:03:03 UTC{why}."
    )
    assert words.quote == "disk is full\nexit"
