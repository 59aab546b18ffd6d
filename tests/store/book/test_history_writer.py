"""history.db as the recorder writes it: all or nothing, a table per day, readable by others all the time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from store.beat import Signalled
from store.book import migrator
from store.book.history_reader import HistoryReader
from store.book.history_writer import (
    INDEX_LANES,
    PINGS,
    HistoryWriter,
    IncidentChange,
    PingValues,
    Position,
)
from store.book.ping_questions import IN_LANE, USER_AGENT
from store.book.ping_questions import PINGS as QUESTION
from store.book.signals import COLUMNS, JOIN, NO_COLUMNS, Said
from store.errors import SettingError, Unavailable

DAY_MS = 86_400_000
NOON_MS = 1_772_409_600_000 + DAY_MS // 2  # 2026-03-02T12:00Z


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def writer(path: Path) -> Iterator[HistoryWriter]:
    with closing(HistoryWriter(path)) as writer:
        yield writer


def ping(at_ms: int = NOON_MS, monitor_id: int = 1, body: bytes | None = None) -> PingValues:
    return (monitor_id, at_ms, "recorded", "POST", "h", "q", "c", "u", "s", body)


def add(writer: HistoryWriter, *pings: PingValues) -> None:
    with writer.transaction():
        writer.add_pings(pings)


def tables(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_schema WHERE name GLOB 'pings_2*[0-9]' ORDER BY name"
        )
        return [name for (name,) in names]


def change(ended_ms: int | None = None, name: str = "i") -> IncidentChange:
    return IncidentChange(name, 1, 1, NOON_MS - 90_000, NOON_MS, ended_ms)


@pytest.mark.parametrize(
    ("at_ms", "table"),
    [
        (0, "pings_19700101"),
        (NOON_MS, "pings_20260302"),
        (NOON_MS + DAY_MS // 2 - 1, "pings_20260302"),
        (NOON_MS + DAY_MS // 2, "pings_20260303"),
    ],
)
def test_a_day_begins_at_midnight_utc(at_ms: int, table: str) -> None:
    assert PINGS.table(at_ms) == table


async def test_pings_of_several_days_lie_in_their_tables_with_ids_that_grow_over_all(
    path: Path, writer: HistoryWriter
) -> None:
    add(writer, ping(), ping(NOON_MS + DAY_MS), ping(), ping(NOON_MS - DAY_MS))
    add(writer, ping(NOON_MS + DAY_MS))
    assert tables(path) == ["pings_20260301", "pings_20260302", "pings_20260303"]
    assert [(one.id, one.at_ms) for one in await HistoryReader(path).pings(1, 10)] == [
        (5, NOON_MS + DAY_MS),
        (4, NOON_MS - DAY_MS),
        (3, NOON_MS),
        (2, NOON_MS + DAY_MS),
        (1, NOON_MS),
    ]


async def test_ids_go_on_after_a_restart_even_if_the_newest_day_is_gone(path: Path) -> None:
    with closing(HistoryWriter(path)) as first:
        add(first, ping(), ping())
        first.drop_before(PINGS, NOON_MS + 10 * DAY_MS, 1)
    with closing(HistoryWriter(path)) as second:
        add(second, ping())
    assert [one.id for one in await HistoryReader(path).pings(1, 10)] == [3]


async def test_a_transaction_that_fails_leaves_nothing_not_even_a_table_or_an_id(
    path: Path, writer: HistoryWriter
) -> None:
    add(writer, ping())

    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(Unavailable, match="disk I/O error"), writer.transaction():
        writer.add_pings([ping(), ping(NOON_MS + DAY_MS)])
        writer.change_incidents([change()])
        writer.set_position("g", 0, "pings", Position("5-0", 10))
        fail()
    assert tables(path) == ["pings_20260302"]
    assert writer.position("g", 0, "pings") == Position()
    add(writer, ping(NOON_MS + DAY_MS))
    assert [one.id for one in await HistoryReader(path).pings(1, 10)] == [2, 1]


def test_a_position_belongs_to_a_generation_a_shard_and_a_stream(writer: HistoryWriter) -> None:
    with writer.transaction():
        writer.set_position("g", 0, "pings", Position("4-0", 9))
        writer.set_position("g", 0, "pings", Position("5-1", 10))
        writer.set_position("g", 1, "pings", Position("6-0"))
    assert writer.position("g", 0, "pings") == Position("5-1", 10)
    assert writer.position("g", 1, "pings") == Position("6-0", 0)
    for key in (("g", 0, "events"), ("h", 0, "pings"), ("g", 2, "pings")):
        assert writer.position(*key) == Position("0-0", 0)


@pytest.mark.parametrize(
    ("changes", "ended_ms"),
    [
        ([change()], None),
        ([change(), change(5)], 5),
        ([change(5)], 5),
        ([change(), change()], None),
        ([change(), change(5), change()], 5),
        ([change(), change(5), change(7)], 7),
    ],
)
def test_an_incident_is_one_row_however_often_it_is_told(
    path: Path, writer: HistoryWriter, changes: list[IncidentChange], ended_ms: int | None
) -> None:
    with writer.transaction():
        writer.change_incidents(changes)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT id, kind, silence_ms, started_ms, ended_ms FROM incidents"
        ).fetchall()
    assert rows == [("i", "silence", NOON_MS - 90_000, NOON_MS, ended_ms)]


async def test_open_incidents_and_last_pings_can_be_read_back_for_a_rebuild(
    path: Path, writer: HistoryWriter
) -> None:
    add(writer, ping(NOON_MS), ping(NOON_MS + DAY_MS), ping(NOON_MS + 5, monitor_id=2), ping(NOON_MS + 1))
    with writer.transaction():
        writer.change_incidents([change(name="a"), change(5, name="b")])
    reader = HistoryReader(path)
    assert await reader.last_seen() == {1: NOON_MS + DAY_MS, 2: NOON_MS + 5}
    assert [(one.silence_ms, one.started_ms) for one in (await reader.open_incidents()).values()] == [
        (NOON_MS - 90_000, NOON_MS)
    ]


async def test_days_are_dropped_when_they_are_older_than_the_days_kept(
    path: Path, writer: HistoryWriter
) -> None:
    for day in range(5):
        add(writer, ping(NOON_MS - day * DAY_MS))
    assert writer.drop_before(PINGS, NOON_MS, 2) == ["pings_20260226", "pings_20260227"]
    assert tables(path) == ["pings_20260228", "pings_20260301", "pings_20260302"]
    assert writer.drop_before(PINGS, NOON_MS, 2) == []
    add(writer, ping(NOON_MS - 4 * DAY_MS))
    assert tables(path)[0] == "pings_20260226"


async def test_readers_see_what_is_committed_while_a_transaction_is_under_way(
    path: Path, writer: HistoryWriter
) -> None:
    reader = HistoryReader(path)
    add(writer, ping(body=b"x"))
    with writer.transaction():
        writer.add_pings([ping(), ping(NOON_MS + DAY_MS)])
        assert [one.has_body for one in await reader.pings(1, 10)] == [True]
    assert len(await reader.pings(1, 10)) == 3


async def test_a_reader_in_the_middle_of_its_reading_stops_no_writer(
    path: Path, writer: HistoryWriter
) -> None:
    add(writer, ping())
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM pings_20260302").fetchone() == (1,)
        add(writer, ping())
        assert reader.execute("SELECT count(*) FROM pings_20260302").fetchone() == (1,)


def test_a_lock_of_a_stranger_is_an_error_and_passes(path: Path) -> None:
    with (
        closing(HistoryWriter(path, busy_timeout_s=0.05)) as writer,
        closing(sqlite3.connect(path, isolation_level=None)) as stranger,
    ):
        stranger.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match="locked"):
            add(writer, ping())
        stranger.execute("ROLLBACK")
        add(writer, ping())
    assert tables(path) == ["pings_20260302"]


def test_what_is_committed_is_on_disk_before_anybody_is_told(writer: HistoryWriter) -> None:
    pragmas = {
        name: writer.connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    HistoryWriter(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(SettingError, match="newer"):
        HistoryWriter(path)


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\x00" * 4096])
def test_a_file_that_is_no_database_is_an_error_and_not_written_over(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with suppress(Unavailable):
        HistoryWriter(path).close()
        pytest.fail("it was taken for a database")
    assert path.read_bytes() == content


# User agents


def agent(text: str, at_ms: int = NOON_MS) -> PingValues:
    return (*ping(at_ms)[:7], text, *ping(at_ms)[8:])


def agents(writer: HistoryWriter) -> list[tuple[str, int]]:
    """The texts that are stored, with the day on which each was sent last."""
    rows = writer.connection.execute("SELECT text, last_ms FROM user_agents ORDER BY id").fetchall()
    return [(text, last_ms // DAY_MS - NOON_MS // DAY_MS) for text, last_ms in rows]


async def test_a_user_agent_is_stored_once_however_often_it_is_sent(
    writer: HistoryWriter, path: Path
) -> None:
    add(writer, agent("curl/8"), agent("cron"), agent("curl/8"))
    add(writer, agent("curl/8"), agent(""))

    assert [text for text, _ in agents(writer)] == ["curl/8", "cron", ""]
    shown = [one.user_agent for one in await HistoryReader(path).pings(1, 10)]
    assert shown == ["", "curl/8", "curl/8", "cron", "curl/8"]


def test_a_user_agent_is_forgotten_with_the_last_day_that_knows_it(writer: HistoryWriter) -> None:
    add(writer, agent("old", NOON_MS - 4 * DAY_MS), agent("both", NOON_MS - 4 * DAY_MS))
    add(writer, agent("both", NOON_MS), agent("both", NOON_MS - 4 * DAY_MS), agent("kept", NOON_MS - DAY_MS))

    writer.drop_before(PINGS, NOON_MS, 2)

    assert agents(writer) == [("both", 0), ("kept", -1)]
    add(writer, agent("old", NOON_MS))
    assert agents(writer)[-1] == ("old", 0)


def test_a_user_agent_that_was_undone_with_its_transaction_is_stored_again(writer: HistoryWriter) -> None:
    with suppress(ZeroDivisionError), writer.transaction():
        writer.add_pings([agent("curl/8")])
        raise ZeroDivisionError

    add(writer, agent("curl/8"))

    assert agents(writer) == [("curl/8", 0)]


OLD_DAY = """
CREATE TABLE pings_20260302 (
    id INTEGER PRIMARY KEY, monitor_id INTEGER NOT NULL, at_ms INTEGER NOT NULL, outcome TEXT NOT NULL, method TEXT,
    host TEXT, query TEXT, content_type TEXT, user_agent TEXT, sender TEXT, body BLOB
) STRICT;
CREATE INDEX pings_20260302_of_monitor ON pings_20260302 (monitor_id, id);
INSERT INTO pings_20260302 VALUES (1, 1, 1772452800000, 'recorded', 'GET', 'h', '', '', 'an old one', 's', NULL);
PRAGMA user_version = 1;
"""


async def test_a_day_that_an_earlier_version_began_is_read_and_goes_on(path: Path) -> None:
    first = (migrator.MIGRATIONS / "history" / "0001_first_schema.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(first + OLD_DAY)
        connection.execute("UPDATE ping_ids SET last = 1")
        connection.commit()
    before = await HistoryReader(path).pings(1, 10)

    with closing(HistoryWriter(path)) as writer:
        add(writer, agent("a new one"), agent("a newer one", NOON_MS + DAY_MS))
    after = await HistoryReader(path).pings(1, 10)

    assert [one.user_agent for one in before] == ["an old one"]
    assert [(one.id, one.user_agent) for one in after] == [
        (3, "a newer one"),
        (2, "a new one"),
        (1, "an old one"),
    ]


async def test_monitors_of_one_lane_of_the_index_keep_their_pings_apart(
    writer: HistoryWriter, path: Path
) -> None:
    other = 1 + INDEX_LANES
    add(writer, ping(monitor_id=1), ping(monitor_id=other), ping(monitor_id=1), ping(monitor_id=other))

    found = [[one.id for one in await HistoryReader(path).pings(monitor, 10)] for monitor in (1, other)]

    assert found == [[3, 1], [4, 2]]


@pytest.mark.parametrize(
    ("signal", "join"), [(NO_COLUMNS, ""), (COLUMNS, JOIN.format(table="signals_20260302"))]
)
def test_a_question_about_a_monitor_uses_the_index_of_its_day(
    writer: HistoryWriter, signal: str, join: str
) -> None:
    with writer.transaction():
        writer.add_pings([ping()], {0: Said(Signalled())})
    parts = {"table": "pings_20260302", "user_agent": USER_AGENT, "is_of_monitor": IN_LANE}
    question = QUESTION.format(**parts, signal=signal, join=join)

    plan = writer.connection.execute(f"EXPLAIN QUERY PLAN {question}", (1, 9, 0, 9, None, 9)).fetchall()

    assert "USING INDEX pings_20260302_of_monitor (<expr>=? AND id<?)" in plan[0][3]
