"""The machine can fail: each of these breakages of the scripts, one at a time, makes it do so."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from store.live.scripts import assemble
from tests.servers import running_server, valkey_binary
from tests.store.live.drive import Theatre
from tests.store.live.machine import machine_on
from tests.store.live.test_model import PROFILE

# Many more examples than the model test has: a rare sequence of steps is found here in every run.
UNTIL_IT_FAILS = settings(
    PROFILE,
    max_examples=1500,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
)

PUTS = "create_monitor change_monitor"
JUDGES = f"record sweep {PUTS}"
HEARS = "record register sweep"

# What is broken: the scripts, the text in them, and what stands there instead.
BREAKAGES: dict[str, tuple[str, str, str]] = {
    "the sweep ignores the watermark": (
        "sweep",
        "local watermark, writers = smallest_watermark(K_WRITERS)",
        "local watermark, writers = smallest_watermark(K_WRITERS); watermark = watermark and now",
    ),
    "the sweep goes by the fastest writer": ("sweep", "watermark < smallest", "watermark > smallest"),
    "the sweep spares who is due this very moment": (
        "sweep",
        "deadline > watermark",
        "deadline >= watermark",
    ),
    "the sweep does not look for holes": (
        "sweep",
        "local deadline = effective_deadline(base, (interval_s + grace_s) * 1000, holes)",
        "local deadline = base + (interval_s + grace_s) * 1000",
    ),
    "the sweep forgets whom it spares": (
        "sweep",
        "moved[#moved + 1] = deadline\n        moved[#moved + 1] = id",
        "gone[#gone + 1] = id",
    ),
    "the order of deadlines lags by more than a grace": (
        "record",
        "piece_of(base, grace_s) + grace_s * 1000",
        "piece_of(base, grace_s) + grace_s * 3000",
    ),
    "the sweep leaves the deadline in place": ("sweep", "redis.call('ZREM', K_DEADLINES, unpack(gone))", ""),
    "the sweep does not count": ("sweep", "tally.down = (tally.down or 0) + 1", ""),
    "pings of a batch are not folded": ("record", "local c = at[id]", "local c = nil"),
    "a ping exactly at the deadline is late": ("record", "if arrival > deadline", "if arrival >= deadline"),
    "a late ping hides the miss": (
        "record",
        "if arrival > deadline and everybody_heard(deadline) then",
        "if false then",
    ),
    "a late ping is judged without the holes": (
        "record",
        "local deadline = effective_deadline(base, limits[c], holes)",
        "local deadline = base + limits[c]",
    ),
    "a ping ends no down": ("record", "if phases[c] == DOWN and not one then", "if false then"),
    "an end may lie before its down": ("record", "arrival > downs[c] and arrival or downs[c]", "arrival"),
    "last seen moves backwards": ("record", "if arrival > seens[c] then", "if true then"),
    "the window moves backwards": ("record", "if arrival > base then bases", "if true then bases"),
    "stamps from the future are believed": ("record", "if arrival > now then arrival = now elseif", "if"),
    "stamps of any age are believed": ("record", "arrival < oldest", "false"),
    "a sign of life is recorded": (
        "record",
        "if flags % 2 == LIFE_ONLY then\n      outcome = ALIVE",
        "if false then",
    ),
    "a rotated key still works": ("record", "elseif epochs[c] ~= epoch then", "elseif false then"),
    "a rotated key puts a down monitor back on the list": (
        "record",
        "if phases[c] == ACTIVE then\n    local base",
        "if phases[c] and phases[c] ~= PAUSED then\n    local base",
    ),
    "a paused monitor is watched": (
        "record",
        "outcome = phases[c] == PAUSED and PAUSED_PING or RECORDED",
        "outcome = RECORDED",
    ),
    "nobody learns of a change": ("record", "outcome = outcome + OUT_OF_DATE", ""),
    "a batch sent again is applied again": (
        "record",
        "if sequence == last_sequence and last_reply then\n"
        "  return {now, string.sub(last_reply, 1, pings), string.sub(last_reply, pings + 1)}\n"
        "end\n"
        "if sequence <= last_sequence then",
        "if sequence < last_sequence then",
    ),
    "a batch sent again is refused": (
        "record",
        "if sequence == last_sequence and last_reply then",
        "if false then",
    ),
    "a stale batch is applied": ("record", "if sequence <= last_sequence then", "if false then"),
    "a replaced writer is heard": ("record", "if registered_as ~= incarnation then", "if false then"),
    "a lost batch leaves no hole": ("record", "sequence ~= last_sequence + 1", "false"),
    "a leap of the watermark leaves no hole": (
        "record",
        "told_watermark - watermark > HOLE_LEAST_MS",
        "false",
    ),
    "every pause is a hole": (
        "record",
        "told_watermark - watermark > HOLE_LEAST_MS",
        "told_watermark > watermark",
    ),
    "a watermark lies in the future": ("record", "if told_watermark > now then", "if false then"),
    "a watermark moves backwards": ("record", "if told_watermark < watermark then", "if false then"),
    "the hole is noted after the batch was judged": (
        "record",
        "holes = add_hole(",
        "holes = read_holes(redis.call('GET', K_BLIND)); add_hole(",
    ),
    "holes are ignored everywhere": (
        JUDGES,
        "if holes[first][1] >= base + limit then",
        "if true then",
    ),
    "a late ping is judged before everybody has heard": (
        "record",
        "arrival > deadline and everybody_heard(deadline)",
        "arrival > deadline",
    ),
    "a writer that lags leaves no hole": ("deregister", "now - watermark > HOLE_LEAST_MS", "false"),
    "a hole after the deadline counts": (JUDGES, "if holes[first][1] >= base + limit then", "if false then"),
    "a hole counts however much was listened before it": (JUDGES, "gaps[at] >= width", "false"),
    "overlapping holes are kept apart": (
        "record register",
        "if holes[i][2] > last[2] then last[2] = holes[i][2] end",
        "merged[#merged + 1] = holes[i]",
    ),
    "a crashed writer leaves no hole": (
        "register",
        "local unheard_since = read_writer(redis.call('HGET', K_WRITERS, slot))",
        "local unheard_since = nil",
    ),
    "the time without any writer is no hole": (
        "register",
        "unheard_since = tonumber(redis.call('GET', K_HEARD))",
        "",
    ),
    "a lost registry leaves no hole": ("register", "if own > 0 and", "if false and"),
    "the sweep sees no step back": ("sweep", "if latest and is_step_back(latest, now) then", "if false then"),
    "a batch sees no step back": ("record", "if is_step_back(watermark, now) then", "if false then"),
    "who registers sees no step back": ("register", "if is_step_back(latest, now) then", "if false then"),
    "a step back leaves no hole": (
        HEARS,
        "return add_hole(blind_key, tallies_key, math.min(heard, now - STEP_BLIND_MS), now)",
        "return read_holes(redis.call('GET', blind_key))",
    ),
    "holes reach beyond a step back": (HEARS, "math.min(holes[i][2], now)", "holes[i][2]"),
    "a step back leaves watermarks in the future": (
        HEARS,
        "if watermark > now then\n        redis",
        "if false then redis",
    ),
    "nobody walks after a step back": (
        "sweep",
        "local cursor = redis.call('GET', keys.walk)",
        "local cursor = nil",
    ),
    "the walk leaves deadlines where they were": ("sweep", "'XX', unpack(scores)", "'NX', unpack(scores)"),
    "a window begins in the future": (
        f"record sweep {PUTS}",
        "if phase == ACTIVE and base > now then base = now end",
        "",
    ),
    "last seen lies in the future": (f"record sweep {PUTS}", "if seen > now then seen = now end", ""),
    "recorded in the future": (f"record sweep {PUTS}", "if recorded > now then recorded = 0 end", ""),
    "an incident ends before it began": ("change_monitor drop_monitor", "math.max(now, down_at)", "now"),
    "the sweep does not say that blind time delayed a down": (
        "sweep",
        "local delayed = deadline - base - (interval_s + grace_s) * 1000",
        "local delayed = 0",
    ),
    "a late ping does not say that blind time delayed a down": (
        "record",
        "delays[c] = deadline - base - limits[c]",
        "delays[c] = 0",
    ),
    "an end does not say that its down was delayed": (
        "record",
        "downs[c], seens[c], id, blobs[c], delays[c])\n      phases[c], downs[c] = ACTIVE",
        "downs[c], seens[c], id, blobs[c])\n      phases[c], downs[c] = ACTIVE",
    ),
    "an edit forgets that a down was delayed": (PUTS, "down_at or 0, delayed or 0)", "down_at or 0, 0)"),
    "an older version is applied": (PUTS, "former_version >= version", "false"),
    "a deleted monitor comes back": (PUTS, "if is_buried(K_TOMBSTONES, id, version) then", "if false then"),
    "a deletion leaves no tombstone": (
        "drop_monitor",
        "redis.call('HSET', K_TOMBSTONES, id, struct.pack('<I4I6', version, now))",
        "",
    ),
    "a deletion leaves the deadline": ("drop_monitor", "redis.call('ZREM', K_DEADLINES, id)", ""),
    "a deletion leaves the keys": (
        "drop_monitor",
        "redis.call('HDEL', KEYS[FIRST_BUCKET + i], ARGV[FIRST_DIGEST + i])",
        "",
    ),
    "a deletion closes no incident": ("drop_monitor", "if phase == DOWN and", "if false and"),
    "a deletion is not counted": (
        "drop_monitor",
        "if phase then redis.call('HINCRBY'",
        "if false then redis.call('HINCRBY'",
    ),
    "a pause closes no incident": ("change_monitor", "if phase == DOWN then close", "if false then close"),
    "a pause leaves the deadline": ("change_monitor", "special_gone[#special_gone + 1] = one.id", ""),
    "resuming gives no fresh window": (
        "change_monitor",
        "one.phase, one.base = ACTIVE, now",
        "one.phase = ACTIVE",
    ),
    "an edit makes a monitor overdue": ("change_monitor", "if former_limit ~= limit then", "if false then"),
    "every edit gives a fresh window": (
        "change_monitor",
        "math.min(former_deadline, now + limit) - limit",
        "now",
    ),
    "an edit forgets the holes": (
        "change_monitor",
        "silence_deadline(was, holes)\n",
        "silence_deadline(was, {})\n",
    ),
    "a change of the name gives a fresh window": (
        "change_monitor",
        "if former_limit ~= limit then",
        "if former_limit == limit then one.base = now else",
    ),
}


@pytest.fixture(scope="module")
def valkey_url() -> Iterator[str]:
    with running_server(valkey_binary()) as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("breakage", BREAKAGES)
def test_the_machine_notices_that(breakage: str, valkey_url: str) -> None:
    scripts, before, after = BREAKAGES[breakage]

    def alter(script: str, source: str) -> str:
        return source.replace(before, after) if script in scripts.split() else source

    with (
        Theatre(valkey_url, alter) as theatre,
        pytest.raises((AssertionError, pytest.fail.Exception, struct.error)),
    ):
        run_state_machine_as_test(machine_on(theatre), settings=UNTIL_IT_FAILS)


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_the_text_that_is_broken_stands_in_each_script_once(breakage: str) -> None:
    scripts, before, _ = BREAKAGES[breakage]
    assert [assemble(script).source.count(before) for script in scripts.split()] == [1] * len(scripts.split())
