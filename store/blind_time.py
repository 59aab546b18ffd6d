"""A time in which pings could not be heard."""

from __future__ import annotations

import msgspec

# So much has to be heard without a gap before it is over.
CALM_LEAST_MS = 1_000


class BlindTime(msgspec.Struct, frozen=True):
    """From a moment until another, in ms."""

    from_ms: int
    to_ms: int

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms


def reaches(blind: BlindTime, watermark_ms: int) -> bool:
    """Whether it goes on, as far as anybody knows: pings were not heard for sure since, up to this watermark."""
    return blind.to_ms >= watermark_ms - CALM_LEAST_MS
