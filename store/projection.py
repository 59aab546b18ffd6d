"""What configuration tells the live side: the messages that travel from `config.db` to Redis through the outbox.

A message carries everything that its script needs and a version, so that carrying it twice, or late, is harmless.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from store.monitor import MonitorConfig


class PutMonitor(msgspec.Struct, frozen=True, tag="put_monitor"):
    """A monitor was created or changed. `digests` are all its present keys, `gone` those it no longer has.

    `channels` are those that it names; without any it tells the default ones.
    """

    config: MonitorConfig
    digests: tuple[bytes, ...]
    gone: tuple[bytes, ...] = ()
    channels: tuple[int, ...] = ()


class PutMonitors(msgspec.Struct, frozen=True, tag="put_monitors"):
    """Monitors that were created together, all in their first version."""

    monitors: tuple[PutMonitor, ...]


class DropMonitor(msgspec.Struct, frozen=True, tag="drop_monitor"):
    """A monitor was deleted. `version` is one past its last one."""

    monitor_id: int
    version: int
    digests: tuple[bytes, ...]


class Burst(msgspec.Struct, frozen=True):
    """So many downs (or ups) within a window are told one by one; what follows is collected into one message."""

    size: int
    window_s: int


class ChannelTarget(msgspec.Struct, frozen=True):
    """What dispatch needs to know of a channel. `settings` is the channel kind's own JSON (URL, secret …).

    `epoch` grows each time a disabled channel is enabled: what a receiver said in a former one counts no more. A
    default channel is told of every monitor that names none.
    """

    id: int
    kind: str
    settings: bytes
    epoch: int = 1
    disabled: bool = False
    public_id: str = ""
    name: str = ""
    is_default: bool = True
    burst: Burst | None = None


class PutChannels(msgspec.Struct, frozen=True, tag="put_channels"):
    """All channels of an organisation, whenever one of them changes. `version` grows with every change."""

    org_id: int
    version: int
    channels: tuple[ChannelTarget, ...]


class PutPlan(msgspec.Struct, frozen=True, tag="put_plan"):
    """The limits of an organisation's plan, whenever they change; 0 means that there is none."""

    org_id: int
    version: int
    min_interval_s: int
    pings_per_minute: int


Projection = PutMonitor | PutMonitors | DropMonitor | PutChannels | PutPlan


def key_digest(key: bytes) -> bytes:
    """The digest under which Redis knows a ping key: the first 16 bytes of its SHA-256."""
    return sha256(key).digest()[:16]
