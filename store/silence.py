"""An incident of a monitor that the history has open."""

from __future__ import annotations

import msgspec


class Silence(msgspec.Struct, frozen=True):
    """`id` and `kind` are its incident's; `delayed_ms` is how much later blind time made its deadline."""

    monitor_id: int
    id: str
    silence_ms: int
    started_ms: int
    delayed_ms: int
    kind: str = "silence"
