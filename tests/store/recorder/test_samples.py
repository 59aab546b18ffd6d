"""Samples and rollups: whatever batches come and whenever the recorder dies, the rollups say what the samples say."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.beat import BeatRow, encode_history
from store.book.database import CONFIG_DB, prepare_file
from store.book.dated_tables import DAY_MS
from store.book.history_reader import HISTORY_DB
from store.book.history_writer import PINGS, HistoryWriter, Position
from store.book.monitors import MonitorChanges
from store.book.rule_reader import RuleReader
from store.book.sample_writer import HOURS, MINUTES, MOST_KEYS, SAMPLES
from store.live.heads import Outcome
from store.live.streams import PingEntry
from store.recorder.forgetting import forget
from store.recorder.ledger import Batch, Ledger, Positions
from store.rollup import LARGEST
from tests.stage import START_MS
from tests.store.book.cast import settings_of
from tests.store.recorder.cast import Desk, Killed, beat_of

# An hour before midnight (UTC), so that an hour and a bit touches two days and two months.
EVE_MS = 20_485 * DAY_MS - 3_600_000
assert PINGS.table(EVE_MS) == "pings_20260131"

Sent = tuple[int, int, dict[str, float | str]]  # monitor, arrival in ms after the eve, metrics


class Book:
    """A history.db with a ledger that can be killed."""

    def __init__(self, data: Path) -> None:
        self.data = data
        prepare_file(data / CONFIG_DB)
        self.at = 0
        self.begin()

    def begin(self) -> None:
        self.writer = HistoryWriter(self.data / HISTORY_DB)
        self.rules = RuleReader(self.data / CONFIG_DB)
        self.ledger = Ledger(self.writer, self.rules)

    def end(self) -> None:
        self.rules.close()
        self.writer.close()

    def record(self, batch: list[Sent], fails: bool = False) -> None:
        """One transaction, which dies at its end if it `fails`."""
        rows = [
            BeatRow(one, EVE_MS + at, beat_of(msgspec.json.encode(metrics))) for one, at, metrics in batch
        ]
        now_ms = max([row.arrival_ms for row in rows], default=EVE_MS)
        entries = [
            # Each in an entry of its own, so that no stamp is clamped.
            PingEntry(
                f"{self.at}-{number}",
                now_ms if now_ms - row.arrival_ms < 60_000 else row.arrival_ms,
                1,
                bytes([Outcome.RECORDED]),
                encode_history([row]),
            )
            for number, row in enumerate(rows)
        ]
        if fails:
            self.writer.set_position = dies  # type: ignore[method-assign, assignment]
        try:
            self.ledger.write(Batch(0, "g", entries, [], [], Positions(Position(f"{self.at}-9", 1))))
        finally:
            if fails:
                del self.writer.set_position
        self.at += 1

    def table(self, prefix: str) -> list[tuple[Any, ...]]:
        found = []
        for (name,) in self.writer.connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        ).fetchall():
            if name.startswith(prefix + "_2"):
                found += self.writer.connection.execute(f"SELECT * FROM {name}").fetchall()
        return sorted(found, key=lambda row: row[:3])

    def keys(self) -> dict[tuple[int, str], tuple[int, Any, int]]:
        rows = self.writer.connection.execute("SELECT id, monitor_id, key, last, last_ms FROM metric_keys")
        return {(monitor, key): (number, last, last_ms) for number, monitor, key, last, last_ms in rows}


def dies(*_: object) -> None:
    raise Killed


@contextmanager
def a_book() -> Iterator[Book]:
    with tempfile.TemporaryDirectory(prefix="od-samples-") as folder:
        book = Book(Path(folder))
        try:
            yield book
        finally:
            book.end()


def rolled_up(samples: list[tuple[Any, ...]], length_ms: int) -> list[tuple[Any, ...]]:
    """What rollups of a length have to be, from the raw samples alone."""
    slots: dict[tuple[int, int], list[tuple[int, int, Any]]] = defaultdict(list)
    for key_id, at_ms, ping_id, value in samples:
        slots[key_id, at_ms // length_ms * length_ms].append((at_ms, ping_id, value))
    rows = []
    for (key_id, slot_ms), held in sorted(slots.items()):
        numbers = [value for _, _, value in held if not isinstance(value, str)]
        last_ms, _, last = max(held, key=lambda one: one[:2])
        low, high = (min(numbers), max(numbers)) if numbers else (None, None)
        rows.append((key_id, slot_ms, low, high, sum(numbers), len(numbers), len(held), last, last_ms))
    return rows


KEYS = st.sampled_from(["load", "status", ""])
# Whole numbers, whose sums are exact in whatever order they are added.
VALUES = st.integers(min_value=-1000, max_value=1000).map(float) | st.sampled_from(["ok", "down"])
SENT = st.tuples(
    st.integers(min_value=1, max_value=2),
    st.integers(min_value=0, max_value=80).map(lambda minutes: minutes * 60_000) | st.integers(0, 4_800_000),
    st.dictionaries(KEYS, VALUES, max_size=3),
)
BATCHES = st.lists(
    st.tuples(st.lists(SENT, max_size=8), st.sampled_from(["", "", "dies", "restarts"])), max_size=8
)


@settings(max_examples=60, deadline=None)
@given(BATCHES)
def test_rollups_say_what_the_samples_say_wherever_the_recorder_died(
    batches: list[tuple[list[Sent], str]],
) -> None:
    sent: list[tuple[int, int, str, float | str]] = []
    with a_book() as book:
        for batch, fate in batches:
            if fate == "dies":
                with pytest.raises(Killed):
                    book.record(batch, fails=True)
            if fate == "restarts":
                book.end()
                book.begin()
            book.record(batch)
            sent += [
                (one, EVE_MS + at, key, value) for one, at, metrics in batch for key, value in metrics.items()
            ]
        samples, keys = book.table("samples"), book.keys()

        names = {number: name for name, (number, _, _) in keys.items()}
        assert sorted((*names[row[0]], row[1], str(row[3])) for row in samples) == sorted(
            (one, key, at_ms, str(value)) for one, at_ms, key, value in sent
        )
        assert book.table("minutes") == rolled_up(samples, 60_000)
        assert book.table("hours") == rolled_up(samples, 3_600_000)
        for number, last, last_ms in keys.values():
            assert (last_ms, last) == max((row[1], row[2], row[3]) for row in samples if row[0] == number)[
                ::2
            ]


def test_sums_beyond_a_double_stay_a_double() -> None:
    with a_book() as book:
        for value in (1.5e308, 1.5e308, 1.5e308):
            book.record([(1, 0, {"huge": value}), (1, 0, {"huge": value})])
        book.record([(1, 0, {"huge": -1.5e308})])

        [minute] = book.table("minutes")

    assert minute[2:7] == (-1.5e308, 1.5e308, LARGEST - 1.5e308, 7, 7)


async def test_numbers_and_texts_become_samples_from_both_doors_and_other_bodies_do_not(desk: Desk) -> None:
    monitor = await desk.monitor()
    bodies = [
        b'{"duration_ms": 1234, "status": "complete"}',
        b'  \n {"duration_ms": 1235}',
        b"backup done",
        b'{"flag": true}',
        b'{"deep": {"a": 1}}',
        b'{"list": [1]}',
        b'{"twice": 1, "twice": 2}',
        b'{"cut": 1',
        b'{"bad": "\xff"}',
        b'{"nothing": null}',
        b'{"far": 1e999}',
        b"",
    ]
    await desk.ping(monitor, *bodies)
    await desk.record()

    keys = (await desk.samples.keys(monitor.config.id)).keys
    assert [(one.key, one.last, one.last_ms) for one in keys] == [
        ("duration_ms", 1235.0, START_MS),
        ("status", "complete", START_MS),
    ]
    assert len(await desk.history.pings(monitor.config.id, 100)) == len(bodies)


async def test_a_ping_to_a_paused_monitor_is_kept_but_leaves_no_samples(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.change(monitor, MonitorChanges(paused=True))
    await desk.ping(monitor, {"load": 11})
    await desk.record()

    assert [one.outcome for one in await desk.history.pings(monitor.config.id, 9)] == ["paused"]
    assert (await desk.samples.keys(monitor.config.id)).keys == []


async def test_a_monitor_has_at_most_64_keys_and_what_is_beyond_is_counted(desk: Desk) -> None:
    monitor, other = await desk.monitor(), await desk.monitor()
    await desk.ping(monitor, {f"k{number:02}": number for number in range(60)})
    await desk.ping(monitor, {f"k{number:02}": number for number in range(58, 68)})
    await desk.begin_again()
    await desk.record()
    await desk.ping(monitor, {"k00": 1, "k70": 1})
    await desk.ping(other, {"k70": 1})
    await desk.record()

    found = await desk.samples.keys(monitor.config.id)
    assert [one.key for one in found.keys] == [f"k{number:02}" for number in range(MOST_KEYS)]
    assert found.refused == 4 + 1
    assert (await desk.samples.keys(other.config.id)).refused == 0


async def test_a_value_that_was_refused_is_not_judged(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor, key="late")
    await desk.ping(monitor, {f"k{number}": 1 for number in range(MOST_KEYS)})
    await desk.ping(monitor, {"late": 99})
    await desk.record()

    assert await desk.told() == []


async def test_the_type_of_a_key_is_that_of_its_latest_value(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.values(monitor, "starting", 5)
    await desk.ping(monitor, {"load": "late"}, at=0)
    await desk.record()

    [key] = (await desk.samples.keys(monitor.config.id)).keys
    assert key.last == 5.0


async def test_each_resolution_is_kept_for_its_own_time(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.values(monitor, 1)
    chosen = settings_of(desk.data, history_days="1", samples_days="2", minutes_days="3", hours_days="40")

    def there() -> set[str]:
        names = [name for (name,) in desk.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        families = (PINGS, SAMPLES, MINUTES, HOURS)
        return {dated.prefix for dated in families for name in names if dated.owns(name)}

    for days, expected in (
        (1, "pings samples minutes hours"),
        (2, "samples minutes hours"),
        (3, "minutes hours"),
        (4, "hours"),
    ):
        forget(desk.ledger, chosen, START_MS + days * DAY_MS)
        assert there() == set(expected.split()), days
    assert (await desk.samples.keys(monitor.config.id)).keys != []

    forget(desk.ledger, chosen, START_MS + 75 * DAY_MS)

    assert there() == set()
    assert (await desk.samples.keys(monitor.config.id)).keys == []
    await desk.values(monitor, 2)
    assert len((await desk.samples.keys(monitor.config.id)).keys) == 1
