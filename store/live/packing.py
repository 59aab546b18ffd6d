"""The packed records that scripts and Python share; `scripts/shared/records.lua` is the same in Lua.

Little-endian, no padding. Every reader checks the length first and answers None for what it cannot read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

import msgspec

from store.live.channel_event import FailingEvent, TrialEvent, read_channel_event
from store.live.collected_event import CollectedEvent, read_collected
from store.live.event_kind import Cause
from store.live.event_kind import EventKind as EventKind
from store.live.packed_rules import pack_rules
from store.live.unheard_event import UnheardEvent, read_unheard
from store.metric_alert import incident_of
from store.monitor import INCIDENT_NAMESPACE, MonitorConfig, MonitorState, Phase

_CONFIG = struct.Struct("<BIIIIHB")
_CONFIG_NAME_AT = _CONFIG.size + 16
_STATE = struct.Struct("<BBIHIHIHIH")
_STATE_TAIL = struct.Struct("<IH")
_LOOKED_SIZE = _STATE.size + _STATE_TAIL.size
_MOMENT_LENGTH = 6
_DELAYED_FORMAT = 2
_FULL_FORMAT = 3
_RUN_FORMAT = 4
_FULL = struct.Struct("<BIHH")
_EVENT = struct.Struct("<BB6s6s6s6sIIII16s")
_METRIC = struct.Struct("<II")
_FORMAT = 1
_PAUSED, _RULED, _ARMED_BY_PING = 1, 2, 4
# Beside the phase of a state there are marks: whether the monitor has an entry among the runs, or the rules.
_PHASE = 15
_PHASES = {int(phase): phase for phase in Phase}


METRIC_KINDS = (EventKind.BREACHED, EventKind.CLEARED)
CHANNEL_KINDS = (EventKind.TRIAL, EventKind.FAILING)
COLLECTED_KINDS = (EventKind.DOWNS, EventKind.UPS)
_KINDS = frozenset(EventKind)
_CAUSES = frozenset(Cause)
# What an event of each format has at least behind its UUID.
_TAILS = {
    _FORMAT: 0,
    _DELAYED_FORMAT: _MOMENT_LENGTH,
    _FULL_FORMAT: _FULL.size,
    _RUN_FORMAT: _FULL.size + _MOMENT_LENGTH,
}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A transition of a monitor. `silence_ms` is the moment its silence began, `started_ms` the missed deadline.

    `delayed_ms` is how much later blind time made that deadline. `schedule`: the words for it, if it has one.
    `run_started_ms`: of an overrun, when the run began; 0: it is over, None: it was not noted.
    """

    kind: EventKind
    at_ms: int
    silence_ms: int
    started_ms: int
    seen_ms: int
    monitor_id: int
    org_id: int
    interval_s: int
    grace_s: int
    public_id: UUID
    name: str
    delayed_ms: int = 0
    cause: Cause = Cause.MISSED
    schedule: str = ""
    run_started_ms: int | None = None

    @property
    def incident_id(self) -> UUID:
        """The same for the down and the up of one silence, also after a rebuild of Redis (UUIDv5)."""
        return uuid5(INCIDENT_NAMESPACE, f"{self.public_id}:{self.silence_ms}")


class AlertTold(msgspec.Struct, frozen=True, array_like=True):
    """A threshold rule as it was, and the value that breached or cleared it. Opaque to the scripts."""

    name: str
    public_id: UUID
    metric_key: str
    operator: str
    threshold: float | str
    consecutive_triggers: int
    value: float | str


class MetricEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold rule was breached often enough, or a value is inside again; for one channel.

    `breach_ms` is the first breach of the streak, `started_ms` the one that opened the incident.
    """

    kind: EventKind
    at_ms: int
    breach_ms: int
    started_ms: int
    seen_ms: int
    monitor_id: int
    org_id: int
    interval_s: int
    grace_s: int
    public_id: UUID
    channel_id: int
    alert_id: int
    told: AlertTold

    @property
    def name(self) -> str:
        return self.told.name

    @property
    def incident_id(self) -> UUID:
        """The same for the breach and its end."""
        return incident_of(self.told.public_id, self.breach_ms)


AnyEvent = Event | MetricEvent | UnheardEvent | CollectedEvent | TrialEvent | FailingEvent
_encode_told = msgspec.msgpack.Encoder().encode
_decode_told = msgspec.msgpack.Decoder(AlertTold).decode


def _u48(blob: bytes, at: int) -> int:
    return int.from_bytes(blob[at : at + 6], "little")


def _pack_u48(number: int) -> bytes:
    return number.to_bytes(6, "little")


def pack_ids(ids: Sequence[int]) -> bytes:
    """Ids of monitors or channels as the scripts read them."""
    return struct.pack(f"<{len(ids)}I", *ids)


def pack_config(config: MonitorConfig) -> bytes:
    """A monitor's configuration as the scripts read it."""
    head = _CONFIG.pack(
        _FORMAT,
        config.version,
        config.interval_s,
        config.grace_s,
        config.org_id,
        config.key_epoch,
        flags_of(config),
    )
    return head + config.public_id.bytes + config.name.encode()


def flags_of(config: MonitorConfig) -> int:
    """Paused; has an entry among the rules; not watched before its first ping."""
    ruled = _RULED if pack_rules(config.rules) else 0
    armed = _ARMED_BY_PING if config.rules is not None and config.rules.is_armed_by_ping else 0
    return (_PAUSED if config.paused else 0) | ruled | armed


class KnownConfig(msgspec.Struct, frozen=True):
    """The part of a packed configuration that ingest keeps per key."""

    version: int
    key_epoch: int
    name: str
    has_rules: bool = False


def read_config(blob: bytes) -> KnownConfig | None:
    """What ingest needs of a packed configuration."""
    if len(blob) < _CONFIG_NAME_AT or blob[0] != _FORMAT:
        return None
    _, version, _, _, _, key_epoch, flags = _CONFIG.unpack_from(blob)
    return KnownConfig(version, key_epoch, blob[_CONFIG_NAME_AT:].decode("utf-8", "replace"), flags >= _RULED)


def read_state(blob: bytes | None) -> MonitorState | None:
    """A packed state; None for a missing or unreadable one.

    Behind it may stand one moment more: of a down its delay, and of a watched one, where somebody looked, its deadline.
    """
    if blob is None or len(blob) not in (_STATE.size, _LOOKED_SIZE):
        return None
    if blob[0] != _FORMAT or not 1 <= blob[1] & _PHASE <= 3:
        return None
    # A moment has 48 bits: its lower 32, then its upper 16.
    _, phase, base, base_up, seen, seen_up, recorded, recorded_up, down, down_up = _STATE.unpack_from(blob)
    tail = 0
    if len(blob) > _STATE.size:
        lower, upper = _STATE_TAIL.unpack_from(blob, _STATE.size)
        tail = lower | upper << 32
    return MonitorState(
        phase=_PHASES[phase & _PHASE],
        base_ms=base | base_up << 32,
        seen_ms=seen | seen_up << 32,
        recorded_ms=recorded | recorded_up << 32,
        down_at_ms=down | down_up << 32,
        delayed_ms=tail if phase & _PHASE == Phase.DOWN else 0,
        deadline_ms=tail or None if phase & _PHASE == Phase.ACTIVE else None,
    )


def cut_states(blob: bytes) -> list[bytes]:
    """The packed states that `look.lua` gives, one by one."""
    return [blob[at : at + _LOOKED_SIZE] for at in range(0, len(blob), _LOOKED_SIZE)]


def pack_state(state: MonitorState) -> bytes:
    """A monitor's state as the scripts read it."""
    moments = (state.base_ms, state.seen_ms, state.recorded_ms, state.down_at_ms)
    halves = [half for moment in moments for half in (moment & 0xFFFFFFFF, moment >> 32)]
    packed = _STATE.pack(_FORMAT, state.phase, *halves)
    return packed + _pack_u48(state.delayed_ms) if state.delayed_ms else packed


def read_event(blob: bytes) -> AnyEvent | None:
    """A packed event, of any sort; None for an unreadable one."""
    if len(blob) < _EVENT.size or blob[0] not in _TAILS or blob[1] not in _KINDS:
        return None
    if len(blob) < _EVENT.size + _TAILS[blob[0]]:
        return None
    head = _EVENT.unpack_from(blob)
    kind, tail = EventKind(head[1]), blob[_EVENT.size :]
    if kind == EventKind.UNHEARD:
        return read_unheard(head, tail)
    if kind in COLLECTED_KINDS:
        return read_collected(blob)
    if kind in CHANNEL_KINDS:
        return read_channel_event(blob)
    at_ms, began_ms, started_ms, seen_ms = (_u48(packed, 0) for packed in head[2:6])
    common = {
        "kind": kind,
        "at_ms": at_ms,
        "started_ms": started_ms,
        "seen_ms": seen_ms,
        "monitor_id": head[6],
        "org_id": head[7],
        "interval_s": head[8],
        "grace_s": head[9],
        "public_id": UUID(bytes=head[10]),
    }
    if kind not in METRIC_KINDS:
        return Event(silence_ms=began_ms, **_read_tail(blob[0], tail), **common)
    try:
        channel_id, alert_id = _METRIC.unpack_from(tail)
        told = _decode_told(tail[_METRIC.size :])
    except (struct.error, msgspec.DecodeError):
        return None
    return MetricEvent(breach_ms=began_ms, channel_id=channel_id, alert_id=alert_id, told=told, **common)


def _read_tail(format_: int, tail: bytes) -> dict[str, Any]:
    """What an event of a monitor has behind its UUID."""
    told: dict[str, Any] = {}
    if format_ == _DELAYED_FORMAT:
        told["delayed_ms"], tail = _u48(tail, 0), tail[_MOMENT_LENGTH:]
    elif format_ in (_FULL_FORMAT, _RUN_FORMAT):
        cause, lower, upper, length = _FULL.unpack_from(tail)
        tail = tail[_FULL.size :]
        told["cause"] = Cause(cause) if cause in _CAUSES else Cause.MISSED
        if format_ == _RUN_FORMAT:
            told["run_started_ms"], tail = _u48(tail, 0), tail[_MOMENT_LENGTH:]
        told["delayed_ms"], told["schedule"] = lower | upper << 32, tail[:length].decode("utf-8", "replace")
        tail = tail[length:]
    told["name"] = tail.decode("utf-8", "replace")
    return told


def pack_metric_event(event: MetricEvent) -> bytes:
    """What a threshold rule has to tell, beginning as every event does."""
    head = _EVENT.pack(
        _FORMAT,
        event.kind,
        *map(_pack_u48, (event.at_ms, event.breach_ms, event.started_ms, event.seen_ms)),
        event.monitor_id,
        event.org_id,
        event.interval_s,
        event.grace_s,
        event.public_id.bytes,
    )
    return head + _METRIC.pack(event.channel_id, event.alert_id) + _encode_told(event.told)


def read_holes(blob: bytes | None) -> list[tuple[int, int]]:
    """The blind intervals of a shard as (from_ms, to_ms), oldest first; not whether anything was lost with them."""
    blob = blob or b""
    return [(_u48(blob, at) % (1 << 47), _u48(blob, at + 6)) for at in range(0, len(blob) - 11, 12)]


def read_delays(blob: bytes) -> list[int]:
    """The delays in ms that a sweep reports."""
    return [_u48(blob, at) for at in range(0, len(blob) - 5, 6)]
