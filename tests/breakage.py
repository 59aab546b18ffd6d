"""A deliberate breakage of the product, and the test that has to notice it."""

from __future__ import annotations

import msgspec


class Breakage(msgspec.Struct, frozen=True):
    """In `file`, `before` is replaced by `after`; then `test` has to fail."""

    file: str
    before: str
    after: str
    test: str
