"""`overdue import`: all lines are checked before one monitor is made, and nothing is made twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from overdue import import_monitors as command
from overdue.command import main
from overdue.importing import INTERRUPTED
from store.book import imports, installation, orgs, outbox
from store.book.bootstrap import prepare
from store.book.database import CONFIG_DB, ConfigBook
from store.book.monitors import MonitorRow, page
from store.keeping import drain_outbox
from store.live.live import Live
from store.live.monitors import resolve
from store.projection import PutMonitors, key_digest
from tests.servers import running_server, valkey_binary
from tests.store.book.cast import settings_of


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_server(valkey_binary()) as url:
        yield url


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> Path:
    """A data folder after a first start whose installation the server holds."""
    monkeypatch.setenv("OVERDUE_DATA", str(tmp_path))
    monkeypatch.setenv("OVERDUE_REDIS_URL", server)
    monkeypatch.setenv("OVERDUE_BASE_URL", "https://overdue.example")
    monkeypatch.chdir(tmp_path)
    asyncio.run(prepare(settings_of(tmp_path)))
    asyncio.run(adopt(tmp_path, server))
    return tmp_path


async def adopt(data: Path, server: str) -> None:
    async with await ConfigBook.open(data / CONFIG_DB) as book:
        live = Live(server, 1, await installation.generation(book))
        await live.client.flushall()
        await live.client.set(live.shards[0].keys.generation, live.generation.value)
        await live.aclose()


def run(data: Path, lines: str, *options: str) -> Result:
    (data / "fleet.ndjson").write_text(lines, encoding="utf-8")
    return CliRunner().invoke(main, ["import", str(data / "fleet.ndjson"), *options])


def fleet(count: int) -> str:
    return "".join(f'{{"name": "job {number}"}}\n' for number in range(count))


def printed(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


async def _rows(data: Path, org: str) -> list[MonitorRow]:
    async with await ConfigBook.open(data / CONFIG_DB) as book:
        return await page(book, (await orgs.by_name(book, org)).id, 0, 10_000)


def rows(data: Path, org: str = orgs.DEFAULT_ORG) -> list[MonitorRow]:
    """The monitors that are made."""
    return asyncio.run(_rows(data, org))


async def _watched(data: Path, server: str, urls: list[str]) -> tuple[int, list[str]]:
    async with await ConfigBook.open(data / CONFIG_DB) as book:
        live = Live(server, 1, await installation.generation(book))
    digests = [key_digest(url.rsplit("/", 1)[1].encode()) for url in urls]
    found = [one.config.name if one else "" for one in await resolve(live.shards[0], digests)]
    count = (await live.tallies()).new
    await live.aclose()
    return count, found


def watched(data: Path, server: str, urls: list[str]) -> tuple[int, list[str]]:
    """How many monitors Redis counts, and the names behind ping URLs."""
    return asyncio.run(_watched(data, server, urls))


def test_what_is_imported_is_printed_kept_and_watched(data: Path, server: str) -> None:
    lines = (
        '\ufeff{"name": "a", "interval": 300, "gracePeriod": 10, "tags": ["prod", "eu"]}\n'
        "\n"
        '  {"name": "b", "type": "heartbeat"}  \r\n'
        '{"name": "Ünï"}'
    )

    told = printed(run(data, lines))

    made = rows(data)
    assert [(one["id"], one["name"], one["pingUrl"]) for one in told] == [
        (str(row.config.public_id), row.config.name, f"https://overdue.example/ping/{row.token}")
        for row in made
    ]
    assert [(r.config.name, r.config.interval_s, r.config.grace_s, r.tags, r.origin) for r in made] == [
        ("a", 300, 10, ("prod", "eu"), "monitors"),
        ("b", 60, 30, (), "monitors"),
        ("Ünï", 60, 30, (), "monitors"),
    ]
    assert watched(data, server, [one["pingUrl"] for one in told]) == (3, ["a", "b", "Ünï"])


def test_a_file_with_bad_lines_is_refused_whole_and_each_is_named(data: Path) -> None:
    bad = (
        '{"name": "good"}\n'
        '{"name": "x", "interval": 0}\n'
        "nonsense\n"
        '{"interval": 60}\n'
        '{"name": ""}\n'
        '{"name": "x", "colour": "red"}\n'
        '{"name": "x", "tags": ["a,b"]}\n'
    )

    result = run(data, bad)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("overdue: 6 lines cannot be used, so nothing was imported:\n")
    starts = [line.strip()[:20] for line in result.stderr.splitlines()[1:]]
    assert starts == [
        "line 2: interval: Th",
        "line 3: this is not ",
        "line 4: name: The fi",
        "line 5: name: A name",
        "line 6: colour: Ther",
        "line 7: tags: A tag ",
    ]
    assert rows(data) == []


def test_schedules_and_tolerance_are_imported_and_bad_ones_are_named(data: Path) -> None:
    good = '{"name": "a", "schedule": "0 3 * * *", "timezone": "Europe/Vilnius", "failuresBeforeAlert": 2}\n'
    bad = '{"name": "b", "schedule": "0 99 * * *"}\n{"name": "c", "schedule": "@daily", "interval": 60}\n'
    refused = run(data, good + bad)
    assert refused.exit_code == 2
    assert "line 2: schedule: " in refused.output
    assert "line 3: schedule: " in refused.output
    assert run(data, good).exit_code == 0
    (row,) = rows(data)
    assert row.wishes.words == "0 3 * * * (Europe/Vilnius)"
    assert (row.wishes.failures, row.config.interval_s) == (2, 86_400)


def test_of_very_many_bad_lines_the_first_are_named(data: Path) -> None:
    result = run(data, "{}\n" * 50)
    assert result.stderr.count("line ") == 20
    assert "and 30 more" in result.stderr


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_that_asks_for_nothing_is_refused(data: Path, content: str) -> None:
    result = run(data, content)
    assert (result.exit_code, "asks for no monitor" in result.stderr) == (2, True)


def test_an_import_that_is_repeated_makes_nothing_twice_and_prints_its_list_again(data: Path) -> None:
    first = run(data, fleet(3))
    second = run(data, fleet(3))

    assert printed(second) == printed(first)
    assert "--again" in second.stderr
    assert len(rows(data)) == 3
    assert len(printed(run(data, fleet(3), "--again"))) == 3
    assert len(rows(data)) == 6


def test_an_import_that_was_cut_off_goes_on_where_it_stopped(
    data: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "AT_ONCE", 2)
    add = imports.add

    async def cut_off(book: ConfigBook, one: imports.Import, *rest: Any) -> imports.Batch:
        if one.done == 4:
            raise KeyboardInterrupt
        return await add(book, one, *rest)

    with monkeypatch.context() as context:
        context.setattr(imports, "add", cut_off)
        first = run(data, fleet(7))
    second = run(data, fleet(7))

    assert (first.exit_code, first.stdout.count("\n")) == (INTERRUPTED, 4)
    told = printed(second)
    assert "after the first 4 of 7" in second.stderr
    assert [one["name"] for one in told] == [f"job {number}" for number in range(7)]
    assert told[:4] == [json.loads(line) for line in first.stdout.splitlines()]
    assert len(rows(data)) == 7
    assert watched(data, server, [one["pingUrl"] for one in told])[0] == 7


def test_a_plan_limits_intervals_and_the_number_of_monitors_before_anything_is_made(data: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(main, ["orgs", "create", "small", "--plan", "free"]).exit_code == 0

    short = run(data, '{"name": "a", "interval": 60}\n', "--org", "small")
    many = run(data, fleet(21), "--org", "small")
    fitting = run(data, fleet(20), "--org", "small")

    assert "line 1: interval: The plan 'free' takes no interval under 600 s." in short.stderr
    assert "room for 20 monitors; 0 are taken, and 21 more are asked for" in many.stderr
    assert len(printed(fitting)) == 20
    assert {row.config.interval_s for row in rows(data, "small")} == {600}


def test_an_unknown_organisation_is_refused(data: Path) -> None:
    result = run(data, fleet(1), "--org", "nobody")
    assert (result.exit_code, "no organisation named 'nobody'" in result.stderr) == (2, True)


def test_without_redis_monitors_are_kept_and_watched_later(
    data: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        context.setenv("OVERDUE_REDIS_URL", f"unix://{data}/nothing-here")
        result = run(data, fleet(300), "--output", str(data / "urls.ndjson"))

    urls = [json.loads(line)["pingUrl"] for line in (data / "urls.ndjson").read_text().splitlines()]
    assert (result.exit_code, result.stdout) == (0, "")
    assert "They will be watched when Overdue runs" in result.stderr
    assert watched(data, server, urls)[0] == 0
    asyncio.run(drain(data, server))
    assert watched(data, server, urls) == (300, [f"job {number}" for number in range(300)])
    assert len(rows(data)) == 300


def test_what_redis_has_lost_of_an_import_with_its_last_moments_is_watched_all_the_same(
    data: Path, server: str
) -> None:
    urls = [one["pingUrl"] for one in printed(run(data, fleet(300)))]
    assert watched(data, server, urls)[0] == 300
    asyncio.run(adopt(data, server))  # as it was before the import
    assert watched(data, server, urls)[0] == 0
    asyncio.run(drain(data, server))
    assert watched(data, server, urls)[0] == 300


async def drain(data: Path, server: str) -> None:
    """As ingest does when it starts."""
    async with await ConfigBook.open(data / CONFIG_DB) as book:
        live = Live(server, 1, await installation.generation(book))
        pending = await outbox.pending(book, 10)
        assert [
            len(row.projection.monitors) for row in pending if isinstance(row.projection, PutMonitors)
        ] == [
            256,
            44,
        ]
        await drain_outbox(live, book, everything=True)
        await live.aclose()
