"""What pings signalled, from the stream to SQLite and back: signals, runs, exit codes, and how long runs took."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from store.beat import BeatRow, Signal, Signalled, encode_history
from store.book.arrivals import arrivals
from store.book.database import CONFIG_DB, prepare_file
from store.book.dated_tables import DAY_MS
from store.book.history_reader import HISTORY_DB, HistoryReader
from store.book.history_writer import HistoryWriter
from store.book.rule_reader import RuleReader
from store.book.runs import Ended, UnderWay, runs
from store.book.sample_reader import Span
from store.book.sample_writer import Taken
from store.live.heads import HAS_RUN, SIGNAL_SHIFT, Outcome, pack_head
from store.live.streams import PingEntry
from store.recorder.forgetting import forget
from store.recorder.ledger import Batch, Ledger, Positions
from store.recorder.rows import ping_rows, samples_of
from tests.stage import START_MS
from tests.store.book.cast import settings_of
from tests.store.recorder.cast import Desk, beat_of

NOW_MS = 20_000 * DAY_MS + DAY_MS // 2
RUN, OTHER = UUID(int=7), UUID(int=8)
START, FAIL, SUCCESS, LOG = Signal.START, Signal.FAIL, Signal.SUCCESS, Signal.LOG


def row(at_ms: int, signalled: Signalled | None = None, body: bytes = b"", monitor_id: int = 1) -> BeatRow:
    return BeatRow(monitor_id, at_ms, msgspec.structs.replace(beat_of(body), signalled=signalled))


def entry(*rows: BeatRow, ended: tuple[tuple[int, int], ...] = (), outcomes: bytes = b"") -> PingEntry:
    """`ended`: places of pings that ended a run, with the moments at which these began."""
    packed = b"".join(
        struct.pack("<H", place) + started_ms.to_bytes(6, "little") for place, started_ms in ended
    )
    outcomes = outcomes or bytes([Outcome.RECORDED]) * len(rows)
    return PingEntry(
        "1-1", max(one.arrival_ms for one in rows), 1, outcomes, encode_history(list(rows)), packed
    )


class Book:
    """A history.db that pings are recorded into."""

    def __init__(self, data: Path) -> None:
        prepare_file(data / CONFIG_DB)
        self.path = data / HISTORY_DB
        self.writer = HistoryWriter(self.path)
        self.rules = RuleReader(data / CONFIG_DB)
        self.ledger = Ledger(self.writer, self.rules)
        self.reader = HistoryReader(self.path)

    def record(self, *entries: PingEntry) -> None:
        self.ledger.write(Batch(0, "g", entries, [], [], Positions()))

    def close(self) -> None:
        self.writer.close()
        self.rules.close()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with closing(Book(tmp_path)) as book:
        yield book


def test_a_duration_is_what_the_ping_says_or_else_the_time_since_the_start_of_its_run() -> None:
    rows = [
        row(NOW_MS),
        row(NOW_MS, Signalled(START)),
        row(NOW_MS, Signalled(SUCCESS)),
        row(NOW_MS, Signalled(FAIL, duration_ms=5)),
        row(NOW_MS - 300),
        row(NOW_MS - 300),
    ]
    ended = ((2, NOW_MS - 1200), (3, NOW_MS - 1200), (4, NOW_MS - 1000), (5, NOW_MS))
    said = ping_rows([entry(*rows, ended=ended)]).said
    durations = {place: (one.signalled.duration_ms, one.started_ms) for place, one in said.items()}
    assert durations == {
        1: (None, None),
        2: (1200, NOW_MS - 1200),
        3: (5, NOW_MS - 1200),
        4: (700, NOW_MS - 1000),
        5: (0, NOW_MS),
    }


def test_places_count_over_entries_and_past_pings_that_are_no_history() -> None:
    left_out = bytes([Outcome.LIMITED, Outcome.RECORDED])
    first = entry(row(NOW_MS, Signalled(FAIL)), row(NOW_MS), outcomes=left_out)
    second = entry(row(NOW_MS, Signalled(LOG)), row(NOW_MS), ended=((1, NOW_MS - 10),))
    rows = ping_rows([first, second])
    assert len(rows.pings) == 3
    assert {place: one.signalled.signal for place, one in rows.said.items()} == {1: LOG, 2: SUCCESS}


def test_the_duration_of_a_run_is_a_sample_unless_the_body_says_one() -> None:
    rows = [
        row(NOW_MS, Signalled(SUCCESS, duration_ms=5)),
        row(NOW_MS, Signalled(FAIL, duration_ms=6), b'{"a": 1}'),
        row(NOW_MS, Signalled(SUCCESS, duration_ms=7), b'{"duration_ms": "long"}'),
        row(NOW_MS, Signalled(SUCCESS, duration_ms=8), b"{ no JSON"),
        row(NOW_MS, Signalled(START, duration_ms=9)),
        row(NOW_MS, Signalled(LOG, duration_ms=9), b'{"b": 2}'),
        row(NOW_MS),
    ]
    paused = row(NOW_MS, Signalled(SUCCESS, duration_ms=10))
    outcomes = bytes([Outcome.RECORDED] * len(rows) + [Outcome.PAUSED])
    found = samples_of(ping_rows([entry(*rows, paused, outcomes=outcomes)]), 100)
    assert [(one.ping_id, one.metrics) for one in found] == [
        (100, {"duration_ms": 5.0}),
        (101, {"a": 1.0, "duration_ms": 6.0}),
        (102, {"duration_ms": "long"}),
        (103, {"duration_ms": 8.0}),
        (105, {"b": 2.0}),
    ]
    assert found[0] == Taken(1, NOW_MS, 100, {"duration_ms": 5.0})


def signal_tables(book: Book) -> list[tuple[str]]:
    question = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'signals_*'"
    return book.writer.connection.execute(question).fetchall()


def test_a_day_without_signals_has_no_table_for_them(book: Book) -> None:
    book.record(entry(row(NOW_MS), row(NOW_MS)))
    assert signal_tables(book) == []


async def test_what_was_signalled_is_read_with_the_pings_of_every_day(book: Book) -> None:
    book.record(entry(row(NOW_MS - DAY_MS), row(NOW_MS - DAY_MS, monitor_id=2)))
    book.record(
        entry(
            row(NOW_MS, Signalled(START, RUN.bytes)),
            row(NOW_MS, Signalled(FAIL), monitor_id=2),
            row(NOW_MS),
            row(NOW_MS + 1, Signalled(FAIL, RUN.bytes, exit_code=3)),
            ended=((3, NOW_MS),),
        )
    )
    pings = await book.reader.pings(1, 10)
    assert [(one.signal, one.run, one.exit_code, one.duration_ms) for one in pings] == [
        (FAIL, RUN.bytes, 3, 1),
        (SUCCESS, None, None, None),
        (START, RUN.bytes, None, None),
        (SUCCESS, None, None, None),
    ]
    assert [one.signal for one in await book.reader.pings(1, 1, before_id=pings[1].id)] == [START]


async def test_a_run_is_measured_from_its_start_to_its_end(desk: Desk) -> None:
    monitor = await desk.monitor()

    async def say(signalled: Signalled | None, body: bytes = b"") -> None:
        beat = row(desk.stage.now_ms, signalled, body, monitor.config.id)
        flags = signalled.signal << SIGNAL_SHIFT | HAS_RUN * bool(signalled.run) if signalled else 0
        head = pack_head(beat.arrival_ms, 1, monitor.config.version, flags)
        runs = signalled.run if signalled else b""
        ids = [str(monitor.config.id).encode()]
        await desk.stage.writer.record(ids, head, encode_history([beat]), desk.stage.now_ms, runs)
        await desk.pass_seconds(1)

    for signalled in (
        Signalled(START, RUN.bytes),
        Signalled(START),
        Signalled(LOG),
        Signalled(FAIL, RUN.bytes, exit_code=1),
        None,
        None,
    ):
        await say(signalled)
    await desk.record()
    pings = await desk.history.pings(monitor.config.id, 10)
    assert [one.duration_ms for one in reversed(pings)] == [None, None, None, 3000, 3000, None]
    points = await desk.samples.points(
        monitor.config.id, "duration_ms", Span(START_MS, START_MS + 60_000, 1000)
    )
    assert [(one.at_ms - START_MS, one.rollup.last) for one in points or []] == [
        (3000, 3000.0),
        (4000, 3000.0),
    ]
    assert (await runs(desk.data / HISTORY_DB, monitor.config.id)).under_way == []


async def test_only_a_success_is_a_sign_of_life_when_redis_is_filled_again(book: Book) -> None:
    book.record(entry(row(NOW_MS - 9, Signalled(SUCCESS, exit_code=0)), row(NOW_MS - 9, monitor_id=2)))
    book.record(entry(*(row(NOW_MS + at, Signalled(one)) for at, one in enumerate((START, FAIL, LOG)))))
    assert await book.reader.last_seen() == {1: NOW_MS - 9, 2: NOW_MS - 9}
    found = await arrivals(book.path, 1, NOW_MS - 5, NOW_MS + 5)
    assert (found.at_ms, found.before_ms) == ([], NOW_MS - 9)


async def test_signals_go_with_the_days_of_their_pings(book: Book, tmp_path: Path) -> None:
    book.record(entry(row(NOW_MS, Signalled(LOG))), entry(row(NOW_MS + 9 * DAY_MS, Signalled(START))))
    forget(book.ledger, settings_of(tmp_path, history_days="7"), NOW_MS + 9 * DAY_MS)
    assert [one.signal for one in await book.reader.pings(1, 10)] == [START]
    assert len(signal_tables(book)) == 1


async def test_runs_that_overlap_are_told_apart_and_a_late_start_is_none(book: Book) -> None:
    said = [
        (0, Signalled(START, RUN.bytes)),
        (1, Signalled(START, RUN.bytes)),
        (2, Signalled(START, OTHER.bytes)),
        (3, Signalled(START)),
        (4, Signalled(LOG)),
        (5, Signalled(FAIL, OTHER.bytes, exit_code=2, duration_ms=3)),
        (6, Signalled(START, OTHER.bytes)),
        (7, Signalled(SUCCESS, UUID(int=9).bytes)),
    ]
    book.record(*(entry(row(NOW_MS + at, one)) for at, one in said))
    found = await runs(book.path, 1)
    assert found.under_way == [UnderWay(RUN, NOW_MS), UnderWay(None, NOW_MS + 3)]
    assert found.last == Ended(NOW_MS + 5, 3, is_good=False, exit_code=2)
    assert await runs(book.path, 2) == type(found)([], None)


async def test_the_run_without_a_name_begins_anew_after_its_end(book: Book) -> None:
    said = [Signalled(START), Signalled(START), Signalled(SUCCESS), Signalled(START), Signalled(START)]
    book.record(*(entry(row(NOW_MS + at, one)) for at, one in enumerate(said)))
    assert (await runs(book.path, 1)).under_way == [UnderWay(None, NOW_MS + 3)]


async def test_runs_are_found_over_midnight_and_not_for_ever(book: Book) -> None:
    for run, at_ms in ((RUN, NOW_MS), (OTHER, NOW_MS + DAY_MS)):
        book.record(entry(row(at_ms, Signalled(START, run.bytes))))
    assert [one.run for one in (await runs(book.path, 1)).under_way] == [RUN, OTHER]
    book.record(*(entry(row(NOW_MS + day * DAY_MS, Signalled(LOG))) for day in range(2, 9)))
    assert [one.run for one in (await runs(book.path, 1)).under_way] == [OTHER]
