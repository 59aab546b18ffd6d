"""From stream entries to rows: what is history, at what time, and what of it can be read."""

from __future__ import annotations

import pytest

from store.beat import Beat, BeatRow, encode_history
from store.live.heads import OUT_OF_DATE, Outcome
from store.live.streams import EventEntry, PingEntry
from store.recorder.rows import incident_change, ping_rows
from tests.store.recorder.cast import beat_of
from tests.store.recorder.desk import row_of

NOW_MS = 1_800_000_100_000


def entry_of(outcomes: bytes, *rows: BeatRow) -> PingEntry:
    return PingEntry("1-1", NOW_MS, 0, outcomes, encode_history(list(rows)))


def test_only_what_was_recorded_or_paused_is_history() -> None:
    outcomes = [
        Outcome.RECORDED,
        Outcome.UNKNOWN,
        Outcome.PAUSED,
        Outcome.BROKEN,
        Outcome.ALIVE,
        Outcome.LIMITED,
    ]
    rows = ping_rows([entry_of(bytes(outcomes), *(row_of(number, 99) for number in range(1, 7)))]).pings
    assert [(row[0], row[2]) for row in rows] == [(1, "recorded"), (3, "paused")]


def test_an_outcome_out_of_date_is_history_all_the_same() -> None:
    entry = entry_of(bytes([Outcome.RECORDED + OUT_OF_DATE]), row_of(1, 99))
    assert len(ping_rows([entry]).pings) == 1


@pytest.mark.parametrize(
    ("arrival_s", "at_s"),
    [
        (99.0, 99.0),
        (100.0, 100.0),
        (250.0, 100.0),
        (-3500.0, -3500.0),
        (-3500.1, -3500.0),
        (-9999.0, -3500.0),
    ],
)
def test_a_stamp_is_believed_within_the_last_hour(arrival_s: float, at_s: float) -> None:
    [row] = ping_rows([entry_of(bytes([Outcome.RECORDED]), row_of(1, arrival_s))]).pings
    assert row[1] == 1_800_000_000_000 + round(at_s * 1000)


def test_everything_about_a_ping_becomes_a_column_and_bytes_that_are_no_text_are_shown_as_such() -> None:
    beat = Beat("PUT", b"h\xff", b"\xc3\xa4=1", b"", b"agent\x00", "::1", b"\x00\xff")
    row = BeatRow(5, NOW_MS - 1, beat)
    assert ping_rows([entry_of(bytes([Outcome.RECORDED]), row)]).pings == [
        (5, NOW_MS - 1, "recorded", "PUT", "h\ufffd", "ä=1", "", "agent\x00", "::1", b"\x00\xff")
    ]


def test_a_row_without_a_beat_has_that_of_the_row_before_whatever_became_of_that_one() -> None:
    beats = [beat_of(b"a"), None, beat_of(b"b"), None]
    rows = [BeatRow(number, NOW_MS, beat) for number, beat in enumerate(beats, start=1)]
    outcomes = bytes([Outcome.RECORDED, Outcome.RECORDED, Outcome.UNKNOWN, Outcome.RECORDED])
    kept = ping_rows([entry_of(outcomes, *rows)]).pings
    assert [(row[0], row[-1]) for row in kept] == [(1, b"a"), (2, b"a"), (4, b"b")]


def test_a_history_that_does_not_begin_with_a_beat_is_left_out_and_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert ping_rows([entry_of(bytes([Outcome.RECORDED]), BeatRow(1, NOW_MS))]).pings == []
    assert "history entry 1-1 does not begin with a beat" in caplog.text


def test_an_empty_body_is_no_body() -> None:
    [row] = ping_rows([entry_of(bytes([Outcome.RECORDED]), row_of(1, 99))]).pings
    assert row[-1] is None


NO_TEXT = b"\x91\x93\x01\x02\x97\xa1\xff" + b"\xc4\x00" * 6
NO_MONITOR = encode_history([BeatRow(2**60, NOW_MS, row_of(1, 99).beat)])


@pytest.mark.parametrize("history", [b"", b"\xc1", b"history", NO_TEXT, NO_MONITOR])
def test_history_that_cannot_be_read_is_left_out_and_reported(
    history: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert ping_rows([PingEntry("7-1", NOW_MS, 0, b"\x01", history)]).pings == []
    assert "history entry 7-1 cannot be read" in caplog.text


def test_an_event_that_cannot_be_read_is_left_out_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    assert incident_change(EventEntry("7-1", b"short")) is None
    assert "event 7-1 cannot be read" in caplog.text
