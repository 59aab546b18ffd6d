"""What became of a metric over time, read from raw samples and from rollups."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.book import sample_reader
from store.book.history_writer import HistoryWriter
from store.book.sample_reader import Point, SampleReader, Span
from store.book.sample_writer import SampleWriter, Taken
from store.errors import Invalid

DAY_MS = 86_400_000
# Noon of a day in June (UTC).
NOON_MS = 20_620 * DAY_MS + DAY_MS // 2
S, M, H = 1000, 60_000, 3_600_000


class Samples:
    """Writes samples as the recorder does."""

    def __init__(self, path: Path) -> None:
        self.history = HistoryWriter(path)
        self.writer = SampleWriter(self.history)
        self.pings = 0

    def add(self, *values: tuple[int, float | str], monitor_id: int = 1, key: str = "k") -> None:
        """Values with the ms after noon at which they arrived, in one transaction."""
        taken = []
        for after_ms, value in values:
            self.pings += 1
            taken.append(Taken(monitor_id, NOON_MS + after_ms, self.pings, {key: value}))
        with self.history.transaction():
            self.writer.add(taken)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def samples(path: Path) -> Iterator[Samples]:
    samples = Samples(path)
    with closing(samples.history):
        yield samples


async def points(path: Path, from_ms: int, until_ms: int, step_ms: int, key: str = "k") -> list[Point] | None:
    """Points of a stretch that begins and ends so many ms after noon."""
    span = Span(NOON_MS + from_ms, NOON_MS + until_ms, step_ms)
    return await SampleReader(path).points(1, key, span)


def shown(found: list[Point] | None) -> list[tuple[int, float | None, float | None, float, float | str, int]]:
    """(ms after noon, low, high, total, last, count)."""
    assert found is not None
    return [
        (
            one.at_ms - NOON_MS,
            one.rollup.low,
            one.rollup.high,
            one.rollup.total,
            one.rollup.last,
            one.rollup.count,
        )
        for one in found
    ]


async def test_before_the_first_record_there_is_no_metric(path: Path) -> None:
    assert await points(path, 0, M, S) is None
    assert (await SampleReader(path).keys(1)).keys == []
    assert not path.exists()


async def test_a_file_without_tables_has_no_metric(path: Path) -> None:
    path.touch()

    assert await points(path, 0, M, S) is None
    assert (await SampleReader(path).keys(1)).keys == []


async def test_a_key_of_another_monitor_is_not_there(path: Path, samples: Samples) -> None:
    samples.add((0, 1.0), monitor_id=2)

    assert await points(path, 0, M, S) is None


@pytest.mark.parametrize("step_ms", [M, 5 * M, H, 90 * S])
async def test_a_step_says_low_high_total_last_and_count(path: Path, samples: Samples, step_ms: int) -> None:
    samples.add((0, 5.0), (1000, 1.0), (2000, 3.0))
    samples.add((3000, 2.0))

    assert shown(await points(path, 0, step_ms, step_ms)) == [(0, 1.0, 5.0, 11.0, 2.0, 4)]


async def test_below_a_minute_the_samples_themselves_are_read(path: Path, samples: Samples) -> None:
    samples.add((0, 1.0), (9999, 2.0), (10_000, 3.0), (35_000, 4.0))

    assert shown(await points(path, 0, 30 * S, 10 * S)) == [
        (0, 1.0, 2.0, 3.0, 2.0, 2),
        (10 * S, 3.0, 3.0, 3.0, 3.0, 1),
    ]


@pytest.mark.parametrize("step_ms", [10 * S, M])
async def test_of_two_samples_of_one_millisecond_the_later_ping_is_last(
    path: Path, samples: Samples, step_ms: int
) -> None:
    samples.add((0, 9.0), (0, 1.0))
    samples.add((0, 5.0))

    assert [last for *_, last, _ in shown(await points(path, 0, M, step_ms))] == [5.0]


@pytest.mark.parametrize("step_ms", [10 * S, M, H])
async def test_a_stamp_that_comes_late_is_not_last(path: Path, samples: Samples, step_ms: int) -> None:
    samples.add((5000, 2.0))
    samples.add((0, 1.0))

    assert [last for *_, last, _ in shown(await points(path, 0, H, step_ms))] == [2.0]


@pytest.mark.parametrize("step_ms", [10 * S, M, H])
async def test_texts_are_counted_and_have_a_last_one(path: Path, samples: Samples, step_ms: int) -> None:
    samples.add((0, "starting"), (1000, "ready"))

    assert shown(await points(path, 0, H, step_ms)) == [(0, None, None, 0.0, "ready", 2)]


@pytest.mark.parametrize("step_ms", [10 * S, M, H])
async def test_numbers_and_texts_of_one_key_do_not_mix(path: Path, samples: Samples, step_ms: int) -> None:
    samples.add((0, 7.0), (1000, "off"), (2000, 9.0))

    [point] = await points(path, 0, H, step_ms) or []
    assert (point.rollup.low, point.rollup.high, point.rollup.total, point.rollup.numbers) == (
        7.0,
        9.0,
        16.0,
        2,
    )
    assert (point.rollup.count, point.rollup.last) == (3, 9.0)


@pytest.mark.parametrize("step_ms", [47 * S, 7 * M, 5 * H])
async def test_a_step_may_reach_over_midnight(path: Path, samples: Samples, step_ms: int) -> None:
    midnight_ms = 12 * H
    for before_ms in (-1, 0, 1):
        samples.add((midnight_ms + before_ms, float(before_ms)))
    first = (NOON_MS + midnight_ms) // step_ms * step_ms - NOON_MS

    assert first < midnight_ms - 1

    assert shown(await points(path, first, first + 2 * step_ms, step_ms)) == [(first, -1.0, 1.0, 0.0, 1.0, 3)]


async def test_only_what_lies_in_the_stretch_is_told(path: Path, samples: Samples) -> None:
    samples.add(*((at, 1.0) for at in range(0, 10 * M, 10 * S)))

    assert [at for at, *_ in shown(await points(path, 2 * M, 5 * M, M))] == [2 * M, 3 * M, 4 * M]


async def test_keys_come_by_name_with_their_latest_value(path: Path, samples: Samples) -> None:
    samples.add((0, 1.0), key="b")
    samples.add((1000, "x"), key="a")
    samples.add((2000, 2.0), key="b")

    found = (await SampleReader(path).keys(1)).keys

    assert [(one.key, one.last, one.last_ms - NOON_MS) for one in found] == [
        ("a", "x", 1000),
        ("b", 2.0, 2000),
    ]


async def test_a_question_that_would_take_too_long_is_broken_off(
    path: Path, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.add(*((at, 1.0) for at in range(50_000)))
    monkeypatch.setattr(sample_reader, "LONGEST_MS", -1)

    with pytest.raises(Invalid) as refused:
        await points(path, 0, M, S)

    assert refused.value.field == "step"


async def test_three_days_at_one_ping_a_second_are_read_within_50_ms(path: Path, samples: Samples) -> None:
    for start in range(0, 72 * 3600, 3600):
        samples.add(*((at * S, float(at % 977)) for at in range(start, start + 3600)))

    took_s = []
    for _ in range(5):
        started_s = time.process_time()
        found = await points(path, 0, 72 * H, 15 * M)
        took_s.append(time.process_time() - started_s)

    assert found is not None
    assert len(found) == 288
    assert sum(one.rollup.count for one in found) == 259_200
    assert min(took_s) < 0.05
