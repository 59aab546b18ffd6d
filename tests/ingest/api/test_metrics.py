"""Metrics as they are told over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from ingest.api.metrics import choose_step_s
from store.book.dated_tables import DAY_MS
from store.clock import wall_ms
from store.timestamps import rfc3339
from tests.ingest.api.cast import Api
from tests.store.book.cast import settings_of
from tests.store.book.test_sample_reader import NOON_MS, Samples

NOON_S = NOON_MS // 1000
SPAN = {"from": str(NOON_S), "to": str(NOON_S + 3600)}


@pytest.fixture
def samples(api: Api) -> Iterator[Samples]:
    samples = Samples(api.settings.data / "history.db")
    with closing(samples.history):
        yield samples


async def ask(api: Api, key: str = "k", /, **query: Any) -> httpx.Response:
    [monitor] = (await api.owner.get("/api/monitors")).json()["monitors"]
    path = f"/api/monitors/{monitor['id']}/metrics/{quote(key, safe='')}"
    return await api.owner.get(path, params=query)


async def refused(api: Api, **query: Any) -> tuple[int, str]:
    reply = await ask(api, **query)
    return reply.status_code, reply.json()["field"]


async def test_a_monitor_without_metrics_has_none(api: Api) -> None:
    made = await api.monitor()

    reply = await api.owner.get(f"/api/monitors/{made['id']}/metrics")

    assert reply.json() == {"metrics": [], "keysRefused": 0}


async def test_metrics_are_listed_with_type_and_latest_value(api: Api, samples: Samples) -> None:
    made = await api.monitor()
    samples.add((0, 1.0), (1500, 2.5), key="load")
    samples.add((0, "ok"), key="status")

    reply = await api.owner.get(f"/api/monitors/{made['id']}/metrics")

    assert reply.json() == {
        "metrics": [
            {"key": "load", "type": "number", "last": 2.5, "lastAt": rfc3339(NOON_MS + 1500)},
            {"key": "status", "type": "string", "last": "ok", "lastAt": rfc3339(NOON_MS)},
        ],
        "keysRefused": 0,
    }


async def test_what_was_refused_is_shown(api: Api, samples: Samples) -> None:
    made = await api.monitor()
    for number in range(67):
        samples.add((0, 1.0), key=f"k{number}")

    reply = (await api.owner.get(f"/api/monitors/{made['id']}/metrics")).json()

    assert (len(reply["metrics"]), reply["keysRefused"]) == (64, 3)


async def test_points_have_min_avg_max_last_and_count(api: Api, samples: Samples) -> None:
    await api.monitor()
    samples.add((0, 1.0), (1000, 4.0), (2000, 1.0), (60_000, 9.0))

    reply = await ask(api, step=60, **SPAN)

    assert reply.json() == {
        "key": "k",
        "step": 60,
        "points": [
            {"t": rfc3339(NOON_MS), "min": 1.0, "avg": 2.0, "max": 4.0, "last": 1.0, "count": 3},
            {"t": rfc3339(NOON_MS + 60_000), "min": 9.0, "avg": 9.0, "max": 9.0, "last": 9.0, "count": 1},
        ],
    }


async def test_points_of_texts_have_last_and_count_alone(api: Api, samples: Samples) -> None:
    await api.monitor()
    samples.add((0, "starting"), (1000, "ready"))

    reply = await ask(api, step=60, **SPAN)

    assert reply.json()["points"] == [{"t": rfc3339(NOON_MS), "last": "ready", "count": 2}]


@pytest.mark.parametrize(
    "key",
    ["a/b", "", "with blank", "größe", "100%", "%2F", "a?b=c#d", "...", "line\nbreak", "\n", "a/", "\x00"],
)
async def test_a_key_may_be_any_text(api: Api, samples: Samples, key: str) -> None:
    await api.monitor()
    samples.add((0, 1.0), key=key)

    reply = await ask(api, key, step=60, **SPAN)

    assert (reply.status_code, reply.json()["key"]) == (200, key)
    assert len(reply.json()["points"]) == 1


async def test_an_unknown_metric_is_404(api: Api, samples: Samples) -> None:
    await api.monitor()
    samples.add((0, 1.0))

    assert (await ask(api, "other")).status_code == 404


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        (rfc3339(NOON_MS), rfc3339(NOON_MS + 3_600_000)),
        ("2026-06-16T14:00:00+02:00", "2026-06-16t13:00:00.5z"),
        (f"{NOON_S}.0", f"{NOON_S + 3600}.250"),
    ],
)
async def test_moments_may_be_written_in_two_ways(api: Api, samples: Samples, from_: str, to: str) -> None:
    await api.monitor()
    samples.add((-1, 5.0), (0, 1.0))

    [point] = (await ask(api, **{"from": from_, "to": to})).json()["points"]

    assert (point["t"], point["last"], point["count"]) == (rfc3339(NOON_MS), 1.0, 1)


async def test_an_offset_whose_plus_was_not_encoded_is_understood(api: Api, samples: Samples) -> None:
    await api.monitor()
    samples.add((0, 1.0))
    [monitor] = (await api.owner.get("/api/monitors")).json()["monitors"]

    reply = await api.owner.get(
        f"/api/monitors/{monitor['id']}/metrics/k?from=2026-06-16T14:00:00+02:00&to={NOON_S + 60}&step=60"
    )

    assert len(reply.json()["points"]) == 1


@pytest.mark.parametrize("field", ["from", "to"])
@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-06-16", "2026-06-16T12:00:00", "2026-13-01T00:00:00Z", "2026-06-16T25:00:00Z",
     "-5", "1e9", "١٢٣", "9" * 12, "9" * 40, "nan", "2026-06-16T12:00:00+99:00"],
)  # fmt: skip
async def test_what_is_no_moment_is_refused(api: Api, samples: Samples, field: str, text: str) -> None:
    await api.monitor()
    samples.add((0, 1.0))

    assert await refused(api, **{field: text}) == (422, field)


async def test_from_has_to_be_before_to(api: Api, samples: Samples) -> None:
    await api.monitor()
    samples.add((0, 1.0))

    assert await refused(api, **{"from": NOON_S, "to": NOON_S}) == (422, "from")
    assert await refused(api, **{"from": wall_ms() // 1000 + 60}) == (422, "from")


@pytest.mark.parametrize("step", ["0", "-60", "1.5", "x", "", "9" * 12])
async def test_a_bad_step_is_refused(api: Api, samples: Samples, step: str) -> None:
    await api.monitor()
    samples.add((0, 1.0))

    assert await refused(api, step=step, **SPAN) == (422, "step")


async def test_more_than_5000_points_are_refused(api: Api, samples: Samples) -> None:
    await api.monitor()
    samples.add((0, 1.0))

    assert (await ask(api, step=1, **{"from": NOON_S, "to": NOON_S + 5000})).status_code == 200
    assert await refused(api, step=1, **{"from": NOON_S, "to": NOON_S + 5001}) == (422, "step")


async def test_without_from_and_to_it_is_the_last_24_hours_in_steps_of_five_minutes(api: Api) -> None:
    await api.monitor()
    now_ms = wall_ms()
    samples = Samples(api.settings.data / "history.db")
    samples.add((now_ms - NOON_MS - 25 * 3_600_000, 1.0), (now_ms - NOON_MS - 60_000, 2.0))
    samples.history.close()

    reply = (await ask(api)).json()

    assert reply["step"] == 300
    assert [one["last"] for one in reply["points"]] == [2.0]


@pytest.mark.parametrize(
    ("hours", "step_s"),
    [(0.01, 1), (1, 15), (6, 120), (24, 300), (72, 900), (24 * 30, 10_800), (24 * 365, 172_800)],
)
def test_a_step_is_chosen_for_about_300_points(hours: float, step_s: int, tmp_path_factory: Any) -> None:
    settings = settings_of(tmp_path_factory.mktemp("data"), samples_days="3660", minutes_days="3660")
    to_ms = NOON_MS
    from_ms = to_ms - round(hours * 3_600_000)

    chosen = choose_step_s(from_ms, to_ms, to_ms, settings)

    assert chosen == step_s
    assert (to_ms - from_ms) / (chosen * 1000) <= 300


@pytest.mark.parametrize(("days_ago", "least_s"), [(6, 1), (8, 60), (36, 3600)])
def test_no_step_is_chosen_that_is_finer_than_what_is_kept(
    days_ago: int, least_s: int, tmp_path_factory: Any
) -> None:
    settings = settings_of(tmp_path_factory.mktemp("data"))
    from_ms = NOON_MS - days_ago * DAY_MS

    assert choose_step_s(from_ms, from_ms + 60_000, NOON_MS, settings) == least_s


def test_all_of_time_has_a_step_too(tmp_path_factory: Any) -> None:
    settings = settings_of(tmp_path_factory.mktemp("data"))

    step_s = choose_step_s(0, NOON_MS, NOON_MS, settings)

    assert step_s % 604_800 == 0
    assert NOON_MS / (step_s * 1000) <= 300


async def test_a_plan_shows_no_more_than_its_days_of_history(api: Api) -> None:
    await api.monitor()
    now_ms = wall_ms()
    samples = Samples(api.settings.data / "history.db")
    samples.add((now_ms - NOON_MS - 3 * DAY_MS, 1.0), (now_ms - NOON_MS - 60_000, 2.0))
    samples.history.close()
    month = {"from": now_ms // 1000 - 30 * 86_400, "step": 3600}
    assert len((await ask(api, **month)).json()["points"]) == 2

    await api.put_on_plan(history_days=2)

    assert [one["last"] for one in (await ask(api, **month)).json()["points"]] == [2.0]


async def test_three_days_at_one_ping_a_second_are_answered_within_50_ms(api: Api, samples: Samples) -> None:
    await api.monitor()
    for start in range(0, 72 * 3600, 7200):
        samples.add(*((at * 1000, float(at % 977)) for at in range(start, start + 7200)))
    query = {"from": NOON_S, "to": NOON_S + 72 * 3600, "step": 900}
    await ask(api, **query)

    took_s = []
    for _ in range(5):
        started_s = time.process_time()
        reply = await ask(api, **query)
        took_s.append(time.process_time() - started_s)

    assert len(reply.json()["points"]) == 288
    assert sum(one["count"] for one in reply.json()["points"]) == 259_200
    assert min(took_s) < 0.1  # client and server are in this process; twice the bound is generous for both
