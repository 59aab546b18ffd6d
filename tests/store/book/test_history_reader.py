"""Reading history.db while the recorder writes it, or before it exists."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.book.history_reader import HistoryReader, IncidentRow
from store.book.history_writer import HistoryWriter, IncidentChange

DAY_MS = 86_400_000
FIRST_DAY_MS = 20_000 * DAY_MS
SECOND_DAY_MS = FIRST_DAY_MS + DAY_MS


class Recorder:
    """Writes history.db with the recorder's own writer."""

    def __init__(self, path: Path) -> None:
        self.writer = HistoryWriter(path)

    def pings(self, *pings: tuple[int, int], body: bytes | None = None) -> None:
        """Pings in the order in which they are recorded, each as (monitor id, arrival)."""
        with self.writer.transaction():
            self.writer.add_pings(
                [(one, at_ms, "recorded", "POST", "h", "q", "c", "u", "s", body) for one, at_ms in pings]
            )

    def incident(
        self,
        incident_id: str,
        started_ms: int,
        ended_ms: int | None = None,
        monitor_id: int = 1,
        delayed_ms: int | None = None,
    ) -> None:
        change = IncidentChange(
            incident_id, monitor_id, 1, started_ms - 500, started_ms, ended_ms, delayed_ms=delayed_ms
        )
        with self.writer.transaction():
            self.writer.change_incidents([change])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history ?#.db"


@pytest.fixture
def recorder(path: Path) -> Iterator[Recorder]:
    recorder = Recorder(path)
    with closing(recorder.writer):
        yield recorder


async def ids(path: Path, limit: int, before_id: int | None = None) -> list[int]:
    return [ping.id for ping in await HistoryReader(path).pings(1, limit, before_id)]


async def test_before_the_first_record_there_is_nothing(path: Path) -> None:
    assert await HistoryReader(path).pings(1, 10) == []
    assert await HistoryReader(path).incidents(1, 10) == []
    assert not path.exists()


async def test_a_file_without_tables_holds_nothing(path: Path) -> None:
    path.touch()

    assert await HistoryReader(path).pings(1, 10) == []
    assert await HistoryReader(path).incidents(1, 10) == []


async def test_pings_come_newest_first_over_the_days_and_only_those_of_the_monitor(
    path: Path, recorder: Recorder
) -> None:
    recorder.pings((1, FIRST_DAY_MS), (2, FIRST_DAY_MS), (1, FIRST_DAY_MS))
    recorder.pings((1, SECOND_DAY_MS), (2, SECOND_DAY_MS), (1, SECOND_DAY_MS))

    assert await ids(path, 10) == [6, 4, 3, 1]


async def test_pages_of_pings_follow_each_other_over_midnight(path: Path, recorder: Recorder) -> None:
    recorder.pings((1, FIRST_DAY_MS), (1, FIRST_DAY_MS), (1, SECOND_DAY_MS), (1, SECOND_DAY_MS))
    recorder.pings((1, SECOND_DAY_MS - 1), (1, SECOND_DAY_MS))  # the first of these waited in a slow queue

    pages = [await ids(path, 2), await ids(path, 2, 5), await ids(path, 2, 3)]

    assert pages == [[6, 5], [4, 3], [2, 1]]


async def test_a_ping_is_read_whole_but_without_its_body(path: Path, recorder: Recorder) -> None:
    recorder.pings((1, FIRST_DAY_MS), body=b"hello")

    ping = (await HistoryReader(path).pings(1, 1))[0]

    assert (ping.id, ping.at_ms, ping.outcome, ping.method) == (1, FIRST_DAY_MS, "recorded", "POST")
    assert (ping.host, ping.query, ping.content_type, ping.user_agent, ping.sender) == (
        "h",
        "q",
        "c",
        "u",
        "s",
    )
    assert ping.has_body


@pytest.mark.parametrize("body", [None, b""])
async def test_a_ping_without_a_body_says_so(path: Path, recorder: Recorder, body: bytes | None) -> None:
    recorder.pings((1, FIRST_DAY_MS), body=body)

    assert not (await HistoryReader(path).pings(1, 1))[0].has_body


async def test_incidents_come_newest_first_in_pages(path: Path, recorder: Recorder) -> None:
    recorder.incident("a", 1000, 2000)
    recorder.incident("c", 3000)
    recorder.incident("b", 3000, 3500)
    recorder.incident("d", 9000, monitor_id=2)
    reader = HistoryReader(path)

    first = await reader.incidents(1, 2)
    second = await reader.incidents(1, 2, (first[-1].started_ms, first[-1].id))

    assert [incident.id for incident in first + second] == ["c", "b", "a"]
    assert first[0] == IncidentRow(id="c", monitor_id=1, kind="silence", started_ms=3000, ended_ms=None)


async def test_what_the_recorder_commits_is_seen_while_it_goes_on_writing(
    path: Path, recorder: Recorder
) -> None:
    recorder.pings((1, FIRST_DAY_MS))
    with recorder.writer.transaction():
        recorder.writer.add_pings([(1, FIRST_DAY_MS, "recorded", "POST", "h", "q", "c", "u", "s", None)])

        assert await ids(path, 10) == [1]

    assert await ids(path, 10) == [2, 1]


async def test_what_a_killed_recorder_left_in_its_log_is_read(path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.store.book.test_history_reader import Recorder\n"
        "recorder = Recorder(Path(sys.argv[1]))\n"
        "recorder.pings((1, 0))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert os.path.getsize(f"{path}-wal")  # noqa: PTH202

    assert await ids(path, 10) == [1]
