"""The machine can fail: each of these breakages of the scripts, one at a time, makes it do so."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.store.live.drive import Theatre
from tests.store.live.machine import machine_on
from tests.store.live.test_model import PROFILE

UNTIL_IT_FAILS = settings(
    PROFILE,
    max_examples=1500,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
)


@dataclasses.dataclass(frozen=True)
class Breakage:
    """A text of some scripts, and what it is replaced by."""

    scripts: tuple[str, ...]
    before: str
    after: str


def _in(scripts: str, before: str, after: str) -> Breakage:
    return Breakage(tuple(scripts.split()), before, after)


BREAKAGES = {
    "the sweep ignores the watermark": _in(
        "sweep",
        "local watermark, writers = smallest_watermark(K_WRITERS)",
        "local watermark, writers = smallest_watermark(K_WRITERS)\nwatermark = watermark and now",
    ),
    "the sweep goes by the fastest writer": _in("sweep", "watermark < smallest", "watermark > smallest"),
    "the sweep spares who is due at this very moment": _in(
        "sweep", "deadline > watermark", "deadline >= watermark"
    ),
    "the sweep does not look for holes": _in(
        "sweep",
        "local deadline = effective_deadline(base, (interval_s + grace_s) * 1000, holes)",
        "local deadline = base + (interval_s + grace_s) * 1000",
    ),
    "the sweep forgets the deadline of whom it spares": _in(
        "sweep", "moved[#moved + 1] = deadline\n        moved[#moved + 1] = id", "gone[#gone + 1] = id"
    ),
    "the sweep leaves the deadline in place": _in(
        "sweep", "redis.call('ZREM', K_DEADLINES, unpack(gone))", ""
    ),
    "the sweep does not count": _in("sweep", "tally.down = (tally.down or 0) + 1", ""),
    "pings of a batch are not folded": _in("record", "local c = at[id]", "local c = nil"),
    "a ping exactly at the deadline is late": _in(
        "record", "if arrival > deadline then", "if arrival >= deadline then"
    ),
    "a late ping hides the miss": _in("record", "if arrival > deadline then", "if false then"),
    "a late ping is judged without the holes": _in(
        "record",
        "local deadline = effective_deadline(base, limits[c], holes)",
        "local deadline = base + limits[c]",
    ),
    "a ping ends no down": _in("record", "if phases[c] == DOWN then", "if false then"),
    "an end may lie before its down": _in("record", "arrival > downs[c] and arrival or downs[c]", "arrival"),
    "last seen moves backwards": _in("record", "if arrival > seens[c] then", "if true then"),
    "the window moves backwards": _in("record", "if arrival > base then bases[c]", "if true then bases[c]"),
    "stamps from the future are believed": _in("record", "if arrival > now then arrival = now elseif", "if"),
    "stamps of any age are believed": _in("record", "arrival < now - CLAMP_MS", "false"),
    "a sign of life is recorded": _in(
        "record", "if flags % 2 == LIFE_ONLY then\n      outcome = ALIVE", "if false then"
    ),
    "a rotated key still works": _in("record", "elseif epochs[c] ~= epoch then", "elseif false then"),
    "a rotated key puts a down monitor back on the list": _in(
        "record",
        "if phases[c] == ACTIVE then\n    local base, limit",
        "if phases[c] and phases[c] ~= PAUSED then\n    local base, limit",
    ),
    "a paused monitor is watched when it pings": _in(
        "record", "elseif phases[c] == PAUSED then", "elseif false then"
    ),
    "nobody learns that the configuration changed": _in("record", "outcome = outcome + OUT_OF_DATE", ""),
    "a batch sent again is applied again": _in(
        "record",
        "if sequence == last_sequence and last_reply then return {now, last_reply} end\nif sequence <= last_sequence then",
        "if sequence < last_sequence then",
    ),
    "a batch sent again is refused": _in(
        "record", "if sequence == last_sequence and last_reply then", "if false then"
    ),
    "a stale batch is applied": _in("record", "if sequence <= last_sequence then", "if false then"),
    "a replaced writer is heard": _in("record", "if registered_as ~= incarnation then", "if false then"),
    "a lost batch leaves no hole": _in("record", "sequence ~= last_sequence + 1", "false"),
    "a leap of the watermark leaves no hole": _in(
        "record", "told_watermark - watermark > HOLE_LEAST_MS", "false"
    ),
    "every pause is a hole": _in(
        "record", "told_watermark - watermark > HOLE_LEAST_MS", "told_watermark > watermark"
    ),
    "a watermark may lie in the future": _in("record", "if told_watermark > now then", "if false then"),
    "a watermark moves backwards": _in("record", "if told_watermark < watermark then", "if false then"),
    "the hole is noted after the batch is judged": _in(
        "record",
        "holes = add_hole(K_BLIND, K_TALLIES, watermark, told_watermark)",
        "holes = read_holes(redis.call('GET', K_BLIND)); add_hole(K_BLIND, K_TALLIES, watermark, told_watermark)",
    ),
    "holes are ignored everywhere": _in(
        "record sweep create_monitor change_monitor",
        "deadline = hole[2] + limit end",
        "deadline = deadline end",
    ),
    "a hole after the deadline counts": _in(
        "record sweep create_monitor change_monitor", "hole[1] < deadline and ", ""
    ),
    "overlapping holes are counted twice": _in(
        "record register",
        "if holes[i][2] > last[2] then last[2] = holes[i][2] end",
        "merged[#merged + 1] = holes[i]",
    ),
    "a crashed writer leaves no hole": _in(
        "register",
        "local unheard_since = read_writer(redis.call('HGET', K_WRITERS, slot))",
        "local unheard_since = nil",
    ),
    "the time without any writer is no hole": _in(
        "register", "unheard_since = tonumber(redis.call('GET', K_HEARD))", ""
    ),
    "a lost registry leaves no hole": _in("register", "if own > 0 and", "if false and"),
    "a lost registry puts the watermark into the future": _in(
        "register", "math.min(tonumber(ARGV[4]), now)", "tonumber(ARGV[4])"
    ),
    "an older version is applied": _in("change_monitor create_monitor", "former_version >= version", "false"),
    "a deleted monitor comes back": _in(
        "change_monitor create_monitor", "if is_buried(K_TOMBSTONES, id, version) then", "if false then"
    ),
    "a deletion leaves no tombstone": _in(
        "drop_monitor", "redis.call('HSET', K_TOMBSTONES, id, struct.pack('<I4I6', version, now))", ""
    ),
    "a deletion leaves the deadline": _in("drop_monitor", "redis.call('ZREM', K_DEADLINES, id)", ""),
    "a deletion leaves the keys": _in(
        "drop_monitor", "redis.call('HDEL', KEYS[FIRST_BUCKET + i], ARGV[FIRST_DIGEST + i])", ""
    ),
    "a deletion closes no incident": _in("drop_monitor", "if phase == DOWN and", "if false and"),
    "a deletion is not counted": _in(
        "drop_monitor", "if phase then redis.call('HINCRBY'", "if false then redis.call('HINCRBY'"
    ),
    "a pause closes no incident": _in(
        "change_monitor", "if phase == DOWN then close_incident", "if false then close_incident"
    ),
    "a pause leaves the deadline": _in("change_monitor", "redis.call('ZREM', K_DEADLINES, id)", ""),
    "resuming gives no fresh window": _in("change_monitor", "phase, base = ACTIVE, now", "phase = ACTIVE"),
    "an edit alone makes a monitor overdue": _in(
        "change_monitor", "if former_limit ~= limit then", "if false then"
    ),
    "every edit gives a fresh window": _in(
        "change_monitor", "math.min(former_deadline, now + limit) - limit", "now"
    ),
    "an edit forgets the holes": _in(
        "change_monitor",
        "effective_deadline(base, former_limit, read_holes(redis.call('GET', K_BLIND)))",
        "base + former_limit",
    ),
    "a change of the name gives a fresh window": _in(
        "change_monitor", "if former_limit ~= limit then", "if true then base = now end if false then"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKAGES)
def test_the_machine_notices_when(name: str, valkey_url: str) -> None:
    breakage = BREAKAGES[name]

    def alter(script: str, source: str) -> str:
        if script not in breakage.scripts:
            return source
        assert source.count(breakage.before) == 1, f"{script}.lua does not read as this test believes"
        return source.replace(breakage.before, breakage.after)

    with Theatre(valkey_url, alter) as theatre, pytest.raises((AssertionError, pytest.fail.Exception)):
        run_state_machine_as_test(machine_on(theatre), settings=UNTIL_IT_FAILS)
