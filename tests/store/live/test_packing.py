"""What Python packs, Lua reads, and the other way round; what is cut off or foreign is read as nothing."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from store.live import scripts
from store.live.heads import pack_head
from store.live.packing import (
    Event,
    EventKind,
    pack_config,
    read_config,
    read_delays,
    read_event,
    read_holes,
    read_state,
)
from store.live.unheard_event import FleetUnheard, MonitorUnheard, UnheardEvent, pack_unheard_event
from store.monitor import MAX_GRACE_S, MAX_INTERVAL_S, MonitorConfig, MonitorState, Phase
from tests.stage import Stage, config_of

SHARED = Path(scripts.__file__).with_name("shared")
LAST_LOST_MS = 2**47 - 1
LAST_MS = 2**48 - 1
LAST_ID = 2**32 - 1

LARGEST = MonitorConfig(
    id=LAST_ID,
    public_id=UUID(int=2**128 - 1),
    org_id=LAST_ID,
    name="ü" * 200,
    interval_s=MAX_INTERVAL_S,
    grace_s=MAX_GRACE_S,
    paused=True,
    version=LAST_ID,
    key_epoch=2**16 - 1,
)
CONFIGS = [config_of(1), LARGEST, msgspec.structs.replace(config_of(2), name="")]


async def in_lua(stage: Stage, piece: str, body: str, *arguments: bytes | int) -> Any:
    """Run a few lines below a shared piece of the scripts."""
    source = (SHARED / f"{piece}.lua").read_text() + body
    return await stage.redis.eval(source, 0, *arguments)


@pytest.mark.parametrize("config", CONFIGS)
async def test_lua_reads_a_configuration_as_python_packs_it(stage: Stage, config: MonitorConfig) -> None:
    found = await in_lua(stage, "records", "return {read_config(ARGV[1])}", pack_config(config))
    numbers = [config.version, config.interval_s, config.grace_s, config.org_id, config.key_epoch]
    assert found == [*numbers, int(config.paused)]


@pytest.mark.parametrize("config", CONFIGS)
def test_ingest_reads_what_it_needs_of_a_configuration(config: MonitorConfig) -> None:
    known = read_config(pack_config(config))
    assert known
    assert (known.version, known.key_epoch, known.name) == (config.version, config.key_epoch, config.name)


@pytest.mark.parametrize("phase", list(Phase))
async def test_python_reads_a_state_as_lua_packs_it_and_so_does_lua(stage: Stage, phase: Phase) -> None:
    moments = (LAST_MS, 0, 1_800_000_000_123, 1)
    blob = await in_lua(stage, "records", "return pack_state(unpack(ARGV))", int(phase), *moments)
    base_ms, seen_ms, recorded_ms, down_at_ms = moments
    assert read_state(blob) == MonitorState(
        phase=phase, base_ms=base_ms, seen_ms=seen_ms, recorded_ms=recorded_ms, down_at_ms=down_at_ms
    )
    assert await in_lua(stage, "records", "return {read_state(ARGV[1])}", blob) == [phase, *moments, 0, 0]


async def test_a_state_and_an_event_may_say_how_long_blind_time_has_delayed_the_down(stage: Stage) -> None:
    blob = await in_lua(stage, "records", "return pack_state(2, 1, 2, 3, 4, tonumber(ARGV[1]))", LAST_MS)
    state = read_state(blob)
    assert state and (state.down_at_ms, state.delayed_ms) == (4, LAST_MS)
    assert await in_lua(stage, "records", "return {read_state(ARGV[1])}", blob) == [2, 1, 2, 3, 4, LAST_MS, 0]
    body = "return pack_event(1, 9, 1, 4, 2, 7, ARGV[1], tonumber(ARGV[2]))"
    event = read_event(await in_lua(stage, "records", body, pack_config(LARGEST), LAST_MS))
    assert isinstance(event, Event)
    assert (event.name, event.public_id, event.delayed_ms) == (LARGEST.name, LARGEST.public_id, LAST_MS)


UNHEARD = UnheardEvent(
    from_ms=1_800_000_000_000,
    to_ms=LAST_MS,
    org_id=LAST_ID,
    public_id=UUID(int=7),
    told=FleetUnheard(1_000_000, [MonitorUnheard(UUID(int=1), "ü" * 200)]),
)


def test_an_unheard_fleet_is_read_as_it_was_packed_and_always_has_the_same_id() -> None:
    packed = pack_unheard_event(UNHEARD)
    again = read_event(packed)
    assert again == UNHEARD
    assert again.incident_id == UNHEARD.incident_id
    assert [read_event(packed[:length]) for length in range(len(packed))] == [None] * len(packed)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("kind", [EventKind.DOWN, EventKind.UP, EventKind.CLOSED])
async def test_python_reads_an_event_as_lua_packs_it(
    stage: Stage, kind: EventKind, config: MonitorConfig
) -> None:
    moments = (LAST_MS, 1_800_000_000_123, 7, 0)
    body = "return pack_event(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])"
    blob = await in_lua(stage, "records", body, int(kind), *moments, config.id, pack_config(config))
    at_ms, silence_ms, started_ms, seen_ms = moments
    assert read_event(blob) == Event(
        kind=kind,
        at_ms=at_ms,
        silence_ms=silence_ms,
        started_ms=started_ms,
        seen_ms=seen_ms,
        monitor_id=config.id,
        org_id=config.org_id,
        interval_s=config.interval_s,
        grace_s=config.grace_s,
        public_id=config.public_id,
        name=config.name,
    )


@pytest.mark.parametrize(
    "head", [(0, 0, 0, 0), (LAST_MS, 2**16 - 1, LAST_ID, 1), (1_800_000_000_123, 2, 3, 1)]
)
async def test_lua_reads_the_head_of_a_ping_as_python_packs_it(
    stage: Stage, head: tuple[int, int, int, int]
) -> None:
    body = "local a, b, c, d = struct.unpack('<I6I2I4B', ARGV[1]) return {a, b, c, d, #ARGV[1]}"
    assert "HEAD, HEAD_LENGTH, FIRST_ID = '<I6I2I4B', 13, 11" in scripts.assemble("record").source
    assert await in_lua(stage, "records", body, pack_head(*head)) == [*head, 13]


async def test_python_reads_holes_as_lua_packs_them(stage: Stage) -> None:
    holes = [(0, 1), (1_800_000_000_000, 1_800_000_120_000), (LAST_LOST_MS - 1, LAST_LOST_MS)]
    body = "return pack_hole(ARGV[1], ARGV[2]) .. pack_hole(ARGV[3], ARGV[4], true) .."
    body += " pack_hole(ARGV[5], ARGV[6], true)"
    blob = await in_lua(stage, "blind", body, *(moment for hole in holes for moment in hole))
    assert read_holes(blob) == holes
    assert read_holes(None) == []


async def test_python_reads_delays_as_the_sweep_packs_them(stage: Stage) -> None:
    body = "return struct.pack('<I6', ARGV[1]) .. struct.pack('<I6', ARGV[2])"
    assert read_delays(await in_lua(stage, "records", body, 0, LAST_MS)) == [0, LAST_MS]
    assert read_delays(b"") == []


def records() -> dict[str, tuple[bytes, int]]:
    """Of each kind of record a good one, and how long it has to be at least."""
    state = struct.pack("<BB", 1, 1) + bytes(24)
    event = struct.pack("<BB", 1, 1) + bytes(56)
    late = struct.pack("<BB", 2, 1) + bytes(62)
    config = pack_config(config_of(1))
    return {"config": (config, 36), "state": (state, 26), "event": (event, 58), "late event": (late, 64)}


READERS = {"config": read_config, "state": read_state, "event": read_event, "late event": read_event}


@pytest.mark.parametrize("kind", READERS)
def test_python_reads_nothing_from_a_record_that_was_cut_off(kind: str) -> None:
    blob, least = records()[kind]
    read: Any = READERS[kind]
    assert read(blob[:least]) is not None
    assert [read(blob[:length]) for length in range(least)] == [None] * least


@pytest.mark.parametrize("kind", READERS)
def test_python_reads_nothing_from_a_record_of_another_format(kind: str) -> None:
    blob, _ = records()[kind]
    read: Any = READERS[kind]
    others = {0, 1, 2, 3, 255} - ({1, 2} if read is read_event else {1})
    assert [read(bytes([form]) + blob[1:]) for form in others] == [None] * len(others)


@pytest.mark.parametrize("kind", ["state", "event"])
def test_python_reads_nothing_from_a_record_with_an_unknown_phase_or_kind(kind: str) -> None:
    blob, _ = records()[kind]
    read: Any = READERS[kind]
    assert [read(blob[:1] + bytes([odd]) + blob[2:]) for odd in (0, 4, 255)] == [None] * 3


def test_a_state_that_is_too_long_or_missing_is_read_as_nothing() -> None:
    assert read_state(records()["state"][0] + b"x") is None
    assert read_state(None) is None


@pytest.mark.parametrize("kind", ["config", "state"])
async def test_lua_reads_nothing_from_a_record_that_was_cut_off_or_is_foreign(
    stage: Stage, kind: str
) -> None:
    blob, least = records()[kind]
    bad = [*(blob[:length] for length in range(least)), b"\x00" + blob[1:], b"\x02" + blob[1:]]
    if kind == "state":
        bad += [blob + b"x", blob[:1] + b"\x00" + blob[2:], blob[:1] + b"\x04" + blob[2:]]
    body = f"""
      local read = 0
      for i = 1, #ARGV do if read_{kind}(ARGV[i]) then read = read + 1 end end
      return read"""
    assert await in_lua(stage, "records", body, *bad) == 0
    assert await in_lua(stage, "records", body, blob) == 1


async def test_lua_reads_a_writer_as_it_packs_it_and_nothing_from_a_broken_one(stage: Stage) -> None:
    pack = "return pack_writer(ARGV[1], ARGV[2], ARGV[3], ARGV[4])"
    blob = await in_lua(stage, "writers", pack, LAST_MS, 7, 8, b"\x00\xff345678")
    read = "return {read_writer(ARGV[1])}"
    assert await in_lua(stage, "writers", read, blob) == [LAST_MS, 7, 8, b"\x00\xff345678"]
    for broken in (blob[:-1], blob + b"x", b"\x02" + blob[1:], b""):
        assert await in_lua(stage, "writers", read, broken) == []
