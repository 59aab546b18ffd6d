"""The page of a monitor without its script: what it shows to whom, and what its script is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from uuid import UUID

import pytest

from ingest.pages.words import signalled
from store.beat import Signal, Signalled
from store.book.history_writer import IncidentChange
from store.book.signals import Said
from store.clock import wall_ms
from store.timestamps import rfc3339
from tests.ingest.api.cast import Api, Json
from tests.ingest.pages.browsing import Person, browsing
from tests.stage import Stage
from tests.store.book.test_history_reader import Recorder
from tests.store.book.test_sample_reader import Samples

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def recorder(api: Api) -> Iterator[Recorder]:
    recorder = Recorder(api.settings.data / "history.db")
    with closing(recorder.writer):
        yield recorder


async def number_of(api: Api, monitor: Json) -> int:
    (row,) = await api.book.rows("SELECT id FROM monitors WHERE public_id = ?", (monitor["id"],))
    return int(row["id"])


async def test_it_shows_the_ping_url_with_lines_to_copy(api: Api) -> None:
    monitor = await api.monitor(name="nightly", tags=["prod"])
    async with browsing(api, "owner") as person:
        page = (await person.see(f"/monitors/{monitor['id']}?said=created")).text
    assert "is watched from now on" in page
    assert f"curl -fsS -m 10 --retry 3 -o /dev/null {monitor['pingUrl']}" in page
    for place in ("cron", "Python", "GitHub Actions", "systemd"):
        assert f">{place}</label>" in page


async def test_a_reader_sees_no_ping_url_and_no_forms(api: Api) -> None:
    monitor = await api.monitor(name="nightly")
    async with browsing(api, "reader") as person:
        for path in ("", "/edit", "/delete", "/data/live", "/pings"):
            page = (await person.see(f"/monitors/{monitor['id']}{path}")).text
            assert monitor["pingUrl"].rsplit("/", 1)[1] not in page, path
        page = (await person.see(f"/monitors/{monitor['id']}")).text
    assert "Ping URL" not in page
    assert page.count("<form") == 1  # the way out


async def test_runs_and_signals_are_shown(api: Api, recorder: Recorder) -> None:
    monitor = await api.monitor()
    ping = (await number_of(api, monitor), wall_ms(), "recorded", "GET", "h", "", "", "u", "s", None)
    said = {
        0: Said(Signalled(Signal.START, UUID(int=7).bytes)),
        1: Said(Signalled(Signal.FAIL, exit_code=3, duration_ms=12_300), wall_ms()),
    }
    with recorder.writer.transaction():
        recorder.writer.add_pings([ping, ping, ping], said)
    async with browsing(api, "owner") as person:
        for path in ("", "/data/live"):
            page = " ".join((await person.see(f"/monitors/{monitor['id']}{path}")).text.split())
            assert page.count('class="tag failed">failed (exit code 3, 12.3 s)<') == 1
            assert page.count('class="tag">start<') == 1
            assert "1 run under way since" in page
            assert "the last run took 12.3 s and failed" in page
            assert str(UUID(int=7)) in page


@pytest.mark.parametrize(
    ("signal", "code", "duration_ms", "words"),
    [
        ("success", None, None, ""),
        ("success", 0, None, "ok"),
        ("success", None, 850, "ok 850 ms"),
        ("success", 0, 12_340, "ok 12.3 s"),
        ("success", None, 59_960, "ok 60 s"),
        ("success", None, 3_725_000, "ok 1 h 2 min"),
        ("fail", None, None, "failed"),
        ("fail", 3, None, "failed (exit code 3)"),
        ("fail", None, 60_000, "failed (1 min)"),
        ("start", None, None, "start"),
        ("log", None, None, "log"),
    ],
)
def test_signals_have_words(signal: str, code: int | None, duration_ms: int | None, words: str) -> None:
    assert signalled(signal, code, duration_ms) == words


async def test_hostile_texts_are_shown_as_texts(api: Api, recorder: Recorder) -> None:
    monitor = await api.monitor(name=EVIL, tags=[EVIL])
    number, now_ms = await number_of(api, monitor), wall_ms()
    samples = Samples(api.settings.data / "history.db")
    with closing(samples.history):
        samples.add((0, EVIL), monitor_id=number, key=EVIL)
    with recorder.writer.transaction():
        recorder.writer.add_pings(
            [(number, now_ms, "recorded", EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL.encode())]
        )
        change = IncidentChange("one", number, 1, now_ms, now_ms, None, "metric", "rule", EVIL)
        recorder.writer.change_incidents([change])
    async with browsing(api, "owner") as person:
        for path in ("", "/edit", "/delete", "/data/live", "/pings", "/incidents"):
            page = (await person.see(f"/monitors/{monitor['id']}{path}")).text
            assert "&lt;img src=x" in page, path
            assert "<img src=x" not in page, path
        body = await person.see(f"/monitors/{monitor['id']}/pings/1/body")
    assert body.text == EVIL
    assert body.headers["content-type"].startswith("text/plain")


async def test_the_script_is_told_only_what_is_new(api: Api, recorder: Recorder) -> None:
    monitor = await api.monitor()
    number = await number_of(api, monitor)
    samples = Samples(api.settings.data / "history.db")

    async def happens(what: str) -> None:
        match what:
            case "a ping":
                recorder.pings((number, wall_ms()))
            case "an incident":
                recorder.incident("silence", wall_ms(), monitor_id=number)
            case "its end":
                recorder.incident("silence", wall_ms(), wall_ms() + 1, monitor_id=number)
            case "a change":
                await api.owner.patch(f"/api/monitors/{monitor['id']}", json={"tags": ["other"]})
            case "a metric":
                samples.add((0, 1.0), monitor_id=number)
            case "a rule":
                await make_alert(api, monitor)

    with closing(samples.history):
        async with browsing(api, "owner") as person:
            tag = await news(person, monitor, "")
            for what in ("a ping", "an incident", "its end", "a change", "a metric", "a rule"):
                assert await news(person, monitor, tag) == "", what
                await happens(what)
                tag = await news(person, monitor, tag)
                assert tag, what


async def news(person: Person, monitor: Json, tag: str) -> str:
    """The tag of what is new; empty if nothing is."""
    address = f"/monitors/{monitor['id']}/data/live"
    reply = await person.client.get(address, headers={"if-none-match": tag})
    assert reply.status_code in {200, 304}
    assert reply.headers["etag"]
    assert reply.status_code == 304 or 'data-part="pings"' in reply.text
    return "" if reply.status_code == 304 else reply.headers["etag"]


async def make_alert(api: Api, monitor: Json) -> None:
    channel = await api.channel()
    asked = {"metricKey": "k", "operator": ">", "threshold": 5, "channelId": channel["id"]}
    reply = await api.owner.post(f"/api/monitors/{monitor['id']}/metric-alerts", json=asked)
    assert reply.status_code == 201


async def test_the_chart_of_a_key_is_asked_for_by_any_name(api: Api) -> None:
    monitor = await api.monitor()
    samples = Samples(api.settings.data / "history.db")
    with closing(samples.history):
        for key in ("..", "a/b?c#d", "ä & <b>"):
            samples.add((0, 7.0), monitor_id=await number_of(api, monitor), key=key)
    async with browsing(api, "owner") as person:
        for key in ("..", "a/b?c#d", "ä & <b>"):
            query = {"key": key, "from": "1781500000", "to": "1781700000", "points": "100"}
            reply = await person.client.get(f"/monitors/{monitor['id']}/data/points", params=query)
            assert [point["last"] for point in reply.json()["points"]] == [7.0], reply.text


async def test_lateness_is_told_in_seconds(api: Api, recorder: Recorder) -> None:
    monitor = await api.monitor(interval=60)
    number, now_ms = await number_of(api, monitor), wall_ms() // 60_000 * 60_000
    recorder.pings(*((number, now_ms + after_ms) for after_ms in (-183_500, -120_000, -58_500)))
    query = {"from": str(now_ms // 1000 - 180), "to": str(now_ms // 1000), "step": "60"}
    told = (await api.owner.get(f"/api/monitors/{monitor['id']}/lateness", params=query)).json()
    async with browsing(api, "owner") as person:
        shown = await person.client.get(f"/monitors/{monitor['id']}/data/lateness", params=query)
    assert told == shown.json()
    assert [(one["max"], one["count"]) for one in told["points"]] == [(3.5, 1), (1.5, 1)]


async def test_since_when_it_is_what_it_is(api: Api, recorder: Recorder) -> None:
    monitor = await api.monitor()
    recorder.incident("old", 1_000, 1_767_323_045_000, monitor_id=await number_of(api, monitor))
    async with browsing(api, "owner") as person:
        page = (await person.see(f"/monitors/{monitor['id']}")).text
    assert 'datetime="2026-01-02T03:04:05.000Z"' in page


async def test_after_a_pause_nothing_is_said_that_is_not_known(
    api: Api, recorder: Recorder, stage: Stage
) -> None:
    monitor = await api.monitor()
    path = f"/monitors/{monitor['id']}"
    recorder.incident("old", 1_000, 1_767_323_045_000, monitor_id=await number_of(api, monitor))
    async with browsing(api, "owner") as person:
        await api.owner.patch(f"/api{path}", json={"paused": True})
        (row,) = await api.book.rows("SELECT pause_changed_ms FROM monitors")
        paused = (await person.see(path)).text
        await api.owner.patch(f"/api{path}", json={"name": "other"})
        renamed = (await person.see(path)).text
        await api.owner.patch(f"/api{path}", json={"paused": False})
        (later,) = await api.book.rows("SELECT pause_changed_ms FROM monitors")
        waiting = (await person.see(path)).text
        await stage.ping(await number_of(api, monitor))
        up = (await person.see(path)).text
    assert f'since <time datetime="{rfc3339(row["pause_changed_ms"])}"' in paused
    assert f'since <time datetime="{rfc3339(row["pause_changed_ms"])}"' in renamed
    assert f'since <time datetime="{rfc3339(later["pause_changed_ms"])}"' in waiting
    assert '<span class="status up">' in up
    assert "since <time" not in up


async def test_pings_are_shown_by_what_they_signalled(api: Api, recorder: Recorder) -> None:
    monitor = await api.monitor()
    number, now_ms = await number_of(api, monitor), wall_ms()
    ping = (number, now_ms, "recorded", "POST", "h", "", "", "", "s", None)
    with recorder.writer.transaction():
        recorder.writer.add_pings([ping] * 103, {at: Said(Signalled(Signal.FAIL)) for at in range(102)})
    async with browsing(api, "owner") as person:
        first = (await person.see(f"/monitors/{monitor['id']}")).text
        failed = (await person.see(f"/monitors/{monitor['id']}/pings?signal=fail")).text
        older = (await person.see(f"/monitors/{monitor['id']}/pings?signal=fail&before=3")).text
        logs = (await person.see(f"/monitors/{monitor['id']}/pings?signal=log")).text
        plain = (await person.see(f"/monitors/{monitor['id']}/pings")).text
    assert f'href="/monitors/{monitor["id"]}/pings?signal=fail"' in first
    assert [page.count('<details class="ping">') for page in (failed, older, logs, plain)] == [100, 2, 0, 100]
    assert "/pings?signal=fail&amp;before=3" in failed
    assert 'signal=fail" aria-current="true">Failures' in failed
    assert "No ping is like that." in logs


async def test_pings_come_page_by_page(api: Api, recorder: Recorder) -> None:
    monitor = await api.monitor()
    number, now_ms = await number_of(api, monitor), wall_ms()
    recorder.pings(*((number, now_ms + after_ms) for after_ms in range(130)))
    async with browsing(api, "owner") as person:
        first = (await person.see(f"/monitors/{monitor['id']}")).text
        newest = (await person.see(f"/monitors/{monitor['id']}/pings")).text
        oldest = (await person.see(f"/monitors/{monitor['id']}/pings?before=31")).text
    assert [page.count('<details class="ping">') for page in (first, newest, oldest)] == [20, 100, 30]
    assert "/pings?before=31" in newest
    assert ">Older<" not in oldest
