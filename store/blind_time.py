"""A time in which pings could not be heard."""

from __future__ import annotations

import msgspec


class BlindTime(msgspec.Struct, frozen=True):
    """From a moment until another, in ms."""

    from_ms: int
    to_ms: int

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms
