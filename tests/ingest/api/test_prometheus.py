"""The export for Prometheus: what it says, how it is escaped, where it ends, and what promtool says of it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.api import prometheus
from tests.ingest.api.cast import Api
from tests.stage import START_MS, Stage
from tests.store.book.test_history_reader import Recorder

PATH = "/api/prometheus"
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]

PROMTOOL = shutil.which("promtool")


async def exported(api: Api) -> Series:
    """Every series with its labels, as Prometheus' own client reads the text."""
    reply = await api.reader.get(PATH)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def of(series: Series, name: str, /, **labels: str) -> float | None:
    """The one series of this name that has these labels, among others; None if there is none."""
    found = [value for (one, has), value in series.items() if one == name and labels.items() <= set(has)]
    assert len(found) < 2
    return found[0] if found else None


@pytest.fixture
def metrics(api: Api) -> Iterator[sqlite3.Connection]:
    """history.db as the recorder makes it, to be filled with what monitors sent."""
    path = api.settings.data / "history.db"
    Recorder(path).writer.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def sent(connection: sqlite3.Connection, monitor_id: int, key: str, value: float | str) -> None:
    connection.execute(
        "INSERT INTO metric_keys (monitor_id, key, last, last_ms) VALUES (?, ?, ?, 1)",
        (monitor_id, key, value),
    )


async def test_without_monitors_there_is_an_export(api: Api) -> None:
    assert await exported(api) == {
        ("overdue_export_cut", (("what", "monitors"),)): 0,
        ("overdue_export_cut", (("what", "metrics"),)): 0,
    }


async def test_every_monitor_is_one_in_its_status_and_has_its_times(api: Api, stage: Stage) -> None:
    up = await api.monitor(name="up", tags=["prod", "eu"])
    paused = await api.monitor(name="paused")
    await api.owner.post(f"/api/monitors/{paused['id']}/pause")
    await stage.move_to(10.5)
    await stage.ping(1)

    series = await exported(api)

    who = {"monitor": up["id"], "name": "up", "tags": "prod,eu"}
    states = {word: of(series, "overdue_monitor_status", **who, status=word) for word in prometheus.STATUSES}
    assert states == {"new": 0, "up": 1, "late": 0, "down": 0, "paused": 0}
    assert of(series, "overdue_monitor_status", name="paused", status="paused") == 1
    assert of(series, "overdue_monitor_last_ping_timestamp_seconds", **who) == START_MS / 1000 + 10.5
    assert of(series, "overdue_monitor_deadline_timestamp_seconds", **who) == START_MS / 1000 + 100.5
    assert of(series, "overdue_monitor_last_ping_timestamp_seconds", name="paused") is None
    assert of(series, "overdue_monitor_deadline_timestamp_seconds", name="paused") is None


async def test_the_latest_numbers_are_series_and_texts_are_not(api: Api, metrics: sqlite3.Connection) -> None:
    await api.monitor(name="job", tags=["a"])
    sent(metrics, 1, "queue_size", 12.5)
    sent(metrics, 1, "status", "complete")
    sent(metrics, 1, '99 % "p" \\ \n', -1e300)
    sent(metrics, 7, "of_nobody", 1.0)

    series = await exported(api)

    assert of(series, "overdue_monitor_metric", name="job", tags="a", key="queue_size") == 12.5
    assert of(series, "overdue_monitor_metric", key='99 % "p" \\ \n') == -1e300
    assert len([name for name, _ in series if name == "overdue_monitor_metric"]) == 2


async def test_a_history_without_the_table_of_metrics_is_no_error(api: Api) -> None:
    await api.monitor()
    with closing(sqlite3.connect(api.settings.data / "history.db")) as connection:
        connection.execute("CREATE TABLE positions (x)")

    assert of(await exported(api), "overdue_monitor_status", name="job", status="new") == 1


async def test_any_name_and_tag_comes_through_unharmed(api: Api) -> None:
    name, tag = 'a"b\\c {x="y"} # 日本 🚀', 'q"\\'
    await api.monitor(name=name, tags=[tag])

    assert of(await exported(api), "overdue_monitor_status", name=name, tags=tag, status="new") == 1


async def test_only_the_callers_organisation_is_exported(api: Api, metrics: sqlite3.Connection) -> None:
    await api.stranger.post("/api/monitors", json={"name": "theirs"})
    await api.monitor(name="ours")
    sent(metrics, 1, "theirs", 1.0)

    reply = await api.owner.get(PATH)

    assert "ours" in reply.text
    assert "theirs" not in reply.text


async def test_beyond_its_limits_the_export_is_cut_and_says_so(
    api: Api, metrics: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "PAGE", 2)
    monkeypatch.setattr(prometheus, "MOST_MONITORS", 4)
    monkeypatch.setattr(prometheus, "MOST_METRICS", 3)
    for number in range(1, 5):
        await api.monitor(name=f"job {number}")
        sent(metrics, number, "a", 1.0)
    sent(metrics, 5, "a", 1.0)
    series = await exported(api)
    assert of(series, "overdue_export_cut", what="monitors") == 0
    assert of(series, "overdue_export_cut", what="metrics") == 1
    assert len([name for name, _ in series if name == "overdue_monitor_metric"]) == 3

    await api.monitor(name="job 5")

    series = await exported(api)
    assert of(series, "overdue_export_cut", what="monitors") == 1
    assert of(series, "overdue_monitor_status", name="job 4", status="new") == 1
    assert of(series, "overdue_monitor_status", name="job 5", status="new") is None


async def test_a_page_of_metrics_that_just_fits_is_not_cut(
    api: Api, metrics: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "MOST_METRICS", 2)
    await api.monitor()
    sent(metrics, 1, "a", 1.0)
    sent(metrics, 1, "b", 1.0)

    assert of(await exported(api), "overdue_export_cut", what="metrics") == 0


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus)")
async def test_promtool_finds_nothing_wrong(api: Api, stage: Stage, metrics: sqlite3.Connection) -> None:
    await api.monitor(name='a"b\\c\u00a0日本', tags=["x", 'y"'])
    await stage.ping(1)
    sent(metrics, 1, "queue size", 1.0)
    text = (await api.reader.get(PATH)).content

    assert PROMTOOL is not None
    checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, check=False)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_however_it_is_sliced_each_family_is_announced_once(
    api: Api, stage: Stage, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for number in range(3):
        await api.monitor(name=f"job {number}")
    await stage.ping(1, 2)
    whole = (await api.reader.get(PATH)).text
    monkeypatch.setattr(prometheus, "SLICE", size)

    assert (await api.reader.get(PATH)).text == whole
    assert whole.count("# TYPE overdue_monitor_status gauge\n") == 1
    assert len(whole.splitlines()) == 15 + 2 + 3 + 2 + 2 * 4


async def test_a_head_request_has_no_body(api: Api) -> None:
    reply = await api.reader.head(PATH)

    assert (reply.status_code, reply.content) == (200, b"")
